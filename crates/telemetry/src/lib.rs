//! Logs, metrics, health and the operations endpoint, the same for every role.
//!
//! Each role registers its metrics in the process's [`prometheus::Registry`] and its dependencies in [`Health`]; [`ops::serve`]
//! shows both. Spans of its work, and the same metrics, go to a receiver of the operator's by [`otlp`], when there is one.
//!
//! Invariants: nothing secret is logged or shown; the operations endpoint changes nothing.

mod backoff;
mod chain;
mod gauges;
mod health;
pub mod logs;
pub mod ops;
pub mod otlp;

pub use backoff::Backoff;
pub use chain::chain;
pub use gauges::register_gauges;
pub use health::{Dependency, Health};
/// The metrics library, so that every crate uses one version.
pub use prometheus;
