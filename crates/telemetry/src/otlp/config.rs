//! Where spans and metrics go, and how many.

use std::{collections::BTreeMap, fmt, time::Duration};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// How the receiver is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtlpProtocol {
    /// OTLP over gRPC; port 4317 by custom.
    #[default]
    Grpc,
    /// OTLP as protobuf over HTTP; port 4318 by custom. `/v1/traces` and `/v1/metrics` are added to the endpoint.
    Http,
}

/// What is sent, and where.
#[derive(Clone)]
pub struct OtlpConfig {
    pub(super) endpoint: Url,
    pub(super) protocol: OtlpProtocol,
    pub(super) headers: HeaderMap,
    /// Longest time for one request.
    pub timeout: Duration,
    /// Whether spans are made and sent.
    pub traces: bool,
    /// Part of what begins here that is traced, 0 to 1.
    pub sample_ratio: f64,
    /// Whether the metrics are sent.
    pub metrics: bool,
    /// Time between two sends of the metrics.
    pub metrics_interval: Duration,
}

/// Telemetry cannot be sent as it is set.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The endpoint is no URL.
    #[error("the endpoint {endpoint:?} is no URL: write http://collector:4317 or https://…")]
    Endpoint {
        /// As it is set.
        endpoint: String,
    },
    /// The endpoint has a user or a password in it. Not shown: it is one.
    #[error("the endpoint has a user or a password in it, and is shown in log lines: put them into a header")]
    Userinfo,
    /// The ratio is none.
    #[error("sample_ratio is {ratio}: write a number from 0 (nothing) to 1 (everything)")]
    Ratio {
        /// As it is set.
        ratio: f64,
    },
    /// A time is nothing.
    #[error("{setting} is 0: write a number of milliseconds")]
    Time {
        /// The setting.
        setting: &'static str,
    },
    /// A header is none. Its value is not shown.
    #[error("the header {name:?} cannot be sent: its name or its value has a character that no header may have")]
    Header {
        /// Its name.
        name: String,
    },
    /// The receiver was asked, and does not take it.
    #[error("the receiver takes no {kind}: {said}")]
    Receiver {
        /// Traces or metrics.
        kind: &'static str,
        /// What it, or the way to it, says.
        said: String,
    },
    /// TLS cannot be set up.
    #[error("set up TLS")]
    Tls(#[from] rustls::Error),
    /// The HTTP client cannot be made.
    #[error("set up an HTTP client")]
    Http(#[from] reqwest::Error),
    /// The gRPC client cannot be made.
    #[error("set up a gRPC client")]
    Grpc(#[from] tonic::transport::Error),
}

impl OtlpConfig {
    /// A receiver at `endpoint`, which gets traces of 1 % within 10 s a request and no metrics, unless the fields are set otherwise.
    ///
    /// # Errors
    /// [`OtlpError`] names what cannot be used.
    pub fn new(endpoint: &str, protocol: OtlpProtocol, headers: &BTreeMap<String, &str>) -> Result<Self, OtlpError> {
        let no_url = || OtlpError::Endpoint { endpoint: endpoint.to_owned() };
        let url = Url::parse(endpoint).ok();
        if url.as_ref().is_some_and(|url| !url.username().is_empty() || url.password().is_some()) {
            return Err(OtlpError::Userinfo);
        }
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none());
        let header = |(name, value): (&String, &&str)| {
            let failed = || OtlpError::Header { name: name.clone() };
            let mut value = HeaderValue::from_str(value).map_err(|_| failed())?;
            value.set_sensitive(true);
            Ok((HeaderName::from_bytes(name.as_bytes()).map_err(|_| failed())?, value))
        };
        Ok(Self {
            endpoint: url.ok_or_else(no_url)?,
            protocol,
            headers: headers.iter().map(header).collect::<Result<_, OtlpError>>()?,
            timeout: Duration::from_secs(10),
            traces: true,
            sample_ratio: 0.01,
            metrics: false,
            metrics_interval: Duration::from_secs(60),
        })
    }

    /// The same, when its numbers can be used.
    ///
    /// # Errors
    /// [`OtlpError`] names the one that cannot.
    pub fn checked(self) -> Result<Self, OtlpError> {
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            return Err(OtlpError::Ratio { ratio: self.sample_ratio });
        }
        for (setting, time) in [("timeout_ms", self.timeout), ("metrics_interval_ms", self.metrics_interval)] {
            if time.is_zero() {
                return Err(OtlpError::Time { setting });
            }
        }
        Ok(self)
    }

    /// Where it goes.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.endpoint.as_str()
    }
}

impl fmt::Debug for OtlpConfig {
    /// Without the headers: they may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpConfig").field("endpoint", &self.endpoint.as_str()).field("protocol", &self.protocol).finish_non_exhaustive()
    }
}
