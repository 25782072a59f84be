//! The writer's metrics.

use std::time::{Duration, SystemTime};

use tlsrpt_record::SubmissionId;
use tlsrpt_telemetry::prometheus::{Error, Gauge, Histogram, HistogramOpts, IntCounter, Registry};

/// The writer's metrics, each named in one place.
#[derive(Clone)]
pub struct Metrics {
    batch_records: Histogram,
    batch_bytes: Histogram,
    insert: Histogram,
    rows: IntCounter,
    retries: IntCounter,
    rejects: IntCounter,
    audit: IntCounter,
    queryable: Histogram,
    newest: Gauge,
}

impl Metrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When a name is registered already: one writer a process.
    pub fn register(registry: &Registry) -> Result<Self, Error> {
        let histogram = |name: &str, help: &str, buckets: Vec<f64>| Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets));
        let powers = |start: f64, factor: f64, count: i32| (0..count).map(|n| start * factor.powi(n)).collect::<Vec<_>>();
        let metrics = Self {
            batch_records: histogram("tlsrpt_writer_batch_records", "Records in a batch", powers(1.0, 4.0, 9))?,
            batch_bytes: histogram("tlsrpt_writer_batch_bytes", "Bytes of records in a batch", powers(1024.0, 4.0, 9))?,
            insert: histogram("tlsrpt_writer_insert_seconds", "Time of an insert that the database acknowledged", powers(0.005, 2.0, 12))?,
            rows: IntCounter::new("tlsrpt_writer_rows_total", "Report rows inserted, redeliveries included")?,
            retries: IntCounter::new("tlsrpt_writer_insert_retries_total", "Inserts that had to be tried again")?,
            rejects: IntCounter::new("tlsrpt_writer_rejects_total", "Records that could not be read or that the database refused")?,
            audit: IntCounter::new("tlsrpt_writer_audit_entries_total", "Audit entries inserted, redeliveries included")?,
            queryable: histogram(
                "tlsrpt_writer_receipt_to_queryable_seconds",
                "Time from the receipt of a submission until it can be queried",
                powers(0.05, 2.0, 14),
            )?,
            newest: Gauge::new(
                "tlsrpt_writer_newest_queryable_timestamp_seconds",
                "Receipt of the newest submission that can be queried, Unix time",
            )?,
        };
        registry.register(Box::new(metrics.batch_records.clone()))?;
        registry.register(Box::new(metrics.batch_bytes.clone()))?;
        registry.register(Box::new(metrics.insert.clone()))?;
        registry.register(Box::new(metrics.rows.clone()))?;
        registry.register(Box::new(metrics.retries.clone()))?;
        registry.register(Box::new(metrics.rejects.clone()))?;
        registry.register(Box::new(metrics.audit.clone()))?;
        registry.register(Box::new(metrics.queryable.clone()))?;
        registry.register(Box::new(metrics.newest.clone()))?;
        Ok(metrics)
    }

    #[expect(clippy::cast_precision_loss, reason = "batches are far below 2^52")]
    pub(crate) fn batch(&self, records: usize, bytes: usize) {
        self.batch_records.observe(records as f64);
        self.batch_bytes.observe(bytes as f64);
    }

    pub(crate) fn inserted(&self, took: Duration, rows: u64) {
        self.insert.observe(took.as_secs_f64());
        self.rows.inc_by(rows);
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^52")]
    pub(crate) fn queryable(&self, submissions: impl Iterator<Item = SubmissionId>) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        for submission in submissions {
            let received = submission.received_at().0 as f64 / 1000.0;
            self.queryable.observe((now - received).max(0.0));
            if received > self.newest.get() {
                self.newest.set(received);
            }
        }
    }

    pub(crate) fn insert_retried(&self) {
        self.retries.inc();
    }

    pub(crate) fn audited(&self, entries: usize) {
        self.audit.inc_by(entries as u64);
    }

    pub(crate) fn rejected(&self) {
        self.rejects.inc();
    }
}
