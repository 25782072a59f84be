//! Access tokens of an OpenID Connect issuer, as a tenant's second way in.
//!
//! A token's way: [`jws`] reads its form and header → [`keys`] finds the issuer's key that it names and checks the signature →
//! [`claims`] says for whom, for how long and for which tenant it is → a [`TokenGrant`]. Beside it the [`Follower`] asks the issuer for
//! its keys ([`fetch`]), now and then and when a token names one that is not known, and keeps them in the [`key_cache`].
//!
//! Invariants: a signature is checked by a key of the issuer's, for an algorithm of that key's kind, before a claim is read; nothing
//! that a token says makes us ask anybody but the issuer, and the issuer not more often than is set; no token is logged.

mod algorithm;
mod claims;
mod config;
mod fetch;
mod jws;
mod key_cache;
mod keys;
mod refusal;
#[cfg(test)]
#[path = "../../tests/api/signer.rs"]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod signer;
#[cfg(test)]
mod tests;
mod tokens;

pub use config::{Audience, AudienceError, Issuer, IssuerError, OidcConfig};
pub(crate) use fetch::FetcherError;
pub(crate) use jws::{TOKEN_MAX_BYTES, is_token};
pub(crate) use key_cache::Follower;
pub(crate) use refusal::Refusal;
pub(crate) use tokens::{Denied, OUTCOMES, TokenGrant, Tokens};
