//! A real broker, on the same cores as everything else.

use std::{sync::Arc, time::Duration};

use tlsrpt_kafka_broker::{Cluster, ClusterOptions};
use tlsrpt_log::{KafkaConfig, KafkaLog, Log, Topic};
use tlsrpt_record::RECORD_MAX_BYTES;

/// As the roles create them.
const PARTITIONS: u32 = 12;

/// A broker that ends with this value.
pub(crate) async fn broker() -> Cluster {
    Cluster::start(ClusterOptions { heap_mib: Some(512), ..ClusterOptions::default() }).await.unwrap()
}

/// A log in it, apart from others by its prefix, with these properties of librdkafka, and the topics.
pub(crate) async fn log(cluster: &Cluster, properties: &[(&str, &str)], topics: &[&Topic]) -> Arc<dyn Log> {
    let config = KafkaConfig {
        prefix: format!("b{:08x}.", rand::random::<u32>()),
        partitions: Some(PARTITIONS),
        properties: properties.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        record_max_bytes: RECORD_MAX_BYTES,
        in_flight_max_bytes: 512 << 20,
        ..KafkaConfig::at(&cluster.bootstrap())
    };
    let log = KafkaLog::open(config).unwrap();
    for topic in topics {
        log.declare(topic).await.unwrap();
    }
    log
}

/// Waits until `group` has committed all of `topic`.
pub(crate) async fn drained(log: &dyn Log, topic: &str, group: &str) {
    while log.lag(topic, group).await.unwrap().records > 0 {
        // To ask costs the broker, which is what is measured.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
