//! The writer: normalized records in batches into ClickHouse.
//!
//! A record's way: [`run`] takes a batch from the normalized topic → each record is decoded in place → `Store::insert` → the
//! batch is committed when the database holds it durably. Audit entries take the same way by [`run_audit`].
//!
//! Invariants: an offset is committed only for what the database acknowledged; one record that the database refuses never
//! takes the rest of its batch along, and is kept as a reject; a database that is away is waited for.

mod audit;
mod insert;
mod metrics;
mod run;
mod spans;

pub use insert::REASON_REFUSED;
pub use metrics::Metrics;
pub use run::{WriterConfig, WriterError, run, run_audit};
