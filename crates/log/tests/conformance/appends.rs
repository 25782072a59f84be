//! Appending and finding it again.

use std::{borrow::Cow, collections::BTreeMap};

use tlsrpt_log::{LogError, ProduceError};

use super::*;

#[tokio::test]
async fn records_keep_their_order_within_a_partition() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("order", 3)).await.unwrap();
    let numbered = |number: u32| keyed(&format!("key-{}", number % 7), &number.to_string());
    let positions = append(&log, "order", (0..500).map(numbered)).await;

    let mut consumer = log.consumer("order", "order-group").await.unwrap();
    let batch = take(&mut consumer, 500).await;

    check_order(&batch.records, &mut BTreeMap::new());
    let mut last_of_key = BTreeMap::new();
    for delivered in &batch.records {
        let number: u32 = text(delivered).parse().unwrap();
        assert_eq!(positions[number as usize], delivered.position, "a record stands where its answer said");
        let key = delivered.record.key.clone().unwrap();
        if let Some((before, partition)) = last_of_key.insert(key, (number, delivered.position.partition)) {
            assert!(before < number, "records of one key keep their order");
            assert_eq!(partition, delivered.position.partition, "records of one key share a partition");
        }
    }
    let used: std::collections::BTreeSet<u32> = positions.iter().map(|position| position.partition).collect();
    assert!(used.len() > 1, "keys spread over partitions");
}

#[tokio::test]
async fn a_record_comes_out_as_it_went_in() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("same", 1)).await.unwrap();
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let sent = vec![
        Record::default(),
        Record { key: Some(Bytes::new()), value: Bytes::from_static(b"an empty key is a key"), headers: Vec::new() },
        Record {
            key: Some(Bytes::from_static(b"\0key\xff")),
            value: Bytes::from(vec![0xa5; 70_000]),
            headers: vec![
                (Cow::Borrowed("name"), Bytes::from_static(b"first")),
                (Cow::Borrowed("name"), Bytes::from_static(b"second")),
                (Cow::Borrowed("empty"), Bytes::new()),
            ],
        },
    ];
    append(&log, "same", sent.clone()).await;

    let delivered = read_all(&log, "same").await;

    assert_eq!(delivered.iter().map(|delivered| delivered.record.clone()).collect::<Vec<_>>(), sent);
    assert_eq!(delivered[2].record.header("name").unwrap(), "first".as_bytes());
    for delivered in &delivered {
        assert!((before..before + 60_000).contains(&delivered.appended_at_ms), "the log's own clock stamps records");
    }
}

#[tokio::test]
async fn everything_is_there_after_a_clean_close() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("closed", 2)).await.unwrap();
    append_numbers(&log, "closed", 0..100).await;
    let mut consumer = log.consumer("closed", "closed-group").await.unwrap();
    let first = take(&mut consumer, 40).await;
    consumer.commit(&first.positions()).await.unwrap();
    drop(consumer);
    subject.close(log).await;

    let log = subject.open().await;
    log.declare(&kept("closed", 2)).await.unwrap();
    append_numbers(&log, "closed", 100..150).await;
    let mut consumer = log.consumer("closed", "closed-group").await.unwrap();
    let rest = take(&mut consumer, 110).await;

    let mut next = BTreeMap::new();
    check_order(&first.records, &mut next);
    check_order(&rest.records, &mut next);
    let mut numbers: Vec<u32> = first.records.iter().chain(&rest.records).map(|delivered| text(delivered).parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..150).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_topic_that_was_not_declared_is_an_error() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    let refused = in_time(log.producer().send("nobody-declared-this", record("x"))).await;
    assert!(matches!(refused, Err(ProduceError::NoTopic { topic }) if topic == "nobody-declared-this"));
    assert!(matches!(log.consumer("nobody-declared-this", "g").await.err(), Some(LogError::NoTopic { .. })));
    assert!(matches!(log.reader("nobody-declared-this").await.err(), Some(LogError::NoTopic { .. })));
}

#[tokio::test]
async fn a_topic_with_other_partitions_is_not_taken_for_the_declared_one() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("declared-twice", 2)).await.unwrap();
    log.declare(&kept("declared-twice", 2)).await.unwrap();
    assert!(matches!(log.declare(&kept("declared-twice", 3)).await, Err(LogError::TopicDiffers { .. })));
}

#[tokio::test]
async fn beyond_what_may_be_in_flight_the_answer_is_full_at_once_and_later_it_goes_on() {
    let subject = Subject::fresh(64 << 10).await;
    let log = subject.open().await;
    log.declare(&kept("full", 1)).await.unwrap();
    let producer = log.producer();
    let body = "x".repeat(1_000);

    // One task, no await: the backend cannot settle all of it meanwhile.
    let acks: Vec<_> = (0..100_000).map(|_| producer.send("full", record(body.clone()))).collect();
    let (mut taken, mut full) = (0, 0);
    for ack in acks {
        match in_time(ack).await {
            Ok(_) => taken += 1,
            Err(ProduceError::Full) => full += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(full > 0, "100 MB went into 64 KiB");
    assert!(taken >= 60, "what fits is taken");

    append_numbers(&log, "full", 0..20).await;
    assert_eq!(read_all(&log, "full").await.len(), taken + 20, "what was refused is not in the log, all else is");
}

#[tokio::test]
async fn a_record_that_is_too_large_is_refused_alone() {
    let subject = Subject::fresh(64 * MIB).await;
    let log = subject.open().await;
    log.declare(&kept("too-large", 1)).await.unwrap();
    let producer = log.producer();
    let refused = producer.send("too-large", record("x".repeat(32 * MIB)));
    let taken = producer.send("too-large", record("fits"));
    assert!(matches!(in_time(refused).await, Err(ProduceError::TooLarge { bytes, .. }) if bytes == 32 * MIB));
    in_time(taken).await.unwrap();
    assert_eq!(read_all(&log, "too-large").await.len(), 1);
}

#[tokio::test]
async fn a_reader_waits_for_what_comes() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("tail", 1)).await.unwrap();
    let mut reader = log.reader("tail").await.unwrap();
    assert_eq!(reader.end().await.unwrap(), 0);
    let waiting = tokio::spawn(async move {
        let records = in_time(reader.next(10)).await.unwrap();
        (records, reader)
    });
    append_numbers(&log, "tail", 0..1).await;
    let (records, mut reader) = waiting.await.unwrap();
    assert_eq!(records.iter().map(text).collect::<Vec<_>>(), ["0"]);
    append_numbers(&log, "tail", 1..4).await;
    let rest = read_to_end(&mut reader).await;
    assert_eq!(rest.iter().map(text).collect::<Vec<_>>(), ["1", "2", "3"]);
    assert_eq!(reader.position(), 4);
}
