//! The receivers of reports. [`Intake`] is what they share; [`Https`] takes RFC 8460 5.4 submissions.
//!
//! A submission's way: `https::listener` accepts → `https::connection` serves HTTP within its time-outs → `https::receive`
//! admits the peer and the address, reads the body within its limits, looks at its form → [`Intake`] appends it to the log →
//! the sender gets 201 once the log holds it durably. While the log is away, the [`Spool`] takes its place, and drains into it
//! afterwards.
//!
//! Invariants: nothing is acknowledged that is not durable; what was taken is never refused later; a payload goes on byte for
//! byte; every wait has a time-out, and connections, bytes in flight and rates have limits; nothing is parsed here beyond a
//! payload's first bytes.

mod bytes_in_flight;
mod config;
mod error;
mod https;
mod intake;
mod metrics;
mod peer;
mod rate;
mod refusal;
mod spool;

pub use config::{EdgeConfig, HttpsConfig, IntakeConfig, RateConfig, SpoolConfig, TlsMode};
pub use error::EdgeError;
pub use https::{CertificateError, Https, HttpsParts};
pub use intake::Intake;
pub use metrics::Metrics;
pub use spool::Spool;
