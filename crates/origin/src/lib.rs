//! Who sent a mail: DKIM (RFC 6376), SPF (RFC 7208) and the connecting host's name, and the verdict that follows (RFC 8460 3).
//!
//! A mail's way: [`Verifier::verify`] reads its header section → `dkim` chooses the signatures that are looked at, `dns` brings their
//! keys, and the verified domains meet the mail's own claims in `alignment` → `sender` asks for SPF and the host's name → the results
//! are written as RFC 8601 has them.
//!
//! Invariants: a verdict always comes, within a bounded time and a bounded number of look-ups; no mail is refused here; DNS that is
//! away, or a key that cannot be had for the moment, gives a deferred verdict and never a worse one; SPF and the host's name are
//! evidence that is shown and decide nothing.

mod alignment;
mod config;
mod dkim;
mod dns;
mod keys;
mod metrics;
mod results;
mod sender;
mod verifier;

pub use config::{OriginConfig, OriginError};
pub use verifier::{Evidence, Verdict, Verifier};
