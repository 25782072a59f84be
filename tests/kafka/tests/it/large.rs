//! The largest records that the project sends.

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    producer::{FutureProducer, FutureRecord},
};
use tlsrpt_kafka_broker::{Cluster, ClusterOptions};

use crate::client::{PATIENCE, config, create_topic};

/// Nothing in it repeats, so that no compression makes it small.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(bytes).collect()
}

/// So many at once are appended, and the last comes back as it was.
async fn check(brokers: usize, records: usize) {
    let cluster = Cluster::start(ClusterOptions::brokers(brokers)).await.unwrap();
    let mut config = config(&cluster);
    create_topic(&config, "large").await;
    config.set("message.max.bytes", "100000000").set("receive.message.max.bytes", "200000000").set("compression.type", "zstd");
    config
        .set("queue.buffering.max.kbytes", "1000000")
        .set("acks", "all")
        .set("group.id", "reader")
        .set("message.timeout.ms", PATIENCE.as_millis().to_string());
    let sent = noise(80 << 20);
    let producer: FutureProducer = config.create().unwrap();
    let append = || producer.send_result(FutureRecord::<(), _>::to("large").partition(0).payload(&sent)).map_err(|(error, _)| error);
    let appending: Vec<_> = (0..records).map(|_| append().unwrap()).collect();
    let mut last = 0;
    for appended in appending {
        last = appended.await.unwrap().map_err(|(error, _)| error).unwrap().offset;
    }
    assert_eq!(last + 1, i64::try_from(records).unwrap());
    let reading = move || {
        let consumer: BaseConsumer = config.create().unwrap();
        let mut start = TopicPartitionList::new();
        start.add_partition_offset("large", 0, Offset::Offset(last)).unwrap();
        consumer.assign(&start).unwrap();
        let read = consumer.poll(PATIENCE).unwrap().unwrap();
        assert!(read.payload() == Some(sent.as_slice()), "another record came back");
    };
    tokio::task::spawn_blocking(reading).await.unwrap();
    for broker in 0..brokers {
        assert!(cluster.pid(broker).is_some(), "broker {broker} ended");
    }
}

#[tokio::test]
async fn a_record_of_80_mib_goes_through_one_broker() {
    check(1, 1).await;
}

#[tokio::test]
async fn records_of_80_mib_go_through_three_brokers_at_once() {
    check(3, 3).await;
}
