//! What every backend must do, in the words of `Log`'s documentation. A backend mounts this folder into a test of its own and
//! puts a `Subject` into its root that implements [`Backend`].

mod appends;
mod batches;
mod compaction;
mod crash;
mod fencing;
mod groups;
mod lag;
mod model;
mod oldest;
mod retention;

use std::{
    collections::BTreeMap,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tlsrpt_log::{Batch, BatchLimits, Cleanup, Consumer, Delivered, Log, Position, Reader, Record, Topic};

pub use crate::Subject;

/// A log under test, closed or open.
#[async_trait::async_trait]
pub trait Backend: Sized {
    /// A log that holds nothing, with this bound on what is in flight.
    async fn fresh(in_flight_max_bytes: usize) -> Self;

    /// The same log, for another process; it must not be removed at the end.
    fn at(location: &str) -> Self;

    /// What [`Backend::at`] needs.
    fn location(&self) -> String;

    /// Opens the log.
    async fn open(&self) -> Arc<dyn Log>;

    /// Closes it cleanly; everything made from it is dropped already.
    async fn close(&self, log: Arc<dyn Log>);
}

pub const MIB: usize = 1 << 20;

/// What is waited for at most, far beyond what anything takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for `future`, and fails when it hangs.
pub async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("this takes for ever")
}

/// Tries until `attempt` gives something: for what a backend does in its own time and tells nobody.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut attempt: impl FnMut() -> F) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = attempt().await {
            return value;
        }
        assert!(began.elapsed() < PATIENCE, "{what} does not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A topic that keeps everything that a test writes.
pub const fn kept(name: &'static str, partitions: u32) -> Topic {
    Topic { name, partitions, cleanup: Cleanup::Delete { age_max: Duration::from_secs(86_400), bytes_max: 1 << 34 } }
}

/// Limits that take whatever is there.
pub const ALL: BatchLimits = BatchLimits { records_max: 10_000, bytes_max: 64 * MIB, linger: Duration::ZERO };

/// A record with a text.
pub fn record(value: impl Into<String>) -> Record {
    Record { value: Bytes::from(value.into()), ..Record::default() }
}

/// A record with a key.
pub fn keyed(key: &str, value: &str) -> Record {
    Record { key: Some(Bytes::copy_from_slice(key.as_bytes())), ..record(value) }
}

/// The text of a record.
pub fn text(delivered: &Delivered) -> String {
    String::from_utf8(delivered.record.value.to_vec()).unwrap()
}

/// Sends all at once, and waits for all answers.
pub async fn append(log: &Arc<dyn Log>, topic: &str, records: impl IntoIterator<Item = Record>) -> Vec<Position> {
    let producer = log.producer();
    let acks: Vec<_> = records.into_iter().map(|record| producer.send(topic, record)).collect();
    let mut positions = Vec::new();
    for ack in acks {
        positions.push(in_time(ack).await.unwrap());
    }
    positions
}

/// Appends the texts "`from`" up to "`to` - 1".
pub async fn append_numbers(log: &Arc<dyn Log>, topic: &str, numbers: std::ops::Range<u32>) -> Vec<Position> {
    append(log, topic, numbers.map(|number| record(number.to_string()))).await
}

/// Reads until there are `count` records.
pub async fn take(consumer: &mut Box<dyn Consumer>, count: usize) -> Batch {
    let mut all = Batch::default();
    while all.records.len() < count {
        let records_max = count - all.records.len();
        all.records.extend(in_time(consumer.next(BatchLimits { records_max, ..ALL })).await.unwrap().records);
    }
    all
}

/// Reads a one-partition topic from its start to its end.
pub async fn read_all(log: &Arc<dyn Log>, topic: &str) -> Vec<Delivered> {
    let mut reader = log.reader(topic).await.unwrap();
    read_to_end(&mut reader).await
}

/// Reads on to the end.
pub async fn read_to_end(reader: &mut Box<dyn Reader>) -> Vec<Delivered> {
    let end = in_time(reader.end()).await.unwrap();
    let mut all = Vec::new();
    while reader.position() < end {
        all.extend(in_time(reader.next(1_000)).await.unwrap());
    }
    all
}

/// Checks that offsets rise by one in each partition, from what `next` says, and moves it on.
pub fn check_order(records: &[Delivered], next: &mut BTreeMap<u32, u64>) {
    for delivered in records {
        let expected = next.entry(delivered.position.partition).or_insert(0);
        assert_eq!(delivered.position.offset, *expected, "partition {}", delivered.position.partition);
        *expected += 1;
    }
}
