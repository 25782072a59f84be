//! How many bytes a group has yet to commit.

use std::time::Duration;

use bytes::Bytes;
use tlsrpt_log::{BatchLimits, Cleanup, EmbeddedLog, Log, Record, Topic};

use crate::{
    Subject,
    conformance::{Backend, MIB},
};

/// Segments of 64 KiB, dropped only when they are old.
const TOPIC: Topic =
    Topic { name: "bytes", partitions: 1, cleanup: Cleanup::Delete { age_max: Duration::from_secs(86_400), bytes_max: 1 << 20 } };

#[tokio::test]
async fn the_bytes_that_a_group_has_yet_to_commit_are_exact_over_segments_and_a_restart() {
    let subject = Subject::fresh(MIB).await;
    let record = |index: usize| Record { value: Bytes::from(vec![b'x'; 1_000 + index * 37]), ..Record::default() };
    let sizes: Vec<u64> = (0..200).map(|index| EmbeddedLog::stored_bytes(&record(index))).collect();
    let log = subject.open_embedded();
    log.declare(&TOPIC).await.unwrap();
    assert_eq!(log.lag_bytes(TOPIC.name, "g").await.unwrap(), 0);
    for index in 0..200 {
        log.producer().send(TOPIC.name, record(index)).await.unwrap();
    }
    let mut consumer = log.consumer(TOPIC.name, "g").await.unwrap();
    let mut read = 0;
    while read < 150 {
        let batch = consumer.next(BatchLimits { records_max: 7, bytes_max: MIB, linger: Duration::ZERO }).await.unwrap();
        read += batch.records.len();
        consumer.commit(&batch.positions()).await.unwrap();
        assert_eq!(log.lag_bytes(TOPIC.name, "g").await.unwrap(), sizes[read..].iter().sum::<u64>());
    }
    drop((consumer, log));
    let log = subject.open_embedded();
    assert_eq!(log.lag_bytes(TOPIC.name, "g").await.unwrap(), sizes[read..].iter().sum::<u64>());
    assert_eq!(log.lag_bytes(TOPIC.name, "another").await.unwrap(), sizes.iter().sum::<u64>());
}
