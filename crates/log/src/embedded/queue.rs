//! What waits for the committer: bounded in bytes, so that `send` answers `Full` instead of waiting.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{
    group::Group,
    topic_state::{Declared, TopicState},
};
use crate::{
    backend::Positions,
    error::{CommitError, LogError, ProduceError},
    record::Position,
};

/// Where an answer goes.
pub(super) type Answer<T, E> = oneshot::Sender<Result<T, E>>;

/// What the committer is asked for.
pub(super) enum Request {
    /// Append one record; `partition` is set for a keyed one.
    Append { topic: Arc<TopicState>, partition: Option<u32>, encoded: Vec<u8>, answer: Answer<Position, ProduceError> },
    /// Append all to partition 0, if `epoch` still holds the writer's id.
    AppendFenced { topic: Arc<TopicState>, id: Arc<str>, epoch: u64, encoded: Vec<Vec<u8>>, answer: Answer<Position, ProduceError> },
    /// Take the writer's id over; what its holder sent before is settled by the time of the answer.
    Fence { topic: Arc<TopicState>, id: Arc<str>, answer: Answer<u64, LogError> },
    /// Commit, if `member` still owns the partitions.
    Commit { topic: Arc<TopicState>, group: Arc<Group>, member: u64, positions: Positions, answer: Answer<(), CommitError> },
    /// Create or check a topic.
    Declare { topic: Declared, answer: Answer<(), LogError> },
    /// Create or find a group.
    Register { topic: Arc<TopicState>, group: String, answer: Answer<Arc<Group>, LogError> },
}

impl Request {
    /// Bytes that count against what is in flight.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Append { encoded, .. } => encoded.len(),
            Self::AppendFenced { encoded, .. } => encoded.iter().map(Vec::len).sum(),
            _ => 0,
        }
    }

    fn records(&self) -> usize {
        match self {
            Self::AppendFenced { encoded, .. } => encoded.len(),
            _ => 1,
        }
    }

    /// Whether the request makes the log larger for good.
    pub(super) fn is_append(&self) -> bool {
        matches!(self, Self::Append { .. } | Self::AppendFenced { .. })
    }

    /// Whether the request changes the log's structure, so that it must not share a commit with others.
    fn stands_alone(&self) -> bool {
        matches!(self, Self::Declare { .. } | Self::Register { .. })
    }

    /// Answers that the log is closed.
    pub(super) fn refuse_closed(self) {
        self.refuse(&Refusal::Closed);
    }

    /// Answers that the engine cannot take it.
    pub(super) fn refuse_unavailable(self, reason: &str) {
        self.refuse(&Refusal::Unavailable(reason));
    }

    // The other end may have stopped waiting for its answer; then there is nobody to tell.
    fn refuse(self, refusal: &Refusal<'_>) {
        match self {
            Self::Append { answer, .. } | Self::AppendFenced { answer, .. } => drop(answer.send(Err(refusal.produce()))),
            Self::Commit { answer, .. } => drop(answer.send(Err(CommitError::Unavailable { reason: refusal.reason().to_owned() }))),
            Self::Fence { topic, answer, .. } => drop(answer.send(Err(refusal.log(format!("take over the writer of {}", topic.name))))),
            Self::Declare { topic, answer } => drop(answer.send(Err(refusal.log(format!("declare topic {}", topic.name))))),
            Self::Register { topic, group, answer } => {
                drop(answer.send(Err(refusal.log(format!("register group {group} on {}", topic.name)))));
            }
        }
    }
}

enum Refusal<'a> {
    Closed,
    Unavailable(&'a str),
}

impl Refusal<'_> {
    fn reason(&self) -> &str {
        match self {
            Self::Closed => "the log is closed",
            Self::Unavailable(reason) => reason,
        }
    }

    fn produce(&self) -> ProduceError {
        match self {
            Self::Closed => ProduceError::Closed,
            Self::Unavailable(reason) => ProduceError::Unavailable { reason: (*reason).to_owned() },
        }
    }

    fn log(&self, action: String) -> LogError {
        LogError::Engine { action, reason: self.reason().to_owned() }
    }
}

/// Why a request was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    Closed,
}

/// The queue.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    in_flight_bytes: AtomicUsize,
    in_flight_max_bytes: usize,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    closed: bool,
}

/// What the committer gets.
pub(super) enum Taken {
    /// Requests for one commit; none when the time was up.
    Requests(Vec<Request>),
    /// Closed, and nothing is left.
    Closed,
}

impl Queue {
    pub(super) fn new(in_flight_max_bytes: usize) -> Self {
        Self { waiting: Mutex::default(), filled: Condvar::new(), in_flight_bytes: AtomicUsize::new(0), in_flight_max_bytes }
    }

    /// Bytes between `send` and the answer.
    pub(super) fn in_flight_bytes(&self) -> usize {
        self.in_flight_bytes.load(Ordering::Relaxed)
    }

    /// Hands a request to the committer.
    pub(super) fn push(&self, request: Request) -> Result<(), (Refused, Request)> {
        let bytes = request.bytes();
        let before = self.in_flight_bytes.fetch_add(bytes, Ordering::Relaxed);
        // A single record larger than the bound still gets through when it is alone.
        if bytes > 0 && before > 0 && before + bytes > self.in_flight_max_bytes {
            self.release(bytes);
            return Err((Refused::Full, request));
        }
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            drop(waiting);
            self.release(bytes);
            return Err((Refused::Closed, request));
        }
        waiting.requests.push_back(request);
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    /// Notes that requests of these bytes are settled.
    pub(super) fn release(&self, bytes: usize) {
        self.in_flight_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// What waits, up to the bounds; waits for the first request until `deadline`.
    pub(super) fn take(&self, records_max: usize, bytes_max: usize, deadline: Instant) -> Taken {
        let mut waiting = self.waiting.lock();
        while waiting.requests.is_empty() {
            if waiting.closed {
                return Taken::Closed;
            }
            if self.filled.wait_until(&mut waiting, deadline).timed_out() {
                break;
            }
        }
        let mut taken = Vec::new();
        let (mut records, mut bytes) = (0, 0);
        while let Some(request) = waiting.requests.front() {
            let alone = request.stands_alone();
            if !taken.is_empty() && (alone || records >= records_max || bytes >= bytes_max) {
                break;
            }
            records += request.records();
            bytes += request.bytes();
            taken.extend(waiting.requests.pop_front());
            if alone {
                break;
            }
        }
        Taken::Requests(taken)
    }

    /// Takes nothing from now on.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.filled.notify_all();
    }

    /// Takes nothing from now on, and answers what waits that the log is closed.
    pub(super) fn abandon(&self) {
        self.close();
        let requests = std::mem::take(&mut self.waiting.lock().requests);
        for request in requests {
            self.release(request.bytes());
            request.refuse_closed();
        }
    }
}
