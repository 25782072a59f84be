//! The one typed configuration tree: defaults, then the TOML file, then the environment, then flags.

mod kafka;
mod load;
mod otlp;
mod overrides;
pub(crate) mod reference;
mod secret;
mod size;

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tlsrpt_log::{Cleanup, Topic};
use tlsrpt_record::{NORMALIZED, SUBMISSIONS};
use tlsrpt_telemetry::logs::LogFormat;

pub(crate) use kafka::KafkaSection;
pub(crate) use load::load;
pub(crate) use otlp::OtlpSection;
pub(crate) use overrides::Overrides;
pub(crate) use secret::Secret;

/// Everything that can be set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where the embedded log, the embedded database and generated secrets are kept.
    pub(crate) data_dir: PathBuf,
    /// The operator's key for `/admin/v1`; without one a random key is made and kept in the data directory.
    #[schemars(with = "Option<String>")]
    pub(crate) admin_key: Option<Secret>,
    /// Host parts of reporting addresses; when none is given, any host part is accepted for a known address.
    pub(crate) mail_hosts: Vec<String>,
    /// Addresses to listen on.
    pub(crate) listen: Listen,
    /// TLS of the receivers.
    pub(crate) tls: Tls,
    /// The receivers.
    pub(crate) edge: tlsrpt_edge::EdgeConfig,
    /// The log, embedded or Kafka.
    pub(crate) log: LogSection,
    /// The Kafka cluster, in place of the embedded log.
    pub(crate) kafka: KafkaSection,
    /// How the origins of mails are verified.
    pub(crate) origin: tlsrpt_origin::OriginConfig,
    /// Requests to hosts that others name.
    pub(crate) outbound: tlsrpt_outbound::OutboundConfig,
    /// How it is looked at what domains publish.
    pub(crate) publication: tlsrpt_publication::PublicationConfig,
    /// The normalizer.
    pub(crate) normalizer: tlsrpt_normalizer::NormalizerConfig,
    /// The writer.
    pub(crate) writer: tlsrpt_writer::WriterConfig,
    /// The database.
    pub(crate) store: StoreSection,
    /// Backups of the data directory.
    pub(crate) backup: BackupSection,
    /// The query service.
    pub(crate) query: tlsrpt_query::QueryConfig,
    /// How tenants are told what is new.
    pub(crate) notifications: tlsrpt_query::NotificationsConfig,
    /// Log lines.
    pub(crate) logs: LogsSection,
    /// Traces, and metrics for whoever has no Prometheus.
    pub(crate) otlp: OtlpSection,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("tlsrpt-data"),
            admin_key: None,
            mail_hosts: Vec::new(),
            listen: Listen::default(),
            tls: Tls::default(),
            edge: tlsrpt_edge::EdgeConfig::default(),
            log: LogSection::default(),
            kafka: KafkaSection::default(),
            origin: tlsrpt_origin::OriginConfig::default(),
            outbound: tlsrpt_outbound::OutboundConfig::default(),
            publication: tlsrpt_publication::PublicationConfig::default(),
            normalizer: tlsrpt_normalizer::NormalizerConfig::default(),
            writer: tlsrpt_writer::WriterConfig::default(),
            store: StoreSection::default(),
            backup: BackupSection::default(),
            query: tlsrpt_query::QueryConfig::default(),
            notifications: tlsrpt_query::NotificationsConfig::default(),
            logs: LogsSection::default(),
            otlp: OtlpSection::default(),
        }
    }
}

/// Addresses to listen on; port 0 takes a free one, which the log line names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listen {
    /// The HTTPS receiver.
    pub(crate) https: SocketAddr,
    /// The SMTP receiver.
    pub(crate) smtp: SocketAddr,
    /// SMTP within TLS.
    pub(crate) smtps: Option<SocketAddr>,
    /// LMTP, for a mail server of one's own: an address, or `unix:` and a path.
    #[schemars(with = "Option<String>")]
    pub(crate) lmtp: Option<tlsrpt_edge::LmtpAddress>,
    /// The tenant and operator API.
    pub(crate) query: SocketAddr,
    /// `/metrics`, `/healthz`, `/readyz`.
    pub(crate) ops: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self { https: loopback(8443), smtp: loopback(2525), smtps: None, lmtp: None, query: loopback(8080), ops: loopback(9090) }
    }
}

/// TLS of the receivers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    /// TLS of the HTTPS receiver, and where the certificate of both receivers comes from.
    pub(crate) mode: TlsMode,
    /// Certificate chain in PEM, for mode `files`; in mode `off` for mail.
    pub(crate) cert: Option<PathBuf>,
    /// Private key in PEM, as the certificate.
    pub(crate) key: Option<PathBuf>,
}

impl Tls {
    /// Where the certificate comes from. The SMTP receiver has one in every mode: the proxy that ends HTTPS does not do so for
    /// mail, and any certificate does for STARTTLS (RFC 7435).
    pub(crate) fn certificate(&self) -> tlsrpt_edge::CertificateSource {
        match (self.mode, &self.cert, &self.key) {
            (TlsMode::Files | TlsMode::Off, Some(cert), Some(key)) => {
                tlsrpt_edge::CertificateSource::Files { cert: cert.clone(), key: key.clone() }
            }
            // Mode `files` has its files: the configuration is not loaded without them.
            _ => tlsrpt_edge::CertificateSource::SelfSigned,
        }
    }
}

/// TLS of the HTTPS receiver, and where the certificate comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TlsMode {
    /// Plain HTTP, for a receiver behind a proxy that ends TLS; mail has TLS all the same.
    Off,
    /// A certificate made at the first start and kept in the data directory; senders may skip checks (RFC 8460 3).
    #[default]
    SelfSigned,
    /// The files `cert` and `key`, read again when they change.
    Files,
}

/// The log, whichever it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSection {
    /// Largest record: a submission, or all that was read from it with its payload. The same on every role; a topic of Kafka's
    /// must take it.
    pub(crate) record_max_bytes: usize,
    /// Bytes that may wait for durability at one time; beyond it senders get 503 with Retry-After.
    pub(crate) in_flight_max_bytes: usize,
    /// How long submissions are kept once the normalizer is done with them, seconds. The same on every role, as the next.
    pub(crate) submissions_kept_seconds: NonZeroU32,
    /// How long outcomes are kept once the writer is done with them, seconds.
    pub(crate) normalized_kept_seconds: NonZeroU32,
}

impl Default for LogSection {
    fn default() -> Self {
        let seconds = |topic: &Topic| match topic.cleanup {
            Cleanup::Delete { age_max, .. } => u32::try_from(age_max.as_secs()).ok().and_then(NonZeroU32::new),
            Cleanup::Compact => None,
        };
        Self {
            record_max_bytes: tlsrpt_record::RECORD_MAX_BYTES,
            in_flight_max_bytes: 128 << 20,
            submissions_kept_seconds: seconds(&SUBMISSIONS).unwrap_or(NonZeroU32::MAX),
            normalized_kept_seconds: seconds(&NORMALIZED).unwrap_or(NonZeroU32::MAX),
        }
    }
}

impl LogSection {
    /// The topic with its records kept for as long as is set.
    pub(crate) fn kept(&self, topic: &Topic) -> Topic {
        let mut topic = topic.clone();
        let seconds = [(SUBMISSIONS.name, self.submissions_kept_seconds), (NORMALIZED.name, self.normalized_kept_seconds)];
        let set = seconds.into_iter().find(|(name, _)| *name == topic.name);
        if let (Some((_, seconds)), Cleanup::Delete { age_max, .. }) = (set, &mut topic.cleanup) {
            *age_max = Duration::from_secs(seconds.get().into());
        }
        topic
    }
}

/// The database.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreSection {
    /// URL of a ClickHouse server's HTTP interface; without one the embedded engine is used.
    pub(crate) clickhouse_url: Option<String>,
    /// User on that server.
    pub(crate) clickhouse_user: String,
    /// Password on that server.
    #[schemars(with = "Option<String>")]
    pub(crate) clickhouse_password: Option<Secret>,
    /// Database, made by the first migration.
    pub(crate) clickhouse_database: String,
    /// Cluster in which the migrations make replicated tables with distributed ones over them; none for one server.
    #[schemars(with = "Option<String>")]
    pub(crate) clickhouse_cluster: Option<tlsrpt_store::ClusterName>,
    /// How long entries of the audit log are kept, days.
    pub(crate) audit_retention_days: u32,
    /// `libchdb.so` of the embedded engine; without one it is looked for where `make libchdb` puts it.
    pub(crate) library: Option<PathBuf>,
    /// Address of the embedded engine's HTTP endpoint; loopback only.
    pub(crate) embedded_listen: SocketAddr,
    /// Password of the user `tlsrpt_readonly` of the embedded engine, 16 characters or more, for dashboards; without one there is no
    /// such user.
    #[schemars(with = "Option<String>")]
    pub(crate) embedded_readonly_password: Option<Secret>,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self {
            clickhouse_url: None,
            clickhouse_user: "default".to_owned(),
            clickhouse_password: None,
            clickhouse_database: "tlsrpt".to_owned(),
            clickhouse_cluster: None,
            audit_retention_days: 1_826,
            library: None,
            embedded_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            embedded_readonly_password: None,
        }
    }
}

/// Backups of the data directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BackupSection {
    /// Where a running service makes them; without one it is `backups` in the data directory.
    pub(crate) dir: Option<PathBuf>,
}

impl Config {
    /// Where a running service makes backups, absolute.
    pub(crate) fn backups_dir(&self) -> std::io::Result<PathBuf> {
        std::path::absolute(self.backup.dir.clone().unwrap_or_else(|| self.data_dir.join("backups")))
    }

    /// Whether log and database are both kept in the data directory.
    pub(crate) fn is_embedded(&self) -> bool {
        self.kafka.brokers.is_none() && self.store.clickhouse_url.is_none()
    }
}

/// Log lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogsSection {
    /// `text` or `json`.
    pub(crate) format: LogFormat,
    /// A level, or `target=level` pairs by commas.
    pub(crate) filter: String,
}

impl Default for LogsSection {
    fn default() -> Self {
        // rustls warns of what peers send, which anybody may: an IP address for a host name is enough. hickory warns of what the zones
        // of others are like.
        Self {
            format: LogFormat::Text,
            filter: "info,fjall=warn,lsm_tree=warn,rustls=error,hickory_net=error,hickory_proto=error,hickory_resolver=error".to_owned(),
        }
    }
}
