//! What a topic drops, and what it must not.

use super::*;

const SMALL: u64 = 1 << 20;

async fn first_kept(log: &Arc<dyn Log>, topic: &str) -> u64 {
    in_time(log.reader(topic).await.unwrap().next(1)).await.unwrap()[0].position.offset
}

async fn fill(log: &Arc<dyn Log>, topic: &str, bytes: usize) -> u64 {
    let body = "x".repeat(10_000);
    let mut count = 0;
    while count * body.len() < bytes {
        append(log, topic, (0..20).map(|_| record(body.clone()))).await;
        count += 20;
    }
    count as u64
}

#[tokio::test]
async fn retention_by_size_drops_what_is_committed_and_spares_what_is_not() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    let topic =
        Topic { name: "by-size", partitions: 1, cleanup: Cleanup::Delete { age_max: Duration::from_secs(86_400), bytes_max: SMALL } };
    log.declare(&topic).await.unwrap();
    let mut slow = log.consumer("by-size", "by-size-slow").await.unwrap();
    let mut quick = log.consumer("by-size", "by-size-quick").await.unwrap();
    let count = fill(&log, "by-size", 4 * SMALL as usize).await;
    let all = take(&mut quick, count as usize).await;
    quick.commit(&all.positions()).await.unwrap();
    // Four times the size that it may have, and one group has committed nothing yet.
    fill(&log, "by-size", SMALL as usize / 2).await;
    assert_eq!(first_kept(&log, "by-size").await, 0, "nothing is dropped that a group has not committed");

    let half = take(&mut slow, count as usize / 2).await;
    check_order(&half.records, &mut BTreeMap::new());
    slow.commit(&half.positions()).await.unwrap();
    let first = eventually("retention", || async {
        fill(&log, "by-size", 200_000).await;
        Some(first_kept(&log, "by-size").await).filter(|&first| first > 0)
    })
    .await;
    assert!(first <= count / 2, "what the slow group has not committed is spared, but {first} is the first that is kept");

    // And the slow group finds all the rest.
    let rest = take(&mut slow, count as usize / 2).await;
    check_order(&rest.records, &mut BTreeMap::from([(0, count / 2)]));
}

#[tokio::test]
async fn retention_by_age_drops_old_records() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    let age_max = Duration::from_millis(300);
    let topic = Topic { name: "by-age", partitions: 1, cleanup: Cleanup::Delete { age_max, bytes_max: 1 << 34 } };
    log.declare(&topic).await.unwrap();
    let consumer = log.consumer("by-age", "by-age-group").await.unwrap();
    append_numbers(&log, "by-age", 0..10).await;
    // Each round commits what the round before appended, so that the one record that nobody has committed is always young.
    let consumer = tokio::sync::Mutex::new(consumer);
    eventually("retention", || async {
        let mut consumer = consumer.lock().await;
        let batch = in_time(consumer.next(ALL)).await.unwrap();
        consumer.commit(&batch.positions()).await.unwrap();
        append_numbers(&log, "by-age", 0..1).await;
        Some(first_kept(&log, "by-age").await).filter(|&first| first >= 10)
    })
    .await;
    assert_eq!(log.lag("by-age", "by-age-group").await.unwrap().records, 1, "what came last is kept for the group");
}
