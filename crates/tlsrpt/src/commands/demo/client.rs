//! A client of the service's public interface.
#![expect(clippy::indexing_slicing, reason = "a JSON value that is asked for a name that it lacks answers null")]

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::config::Secret;

/// Wait before a post is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// Speaks to a running service as senders, the operator and tenants do.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    edge_url: String,
    query_url: String,
    admin_key: Secret,
}

impl Client {
    /// A client; certificates are not checked, as senders of TLS reports may do (RFC 8460 3), since a first run has a
    /// self-signed one.
    pub(crate) fn new(edge_url: String, query_url: String, admin_key: Secret) -> anyhow::Result<Self> {
        // Another call may have installed a provider; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).timeout(Duration::from_secs(30)).build()?;
        Ok(Self { http, edge_url, query_url, admin_key })
    }

    /// The API's base URL.
    pub(crate) fn query_url(&self) -> &str {
        &self.query_url
    }

    /// An operator's POST; 409 is an answer, not an error.
    pub(crate) async fn admin_post(&self, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        let request = self.http.post(format!("{}{path}", self.query_url)).bearer_auth(self.admin_key.reveal()).json(body);
        let response = request.send().await.with_context(|| format!("POST {path}: is the service running at {}?", self.query_url))?;
        let status = response.status();
        let answer: Value = response.json().await.unwrap_or_default();
        anyhow::ensure!(
            status.is_success() || status.as_u16() == 409,
            "POST {path}: {status}: {}",
            answer["detail"].as_str().unwrap_or_default()
        );
        Ok((status.as_u16(), answer))
    }

    /// An operator's GET.
    pub(crate) async fn admin_get(&self, path: &str) -> anyhow::Result<Value> {
        self.get(path, self.admin_key.reveal()).await
    }

    /// A tenant's GET.
    pub(crate) async fn tenant_get(&self, key: &str, path: &str) -> anyhow::Result<Value> {
        self.get(path, key).await
    }

    async fn get(&self, path: &str, key: &str) -> anyhow::Result<Value> {
        let response = self.http.get(format!("{}{path}", self.query_url)).bearer_auth(key).send().await?;
        let status = response.status();
        let answer: Value = response.json().await.unwrap_or_default();
        anyhow::ensure!(status.is_success(), "GET {path}: {status}: {}", answer["detail"].as_str().unwrap_or_default());
        Ok(answer)
    }

    /// Posts a report, again when the service asks for it.
    pub(crate) async fn post_report(&self, address: &str, payload: Vec<u8>, tries: u32) -> anyhow::Result<()> {
        let url = format!("{}/v1/tlsrpt/{address}", self.edge_url);
        for _ in 0..tries {
            let response = self.http.post(&url).header("Content-Type", "application/tlsrpt+gzip").body(payload.clone()).send().await?;
            match response.status().as_u16() {
                201 => return Ok(()),
                429 | 503 => tokio::time::sleep(RETRY_WAIT).await,
                status => anyhow::bail!("POST {url}: {status}: {}", response.text().await.unwrap_or_default()),
            }
        }
        anyhow::bail!("POST {url}: still refused after {tries} tries")
    }
}
