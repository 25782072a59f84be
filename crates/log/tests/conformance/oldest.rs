//! The oldest record that can still be read.

use super::*;

#[tokio::test]
async fn the_oldest_record_of_all_partitions_tells_how_far_back_a_topic_reaches() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("oldest", 3)).await.unwrap();
    assert_eq!(log.oldest("oldest").await.unwrap(), None, "there is nothing to read");
    for number in 0..12 {
        append_numbers(&log, "oldest", number..number + 1).await;
    }
    let mut consumer = log.consumer("oldest", "oldest-group").await.unwrap();
    let all = take(&mut consumer, 12).await;
    let first = all.records.iter().map(|delivered| delivered.appended_at_ms).min();
    assert_eq!(log.oldest("oldest").await.unwrap(), first);
    consumer.commit(&all.positions()).await.unwrap();
    assert_eq!(log.oldest("oldest").await.unwrap(), first, "what is committed can still be read");
    assert!(log.oldest("unheard").await.is_err());
}

#[tokio::test]
async fn a_topic_that_nobody_writes_to_any_more_keeps_nothing_beyond_its_age() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    let topic =
        Topic { name: "quiet", partitions: 1, cleanup: Cleanup::Delete { age_max: Duration::from_millis(300), bytes_max: 1 << 34 } };
    log.declare(&topic).await.unwrap();
    let mut consumer = log.consumer("quiet", "quiet-group").await.unwrap();
    append_numbers(&log, "quiet", 0..5).await;
    let all = take(&mut consumer, 5).await;
    assert_eq!(log.oldest("quiet").await.unwrap(), Some(all.records[0].appended_at_ms), "no group has committed it");
    consumer.commit(&all.positions()).await.unwrap();
    eventually("retention", || async { log.oldest("quiet").await.unwrap().is_none().then_some(()) }).await;
}
