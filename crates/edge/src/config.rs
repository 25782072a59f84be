//! The edge's part of the configuration tree.

use std::{num::NonZeroU32, path::PathBuf};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The receivers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeConfig {
    /// What every receiver keeps to.
    pub intake: IntakeConfig,
    /// TLS of the receivers.
    pub tls: TlsConfig,
    /// The HTTPS receiver.
    pub https: HttpsConfig,
    /// The SMTP receiver.
    pub smtp: SmtpConfig,
    /// Where submissions go while the log is away. The embedded log, which is never away, has none.
    pub spool: SpoolConfig,
}

/// What every receiver keeps to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IntakeConfig {
    /// Largest submission, as received.
    pub submission_max_bytes: usize,
    /// Bytes of all submissions that are being received or wait for the log; beyond it senders are told to come back.
    pub in_flight_max_bytes: usize,
    /// How long a submission waits for the log before its sender is told to come back.
    pub ack_timeout_ms: u64,
    /// When a sender that was turned away for lack of room should come back.
    pub retry_after_seconds: u32,
    /// Rates.
    pub rate: RateConfig,
}

/// The spool: where submissions go while the log is away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpoolConfig {
    /// Bytes that may be spooled and not yet be in the log; beyond it senders are told to come back. 0 turns the spool off:
    /// what an earlier run left in it is still sent to the log.
    pub limit_bytes: u64,
    /// How long a submission waits for the log before it goes to the spool, and those after it at once: longer than the slowest
    /// answer of a log that works. At most half of `intake.ack_timeout_ms` is waited.
    pub after_ms: u64,
}

/// How often one peer may come, and one address be written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateConfig {
    /// Requests a second of one IPv4 address or one IPv6 /64, in the long run.
    pub per_ip_per_second: NonZeroU32,
    /// Requests of one IPv4 address or one IPv6 /64 at once.
    pub per_ip_burst: NonZeroU32,
    /// Submissions a second to one reporting address, in the long run.
    pub per_address_per_second: NonZeroU32,
    /// Submissions to one reporting address at once.
    pub per_address_burst: NonZeroU32,
    /// Networks whose peers no rate and no connection limit per peer applies to.
    #[schemars(with = "Vec<String>")]
    pub exempt_networks: Vec<IpNet>,
}

/// TLS of the receivers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// How often the certificate's files are looked at for a change.
    pub poll_interval_ms: u64,
    /// Longest handshake.
    pub handshake_timeout_ms: u64,
}

/// The HTTPS receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpsConfig {
    /// Longest wait for the first request's head.
    pub header_timeout_ms: u64,
    /// Longest wait for the head of each later request; an idle connection is closed after it.
    pub idle_timeout_ms: u64,
    /// Longest wait between two pieces of a body.
    pub body_chunk_timeout_ms: u64,
    /// Longest time for a whole body.
    pub body_timeout_ms: u64,
    /// Largest request head; at least 8192.
    pub header_max_bytes: u32,
    /// Requests at once on one HTTP/2 connection.
    pub http2_streams_max: u32,
    /// Connections at once.
    pub connections_max: usize,
    /// Connections at once from one IPv4 address or one IPv6 /64.
    pub connections_per_ip_max: usize,
    /// How long requests that were begun may go on after the order to stop.
    pub shutdown_grace_ms: u64,
}

/// The SMTP receiver. The largest mail is `intake.submission_max_bytes`; a line of text in it may be as long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmtpConfig {
    /// Longest wait for a whole command (RFC 5321 4.5.3.2.7).
    pub command_timeout_ms: u64,
    /// Longest wait between two pieces of a mail (RFC 5321 4.5.3.2.5).
    pub data_chunk_timeout_ms: u64,
    /// Longest time for a whole mail.
    pub data_timeout_ms: u64,
    /// Longest wait for a client to take a reply.
    pub reply_timeout_ms: u64,
    /// Longest session.
    pub session_timeout_ms: u64,
    /// Longest command, its CRLF included: 512 (RFC 5321 4.5.3.1.4), and what the extensions add to it.
    pub command_max_bytes: usize,
    /// Commands of one session.
    pub commands_max: u32,
    /// Commands that a session may have refused for good (5xx) after the last mail that was taken.
    pub bad_commands_max: u32,
    /// Recipients of one mail (RFC 5321 4.5.3.1.8), at most 200.
    pub recipients_max: usize,
    /// Connections at once, those over LMTP counted by themselves.
    pub connections_max: usize,
    /// Connections at once from one IPv4 address or one IPv6 /64.
    pub connections_per_ip_max: usize,
    /// Networks of load balancers: connections from there, and from nowhere else, begin with a PROXY protocol header.
    #[schemars(with = "Vec<String>")]
    pub proxy_networks: Vec<IpNet>,
    /// Longest wait for that header.
    pub proxy_timeout_ms: u64,
    /// How long mails that were begun may go on after the order to stop.
    pub shutdown_grace_ms: u64,
}

/// Where the receivers' certificate comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CertificateSource {
    /// One of one's own making, kept in the data directory. Senders may skip the check (RFC 8460 3).
    #[default]
    SelfSigned,
    /// PEM files, read again when they change.
    Files {
        /// The certificate and its chain.
        cert: PathBuf,
        /// The private key.
        key: PathBuf,
    },
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self { poll_interval_ms: 5_000, handshake_timeout_ms: 10_000 }
    }
}

impl Default for SmtpConfig {
    fn default() -> Self {
        Self {
            command_timeout_ms: 300_000,
            data_chunk_timeout_ms: 180_000,
            data_timeout_ms: 600_000,
            reply_timeout_ms: 60_000,
            session_timeout_ms: 3_600_000,
            command_max_bytes: 1_024,
            commands_max: 10_000,
            bad_commands_max: 20,
            recipients_max: 100,
            connections_max: 10_000,
            connections_per_ip_max: 100,
            proxy_networks: Vec::new(),
            proxy_timeout_ms: 5_000,
            shutdown_grace_ms: 15_000,
        }
    }
}

impl Default for IntakeConfig {
    fn default() -> Self {
        Self {
            submission_max_bytes: 10 << 20,
            in_flight_max_bytes: 256 << 20,
            ack_timeout_ms: 10_000,
            retry_after_seconds: 30,
            rate: RateConfig::default(),
        }
    }
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self { limit_bytes: 1 << 30, after_ms: 2_000 }
    }
}

impl Default for RateConfig {
    fn default() -> Self {
        const fn some(number: u32) -> NonZeroU32 {
            NonZeroU32::MIN.saturating_add(number - 1)
        }
        Self {
            per_ip_per_second: some(100),
            per_ip_burst: some(1_000),
            per_address_per_second: some(1_000),
            per_address_burst: some(10_000),
            exempt_networks: ["127.0.0.0/8", "::1/128"].iter().filter_map(|net| net.parse().ok()).collect(),
        }
    }
}

impl Default for HttpsConfig {
    fn default() -> Self {
        Self {
            header_timeout_ms: 10_000,
            idle_timeout_ms: 30_000,
            body_chunk_timeout_ms: 10_000,
            body_timeout_ms: 60_000,
            header_max_bytes: 32 << 10,
            http2_streams_max: 100,
            connections_max: 10_000,
            connections_per_ip_max: 500,
            shutdown_grace_ms: 15_000,
        }
    }
}
