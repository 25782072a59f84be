//! Senders, the operator and tenants, as they speak to a running service.

use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::Answer;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A client that skips certificate checks, as senders of reports may (RFC 8460 3).
pub fn http_client() -> reqwest::Client {
    // Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().timeout(REQUEST_TIMEOUT).build().unwrap()
}

/// Asks the API with one key, or none.
#[derive(Clone)]
pub struct Caller {
    http: reqwest::Client,
    url: String,
    key: Option<String>,
}

impl Caller {
    /// `url` is the API's base.
    pub fn new(http: reqwest::Client, url: String, key: Option<String>) -> Self {
        Self { http, url, key }
    }

    /// The base.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request and reads its answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn request(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Answer {
        let mut request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let name = format!("{method} {path}");
        let response = request.send().await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        Answer::read(name, response).await.unwrap()
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, None).await
    }

    /// GET, answered 200 with JSON.
    pub async fn json(&self, path: &str) -> Value {
        self.get(path).await.is(200).json()
    }

    /// POST of a JSON value.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, Some(body.to_string().into_bytes())).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.request("PATCH", path, Some(body.to_string().into_bytes())).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, None).await
    }
}

/// The operator.
#[derive(Clone)]
pub struct Operator(pub Caller);

impl std::ops::Deref for Operator {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.0
    }
}

/// A tenant with its first key.
#[derive(Clone)]
pub struct TenantAccess {
    /// Its id.
    pub id: String,
    /// Its reporting address.
    pub address: String,
    /// Its API key.
    pub key: String,
}

impl Operator {
    /// A new tenant that owns `domains`, with a key.
    pub async fn tenant(&self, id: &str, domains: &[&str]) -> TenantAccess {
        let created = self.post("/admin/v1/tenants", &json!({"id": id, "name": format!("Tenant {id}")})).await.is(201).json();
        for domain in domains {
            self.claim(id, domain).await;
        }
        let key = self.post(&format!("/admin/v1/tenants/{id}/keys"), &json!({"name": "first"})).await.is(201).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        TenantAccess { id: id.to_owned(), address: text(&created["address"]), key: text(&key["key"]) }
    }

    /// Gives `domain` to the tenant `id`.
    pub async fn claim(&self, id: &str, domain: &str) {
        self.post(&format!("/admin/v1/tenants/{id}/domains"), &json!({"domain": domain})).await.is(201);
    }
}

/// A sender of reports.
#[derive(Clone)]
pub struct Sender {
    http: reqwest::Client,
    url: String,
}

impl Sender {
    /// `url` is the receiver's base.
    pub fn new(http: reqwest::Client, url: String) -> Self {
        Self { http, url }
    }

    /// Posts `payload` to a reporting address, or to none.
    ///
    /// # Errors
    /// When there is no answer: the service may or may not have taken it.
    pub async fn try_post(&self, address: Option<&str>, payload: Vec<u8>) -> Result<Answer, reqwest::Error> {
        let path = address.map_or_else(|| "/v1/tlsrpt".to_owned(), |address| format!("/v1/tlsrpt/{address}"));
        let request = self.http.post(format!("{}{path}", self.url)).header("content-type", "application/tlsrpt+gzip").body(payload);
        Answer::read(format!("POST {path}"), request.send().await?).await
    }

    /// Posts `payload` without an address.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post(&self, payload: impl Into<Vec<u8>>) -> Answer {
        self.try_post(None, payload.into()).await.unwrap_or_else(|error| panic!("post a report: {error:?}"))
    }

    /// Posts `payload`, which must be acknowledged; answers the submission's id.
    pub async fn send(&self, payload: impl Into<Vec<u8>>) -> String {
        submission_id(&self.post(payload).await.is(201))
    }

    /// Posts `payload` to a reporting address; it must be acknowledged.
    pub async fn send_to(&self, address: &str, payload: impl Into<Vec<u8>>) -> String {
        let answer = self.try_post(Some(address), payload.into()).await.unwrap_or_else(|error| panic!("post a report: {error:?}"));
        submission_id(&answer.is(201))
    }

    /// A request of any kind.
    pub async fn request(&self, method: &str, path: &str, body: Vec<u8>) -> Answer {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url)).body(body);
        let response = request.send().await.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"));
        Answer::read(format!("{method} {path}"), response).await.unwrap()
    }
}

/// The id in an acknowledgement.
pub(crate) fn submission_id(answer: &Answer) -> String {
    answer.json()["submission_id"].as_str().unwrap_or_else(|| panic!("{}: no submission_id: {}", answer.request, answer.text())).to_owned()
}
