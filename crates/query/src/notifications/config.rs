//! How tenants are told.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use tlsrpt_notify::Address;

/// Configuration of notifications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NotificationsConfig {
    /// Wait between looks for what is new, milliseconds.
    pub interval_ms: u64,
    /// Most tenants of one look; the next one goes on behind them.
    pub tenants_per_look_max: usize,
    /// Wait between looks for deliveries that are due, milliseconds.
    pub delivery_interval_ms: u64,
    /// Most deliveries of one look.
    pub deliveries_per_look_max: usize,
    /// Tenants that are delivered to at one time.
    pub tenants_in_flight_max: usize,
    /// Longest wait for a webhook's or the mail relay's answer, milliseconds.
    pub timeout_ms: u64,
    /// Wait before a delivery is tried again, milliseconds; it doubles with each try.
    pub retry_first_ms: u64,
    /// Longest wait between two tries, milliseconds.
    pub retry_max_ms: u64,
    /// How long a delivery is tried, seconds; after that it is given up, and shown as such.
    pub retry_for_seconds: u64,
    /// Whether a webhook may be plain HTTP, for a closed network.
    pub allow_http: bool,
    /// The relay that takes digests; without one there are none.
    pub smtp: Option<SmtpConfig>,
}

impl Default for NotificationsConfig {
    fn default() -> Self {
        Self {
            interval_ms: 300_000,
            tenants_per_look_max: 1_000,
            delivery_interval_ms: 10_000,
            deliveries_per_look_max: 1_000,
            tenants_in_flight_max: 16,
            timeout_ms: 10_000,
            retry_first_ms: 30_000,
            retry_max_ms: 6 * 3_600_000,
            retry_for_seconds: 3 * 86_400,
            allow_http: false,
            smtp: None,
        }
    }
}

/// The operator's relay, by SMTP submission (RFC 6409).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Its host name, which its certificate has to have.
    pub host: String,
    /// Its port; 587, or 465 with TLS from the first byte on, when it is left out.
    #[serde(default)]
    pub port: Option<u16>,
    /// Whether and how the connection is encrypted.
    #[serde(default)]
    pub tls: SmtpTls,
    /// Who submits; nobody by name when it is left out.
    #[serde(default)]
    pub user: Option<String>,
    /// The user's password.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub password: Option<SmtpPassword>,
    /// From whom the mails are.
    #[schemars(with = "String")]
    pub from: Address,
}

/// Whether and how a connection to the relay is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SmtpTls {
    /// By STARTTLS, or not at all delivered (RFC 3207).
    #[default]
    Starttls,
    /// From the first byte on (RFC 8314).
    Tls,
    /// Not: for a relay on this machine.
    None,
}

/// A password, never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SmtpPassword(String);

/// What it looks like wherever it is shown.
const MASK: &str = "********";

impl SmtpPassword {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SmtpPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for SmtpPassword {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl NotificationsConfig {
    pub(super) fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms.max(10))
    }
    pub(super) fn delivery_interval(&self) -> Duration {
        Duration::from_millis(self.delivery_interval_ms.max(10))
    }
    /// Longest wait for an answer; give it to the client of the [`Courier`](super::Courier) too.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.max(10))
    }
}
