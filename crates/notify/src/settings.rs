//! What a tenant wants to be told, where and when.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use tlsrpt_report::UnixMillis;
use url::Url;

use crate::{kind::Kinds, quiet::QuietHours};

/// Longest URL of a webhook, bytes.
pub const URL_MAX_BYTES: usize = 2_000;
/// Most addresses that a tenant's digest goes to.
pub const MAIL_MAX_ADDRESSES: usize = 5;
/// How long the secret before the last one signs too.
pub const SECRET_OVERLAP: Duration = Duration::from_secs(86_400);
/// Longest address (RFC 5321 4.5.3.1.3, without the angle brackets).
const ADDRESS_MAX_BYTES: usize = 254;

/// A tenant's settings, as the registry keeps them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Since when notifications are on, with whatever settings.
    pub since: UnixMillis,
    /// Where each notice is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// Where digests are sent; empty: nowhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mail_to: Vec<Address>,
    /// What the tenant is told of.
    #[serde(default)]
    pub kinds: Kinds,
    /// When it is told nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// Whether it is told of a domain at risk in quiet hours too.
    #[serde(default)]
    pub breakthrough: bool,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Where requests go.
    pub url: WebhookUrl,
    /// Signs them.
    pub secret: Secret,
    /// The secret before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_secret: Option<OldSecret>,
}

/// A secret that another one follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldSecret {
    /// The secret.
    pub secret: Secret,
    /// Until when it signs too.
    pub until: UnixMillis,
}

impl Webhook {
    /// The secrets that sign at this moment, the newest first.
    #[must_use]
    pub fn secrets(&self, now: UnixMillis) -> Vec<&Secret> {
        let old = self.old_secret.as_ref().filter(|old| now < old.until).map(|old| &old.secret);
        std::iter::once(&self.secret).chain(old).collect()
    }
}

/// A secret that signs. It has to be kept as it is; it is shown by [`Secret::reveal`] and in the topic alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a webhook's requests go: an absolute URL with a host, without a user, a password or a fragment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebhookUrl(Url);

/// Not a webhook's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook is an https URL of {URL_MAX_BYTES} bytes at most, without a user, a password or a fragment")]
pub struct WebhookUrlError;

impl WebhookUrl {
    /// Reads one; whether `http` will do is the operator's to say.
    ///
    /// # Errors
    /// [`WebhookUrlError`].
    pub fn parse(text: &str, is_http_allowed: bool) -> Result<Self, WebhookUrlError> {
        let url = Url::parse(text).map_err(|_| WebhookUrlError)?;
        let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none() && url.has_host();
        let is_of_a_scheme = url.scheme() == "https" || is_http_allowed && url.scheme() == "http";
        if text.len() <= URL_MAX_BYTES && is_plain && is_of_a_scheme { Ok(Self(url)) } else { Err(WebhookUrlError) }
    }

    /// As a URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// As a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for WebhookUrl {
    type Error = WebhookUrlError;
    /// As the topic has it: it was looked at when it was written.
    fn try_from(text: String) -> Result<Self, WebhookUrlError> {
        Self::parse(&text, true)
    }
}

impl From<WebhookUrl> for String {
    fn from(url: WebhookUrl) -> Self {
        url.0.into()
    }
}

/// A mail address: visible ASCII, one part before the `@` and a host name behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// Not a mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mail address is written as name@host in ASCII, in {ADDRESS_MAX_BYTES} bytes at most")]
pub struct AddressError;

impl Address {
    /// Reads one.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (local, host) = text.rsplit_once('@').ok_or(AddressError)?;
        // Atoms with dots between them (RFC 5321 4.1.2): quoted local parts are as good as unused, and a way to smuggle.
        let is_atom =
            |atom: &str| !atom.is_empty() && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b));
        let is_local = local.len() <= 64 && local.split('.').all(is_atom);
        let is_host = host.contains('.') && host.is_ascii() && tlsrpt_report::Domain::parse(host).is_ok();
        if text.len() <= ADDRESS_MAX_BYTES && is_local && is_host { Ok(Self(text.to_owned())) } else { Err(AddressError) }
    }

    /// As a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_webhook_is_an_https_url_without_a_password() {
        for text in ["https://hooks.example/a?b=c", "https://hooks.example:8443/", "https://[2001:db8::1]/"] {
            assert!(WebhookUrl::parse(text, false).is_ok(), "{text}");
        }
        for text in
            ["http://hooks.example/", "https://u:p@hooks.example/", "https://u@hooks.example/", "ftp://a/", "file:///etc/passwd", "", "a"]
        {
            assert!(WebhookUrl::parse(text, false).is_err(), "{text}");
        }
        assert!(WebhookUrl::parse("http://hooks.example/", true).is_ok());
        assert!(WebhookUrl::parse(&format!("https://hooks.example/{}", "a".repeat(URL_MAX_BYTES)), true).is_err());
    }

    #[test]
    fn an_address_cannot_hold_what_would_be_another_command_or_header() {
        for text in ["ops@acme.example", "a.b+c@acme.example"] {
            assert_eq!(Address::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "ops",
            "ops@",
            "@acme.example",
            "a b@acme.example",
            "a@acme.example\r\nBcc: b@c.example",
            "a@b@c.example",
            "<a@acme.example>",
            "ö@acme.example",
            "a..b@acme.example",
            "a@host",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("correct-horse".to_owned());
        assert!(!format!("{secret:?}").contains("correct"));
    }
}
