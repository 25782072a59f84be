//! How the role works.

use std::{num::NonZeroU32, time::Duration};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tlsrpt_advisor::Rule;

use crate::oidc::OidcConfig;

/// Configuration of the query role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QueryConfig {
    /// Most connections at a time; more wait in the kernel's queue.
    pub connections_max: usize,
    /// Most requests at a time; more are answered 503.
    pub requests_in_flight_max: usize,
    /// Requests for the operator beside those, when others fill them.
    pub operator_reserve: usize,
    /// Most requests of tenants that ask the database at a time; more wait for their turn.
    pub tenants_in_flight_max: usize,
    /// Most of them of one tenant; more wait for their turn.
    pub tenant_in_flight_max: usize,
    /// Most requests of one tenant that wait for the others of the tenant; more are answered 429.
    pub tenant_waiting_max: usize,
    /// Longest wait for a turn, milliseconds.
    pub tenant_wait_ms: u64,
    /// How often a key may ask.
    pub rate: RateConfig,
    /// Longest request body, bytes.
    pub body_max_bytes: usize,
    /// Largest submission that an operator may send in, bytes.
    pub submission_max_bytes: usize,
    /// Most submissions of the operator's that are taken in at one time, each held in memory; more are answered 503.
    pub submissions_in_flight_max: usize,
    /// Longest body of one import of tenants, bytes.
    pub import_max_bytes: usize,
    /// Longest line of one, bytes.
    pub import_line_max_bytes: usize,
    /// Most lines of one; each leaves an answer that waits in memory to be read.
    pub import_max_lines: usize,
    /// Most imports of tenants at one time; more are answered 503.
    pub imports_in_flight_max: usize,
    /// Wait between writes of when keys were last used, milliseconds.
    pub key_use_interval_ms: u64,
    /// Longest wait for a request's head, milliseconds; an idle connection is closed after it.
    pub header_timeout_ms: u64,
    /// Longest work on one request, reading its body included, milliseconds.
    pub request_timeout_ms: u64,
    /// How long running requests may go on after shutdown began, milliseconds.
    pub shutdown_grace_ms: u64,
    /// Longest period that one query may span, days.
    pub period_max_days: u32,
    /// Entries on a page when the request does not say.
    pub page_default_rows: usize,
    /// Most entries on a page.
    pub page_max_rows: usize,
    /// Most points of one series.
    pub series_max_points: usize,
    /// Most domains that a tenant's metrics name; the rest is `other`.
    pub metrics_max_domains: usize,
    /// Longest time that one export may take, seconds; it can be gone on with from where it ended.
    pub export_max_seconds: u64,
    /// Most exports at a time; more are answered 503.
    pub exports_in_flight_max: usize,
    /// Most exports of one tenant's at a time; more are answered 429.
    pub exports_per_tenant_max: usize,
    /// Wait between looks for unclaimed rows of claimed domains, milliseconds; a claim starts one at once.
    pub adoption_interval_ms: u64,
    /// Domains that one adoption statement moves.
    pub adoption_max_domains: usize,
    /// Wait between looks for mails whose verdict is deferred, milliseconds.
    pub deferred_interval_ms: u64,
    /// Shortest wait between two tries of one such mail, milliseconds; it grows with the mail's age.
    pub deferred_retry_ms: u64,
    /// Most such mails that one look sends through again.
    pub deferred_max_submissions: usize,
    /// Wait between looks at the erasures of deleted tenants, milliseconds; a deletion starts one at once.
    pub erasure_interval_ms: u64,
    /// Wait between looks for rows that a tenant's retention has passed, milliseconds.
    pub retention_interval_ms: u64,
    /// The numbers of the rule by which domains get ready for MTA-STS; a tenant may have others.
    pub readiness: Rule,
    /// The issuer whose tokens open to tenants what their keys do; without it there are keys alone.
    pub oidc: Option<OidcConfig>,
}

impl Default for QueryConfig {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            requests_in_flight_max: 1024,
            operator_reserve: 16,
            tenants_in_flight_max: 64,
            tenant_in_flight_max: 8,
            tenant_waiting_max: 64,
            tenant_wait_ms: 10_000,
            rate: RateConfig::default(),
            body_max_bytes: 64 * 1024,
            submission_max_bytes: 32 << 20,
            submissions_in_flight_max: 16,
            import_max_bytes: 64 << 20,
            import_line_max_bytes: 64 << 10,
            import_max_lines: 500_000,
            imports_in_flight_max: 2,
            key_use_interval_ms: 60_000,
            header_timeout_ms: 30_000,
            request_timeout_ms: 30_000,
            shutdown_grace_ms: 5_000,
            period_max_days: 3_660,
            page_default_rows: 100,
            page_max_rows: 1_000,
            series_max_points: 200_000,
            metrics_max_domains: 200,
            export_max_seconds: 3_600,
            exports_in_flight_max: 8,
            exports_per_tenant_max: 2,
            adoption_interval_ms: 5_000,
            adoption_max_domains: 500,
            deferred_interval_ms: 60_000,
            deferred_retry_ms: 300_000,
            deferred_max_submissions: 500,
            erasure_interval_ms: 30_000,
            retention_interval_ms: 3_600_000,
            readiness: Rule::default(),
            oidc: None,
        }
    }
}

/// How often a key may ask, and how often one address may present a key that is none. A burst is what may come at once; it comes
/// back at so many a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateConfig {
    /// Requests a second of one tenant's key.
    pub requests_per_second: NonZeroU32,
    /// Requests at once of one tenant's key.
    pub burst: NonZeroU32,
    /// Requests a second of one operator's key.
    pub operator_requests_per_second: NonZeroU32,
    /// Requests at once of one operator's key.
    pub operator_burst: NonZeroU32,
    /// Keys a second that are none, from one IPv4 address or IPv6 /64.
    pub failures_per_second: NonZeroU32,
    /// Keys at once that are none, from one IPv4 address or IPv6 /64.
    pub failures_burst: NonZeroU32,
    /// Networks from which any number of keys may be presented.
    #[schemars(with = "Vec<String>")]
    pub exempt_networks: Vec<IpNet>,
}

impl Default for RateConfig {
    fn default() -> Self {
        let some = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            requests_per_second: some(200),
            burst: some(1_000),
            operator_requests_per_second: some(2_000),
            operator_burst: some(10_000),
            failures_per_second: some(1),
            failures_burst: some(20),
            exempt_networks: ["127.0.0.0/8", "::1/128"].iter().filter_map(|net| net.parse().ok()).collect(),
        }
    }
}

impl QueryConfig {
    pub(crate) fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }
    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }
    pub(crate) fn key_use_interval(&self) -> Duration {
        Duration::from_millis(self.key_use_interval_ms.max(10))
    }
    pub(crate) fn shutdown_grace(&self) -> Duration {
        Duration::from_millis(self.shutdown_grace_ms)
    }
    pub(crate) fn export_max(&self) -> Duration {
        Duration::from_secs(self.export_max_seconds)
    }
    pub(crate) fn adoption_interval(&self) -> Duration {
        Duration::from_millis(self.adoption_interval_ms)
    }
    pub(crate) fn deferred_interval(&self) -> Duration {
        Duration::from_millis(self.deferred_interval_ms.max(10))
    }
    pub(crate) fn erasure_interval(&self) -> Duration {
        Duration::from_millis(self.erasure_interval_ms.max(10))
    }
    pub(crate) fn retention_interval(&self) -> Duration {
        Duration::from_millis(self.retention_interval_ms.max(10))
    }
    pub(crate) fn deferred_retry(&self) -> Duration {
        Duration::from_millis(self.deferred_retry_ms)
    }
}
