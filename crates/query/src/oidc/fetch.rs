//! Asking the issuer: its discovery document (OpenID Connect Discovery 1.0 4), and the keys that it names.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, StatusCode, Url, redirect};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use serde::Deserialize;
use tlsrpt_outbound::{BodyError, bounded};

use super::{Issuer, OidcConfig, keys::Keys};
use crate::problem::echo;

/// Longest document that is read; an issuer's takes some kilobytes.
const DOCUMENT_MAX_BYTES: usize = 256 << 10;

/// The issuer cannot be asked by this machine at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetcherError {
    #[error(
        "no certificates of authorities on this system to know the OIDC issuer by: install them (ca-certificates), or set SSL_CERT_FILE"
    )]
    NoAuthorities,
    #[error("prepare TLS to the OIDC issuer")]
    Tls(#[from] rustls::Error),
    #[error("prepare a client to the OIDC issuer")]
    Client(#[from] reqwest::Error),
}

/// The issuer's keys could not be had this time.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("get {url}")]
    Get { url: String, source: reqwest::Error },
    #[error("get {url}: answered {status}; a redirect is not followed")]
    Status { url: String, status: StatusCode },
    #[error("get {url}: the answer is longer than {DOCUMENT_MAX_BYTES} bytes")]
    TooLarge { url: String },
    #[error("ask the issuer: no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("read {url}")]
    Document { url: String, source: serde_json::Error },
    #[error("read {url}: it is the document of another issuer, {found}; issuers are compared letter for letter")]
    OtherIssuer { url: String, found: String },
    #[error("read {url}: its jwks_uri is no https URL")]
    KeysUrl { url: String },
}

/// Asks one issuer.
pub(super) struct Fetcher {
    client: Client,
    issuer: Issuer,
    timeout: Duration,
}

/// What is used of the document (OpenID Connect Discovery 1.0 3).
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Fetcher {
    pub(super) fn new(config: &OidcConfig) -> Result<Self, FetcherError> {
        let mut authorities = RootCertStore::empty();
        let (known, _) = authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if known == 0 && config.issuer.as_str().starts_with("https:") {
            return Err(FetcherError::NoAuthorities);
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        // An issuer answers where it says it is; who could send us elsewhere could send us anywhere.
        let client = Client::builder().tls_backend_preconfigured(tls).redirect(redirect::Policy::none()).build()?;
        Ok(Self { client, issuer: config.issuer.clone(), timeout: config.fetch_timeout() })
    }

    /// The keys as the issuer has them now.
    pub(super) async fn keys(&self) -> Result<Keys, FetchError> {
        tokio::time::timeout(self.timeout, self.ask()).await.unwrap_or(Err(FetchError::TimedOut(self.timeout)))
    }

    async fn ask(&self) -> Result<Keys, FetchError> {
        let url = self.issuer.discovery_url();
        let document = self.get(&url).await?;
        let place = keys_url(&self.issuer, &url, &document)?;
        let document = self.get(place.as_str()).await?;
        Keys::read(&document).map_err(|source| FetchError::Document { url: place.into(), source })
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let failed = |source: reqwest::Error| FetchError::Get { url: url.to_owned(), source: source.without_url() };
        let response = self.client.get(url).send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status { url: url.to_owned(), status: response.status() });
        }
        bounded(response, DOCUMENT_MAX_BYTES).await.map_err(|error| match error {
            BodyError::TooLarge { .. } => FetchError::TooLarge { url: url.to_owned() },
            BodyError::Read(source) => failed(source),
        })
    }
}

/// Where the keys are, by a discovery document from `url`. It must be the issuer's own (OpenID Connect Discovery 1.0 4.3).
fn keys_url(issuer: &Issuer, url: &str, document: &[u8]) -> Result<Url, FetchError> {
    let url = || url.to_owned();
    let discovery: Discovery = serde_json::from_slice(document).map_err(|source| FetchError::Document { url: url(), source })?;
    if discovery.issuer != issuer.as_str() {
        return Err(FetchError::OtherIssuer { url: url(), found: echo(&discovery.issuer) });
    }
    issuer.keys_url(&discovery.jwks_uri).ok_or_else(|| FetchError::KeysUrl { url: url() })
}
