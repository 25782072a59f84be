//! Records that a group had yet to read and that are gone are told once, and reading goes on.

use std::collections::BTreeMap;

use tlsrpt_log::{Cleanup, ConsumeError, Topic};

use crate::{
    Subject,
    conformance::{ALL, Backend, MIB, append, check_order, in_time, record, take},
};

#[tokio::test]
async fn lost_records_are_a_gap_that_is_told_once_and_reading_goes_on() {
    let subject = Subject::fresh(MIB).await;
    let cleanup = Cleanup::Delete { age_max: std::time::Duration::from_secs(86_400), bytes_max: 1 << 20 };
    let topic = Topic { name: "gap", partitions: 1, cleanup };
    let log = subject.open().await;
    log.declare(&topic).await.unwrap();
    let mut consumer = log.consumer("gap", "gap-group").await.unwrap();
    for _ in 0..30 {
        append(&log, "gap", (0..10).map(|_| record("x".repeat(1_000)))).await;
    }
    let batch = take(&mut consumer, 10).await;
    consumer.commit(&batch.positions()).await.unwrap();
    drop(consumer);
    subject.close(log).await;

    // Somebody removes the two oldest segments behind the log's back.
    let second = {
        let store = fjall::Database::builder(subject.location()).open().unwrap();
        let mut segments: Vec<_> = store.list_keyspace_names().into_iter().filter(|name| name.starts_with("d/gap/0/")).collect();
        segments.sort();
        assert!(segments.len() > 3);
        for name in &segments[..2] {
            store.delete_keyspace(store.keyspace(name, fjall::KeyspaceCreateOptions::default).unwrap()).unwrap();
        }
        segments[2].rsplit('/').next().unwrap().parse::<u64>().unwrap()
    };

    let log = subject.open().await;
    let mut consumer = log.consumer("gap", "gap-group").await.unwrap();
    match in_time(consumer.next(ALL)).await {
        Err(ConsumeError::Gap { topic, partition, from, to }) => {
            assert_eq!((&*topic, partition, from, to), ("gap", 0, 10, second));
        }
        other => panic!("{other:?}"),
    }
    let rest = take(&mut consumer, 300 - second as usize).await;
    check_order(&rest.records, &mut BTreeMap::from([(0, second)]));
    consumer.commit(&rest.positions()).await.unwrap();
    assert_eq!(log.lag("gap", "gap-group").await.unwrap().records, 0);
}
