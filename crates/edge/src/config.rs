//! The edge's part of the configuration tree.

use std::{num::NonZeroU32, path::PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The receivers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeConfig {
    /// What every receiver keeps to.
    pub intake: IntakeConfig,
    /// The HTTPS receiver.
    pub https: HttpsConfig,
    /// Where submissions go while the log is away. The embedded log, which is never away, has none.
    pub spool: SpoolConfig,
}

/// What every receiver keeps to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub exempt_networks: Vec<IpNet>,
}

/// The HTTPS receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpsConfig {
    /// How often the certificate's files are looked at for a change.
    pub tls_poll_interval_ms: u64,
    /// Longest TLS handshake.
    pub tls_handshake_timeout_ms: u64,
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

/// Where the HTTPS receiver's certificate comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// No TLS: something in front ends it.
    Off,
    /// A certificate of one's own making, kept in the data directory. Senders may skip the check (RFC 8460 3).
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
            tls_poll_interval_ms: 5_000,
            tls_handshake_timeout_ms: 10_000,
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
