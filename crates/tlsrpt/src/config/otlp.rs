//! Where traces and metrics go by OTLP.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tlsrpt_telemetry::otlp::{OtlpConfig, OtlpProtocol};

use super::Secret;

/// The receiver of traces and metrics by OTLP. Without an endpoint nothing is traced and nothing is sent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OtlpSection {
    /// URL of the receiver, such as `http://collector:4317`.
    pub(crate) endpoint: Option<String>,
    /// `grpc` or `http`; over HTTP `/v1/traces` and `/v1/metrics` are added to the endpoint.
    pub(crate) protocol: OtlpProtocol,
    /// Whether reports and requests are traced.
    pub(crate) traces: bool,
    /// Part of them that is, 0 to 1.
    pub(crate) sample_ratio: f64,
    /// Whether the metrics are sent too.
    pub(crate) metrics: bool,
    /// Time between two sends of the metrics, milliseconds.
    pub(crate) metrics_interval_ms: u64,
    /// Longest time for one request, milliseconds.
    pub(crate) timeout_ms: u64,
    /// Headers of every request, such as `authorization`; their values are secrets.
    #[schemars(with = "BTreeMap<String, String>")]
    pub(crate) headers: BTreeMap<String, Secret>,
}

impl Default for OtlpSection {
    fn default() -> Self {
        Self {
            endpoint: None,
            protocol: OtlpProtocol::Grpc,
            traces: true,
            sample_ratio: 0.01,
            metrics: false,
            metrics_interval_ms: 60_000,
            timeout_ms: 10_000,
            headers: BTreeMap::new(),
        }
    }
}

impl OtlpSection {
    /// The receiver; none when there is none.
    ///
    /// # Errors
    /// For what cannot be used, named, but no secret.
    pub(crate) fn receiver(&self) -> anyhow::Result<Option<OtlpConfig>> {
        let Some(endpoint) = &self.endpoint else { return Ok(None) };
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), value.reveal())).collect();
        let mut config = OtlpConfig::new(endpoint, self.protocol, &headers).context("otlp")?;
        config.timeout = Duration::from_millis(self.timeout_ms);
        config.traces = self.traces;
        config.sample_ratio = self.sample_ratio;
        config.metrics = self.metrics;
        config.metrics_interval = Duration::from_millis(self.metrics_interval_ms);
        config.checked().context("otlp").map(Some)
    }
}
