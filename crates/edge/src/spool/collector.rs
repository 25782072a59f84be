//! The spool's depth as metrics, read when they are: an age that were set by events would stand still between them.

use std::sync::Arc;

use prometheus::{
    Gauge, IntGauge,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use super::{Depth, now_ms};

/// Shows a [`Depth`].
pub(crate) struct DepthCollector {
    depth: Arc<Depth>,
    records: IntGauge,
    bytes: IntGauge,
    age_seconds: Gauge,
    limit_bytes: IntGauge,
    set_aside_records: IntGauge,
}

impl DepthCollector {
    /// Declares the gauges.
    pub(crate) fn new(depth: Arc<Depth>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            depth,
            records: IntGauge::new("tlsrpt_edge_spool_records", "Submissions in the spool that are not yet in the log")?,
            bytes: IntGauge::new("tlsrpt_edge_spool_bytes", "Bytes in the spool that count against its limit, those set aside included")?,
            age_seconds: Gauge::new(
                "tlsrpt_edge_spool_age_seconds",
                "Age of the oldest submission that waits in the spool, 0 when none does",
            )?,
            limit_bytes: IntGauge::new("tlsrpt_edge_spool_limit_bytes", "Bytes that the spool may hold, 0 when it is off")?,
            set_aside_records: IntGauge::new(
                "tlsrpt_edge_spool_set_aside_records",
                "Spooled submissions that the log refuses as too large, kept aside",
            )?,
        })
    }

    fn gauges(&self) -> [&dyn Collector; 5] {
        [&self.records, &self.bytes, &self.age_seconds, &self.limit_bytes, &self.set_aside_records]
    }
}

impl Collector for DepthCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges().into_iter().flat_map(|gauge| gauge.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let reading = self.depth.read();
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.records.set(gauge(reading.waiting.records));
        self.bytes.set(gauge(reading.waiting.bytes.saturating_add(reading.set_aside.bytes)));
        let age_ms = reading.oldest_at_ms.map_or(0, |oldest| now_ms().saturating_sub(oldest).max(0));
        self.age_seconds.set(age_ms as f64 / 1_000.0);
        self.limit_bytes.set(gauge(reading.limit_bytes));
        self.set_aside_records.set(gauge(reading.set_aside.records));
        self.gauges().into_iter().flat_map(|gauge| gauge.collect()).collect()
    }
}
