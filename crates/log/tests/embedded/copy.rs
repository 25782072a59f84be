//! A copy of the log that is taken while it is used.

use std::{sync::Arc, time::Duration};

use tlsrpt_log::{Cleanup, EmbeddedConfig, EmbeddedLog, Log, LogError, Topic};

use crate::{
    Subject,
    conformance::{Backend, MIB, append_numbers, eventually, keyed, read_all, record, take, text},
};

/// Segments of 64 KiB, of which few are kept once they are committed.
const SMALL: Topic =
    Topic { name: "small", partitions: 1, cleanup: Cleanup::Delete { age_max: Duration::from_secs(86_400), bytes_max: 256 << 10 } };
const KEYED: Topic = Topic { name: "keyed", partitions: 1, cleanup: Cleanup::Compact };

fn open(dir: &std::path::Path) -> Arc<dyn Log> {
    EmbeddedLog::open(EmbeddedConfig { dir: dir.to_owned(), record_max_bytes: MIB, in_flight_max_bytes: MIB }).unwrap()
}

#[tokio::test]
async fn a_copy_has_the_commits_of_its_beginning_and_every_record_of_its_end() {
    let subject = Subject::fresh(MIB).await;
    let embedded = subject.open_embedded();
    let log: Arc<dyn Log> = embedded.clone();
    log.declare(&SMALL).await.unwrap();
    log.declare(&KEYED).await.unwrap();
    let mut consumer = log.consumer(SMALL.name, "group").await.unwrap();
    append_numbers(&log, SMALL.name, 0..10).await;
    log.producer().send(KEYED.name, keyed("a", "1")).await.unwrap();
    let batch = take(&mut consumer, 4).await;
    consumer.commit(&batch.positions()).await.unwrap();

    let copy = embedded.begin_copy().await.unwrap();
    append_numbers(&log, SMALL.name, 10..15).await;
    let batch = take(&mut consumer, 11).await;
    consumer.commit(&batch.positions()).await.unwrap();
    log.producer().send(KEYED.name, keyed("a", "2")).await.unwrap();
    log.producer().send(KEYED.name, keyed("b", "1")).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("copy");
    let target = to.clone();
    let copied = tokio::task::spawn_blocking(move || copy.write(&target, |_| {})).await.unwrap().unwrap();
    assert_eq!(copied.records, 17);
    // What comes later is not in it.
    append_numbers(&log, SMALL.name, 15..20).await;

    let copy = open(&to);
    assert_eq!(copy.lag(SMALL.name, "group").await.unwrap().records, 11);
    let mut consumer = copy.consumer(SMALL.name, "group").await.unwrap();
    let again: Vec<String> = take(&mut consumer, 11).await.records.iter().map(text).collect();
    assert_eq!(again, (4..15).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(read_all(&copy, KEYED.name).await.iter().map(text).collect::<Vec<_>>(), ["2", "1"]);
    // It goes on where it ends, also after another start.
    let position = append_numbers(&copy, SMALL.name, 15..16).await;
    assert_eq!(position[0].offset, 15);
    drop((consumer, copy));
    assert_eq!(read_all(&open(&to), SMALL.name).await.len(), 16);
}

#[tokio::test]
async fn nothing_is_dropped_while_a_copy_is_taken_and_it_is_dropped_afterwards() {
    let subject = Subject::fresh(16 * MIB).await;
    let embedded = subject.open_embedded();
    let log: Arc<dyn Log> = embedded.clone();
    log.declare(&SMALL).await.unwrap();
    let mut consumer = log.consumer(SMALL.name, "group").await.unwrap();
    let copy = embedded.begin_copy().await.unwrap();
    let large = || record("x".repeat(60_000));
    for _ in 0..40 {
        log.producer().send(SMALL.name, large()).await.unwrap();
    }
    let batch = take(&mut consumer, 40).await;
    consumer.commit(&batch.positions()).await.unwrap();
    // Each of these commits gives retention its turn.
    for _ in 0..10 {
        log.producer().send(SMALL.name, record("small")).await.unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("copy");
    let target = to.clone();
    let copied = tokio::task::spawn_blocking(move || copy.write(&target, |_| {})).await.unwrap().unwrap();
    assert_eq!(copied.records, 50, "the first is there still, and in the copy uncommitted");
    assert_eq!(open(&to).lag(SMALL.name, "group").await.unwrap().records, 50);
    eventually("what is committed is dropped", || async {
        log.producer().send(SMALL.name, record("small")).await.unwrap();
        (read_all(&log, SMALL.name).await.len() < 40).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_copy_into_a_directory_that_is_there_or_of_a_log_that_is_closed_is_an_error() {
    let subject = Subject::fresh(MIB).await;
    let embedded = subject.open_embedded();
    let log: Arc<dyn Log> = embedded.clone();
    log.declare(&SMALL).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let copy = embedded.begin_copy().await.unwrap();
    assert!(matches!(copy.write(dir.path(), |_| {}), Err(LogError::Engine { .. })));
    let copy = embedded.begin_copy().await.unwrap();
    assert!(EmbeddedLog::is_open(subject.location().as_ref()));
    embedded.close();
    assert!(!EmbeddedLog::is_open(subject.location().as_ref()));
    assert!(matches!(copy.write(&dir.path().join("copy"), |_| {}), Err(LogError::Engine { .. })));
    assert!(!dir.path().join("copy").exists());
}
