//! How far the groups are behind, as metrics.

use std::{sync::Arc, time::Duration};

use tlsrpt_log::{Lag, Log};
use tlsrpt_telemetry::prometheus::{Error, GaugeVec, IntGaugeVec, Opts, Registry};
use tokio_util::sync::CancellationToken;

use super::process::Process;

/// Topics, each with a group that works on it.
pub(super) type Groups = &'static [(&'static str, &'static str)];

/// Shows how far these groups are behind on these topics.
pub(super) fn start(process: &mut Process<'_>, of: Groups) -> Result<(), Error> {
    let lag = LagMetrics::register(&process.metrics)?.watch(Arc::clone(&process.log), of, process.shutdown.clone());
    process.roles.start("lag", async {
        lag.await;
        Ok(())
    });
    Ok(())
}

/// Wait between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Lag by topic and group, in all and by partition.
pub(super) struct LagMetrics {
    records: IntGaugeVec,
    by_partition: IntGaugeVec,
    age: GaugeVec,
}

impl LagMetrics {
    /// Registers the metrics.
    pub(super) fn register(registry: &Registry) -> Result<Self, Error> {
        let labels = &["topic", "group"];
        let metrics = Self {
            records: IntGaugeVec::new(Opts::new("tlsrpt_log_lag_records", "Records that the group has yet to commit"), labels)?,
            by_partition: IntGaugeVec::new(
                Opts::new("tlsrpt_log_partition_lag_records", "Records of a partition that the group has yet to commit"),
                &["topic", "group", "partition"],
            )?,
            age: GaugeVec::new(
                Opts::new("tlsrpt_log_lag_seconds", "Age of the oldest record that the group has yet to commit; 0 when there is none"),
                labels,
            )?,
        };
        registry.register(Box::new(metrics.records.clone()))?;
        registry.register(Box::new(metrics.by_partition.clone()))?;
        registry.register(Box::new(metrics.age.clone()))?;
        Ok(metrics)
    }

    /// Shows how far a group is behind.
    pub(super) fn show(&self, topic: &str, group: &str, lag: &Lag) {
        self.records.with_label_values(&[topic, group]).set(gauge(lag.records));
        for (partition, &records) in &lag.by_partition {
            self.by_partition.with_label_values(&[topic, group, &partition.to_string()]).set(gauge(records));
        }
        self.age.with_label_values(&[topic, group]).set(lag.oldest_appended_at_ms.map_or(0.0, seconds_since));
    }

    /// Looks once a second until `shutdown`.
    async fn watch(self, log: Arc<dyn Log>, of: Groups, shutdown: CancellationToken) {
        loop {
            for &(topic, group) in of {
                match log.lag(topic, group).await {
                    Ok(lag) => self.show(topic, group, &lag),
                    // The role that reads the topic says so too, and louder.
                    Err(error) => tracing::debug!(%error, topic, group, "the lag cannot be read"),
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }
}

fn gauge(records: u64) -> i64 {
    i64::try_from(records).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^52")]
fn seconds_since(unix_ms: i64) -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    (now - unix_ms as f64 / 1000.0).max(0.0)
}
