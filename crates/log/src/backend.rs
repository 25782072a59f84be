//! What a log is, whichever engine stands behind it. The conformance suite holds every backend to these words.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use prometheus::Histogram;
use tokio::sync::oneshot;

use crate::{
    error::{CommitError, ConsumeError, LogError, ProduceError},
    record::{Delivered, Position, Record},
    topic::Topic,
};

/// A durable, partitioned log.
#[async_trait]
pub trait Log: Send + Sync {
    /// Creates the topic when it is missing; checks it when it is there.
    async fn declare(&self, topic: &Topic) -> Result<(), LogError>;

    /// The shared producer.
    fn producer(&self) -> Arc<dyn Producer>;

    /// Joins `group` on `topic`; from now on retention spares what the group has not committed. A new group starts at the
    /// earliest record. Members of one group share the partitions.
    async fn consumer(&self, topic: &str, group: &str) -> Result<Box<dyn Consumer>, LogError>;

    /// Reads a one-partition topic from its start, outside any group.
    async fn reader(&self, topic: &str) -> Result<Box<dyn Reader>, LogError>;

    /// Becomes the one writer with this `id` on a one-partition topic: whoever held the id before can append no more.
    async fn fenced_writer(&self, topic: &str, id: &str) -> Result<Box<dyn FencedWriter>, LogError>;

    /// What `group` has yet to commit on `topic`.
    async fn lag(&self, topic: &str, group: &str) -> Result<Lag, LogError>;

    /// When the log took the oldest record that can still be read, over all partitions, in milliseconds since 1970; none when there is
    /// no record to read. Never later than it is: what was appended before is gone for every reader, and with the embedded log from the
    /// disk too, of whichever topic it was.
    async fn oldest(&self, topic: &str) -> Result<Option<i64>, LogError>;
}

/// Appends records.
pub trait Producer: Send + Sync {
    /// Hands `record` over at once and answers later: the future resolves when the record is durable, or cannot be made so.
    /// Never blocks: beyond the bound on what is in flight the answer is [`ProduceError::Full`].
    fn send(&self, topic: &str, record: Record) -> Ack;
}

/// The promise of a durable append.
#[derive(Debug)]
pub struct Ack {
    answer: oneshot::Receiver<Result<Position, ProduceError>>,
    measured: Option<Measured>,
}

/// An append whose time is measured.
#[derive(Debug)]
struct Measured {
    began: Instant,
    seconds: Histogram,
}

impl Ack {
    /// A promise and the end that keeps it.
    #[must_use]
    pub fn pending() -> (oneshot::Sender<Result<Position, ProduceError>>, Self) {
        let (sender, answer) = oneshot::channel();
        (sender, Self { answer, measured: None })
    }

    /// A promise that is kept or broken already.
    #[must_use]
    pub fn ready(outcome: Result<Position, ProduceError>) -> Self {
        let (sender, ack) = Self::pending();
        // The receiver lives in `ack`, so the send cannot fail.
        let _ = sender.send(outcome);
        ack
    }

    /// The same; `seconds` gets the time from `began` until the record was durable, when it becomes so and somebody waits for it.
    pub(crate) fn measured(mut self, began: Instant, seconds: Histogram) -> Self {
        self.measured = Some(Measured { began, seconds });
        self
    }
}

impl Future for Ack {
    type Output = Result<Position, ProduceError>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.answer).poll(cx).map(|answer| answer.unwrap_or(Err(ProduceError::Closed)));
        if let Poll::Ready(Ok(_)) = answer
            && let Some(Measured { began, seconds }) = self.measured.take()
        {
            seconds.observe(began.elapsed().as_secs_f64());
        }
        answer
    }
}

/// How much one batch may hold, and how long it may wait for more once it has something.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Records.
    pub records_max: usize,
    /// Bytes of records; a batch always takes at least one record.
    pub bytes_max: usize,
    /// Wait after the first record.
    pub linger: Duration,
}

/// Next offset to read by partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(BTreeMap<u32, u64>);

impl Positions {
    /// Notes that everything up to and including `position` is done; never moves backwards.
    pub fn done(&mut self, position: Position) {
        let next = self.0.entry(position.partition).or_insert(0);
        *next = (*next).max(position.offset + 1);
    }

    /// Takes the further of each partition.
    pub fn merge(&mut self, other: &Self) {
        for (&partition, &next) in &other.0 {
            let mine = self.0.entry(partition).or_insert(0);
            *mine = (*mine).max(next);
        }
    }

    /// Partition and next offset, in order of partition.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.0.iter().map(|(&partition, &next)| (partition, next))
    }

    /// Whether nothing is noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(u32, u64)> for Positions {
    /// From partitions and next offsets.
    fn from_iter<I: IntoIterator<Item = (u32, u64)>>(positions: I) -> Self {
        Self(positions.into_iter().collect())
    }
}

/// Records of one or several partitions, in order within each.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The records.
    pub records: Vec<Delivered>,
}

impl Batch {
    /// What to commit when all records are done.
    #[must_use]
    pub fn positions(&self) -> Positions {
        let mut positions = Positions::default();
        for delivered in &self.records {
            positions.done(delivered.position);
        }
        positions
    }
}

/// One member of a consumer group. Dropping it leaves the group; what it has not committed goes to another member.
#[async_trait]
pub trait Consumer: Send {
    /// The next records of the partitions that this member owns; waits for the first one. Cancel safe: a batch that was not
    /// returned is not skipped.
    async fn next(&mut self, limits: BatchLimits) -> Result<Batch, ConsumeError>;

    /// Commits; only ever moves forward.
    ///
    /// # Errors
    /// [`CommitError::Revoked`] when a partition has gone to another member since: its records will be delivered there
    /// again, and nothing was committed for it. What is still owned is committed all the same: it is not delivered again, so
    /// nobody would commit it later.
    async fn commit(&mut self, positions: &Positions) -> Result<(), CommitError>;
}

/// Reads a topic without a group.
#[async_trait]
pub trait Reader: Send {
    /// The records that follow, at most `records_max`; waits for the first one. None of them when only the position moved on, over
    /// what is no record (a transaction's marker, a hole of compaction).
    async fn next(&mut self, records_max: usize) -> Result<Vec<Delivered>, ConsumeError>;

    /// The offset that the next append gets: reading up to it is reading to the end.
    async fn end(&mut self) -> Result<u64, ConsumeError>;

    /// The offset from which [`Reader::next`] goes on.
    fn position(&self) -> u64;
}

/// The one writer of a topic that must never be written by two.
#[async_trait]
pub trait FencedWriter: Send {
    /// Appends all records or none, durably; answers the position of the last.
    ///
    /// # Errors
    /// [`ProduceError::Fenced`] when another writer took over; nothing was appended.
    async fn append(&mut self, records: Vec<Record>) -> Result<Position, ProduceError>;
}

/// How far a group is behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Records not committed.
    pub records: u64,
    /// The same by partition, those of which nothing is left to commit included.
    pub by_partition: BTreeMap<u32, u64>,
    /// When the log took the oldest of them, in milliseconds since 1970.
    pub oldest_appended_at_ms: Option<i64>,
}
