//! How much a batch holds, and how long it waits.

use super::*;

#[tokio::test]
async fn a_batch_respects_its_limit_of_records() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("batch-records", 2)).await.unwrap();
    append_numbers(&log, "batch-records", 0..100).await;
    let mut consumer = log.consumer("batch-records", "batch-records-group").await.unwrap();
    let mut left = 100;
    while left > 0 {
        let batch = in_time(consumer.next(BatchLimits { records_max: 7, ..ALL })).await.unwrap();
        assert!((1..=7).contains(&batch.records.len()));
        left -= batch.records.len();
    }
}

#[tokio::test]
async fn a_batch_respects_its_limit_of_bytes_but_takes_at_least_one_record() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("batch-bytes", 2)).await.unwrap();
    let sizes = [100, 100, 5_000, 100, 300, 900, 50, 2_000];
    append(&log, "batch-bytes", sizes.iter().map(|&size| record("x".repeat(size)))).await;
    let mut consumer = log.consumer("batch-bytes", "batch-bytes-group").await.unwrap();
    let mut left = sizes.len();
    while left > 0 {
        let limits = BatchLimits { bytes_max: 1_000, ..ALL };
        let batch = in_time(consumer.next(limits)).await.unwrap();
        let bytes: usize = batch.records.iter().map(|delivered| delivered.record.size_bytes()).sum();
        assert!(bytes <= 1_000 || batch.records.len() == 1, "{bytes} bytes in {} records", batch.records.len());
        left -= batch.records.len();
    }
}

#[tokio::test]
async fn a_batch_lingers_for_more_until_it_is_full() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("batch-linger", 1)).await.unwrap();
    let mut consumer = log.consumer("batch-linger", "batch-linger-group").await.unwrap();
    append_numbers(&log, "batch-linger", 0..1).await;
    // So long that the test would hang if fullness did not end it.
    let limits = BatchLimits { records_max: 3, linger: PATIENCE * 10, ..ALL };
    let waiting = tokio::spawn(async move { in_time(consumer.next(limits)).await.unwrap() });
    append_numbers(&log, "batch-linger", 1..2).await;
    append_numbers(&log, "batch-linger", 2..3).await;
    let batch = waiting.await.unwrap();
    assert_eq!(batch.records.iter().map(text).collect::<Vec<_>>(), ["0", "1", "2"]);
}

#[tokio::test]
async fn a_batch_that_does_not_fill_comes_when_the_linger_is_over() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("batch-lingered", 1)).await.unwrap();
    append_numbers(&log, "batch-lingered", 0..2).await;
    let mut consumer = log.consumer("batch-lingered", "batch-lingered-group").await.unwrap();
    let batch = in_time(consumer.next(BatchLimits { linger: Duration::from_millis(20), ..ALL })).await.unwrap();
    assert_eq!(batch.records.len(), 2);
}

#[tokio::test]
async fn a_call_for_a_batch_that_is_dropped_skips_nothing() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("cancel", 2)).await.unwrap();
    let mut consumer = log.consumer("cancel", "cancel-group").await.unwrap();
    let limits = BatchLimits { records_max: 1_000, linger: PATIENCE * 10, ..ALL };
    let mut next = BTreeMap::new();
    let mut taken = 0;
    for round in 0..20 {
        append_numbers(&log, "cancel", round * 10..(round + 1) * 10).await;
        // Dropped in the middle of its linger, with records in hand.
        for wait_ms in [0, 1, 3] {
            let cut_short = tokio::time::timeout(Duration::from_millis(wait_ms), consumer.next(limits)).await;
            assert!(cut_short.is_err());
        }
        if round % 4 == 3 {
            let batch = take(&mut consumer, 40).await;
            check_order(&batch.records, &mut next);
            taken += batch.records.len();
        }
    }
    assert_eq!(taken, 200);
}
