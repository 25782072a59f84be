//! A client that writes and reads single records.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    producer::{FutureProducer, FutureRecord},
};
use tlsrpt_kafka_broker::Cluster;

/// What is waited for at most, far beyond what anything takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn config(cluster: &Cluster) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.extend(cluster.client_properties());
    config.set("bootstrap.servers", cluster.bootstrap());
    config.set("reconnect.backoff.max.ms", "500");
    config
}

/// A topic of one partition, with as many copies as the brokers say.
pub async fn create_topic(config: &ClientConfig, topic: &str) {
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(-1));
    admin.create_topics([&new], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
}

/// Appends a record to partition 0, acknowledged by every copy that is in sync.
pub async fn append(config: &ClientConfig, topic: &str, value: &str, patience: Duration) -> Result<(), KafkaError> {
    let mut config = config.clone();
    config.set("message.timeout.ms", patience.as_millis().to_string());
    let producer: FutureProducer = config.create().unwrap();
    let record = FutureRecord::<(), str>::to(topic).partition(0).payload(value);
    producer.send(record, patience).await.map(drop).map_err(|(error, _)| error)
}

/// The first `count` records of partition 0.
pub async fn read(config: &ClientConfig, topic: &str, count: usize) -> Vec<String> {
    let mut config = config.clone();
    config.set("group.id", "reader");
    let topic = topic.to_owned();
    let reading = move || {
        let consumer: BaseConsumer = config.create().unwrap();
        let mut start = TopicPartitionList::new();
        start.add_partition_offset(&topic, 0, Offset::Beginning).unwrap();
        consumer.assign(&start).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let mut all = Vec::new();
        while all.len() < count {
            assert!(Instant::now() < deadline, "there are only {all:?}");
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                all.push(String::from_utf8(message.payload().unwrap().to_vec()).unwrap());
            }
        }
        all
    };
    tokio::task::spawn_blocking(reading).await.unwrap()
}

/// The number, as [`Cluster`] counts, of the broker that leads partition 0.
pub async fn leader(config: &ClientConfig, topic: &str) -> usize {
    let (config, topic) = (config.clone(), topic.to_owned());
    let asking = move || {
        let client: BaseConsumer = config.create().unwrap();
        let found = client.fetch_metadata(Some(&topic), PATIENCE).unwrap();
        let leader = found.topics()[0].partitions()[0].leader();
        (0..).find(|broker| Cluster::node_id(*broker) == leader).unwrap()
    };
    tokio::task::spawn_blocking(asking).await.unwrap()
}
