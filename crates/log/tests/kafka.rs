//! The log in a real Kafka cluster: what every backend must do, and what only this one can.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs, unreachable_pub)]

#[path = "conformance/mod.rs"]
mod conformance;
#[path = "kafka/gap.rs"]
mod gap;
#[path = "kafka/member.rs"]
mod member;
#[path = "kafka/sasl_ssl.rs"]
mod sasl_ssl;
#[path = "kafka/settings.rs"]
mod settings;

use std::sync::Arc;

use conformance::Backend;
use tlsrpt_kafka_broker::{ClusterOptions, shared};
use tlsrpt_log::{KafkaConfig, KafkaLog, Log};

pub struct Subject {
    brokers: String,
    prefix: String,
    in_flight_max_bytes: usize,
}

#[async_trait::async_trait]
impl Backend for Subject {
    async fn fresh(in_flight_max_bytes: usize) -> Self {
        // One cluster holds the logs of all tests, apart by their prefixes. Retention and compaction spare the newest segment of a
        // partition: a new one begins with each append.
        let cluster = shared(ClusterOptions::default().with("log.roll.ms", "1")).await.unwrap();
        Self { brokers: cluster.bootstrap(), prefix: format!("t{:016x}.", rand::random::<u64>()), in_flight_max_bytes }
    }

    fn at(location: &str) -> Self {
        let (brokers, prefix) = location.split_once(' ').unwrap();
        Self { brokers: brokers.to_owned(), prefix: prefix.to_owned(), in_flight_max_bytes: conformance::MIB }
    }

    fn location(&self) -> String {
        format!("{} {}", self.brokers, self.prefix)
    }

    async fn open(&self) -> Arc<dyn Log> {
        KafkaLog::open(self.config()).unwrap()
    }

    async fn close(&self, log: Arc<dyn Log>) {
        drop(log);
    }
}

impl Subject {
    fn config(&self) -> KafkaConfig {
        KafkaConfig {
            prefix: self.prefix.clone(),
            record_max_bytes: 16 * conformance::MIB,
            in_flight_max_bytes: self.in_flight_max_bytes,
            // Members of a test come and go: they hear of it sooner than in production.
            properties: [("heartbeat.interval.ms".to_owned(), "100".to_owned())].into(),
            ..KafkaConfig::at(&self.brokers)
        }
    }
}
