//! Every metric of the edge. Totals that users see come from the store; these are for whoever runs it.

use std::sync::Arc;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use tlsrpt_record::Channel;

use crate::{
    connections::NoPlace,
    https::Problem,
    refusal::Refusal,
    smtp::{LISTENERS, Reply},
    spool::{Depth, DepthCollector},
};

/// The edge's metrics.
#[derive(Clone)]
pub struct Metrics {
    received: IntCounterVec,
    acknowledged: IntCounterVec,
    refused: IntCounterVec,
    received_bytes: IntCounterVec,
    open_connections: IntGauge,
    smtp_sessions: IntCounterVec,
    smtp_starttls: IntCounterVec,
    /// Requests being answered.
    pub(crate) in_flight_requests: IntGauge,
    /// Bytes of submissions being received or waiting for the log.
    pub(crate) in_flight_bytes: IntGauge,
    /// From handing a submission to the log to its answer, or the spool's.
    pub(crate) ack_seconds: Histogram,
    /// Until when the certificate in use is valid, in seconds since 1970.
    pub(crate) certificate_expiry: IntGauge,
    /// The spool's.
    pub(crate) spool: SpoolMetrics,
}

/// The spool's metrics; they stay at 0 without one.
#[derive(Clone)]
pub(crate) struct SpoolMetrics {
    /// What is in it, read when the metrics are.
    pub(crate) depth: Arc<Depth>,
    /// Submissions that went to the spool.
    pub(crate) spooled: IntCounter,
    /// Spooled submissions that the log holds.
    pub(crate) drained: IntCounter,
    /// 1 while the log is away, else 0.
    pub(crate) log_away: IntGauge,
}

/// What comes of STARTTLS.
const STARTTLS_OUTCOMES: [&str; 2] = ["done", "failed"];

/// One channel's counters, looked up once.
pub(crate) struct ChannelMetrics {
    /// Submissions that the log holds.
    pub(crate) acknowledged: IntCounter,
    received: IntCounter,
    received_bytes: IntCounter,
    refused: IntCounterVec,
    channel: Channel,
}

/// Counts something while it lives.
pub(crate) struct Counted(IntGauge);

impl Metrics {
    /// Declares and registers them.
    ///
    /// # Errors
    /// When a metric of one of these names is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok(counters)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let ack_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "tlsrpt_edge_ack_seconds",
                "Time from handing a submission to the log until the log, or the spool in its place, answered",
            )
            .buckets(vec![0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
        )?;
        registry.register(Box::new(ack_seconds.clone()))?;
        let depth = Arc::new(Depth::default());
        registry.register(Box::new(DepthCollector::new(Arc::clone(&depth))?))?;
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let spool = SpoolMetrics {
            depth,
            spooled: counter("tlsrpt_edge_spooled_total", "Submissions that went to the spool, the log being away or too busy")?,
            drained: counter("tlsrpt_edge_drained_total", "Spooled submissions that went on to the log")?,
            log_away: gauge("tlsrpt_edge_log_away", "1 while the log takes no submissions and they go to the spool, else 0")?,
        };
        let metrics = Self {
            received: counters(
                "tlsrpt_edge_received_total",
                "Submissions of which the payload came in whole, whatever is answered",
                &["channel"],
            )?,
            acknowledged: counters("tlsrpt_edge_acknowledged_total", "Submissions acknowledged to their sender", &["channel"])?,
            refused: counters("tlsrpt_edge_refused_total", "Requests and connections refused", &["channel", "reason"])?,
            received_bytes: counters("tlsrpt_edge_received_bytes_total", "Bytes of payloads received", &["channel"])?,
            open_connections: gauge("tlsrpt_edge_open_connections", "Connections that are open")?,
            smtp_sessions: counters("tlsrpt_edge_smtp_sessions_total", "SMTP and LMTP sessions that were begun", &["listener"])?,
            smtp_starttls: counters("tlsrpt_edge_smtp_starttls_total", "STARTTLS commands by what came of them", &["outcome"])?,
            in_flight_requests: gauge("tlsrpt_edge_in_flight_requests", "Requests being answered")?,
            in_flight_bytes: gauge("tlsrpt_edge_in_flight_bytes", "Bytes of submissions being received or waiting for the log")?,
            certificate_expiry: gauge(
                "tlsrpt_edge_certificate_expiry_timestamp_seconds",
                "Until when the certificate of the receivers is valid, Unix time; 0 when that cannot be told",
            )?,
            ack_seconds,
            spool,
        };
        metrics.begin_at_zero();
        Ok(metrics)
    }

    /// A counter that is there before it first counts shows its first step as a rise.
    fn begin_at_zero(&self) {
        for (channel, reasons) in [(Channel::Https, &Problem::REASONS[..]), (Channel::Smtp, &Reply::REASONS[..])] {
            drop(self.channel(channel));
            for reason in Refusal::REASONS.iter().chain(&NoPlace::REASONS).chain(reasons) {
                self.refused.with_label_values(&[channel.as_str(), reason]);
            }
        }
        for listener in LISTENERS {
            self.smtp_sessions.with_label_values(&[listener]);
        }
        for outcome in STARTTLS_OUTCOMES {
            self.smtp_starttls.with_label_values(&[outcome]);
        }
    }

    /// The counters of one channel.
    pub(crate) fn channel(&self, channel: Channel) -> ChannelMetrics {
        ChannelMetrics {
            acknowledged: self.acknowledged.with_label_values(&[channel.as_str()]),
            received: self.received.with_label_values(&[channel.as_str()]),
            received_bytes: self.received_bytes.with_label_values(&[channel.as_str()]),
            refused: self.refused.clone(),
            channel,
        }
    }

    /// Counts an SMTP or LMTP session.
    pub(crate) fn session(&self, listener: &'static str) {
        self.smtp_sessions.with_label_values(&[listener]).inc();
    }

    /// Counts a STARTTLS.
    pub(crate) fn starttls(&self, outcome: &'static str) {
        self.smtp_starttls.with_label_values(&[outcome]).inc();
    }

    /// Counts a connection while the answer lives.
    pub(crate) fn connection(&self) -> Counted {
        Counted::new(&self.open_connections)
    }
}

impl ChannelMetrics {
    /// Counts a submission whose payload of so many bytes came in whole, before anything is answered.
    pub(crate) fn received(&self, bytes: usize) {
        self.received.inc();
        self.received_bytes.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Counts a refusal. A reason is a word of this program, so the number of series is bounded.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.with_label_values(&[self.channel.as_str(), reason]).inc();
    }
}

impl Counted {
    /// Counts one more in `gauge` while the answer lives.
    pub(crate) fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
