//! The one writer of a topic.

use tlsrpt_log::ProduceError;

use super::*;

#[tokio::test]
async fn whoever_takes_the_writer_over_fences_its_predecessor() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&Topic { name: "fence", partitions: 1, cleanup: Cleanup::Compact }).await.unwrap();
    let mut first = log.fenced_writer("fence", "fence-writer").await.unwrap();
    in_time(first.append(vec![keyed("a", "first")])).await.unwrap();
    let mut second = log.fenced_writer("fence", "fence-writer").await.unwrap();
    assert!(matches!(in_time(first.append(vec![keyed("a", "late"), keyed("b", "late")])).await, Err(ProduceError::Fenced)));
    let position = in_time(second.append(vec![keyed("c", "second"), keyed("d", "second")])).await.unwrap();
    assert!(matches!(in_time(first.append(vec![keyed("c", "late")])).await, Err(ProduceError::Fenced)));

    let records = read_all(&log, "fence").await;
    assert_eq!(records.iter().map(text).collect::<Vec<_>>(), ["first", "second", "second"]);
    assert_eq!(records[2].position, position, "the answer is the position of the last record");
}

#[tokio::test]
async fn writers_with_other_names_do_not_fence_each_other() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("fence-names", 1)).await.unwrap();
    let mut one = log.fenced_writer("fence-names", "fence-one").await.unwrap();
    let mut other = log.fenced_writer("fence-names", "fence-other").await.unwrap();
    in_time(one.append(vec![record("one")])).await.unwrap();
    in_time(other.append(vec![record("other")])).await.unwrap();
    assert_eq!(read_all(&log, "fence-names").await.len(), 2);
}

#[tokio::test]
async fn what_the_predecessor_got_in_is_there_by_the_time_the_successor_reads() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("fence-race", 1)).await.unwrap();
    let mut written = 0;
    for _ in 0..20 {
        let mut first = log.fenced_writer("fence-race", "fence-race-writer").await.unwrap();
        let racing = tokio::spawn(async move {
            let mut written = 0;
            while let Ok(_position) = first.append(vec![record("x"), record("y")]).await {
                written += 2;
            }
            written
        });
        tokio::task::yield_now().await;
        let _second = log.fenced_writer("fence-race", "fence-race-writer").await.unwrap();
        let seen = read_all(&log, "fence-race").await.len();
        written += in_time(racing).await.unwrap();
        assert_eq!(seen, written, "nothing came behind the successor's back");
    }
}
