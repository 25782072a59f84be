//! The receivers of reports. [`Intake`] and [`Tls`] are what they share; [`Https`] takes RFC 8460 5.4 submissions, [`Smtp`] takes
//! mails (RFC 8460 5.3).
//!
//! A submission's way: `https::listener` accepts → `https::connection` serves HTTP within its time-outs → `https::receive`
//! admits the peer and the address, reads the body within its limits, looks at its form → [`Intake`] appends it to the log →
//! the sender gets 201 once the log holds it durably. While the log is away, the [`Spool`] takes its place, and drains into it
//! afterwards.
//!
//! A mail's way: `smtp::listener` accepts → `smtp::connection` moves bytes within their time-outs → `smtp::session` decides, from
//! bytes alone, what to reply and when a mail is whole → [`Intake`], as above → 250 once the log holds it durably.
//!
//! Invariants: nothing is acknowledged that is not durable; what was taken is never refused later; a payload goes on byte for
//! byte; mail is never passed on to another host, and no lone CR or LF ends a line of it; every wait has a time-out, and connections, bytes in flight and rates have limits; nothing is parsed here beyond a
//! payload's first bytes.

mod accept;
mod bytes_in_flight;
mod config;
mod connections;
mod error;
mod https;
mod intake;
mod metrics;
mod peer;
mod rate;
mod refusal;
mod smtp;
mod spans;
mod spool;
mod tls;

pub use config::{CertificateSource, EdgeConfig, HttpsConfig, IntakeConfig, RateConfig, SmtpConfig, SpoolConfig, TlsConfig};
pub use error::EdgeError;
pub use https::{Https, HttpsParts};
pub use intake::Intake;
pub use metrics::Metrics;
pub use smtp::{LmtpAddress, LmtpAddressError, Smtp, SmtpListen, SmtpParts};
pub use spool::Spool;
pub use tls::{CertificateError, Tls, chain_of_pair};
