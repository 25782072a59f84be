//! A member of a group whose role is slow, and records as large as they may be.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use tlsrpt_log::{KafkaLog, Log, Record};

use crate::{Subject, conformance::*};

#[tokio::test]
async fn a_member_whose_role_is_busy_for_longer_than_the_poll_interval_keeps_its_partitions() {
    const INTERVAL: Duration = Duration::from_secs(6);
    let subject = Subject::fresh(64 * MIB).await;
    let mut config = subject.config();
    for name in ["session.timeout.ms", "max.poll.interval.ms"] {
        config.properties.insert(name.to_owned(), INTERVAL.as_millis().to_string());
    }
    let log: Arc<dyn Log> = KafkaLog::open(config).unwrap();
    log.declare(&kept("busy", 2)).await.unwrap();
    // More than a member reads ahead, so that its partitions are paused.
    append(&log, "busy", (0..30_000).map(|number| record(format!("{number:0100}")))).await;
    let mut consumer = log.consumer("busy", "busy-group").await.unwrap();
    let first = take(&mut consumer, 10).await;
    // What is awaited is that time goes by, and nothing else.
    tokio::time::sleep(INTERVAL + INTERVAL / 2).await;
    consumer.commit(&first.positions()).await.unwrap();
    let rest = take(&mut consumer, 30_000 - 10).await;
    let mut next = BTreeMap::new();
    check_order(&first.records, &mut next);
    check_order(&rest.records, &mut next);
}

#[tokio::test]
async fn the_largest_record_goes_all_the_way_though_it_cannot_be_compressed() {
    let subject = Subject::fresh(64 * MIB).await;
    let log = subject.open().await;
    log.declare(&kept("largest", 1)).await.unwrap();
    let mut value = vec![0; subject.config().record_max_bytes];
    rand::fill(&mut value[..]);
    let sent = Record { value: Bytes::from(value), ..Record::default() };
    append(&log, "largest", [sent.clone()]).await;
    let mut consumer = log.consumer("largest", "largest-group").await.unwrap();
    assert!(take(&mut consumer, 1).await.records[0].record == sent);
}

#[tokio::test]
async fn the_newer_group_protocol_shares_delivers_and_commits_too() {
    let subject = Subject::fresh(MIB).await;
    let mut config = subject.config();
    config.properties = [("group.protocol".to_owned(), "consumer".to_owned())].into();
    let log: Arc<dyn Log> = KafkaLog::open(config).unwrap();
    log.declare(&kept("newer", 4)).await.unwrap();
    append(&log, "newer", (0..100).map(|number| keyed(&format!("key-{number}"), &number.to_string()))).await;
    let mut first = log.consumer("newer", "newer-group").await.unwrap();
    let batch = take(&mut first, 60).await;
    first.commit(&batch.positions()).await.unwrap();
    drop(first);
    let mut second = log.consumer("newer", "newer-group").await.unwrap();
    let rest = take(&mut second, 40).await;
    let mut next = BTreeMap::new();
    check_order(&batch.records, &mut next);
    check_order(&rest.records, &mut next);
    second.commit(&rest.positions()).await.unwrap();
    assert_eq!(log.lag("newer", "newer-group").await.unwrap().records, 0);
}
