//! How the Kafka backend is set up.

use std::collections::BTreeMap;

/// A Kafka cluster, and how this process works with it.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// `bootstrap.servers`: `host:port`, several by commas.
    pub brokers: String,
    /// Further librdkafka properties by name (SASL, TLS, tuning), for every client; they win over the backend's own. Those that its
    /// promises rest on are refused.
    pub properties: BTreeMap<String, String>,
    /// Put before the names of topics, groups and transactional ids, so that several set-ups share a cluster. May be empty.
    pub prefix: String,
    /// Whether missing topics are created; else a missing topic is an error that says how to create it.
    pub create_topics: bool,
    /// Partitions of topics that are created, except of compacted ones, which have what their declaration says. None:
    /// what the declaration says.
    pub partitions: Option<u32>,
    /// Copies of each partition of topics that are created; none leaves it to the brokers.
    pub replication_factor: Option<u16>,
    /// Largest record, key, value and headers together.
    pub record_max_bytes: usize,
    /// Bytes in flight between `send` and the answer; beyond it `Full`.
    pub in_flight_max_bytes: usize,
}

impl KafkaConfig {
    /// A cluster with nothing set but its brokers: 80 MiB records, 128 MiB in flight, topics created as declared.
    #[must_use]
    pub fn at(brokers: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            properties: BTreeMap::new(),
            prefix: String::new(),
            create_topics: true,
            partitions: None,
            replication_factor: None,
            record_max_bytes: 80 << 20,
            in_flight_max_bytes: 128 << 20,
        }
    }
}
