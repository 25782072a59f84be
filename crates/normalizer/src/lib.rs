//! The normalizer: a submission in, a normalized record out, its policies assigned to the tenants that own their domains.
//!
//! A record's way: [`run`] takes a batch from the submissions topic → `origin` verifies who sent its mails → [`normalize`] opens and parses each payload and looks up
//! the owners → the outcomes are appended to the normalized topic → the batch is committed when they are durable.
//!
//! Invariants: one submission leads to one record; nothing is dropped: what cannot be counted, and what we fail on, becomes a
//! reject; parsing never runs on an async thread.

mod desk;
mod metrics;
mod normalize;
mod origin;
mod run;
mod spans;

pub use metrics::Metrics;
pub use normalize::{
    Owners, REASON_INTERNAL, REASON_OUTCOME_TOO_LARGE, Setting, Tally, WARNING_REPORT_DELIVERY, WARNING_SIBLING_REJECTED, Work, normalize,
};
pub use run::{NormalizerConfig, NormalizerError, Parts, run};
