//! How far behind a group is.

use std::collections::BTreeMap;

use tlsrpt_log::{Lag, Positions};

use super::*;

fn of_one_partition(records: u64, oldest_appended_at_ms: Option<i64>) -> Lag {
    Lag { records, by_partition: BTreeMap::from([(0, records)]), oldest_appended_at_ms }
}

#[tokio::test]
async fn lag_counts_what_is_not_committed_and_tells_the_age_of_the_oldest() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("lag", 1)).await.unwrap();
    let mut consumer = log.consumer("lag", "lag-group").await.unwrap();
    assert_eq!(log.lag("lag", "lag-group").await.unwrap(), of_one_partition(0, None));

    append_numbers(&log, "lag", 0..10).await;
    let batch = take(&mut consumer, 10).await;
    let lag = log.lag("lag", "lag-group").await.unwrap();
    assert_eq!(lag, of_one_partition(10, Some(batch.records[0].appended_at_ms)));

    let mut done = Positions::default();
    done.done(batch.records[6].position);
    consumer.commit(&done).await.unwrap();
    let lag = log.lag("lag", "lag-group").await.unwrap();
    assert_eq!(lag, of_one_partition(3, Some(batch.records[7].appended_at_ms)));

    consumer.commit(&batch.positions()).await.unwrap();
    assert_eq!(log.lag("lag", "lag-group").await.unwrap(), of_one_partition(0, None));
    assert_eq!(log.lag("lag", "lag-nobody").await.unwrap().records, 10, "a group that was never here has all of it to do");
}
