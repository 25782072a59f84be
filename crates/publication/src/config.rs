//! How domains are looked at.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tlsrpt_outbound::{ClientError, ResolverError};

/// Configuration of the looks at what domains publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PublicationConfig {
    /// DNS servers that resolve for us, `ADDR:PORT`; without any those of `origin`, or the system's.
    pub servers: Vec<SocketAddr>,
    /// Host of the HTTPS receiver as senders reach it, with its port where that is not 443: what `https:` addresses to publish name.
    pub https_host: Option<String>,
    /// PEM file of authorities beside the system's by which policies' hosts are known.
    pub authorities: Option<PathBuf>,
    /// File of the root's keys (DNSSEC), DNSKEY records as in a zone file; without one those of the Internet's root.
    pub trust_anchors: Option<PathBuf>,
    /// Longest wait for the answer to one DNS query, its repetition included, milliseconds.
    pub query_timeout_ms: u64,
    /// Longest wait for a policy, milliseconds.
    pub fetch_timeout_ms: u64,
    /// Longest work on one domain, milliseconds; what is not known by then is shown as such.
    pub look_timeout_ms: u64,
    /// Most mail servers of a domain that are looked at, those with the lowest preference values.
    pub mx_max: usize,
    /// Most domains that are looked at at one time; more wait.
    pub looks_in_flight_max: usize,
    /// Most domains of which it is remembered what was found.
    pub cache_entries_max: u64,
    /// How long it is remembered, seconds.
    pub cache_seconds: u64,
    /// Least age of what is remembered that a fresh look takes the place of, seconds.
    pub fresh_after_seconds: u64,
}

impl Default for PublicationConfig {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            https_host: None,
            authorities: None,
            trust_anchors: None,
            query_timeout_ms: 3_000,
            fetch_timeout_ms: 6_000,
            look_timeout_ms: 15_000,
            mx_max: 20,
            looks_in_flight_max: 16,
            cache_entries_max: 10_000,
            cache_seconds: 600,
            fresh_after_seconds: 60,
        }
    }
}

impl PublicationConfig {
    pub(crate) fn query_timeout(&self) -> Duration {
        Duration::from_millis(self.query_timeout_ms)
    }
    pub(crate) fn fetch_timeout(&self) -> Duration {
        Duration::from_millis(self.fetch_timeout_ms)
    }
    pub(crate) fn look_timeout(&self) -> Duration {
        Duration::from_millis(self.look_timeout_ms)
    }
    pub(crate) fn cache(&self) -> Duration {
        Duration::from_secs(self.cache_seconds)
    }
    pub(crate) fn fresh_after(&self) -> Duration {
        Duration::from_secs(self.fresh_after_seconds)
    }
}

/// The checker cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PublicationError {
    /// Nobody can be asked.
    #[error("prepare the DNS questions about what domains publish")]
    Resolver(#[from] ResolverError),
    /// No policy can be fetched.
    #[error("prepare to fetch policies")]
    Client(#[from] ClientError),
    /// The file of authorities cannot be read, or is none.
    #[error("read the authorities of policies' hosts from {}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
}
