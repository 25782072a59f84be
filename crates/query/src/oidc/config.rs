//! Whose tokens are taken, and how the issuer is asked for its keys.

use std::{net::IpAddr, time::Duration};

use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens of one OpenID Connect issuer, which open to tenants what their keys do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// The issuer, letter for letter as its tokens name it.
    pub issuer: Issuer,
    /// What this API is called at the issuer: a token's `aud` must have it.
    pub audience: Audience,
    /// Claim with the tenant's id.
    #[serde(default = "tenant_claim")]
    pub tenant_claim: String,
    /// Claim with the scopes: a text with spaces between them, or a list.
    #[serde(default = "scopes_claim")]
    pub scopes_claim: String,
    /// What the names of scopes begin with at the issuer, such as `tlsrpt:`.
    #[serde(default)]
    pub scope_prefix: String,
    /// Wait between two looks at the issuer's keys, milliseconds.
    #[serde(default = "refresh_interval_ms")]
    pub refresh_interval_ms: u64,
    /// Shortest wait between two looks when tokens name keys that are not known, milliseconds.
    #[serde(default = "refresh_min_ms")]
    pub refresh_min_ms: u64,
    /// Longest time that one look may take, milliseconds.
    #[serde(default = "fetch_timeout_ms")]
    pub fetch_timeout_ms: u64,
    /// How long the keys of the last look are good while the issuer is away, seconds.
    #[serde(default = "keys_max_age_seconds")]
    pub keys_max_age_seconds: u64,
}

fn tenant_claim() -> String {
    "tenant".to_owned()
}
fn scopes_claim() -> String {
    "scope".to_owned()
}
fn refresh_interval_ms() -> u64 {
    300_000
}
fn refresh_min_ms() -> u64 {
    10_000
}
fn fetch_timeout_ms() -> u64 {
    5_000
}
fn keys_max_age_seconds() -> u64 {
    86_400
}

impl OidcConfig {
    /// The defaults, for an issuer and what it calls this API.
    #[must_use]
    pub fn new(issuer: Issuer, audience: Audience) -> Self {
        Self {
            issuer,
            audience,
            tenant_claim: tenant_claim(),
            scopes_claim: scopes_claim(),
            scope_prefix: String::new(),
            refresh_interval_ms: refresh_interval_ms(),
            refresh_min_ms: refresh_min_ms(),
            fetch_timeout_ms: fetch_timeout_ms(),
            keys_max_age_seconds: keys_max_age_seconds(),
        }
    }
    pub(super) fn refresh_interval(&self) -> Duration {
        Duration::from_millis(self.refresh_interval_ms.max(10))
    }
    pub(super) fn refresh_min(&self) -> Duration {
        Duration::from_millis(self.refresh_min_ms)
    }
    pub(super) fn fetch_timeout(&self) -> Duration {
        Duration::from_millis(self.fetch_timeout_ms)
    }
    pub(super) fn keys_max_age(&self) -> Duration {
        Duration::from_secs(self.keys_max_age_seconds)
    }
}

/// An issuer's name (OpenID Connect Discovery 1.0 3): an `https` URL without query and fragment. `http` for an issuer on loopback alone,
/// where nobody is between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Issuer(String);

/// Not an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an issuer: give an https URL without user, query and fragment, or an http URL on loopback")]
pub struct IssuerError;

impl Issuer {
    /// Checks `text`, which is kept as it is: issuers are compared letter for letter.
    ///
    /// # Errors
    /// [`IssuerError`] when it is not of the form.
    pub fn parse(text: &str) -> Result<Self, IssuerError> {
        let url = Url::parse(text).map_err(|_| IssuerError)?;
        let bare = url.query().is_none() && url.fragment().is_none();
        if bare && is_private(&url) { Ok(Self(text.to_owned())) } else { Err(IssuerError) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where its discovery document is (OpenID Connect Discovery 1.0 4.1).
    pub(super) fn discovery_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.0.trim_end_matches('/'))
    }

    /// The place of the keys that the issuer's document names; none when somebody else could be between us and it.
    pub(super) fn keys_url(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        let as_safe = url.scheme() == "https" || self.0.starts_with("http:");
        (as_safe && is_private(&url)).then_some(url)
    }
}

/// Whether nobody on the way can read or change what comes from a URL, nor learns a password from it.
fn is_private(url: &Url) -> bool {
    // An IPv6 address has brackets in a URL.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    is_safe && url.username().is_empty() && url.password().is_none()
}

impl TryFrom<String> for Issuer {
    type Error = IssuerError;
    fn try_from(text: String) -> Result<Self, IssuerError> {
        Self::parse(&text)
    }
}
impl From<Issuer> for String {
    fn from(issuer: Issuer) -> Self {
        issuer.0
    }
}

/// The name of this API at the issuer, which is never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Audience(String);

/// Not an audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an audience: give the name that the issuer puts into `aud` for this API")]
pub struct AudienceError;

impl Audience {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`AudienceError`] when it is empty.
    pub fn parse(text: &str) -> Result<Self, AudienceError> {
        if text.trim().is_empty() { Err(AudienceError) } else { Ok(Self(text.to_owned())) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Audience {
    type Error = AudienceError;
    fn try_from(text: String) -> Result<Self, AudienceError> {
        Self::parse(&text)
    }
}
impl From<Audience> for String {
    fn from(audience: Audience) -> Self {
        audience.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_issuer_is_https_or_on_this_machine_and_its_name_is_kept_as_it_is() {
        for name in
            ["https://login.example", "https://login.example/realms/mail/", "http://127.0.0.1:8", "http://[::1]:8/x", "http://localhost"]
        {
            assert_eq!(Issuer::parse(name).unwrap().as_str(), name);
        }
        for name in [
            "",
            "login.example",
            "http://login.example",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "ftp://127.0.0.1",
            "https://login.example/?a=b",
            "https://login.example/#a",
            "https://user:password@login.example",
        ] {
            assert_eq!(Issuer::parse(name), Err(IssuerError), "{name}");
        }
    }

    #[test]
    fn the_document_is_below_the_issuer_and_the_keys_are_where_nobody_can_change_them() {
        let check = |issuer: &str, keys: &str, taken: bool| {
            assert_eq!(Issuer::parse(issuer).unwrap().keys_url(keys).is_some(), taken, "{issuer} {keys}");
        };
        let discovery = |issuer: &str| Issuer::parse(issuer).unwrap().discovery_url();
        assert_eq!(discovery("https://a.example"), "https://a.example/.well-known/openid-configuration");
        assert_eq!(discovery("https://a.example/realms/b/"), "https://a.example/realms/b/.well-known/openid-configuration");
        check("https://a.example", "https://keys.example/jwks", true);
        check("https://a.example", "http://a.example/jwks", false);
        check("https://a.example", "http://127.0.0.1/jwks", false);
        check("https://a.example", "/jwks", false);
        check("http://127.0.0.1:8", "http://127.0.0.1:9/jwks", true);
        check("http://127.0.0.1:8", "http://192.0.2.1/jwks", false);
    }
}
