//! A running service, by its operator's route.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use reqwest::{StatusCode, header};
use serde::Deserialize;
use tlsrpt_report::UnixMillis;
use tlsrpt_telemetry::chain;

use super::{target::NotTaken, tls};
use crate::config::Secret;

/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const ANSWER_MAX_BYTES: usize = 64 << 10;

/// A running service.
pub(crate) struct Service {
    http: reqwest::Client,
    url: String,
    admin_key: Secret,
}

/// What is read of a problem (RFC 9457).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    r#type: String,
    detail: String,
}

impl Service {
    /// `url` is the API's base, as `option` gave it; `ca` may name certificates to trust beside the system's.
    pub(crate) fn new(option: &str, url: &str, admin_key: Secret, ca: Option<&Path>) -> anyhow::Result<Self> {
        let parsed = reqwest::Url::parse(url).with_context(|| format!("{option} {url}: write http://HOST:PORT or https://HOST"))?;
        anyhow::ensure!(matches!(parsed.scheme(), "http" | "https"), "{option} {url}: write http://HOST:PORT or https://HOST");
        anyhow::ensure!(
            parsed.username().is_empty() && parsed.password().is_none(),
            "{option}: the key goes into TLSRPT_ADMIN_KEY, not into the URL"
        );
        tls::install_provider();
        let mut http = reqwest::Client::builder().timeout(ANSWER_TIMEOUT).connect_timeout(CONNECT_TIMEOUT);
        // A redirect would carry the key and the mail elsewhere.
        http = http.redirect(reqwest::redirect::Policy::none());
        if let Some(ca) = ca {
            let pem = std::fs::read(ca).with_context(|| format!("read {}", ca.display()))?;
            let certificates =
                reqwest::Certificate::from_pem_bundle(&pem).with_context(|| format!("read certificates in {}", ca.display()))?;
            http = http.tls_certs_merge(certificates);
        }
        Ok(Self { http: http.build()?, url: url.trim_end_matches('/').to_owned(), admin_key })
    }

    /// Posts one message. When it answers, the service's log holds it durably.
    pub(crate) async fn submit(&self, received_at: UnixMillis, address: Option<&str>, payload: Bytes) -> Result<(), NotTaken> {
        let received_at = received_at.rfc3339();
        let mut query = vec![("received_at", received_at.as_str())];
        query.extend(address.map(|address| ("address", address)));
        let request = self.post("/admin/v1/submissions").query(&query);
        let request = request.header(header::CONTENT_TYPE, "application/octet-stream").body(payload);
        // Without an answer it may be there or not: sent again it is the same submission.
        let response = request.send().await.map_err(later)?;
        if response.status() == StatusCode::CREATED { Ok(()) } else { Err(self.not_taken(response).await) }
    }

    /// A POST by the operator.
    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.url)).bearer_auth(self.admin_key.reveal())
    }

    /// A GET by the operator.
    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.url)).bearer_auth(self.admin_key.reveal())
    }

    /// A DELETE by the operator.
    pub(crate) fn delete(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.delete(format!("{}{path}", self.url)).bearer_auth(self.admin_key.reveal())
    }

    /// Why an answer is not the one that was wanted.
    pub(crate) async fn not_taken(&self, response: reqwest::Response) -> NotTaken {
        let status = response.status();
        let after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let Problem { r#type, detail } = problem(response).await;
        let detail = if detail.is_empty() { status.to_string() } else { format!("{status}: {detail}") };
        let reason = r#type.rsplit('/').next().filter(|slug| !slug.is_empty()).map_or_else(|| status.as_u16().to_string(), str::to_owned);
        match status.as_u16() {
            429 | 502..=504 => NotTaken::Later { why: detail, after: after.map(Duration::from_secs) },
            400 | 413 | 415 | 422 | 500 => NotTaken::Never { reason, detail },
            _ => NotTaken::Nothing(format!("{} answers {detail}", self.url)),
        }
    }
}

/// There was no answer, or not all of it.
pub(crate) fn later(error: reqwest::Error) -> NotTaken {
    NotTaken::Later { why: chain(&error.without_url()), after: None }
}

/// The problem in an answer, as far as there is one.
async fn problem(mut response: reqwest::Response) -> Problem {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_MAX_BYTES {
            break;
        }
    }
    serde_json::from_slice(&body).unwrap_or_default()
}
