//! What the end-to-end suites share: they start the real binary on free ports, as a user would run it.
//!
//! A test's way: [`Setup::start`] gives a [`Service`] with a data directory of its own → its clients speak to it as senders,
//! the operator and tenants do → [`settled`] waits until the pipeline has caught up → [`Service::finish`] ends it.
//!
//! Invariants: a test that ends leaves no process and no directory; a log line of level WARN or ERROR that the test did not
//! allow fails it; what is awaited is a condition, never a time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic that says what was found"
)]

mod alertmanager;
mod answer;
mod client;
mod disk;
mod encoding;
pub mod grafana;
pub mod helm;
mod ledger;
mod log_lines;
mod mail;
mod oidc_provider;
mod otel_collector;
mod otlp;
mod prometheus;
mod proxy;
mod reckoning;
mod reports;
mod repository;
pub mod rollout;
pub mod schemas;
mod schemathesis;
mod sent;
mod service;
mod submissions;
mod tls;
mod tools;
mod typescript;
mod wait;
mod watch;
pub mod yaml;

pub use alertmanager::{Alertmanager, alertmanager_tool};
pub use answer::Answer;
pub use client::{Caller, Operator, Sender, TenantAccess, http_client};
pub use disk::Disk;
pub use encoding::{Encoding, gzip, zip_of};
pub use ledger::{Ledger, caught_up, settled};
pub use log_lines::LogLines;
pub use mail::{MailClient, taken};
pub use oidc_provider::{OidcCertificate, OidcProvider};
pub use otel_collector::{OtelCollector, otel_collector};
pub use otlp::{OtlpReceiver, SeenSpan};
pub use prometheus::{Prometheus, promtool};
pub use proxy::{Network, Proxy, free_address};
pub use reckoning::{Expected, Misses, reckon, shown, unreadable};
pub use reports::{Detail, Generator, Policy, Report, Size, Totals, reported_day, today, wide_period};
pub use repository::repository;
pub use schemathesis::Schemathesis;
pub use sent::{Said, Sent, SharedSent};
pub use service::{Role, Service, Setup, binary, program};
pub use submissions::{AdminSubmission, all_submissions, fate_of};
pub use tools::{go_program, python_environment};
pub use typescript::compile;
pub use wait::until;
pub use watch::Watch;
