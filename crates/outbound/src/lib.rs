//! Asking hosts that others name.
//!
//! A tenant names the host of its webhook, and a domain's owner that of its policy: whoever does so could name a host of the operator's own
//! network (server-side request forgery). So a request's way: [`Client::get`] or [`Client::post`] looks at the URL → the name is resolved, and
//! only addresses within [`Reach`] are connected to → what is answered is read by [`bounded`] up to a limit.
//!
//! Invariants: the address that is connected to is the one that was looked at; no redirect is followed and no proxy is used, since both
//! would choose another address; nothing is read without a limit.

mod bounded;
mod client;
mod config;
mod dns;
mod reach;

pub use bounded::{BodyError, bounded};
pub use client::{Client, ClientError, ClientOptions, Forbidden};
pub use config::OutboundConfig;
pub use dns::{ResolverError, ResolverOptions, resolver, validating_resolver};
pub use reach::Reach;
