//! The normalizer's metrics.

use tlsrpt_record::REASON_UNREADABLE;
use tlsrpt_report::{Reject, WarningCode};
use tlsrpt_telemetry::prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};

use crate::normalize::{REASON_INTERNAL, REASON_OUTCOME_TOO_LARGE, Tally};

/// The normalizer's metrics, each named in one place.
#[derive(Clone)]
pub struct Metrics {
    submissions: IntCounterVec,
    warnings: IntCounterVec,
    rows: IntCounter,
    rejects: IntCounterVec,
    batch: Histogram,
    retries: IntCounter,
}

impl Metrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When a name is registered already: one normalizer a process.
    pub fn register(registry: &Registry) -> Result<Self, tlsrpt_telemetry::prometheus::Error> {
        let metrics = Self {
            submissions: IntCounterVec::new(
                Opts::new(
                    "tlsrpt_normalizer_submissions_total",
                    "Submissions worked on, redeliveries included, by outcome: stored with rows, or rejected",
                ),
                &["outcome"],
            )?,
            warnings: IntCounterVec::new(Opts::new("tlsrpt_normalizer_warnings_total", "Warnings given, by code"), &["code"])?,
            rows: IntCounter::new("tlsrpt_normalizer_rows_total", "Report rows made")?,
            rejects: IntCounterVec::new(Opts::new("tlsrpt_normalizer_rejects_total", "Rejects, by reason"), &["reason"])?,
            batch: Histogram::with_opts(
                HistogramOpts::new("tlsrpt_normalizer_batch_records", "Submissions in a batch")
                    .buckets(vec![1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0]),
            )?,
            retries: IntCounter::new("tlsrpt_normalizer_append_retries_total", "Appends of normalized records that had to be tried again")?,
        };
        registry.register(Box::new(metrics.submissions.clone()))?;
        registry.register(Box::new(metrics.warnings.clone()))?;
        registry.register(Box::new(metrics.rows.clone()))?;
        registry.register(Box::new(metrics.rejects.clone()))?;
        registry.register(Box::new(metrics.batch.clone()))?;
        registry.register(Box::new(metrics.retries.clone()))?;
        metrics.begin_at_zero();
        Ok(metrics)
    }

    /// A counter that is there before it first counts shows its first step as a rise.
    fn begin_at_zero(&self) {
        for outcome in ["stored", "rejected"] {
            self.submissions.with_label_values(&[outcome]);
        }
        for code in WarningCode::ALL {
            self.warnings.with_label_values(&[code.as_str()]);
        }
        for reason in Reject::CODES.iter().chain(&[REASON_INTERNAL, REASON_OUTCOME_TOO_LARGE, REASON_UNREADABLE]) {
            self.rejects.with_label_values(&[reason]);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^52 records")]
    pub(crate) fn batch(&self, tallies: &[Tally]) {
        self.batch.observe(tallies.len() as f64);
        for tally in tallies {
            match tally {
                Tally::Stored { rows, warnings } => {
                    self.submissions.with_label_values(&["stored"]).inc();
                    self.rows.inc_by(u64::try_from(*rows).unwrap_or(u64::MAX));
                    for code in warnings {
                        self.warnings.with_label_values(&[code]).inc();
                    }
                }
                Tally::Rejected(reason) | Tally::Poison(reason) => {
                    self.submissions.with_label_values(&["rejected"]).inc();
                    self.rejects.with_label_values(&[reason]).inc();
                }
            }
        }
    }

    pub(crate) fn append_retried(&self) {
        self.retries.inc();
    }
}
