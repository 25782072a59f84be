//! A registry in a Kafka cluster, apart from those of other tests by its prefix.

use std::sync::Arc;

use tlsrpt_kafka_broker::{Cluster, ClusterOptions};
use tlsrpt_log::{KafkaConfig, KafkaLog};
use tlsrpt_registry::{Registry, TenantId};
use tlsrpt_report::{Domain, UnixMillis};

/// Rounds of a race: each takes the writer over once or twice.
pub(crate) const RACES: usize = 6;

/// A log under a prefix, and a registry over it.
pub(crate) struct Fixture {
    prefix: String,
    pub(crate) log: Arc<KafkaLog>,
    pub(crate) registry: Arc<Registry>,
}

async fn cluster() -> &'static Cluster {
    // Segments that are closed at once, so that compaction sees them.
    tlsrpt_kafka_broker::shared(ClusterOptions::default().with("log.roll.ms", "1")).await.unwrap()
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let prefix = format!("t{:016x}.", rand::random::<u64>());
        let log = open_log(&prefix).await;
        let registry = Registry::open(log.clone()).await.unwrap();
        Self { prefix, log, registry }
    }

    /// Closes everything and opens it again from what the brokers have.
    pub(crate) async fn restart(self) -> Self {
        let Self { prefix, log, registry } = self;
        drop(registry);
        tokio::task::spawn_blocking(move || log.close()).await.unwrap();
        let log = open_log(&prefix).await;
        let registry = Registry::open(log.clone()).await.unwrap();
        Self { prefix, log, registry }
    }
}

async fn open_log(prefix: &str) -> Arc<KafkaLog> {
    KafkaLog::open(KafkaConfig { prefix: prefix.to_owned(), ..KafkaConfig::at(&cluster().await.bootstrap()) }).unwrap()
}

pub(crate) fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

pub(crate) fn domain(name: &str) -> Domain {
    Domain::parse(name).unwrap()
}

/// The tenant that a secret opens now.
pub(crate) fn opens(registry: &Registry, secret: &str) -> Option<TenantId> {
    registry.authenticate(secret, now()).map(|grant| grant.tenant)
}

pub(crate) fn now() -> UnixMillis {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixMillis(i64::try_from(since_1970.as_millis()).unwrap())
}
