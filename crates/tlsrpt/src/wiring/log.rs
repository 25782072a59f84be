//! The log: embedded in this process, or a Kafka cluster.

use std::{sync::Arc, time::Duration};

use tlsrpt_log::{EmbeddedConfig, EmbeddedLog, KafkaConfig, KafkaLog, Log, LogError};
use tlsrpt_record::{AUDIT, AUDIT_GROUP, NORMALIZED, NORMALIZER_GROUP, SUBMISSIONS, WRITER_GROUP};
use tlsrpt_telemetry::{
    Dependency,
    prometheus::{self, IntGauge},
};
use tokio_util::sync::CancellationToken;

use super::data_dir;
use crate::config::Config;

/// Directory of the embedded log below the data directory.
pub(crate) const LOG_DIR: &str = "log";

/// Wait between two questions whether Kafka is there.
const PROBE_INTERVAL: Duration = Duration::from_secs(3);

/// What a process does while Kafka is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WithoutKafka {
    /// Nothing, so it is not ready.
    Nothing,
    /// The edge takes submissions, into its spool, and the API answers tenants, from the database: to call these unready would take
    /// away what still works.
    GoesOn,
}

/// An open log.
pub(crate) enum OpenLog {
    Embedded(Arc<EmbeddedLog>),
    Kafka(Arc<KafkaLog>),
}

impl OpenLog {
    /// Opens the log that is configured. No broker is asked yet.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        match &config.kafka.brokers {
            Some(brokers) => Ok(Self::Kafka(KafkaLog::open(kafka_config(config, brokers))?)),
            None => {
                data_dir::make(config)?;
                Ok(Self::Embedded(open_embedded(config).await?))
            }
        }
    }

    /// The embedded log, if it is that.
    pub(crate) fn embedded(&self) -> Option<Arc<EmbeddedLog>> {
        match self {
            Self::Embedded(log) => Some(Arc::clone(log)),
            Self::Kafka(_) => None,
        }
    }

    pub(crate) fn log(&self) -> Arc<dyn Log> {
        match self {
            Self::Embedded(log) => Arc::clone(log) as Arc<dyn Log>,
            Self::Kafka(log) => Arc::clone(log) as Arc<dyn Log>,
        }
    }

    /// Declares the topic that submissions go to.
    pub(crate) async fn declare_submissions(&self, config: &Config) -> Result<(), LogError> {
        self.log().declare(&config.log.kept(&SUBMISSIONS)).await
    }

    /// Shows whether Kafka is there, until `shutdown`: as a metric, in the log, and in `readiness` where there is one. The embedded
    /// log is there or the process is not.
    pub(super) fn watch(
        &self,
        metrics: &prometheus::Registry,
        readiness: Option<Dependency>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let Self::Kafka(log) = self else { return Ok(()) };
        let up = up(metrics)?;
        let log = Arc::clone(log);
        tokio::spawn(shutdown.run_until_cancelled_owned(async move {
            let mut is_away = false;
            loop {
                let answer = log.probe().await;
                up.set(i64::from(answer.is_ok()));
                match answer {
                    Ok(()) => {
                        readiness.iter().for_each(Dependency::ready);
                        if std::mem::take(&mut is_away) {
                            tracing::info!("Kafka answers again");
                        }
                    }
                    Err(error) => {
                        readiness.iter().for_each(|kafka| kafka.missing(error.to_string()));
                        if !std::mem::replace(&mut is_away, true) {
                            tracing::warn!(%error, "Kafka is away; it is waited for");
                        }
                    }
                }
                tokio::time::sleep(PROBE_INTERVAL).await;
            }
        }));
        Ok(())
    }

    /// Makes durable what was taken, within bounds, and closes.
    pub(crate) async fn close(self) {
        let closed = tokio::task::spawn_blocking(move || match self {
            Self::Embedded(log) => log.close(),
            Self::Kafka(log) => log.close(),
        });
        if let Err(error) = closed.await {
            tracing::error!(%error, "the log could not be closed");
        }
    }
}

/// Registers whether Kafka is there.
pub(super) fn up(metrics: &prometheus::Registry) -> Result<IntGauge, prometheus::Error> {
    let up = IntGauge::new("tlsrpt_log_up", "1 while Kafka answers, 0 while it does not; not there with the embedded log")?;
    metrics.register(Box::new(up.clone()))?;
    Ok(up)
}

async fn open_embedded(config: &Config) -> Result<Arc<EmbeddedLog>, LogError> {
    let log = EmbeddedLog::open(EmbeddedConfig {
        dir: config.data_dir.join(LOG_DIR),
        record_max_bytes: config.log.record_max_bytes,
        in_flight_max_bytes: config.log.in_flight_max_bytes,
    })?;
    for (topic, group) in [(&SUBMISSIONS, NORMALIZER_GROUP), (&NORMALIZED, WRITER_GROUP), (&AUDIT, AUDIT_GROUP)] {
        log.declare(&config.log.kept(topic)).await?;
        // Registered before anything is appended: from here on retention spares what the group has not committed, however long
        // its role takes to start.
        drop(log.consumer(topic.name, group).await?);
    }
    Ok(log)
}

/// The cluster that is configured.
pub(crate) fn kafka_config(config: &Config, brokers: &str) -> KafkaConfig {
    let section = &config.kafka;
    KafkaConfig {
        brokers: brokers.to_owned(),
        properties: section.properties.0.clone(),
        prefix: section.prefix.clone(),
        create_topics: section.create_topics,
        partitions: Some(section.partitions),
        replication_factor: section.replication_factor,
        record_max_bytes: config.log.record_max_bytes,
        in_flight_max_bytes: config.log.in_flight_max_bytes,
    }
}
