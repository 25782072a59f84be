//! Records that a group had yet to read and that are gone are told once, and reading goes on.

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use std::collections::BTreeMap;

use tlsrpt_log::ConsumeError;

use crate::{Subject, conformance::*};

fn admin(subject: &Subject) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &subject.brokers).create().unwrap()
}

/// A group that has committed ten of thirty records.
async fn committed_ten(subject: &Subject, topic: &'static str) {
    let log = subject.open().await;
    log.declare(&kept(topic, 1)).await.unwrap();
    append_numbers(&log, topic, 0..30).await;
    let mut consumer = log.consumer(topic, "gap-group").await.unwrap();
    let batch = take(&mut consumer, 10).await;
    consumer.commit(&batch.positions()).await.unwrap();
}

#[tokio::test]
async fn what_was_deleted_before_the_group_read_it_is_a_gap() {
    let subject = Subject::fresh(MIB).await;
    committed_ten(&subject, "gap").await;
    let mut upto = TopicPartitionList::new();
    upto.add_partition_offset(&format!("{}gap", subject.prefix), 0, Offset::Offset(20)).unwrap();
    admin(&subject).delete_records(&upto, &AdminOptions::new()).await.unwrap();

    let log = subject.open().await;
    log.declare(&kept("gap", 1)).await.unwrap();
    let mut consumer = log.consumer("gap", "gap-group").await.unwrap();
    match in_time(consumer.next(ALL)).await {
        Err(ConsumeError::Gap { topic, partition: 0, from: 10, to: 20 }) => assert_eq!(topic, "gap"),
        other => panic!("{other:?}"),
    }
    let rest = take(&mut consumer, 10).await;
    check_order(&rest.records, &mut BTreeMap::from([(0, 20)]));
    consumer.commit(&rest.positions()).await.unwrap();
    assert_eq!(log.lag("gap", "gap-group").await.unwrap().records, 0);
}

#[tokio::test]
async fn a_group_whose_offsets_are_lost_reads_again_what_is_kept_and_tells_what_is_not() {
    let subject = Subject::fresh(MIB).await;
    committed_ten(&subject, "forgotten").await;
    let admin = admin(&subject);
    let mut upto = TopicPartitionList::new();
    upto.add_partition_offset(&format!("{}forgotten", subject.prefix), 0, Offset::Offset(5)).unwrap();
    admin.delete_records(&upto, &AdminOptions::new()).await.unwrap();
    // As when the brokers forget the offsets of a group that was away for offsets.retention.minutes.
    let group = format!("{}gap-group", subject.prefix);
    eventually("the group's end", || async {
        admin.delete_groups(&[&group], &AdminOptions::new()).await.unwrap()[0].as_ref().ok().map(drop)
    })
    .await;

    let log = subject.open().await;
    log.declare(&kept("forgotten", 1)).await.unwrap();
    let mut consumer = log.consumer("forgotten", "gap-group").await.unwrap();
    match in_time(consumer.next(ALL)).await {
        Err(ConsumeError::Gap { partition: 0, from: 0, to: 5, .. }) => {}
        other => panic!("{other:?}"),
    }
    let rest = take(&mut consumer, 25).await;
    check_order(&rest.records, &mut BTreeMap::from([(0, 5)]));
}
