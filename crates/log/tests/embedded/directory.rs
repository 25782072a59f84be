//! The directory: one process at a time, closing, and opening again.

use std::time::Duration;

use tlsrpt_log::{BatchLimits, ConsumeError, EmbeddedConfig, EmbeddedLog, Log, LogError, ProduceError};

use crate::{
    Subject,
    conformance::{ALL, Backend, MIB, append_numbers, in_time, kept, read_all, record, take},
};

#[tokio::test]
async fn a_directory_that_another_has_open_is_an_error_that_names_it_and_the_remedy() {
    let subject = Subject::fresh(MIB).await;
    let _log = subject.open().await;
    let second = EmbeddedLog::open(EmbeddedConfig { dir: subject.location().into(), record_max_bytes: MIB, in_flight_max_bytes: MIB });
    let Err(error @ LogError::Engine { .. }) = second else { panic!("two have it open") };
    let message = error.to_string();
    assert!(message.contains(&subject.location()), "{message}");
    assert!(message.contains("another process has it open; stop that process"), "{message}");
}

#[tokio::test]
async fn closing_makes_durable_what_was_taken_and_then_answers_closed() {
    let subject = Subject::fresh(16 * MIB).await;
    let embedded = subject.open_embedded();
    let log: std::sync::Arc<dyn Log> = embedded.clone();
    log.declare(&kept("close", 1)).await.unwrap();
    let mut consumer = log.consumer("close", "close-group").await.unwrap();
    let mut reader = log.reader("close").await.unwrap();
    let producer = log.producer();
    let acks: Vec<_> = (0..5_000).map(|number| producer.send("close", record(number.to_string()))).collect();
    let waiting = {
        let mut other = log.consumer("close", "close-other").await.unwrap();
        let limits = BatchLimits { records_max: usize::MAX, bytes_max: usize::MAX, linger: Duration::from_secs(3_600) };
        tokio::spawn(async move { other.next(limits).await.map(|batch| batch.records.len()) })
    };
    embedded.close();
    embedded.close();

    for ack in acks {
        in_time(ack).await.unwrap();
    }
    assert!(matches!(in_time(producer.send("close", record("late"))).await, Err(ProduceError::Closed)));
    assert!(matches!(in_time(consumer.next(ALL)).await, Err(ConsumeError::Closed)));
    assert!(matches!(in_time(reader.next(1)).await, Err(ConsumeError::Closed)));
    assert!(matches!(in_time(reader.end()).await, Err(ConsumeError::Closed)));
    assert!(matches!(in_time(waiting).await.unwrap(), Err(ConsumeError::Closed)), "who waits is woken");
    assert!(log.consumer("close", "close-late").await.is_err());

    // The directory is free although handles are still about.
    let again = subject.open().await;
    assert_eq!(read_all(&again, "close").await.len(), 5_000);
}

#[tokio::test]
async fn a_log_stays_open_as_long_as_anything_made_from_it() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("handles", 1)).await.unwrap();
    let producer = log.producer();
    let mut consumer = log.consumer("handles", "handles-group").await.unwrap();
    drop(log);
    in_time(producer.send("handles", record("x"))).await.unwrap();
    assert_eq!(take(&mut consumer, 1).await.records.len(), 1);
}

#[tokio::test]
async fn a_directory_whose_making_was_cut_short_is_made_again() {
    let subject = Subject::fresh(MIB).await;
    let dir = std::path::PathBuf::from(subject.location());
    std::fs::create_dir_all(dir.join("keyspaces")).unwrap();
    std::fs::write(dir.join("0.jnl"), b"").unwrap();
    let log = subject.open().await;
    log.declare(&kept("cut-short", 1)).await.unwrap();
    append_numbers(&log, "cut-short", 0..3).await;
}

#[tokio::test]
async fn a_torn_end_of_the_journal_costs_what_was_torn_and_nothing_before() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("torn", 1)).await.unwrap();
    append_numbers(&log, "torn", 0..100).await;
    append_numbers(&log, "torn", 100..101).await;
    subject.close(log).await;

    let journal = newest_journal(&subject);
    let mut content = std::fs::read(&journal).unwrap();
    let written = content.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    content.truncate(written - 20);
    std::fs::write(&journal, content).unwrap();

    let log = subject.open().await;
    let records = read_all(&log, "torn").await;
    assert_eq!(records.len(), 100);
    append_numbers(&log, "torn", 101..103).await;
    subject.close(log).await;
    let log = subject.open().await;
    assert_eq!(read_all(&log, "torn").await.len(), 102);
}

#[tokio::test]
async fn a_damaged_journal_keeps_what_stood_before_the_damage_and_sets_the_rest_aside() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("damaged", 1)).await.unwrap();
    for number in 1_000..1_100 {
        append_numbers(&log, "damaged", number..number + 1).await;
    }
    subject.close(log).await;

    let journal = newest_journal(&subject);
    let mut content = std::fs::read(&journal).unwrap();
    let damage = content.windows(4).position(|bytes| bytes == b"1060").unwrap();
    content[damage] = 0;
    std::fs::write(&journal, content).unwrap();

    let log = subject.open().await;
    assert_eq!(read_all(&log, "damaged").await.len(), 60);
    append_numbers(&log, "damaged", 0..5).await;
    subject.close(log).await;
    let log = subject.open().await;
    assert_eq!(read_all(&log, "damaged").await.len(), 65);
    let aside = std::fs::read_dir(subject.location()).unwrap().map(|entry| entry.unwrap().path());
    let aside = aside.filter(|path| path.to_str().unwrap().contains(".cut-at-")).collect::<Vec<_>>();
    assert_eq!(aside.len(), 1);
    assert!(std::fs::read(&aside[0]).unwrap().windows(4).any(|bytes| bytes == b"1099"), "nothing is thrown away");
}

fn newest_journal(subject: &Subject) -> std::path::PathBuf {
    let mut journals: Vec<_> = std::fs::read_dir(subject.location())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .collect();
    journals.sort();
    journals.pop().unwrap()
}

#[tokio::test]
async fn figures_tell_what_was_written() {
    let subject = Subject::fresh(MIB).await;
    let embedded = subject.open_embedded();
    let log: std::sync::Arc<dyn Log> = embedded.clone();
    log.declare(&kept("figures", 1)).await.unwrap();
    append_numbers(&log, "figures", 0..100).await;
    let stats = embedded.stats();
    assert_eq!(stats.appended_records, 100);
    assert!(stats.appended_bytes > 100);
    assert!((1..=100).contains(&stats.commits));
    assert_eq!(stats.in_flight_bytes, 0);
    assert!(stats.disk_bytes > 0);
    assert!(stats.available);
    assert_eq!((stats.failed_commits, stats.reopened), (0, 0));
}
