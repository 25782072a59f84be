//! How origins are verified.

use std::{net::SocketAddr, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tlsrpt_outbound::ResolverError;

/// Configuration of the verifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OriginConfig {
    /// DNS servers that resolve for us, `ADDR:PORT`; without any the system's (`/etc/resolv.conf`).
    pub servers: Vec<SocketAddr>,
    /// Longest wait for the answer to one DNS query, its repetition included, milliseconds.
    pub query_timeout_ms: u64,
    /// Longest work on one mail, milliseconds; what is not known by then is deferred, or left out when it is evidence only.
    pub mail_timeout_ms: u64,
    /// Most DNS answers that are remembered, each for its time to live.
    pub cache_entries_max: u64,
    /// Most signatures of one mail that are looked at, those of the submitter's domain first; 20 at most.
    pub signatures_max: usize,
    /// Queries in a row without an answer that raise the suspicion that DNS is away.
    pub away_after_queries: u32,
    /// Wait between two questions whether DNS is back, milliseconds; meanwhile verdicts are deferred at once.
    pub away_retry_ms: u64,
}

impl Default for OriginConfig {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            query_timeout_ms: 2_000,
            mail_timeout_ms: 5_000,
            cache_entries_max: 10_000,
            signatures_max: 5,
            away_after_queries: 5,
            away_retry_ms: 5_000,
        }
    }
}

impl OriginConfig {
    pub(crate) fn query_timeout(&self) -> Duration {
        Duration::from_millis(self.query_timeout_ms.min(self.mail_timeout_ms))
    }
    pub(crate) fn mail_timeout(&self) -> Duration {
        Duration::from_millis(self.mail_timeout_ms)
    }
    pub(crate) fn away_retry(&self) -> Duration {
        // A wait of nothing would ask without end.
        Duration::from_millis(self.away_retry_ms.max(10))
    }
}

/// The verifier cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// The resolver refuses its configuration.
    #[error("ask DNS")]
    Resolver(#[source] ResolverError),
    /// One verifier a metrics registry.
    #[error("register the metrics of the origin verifier")]
    Metrics(#[source] prometheus::Error),
}
