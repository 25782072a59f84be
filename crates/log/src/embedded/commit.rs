//! One commit: the records and group commits that one batch of the engine makes durable together, and who waits for it.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use fjall::{Keyspace, OwnedWriteBatch};

use super::{
    codec,
    engine::{Engine, Store},
    group::Group,
    queue::Answer,
    retention,
    topic_state::TopicState,
};
use crate::{
    backend::Positions,
    error::{CommitError, LogError, ProduceError},
    record::Position,
};

/// What is about to be written.
pub(super) struct Commit<'a> {
    engine: &'a Engine,
    now_ms: i64,
    parts: Vec<Part>,
    /// Next offsets by the key of a group's commit: of two commits in one batch, the further one counts.
    group_commits: HashMap<Vec<u8>, u64>,
    failed: Option<fjall::Error>,
    records: u64,
    bytes: u64,
}

/// The appends to one partition.
struct Part {
    topic: Arc<TopicState>,
    partition: u32,
    keyspace: Keyspace,
    /// First offset of the segment.
    base: u64,
    /// Offset of the first of `records`.
    first: u64,
    /// Size of the segment with `records`.
    segment_bytes: u64,
    /// Nothing where a later record of this commit has the same key in a compacted topic.
    records: Vec<Option<Bytes>>,
    /// In a compacted topic: the offset of the last record of each key.
    keys: Option<HashMap<Bytes, u64>>,
}

/// A commit that the engine has taken, to be shown to readers once it is synced.
pub(super) struct Written {
    parts: Vec<Part>,
    now_ms: i64,
    pub(super) records: u64,
    pub(super) bytes: u64,
}

impl<'a> Commit<'a> {
    pub(super) fn new(engine: &'a Engine, now_ms: i64) -> Self {
        Self { engine, now_ms, parts: Vec::new(), group_commits: HashMap::new(), failed: None, records: 0, bytes: 0 }
    }

    /// Adds a record; answers its offset. After a failure the offset means nothing, and [`Commit::write`] tells the failure.
    pub(super) fn append(&mut self, topic: &Arc<TopicState>, partition: u32, mut encoded: Vec<u8>) -> u64 {
        let index = match self.parts.iter().position(|part| part.partition == partition && Arc::ptr_eq(&part.topic, topic)) {
            Some(index) => index,
            None => match self.open_part(topic, partition) {
                Ok(part) => {
                    self.parts.push(part);
                    self.parts.len() - 1
                }
                Err(error) => {
                    self.failed = Some(error);
                    return 0;
                }
            },
        };
        let Some(part) = self.parts.get_mut(index) else { return 0 };
        part.segment_bytes += encoded.len() as u64;
        codec::stamp(&mut encoded, self.now_ms, part.segment_bytes);
        self.records += 1;
        self.bytes += encoded.len() as u64;
        part.push(encoded.into())
    }

    /// Notes that a group commits.
    pub(super) fn commit_group(&mut self, key: Vec<u8>, next: u64) {
        let slot = self.group_commits.entry(key).or_insert(next);
        *slot = (*slot).max(next);
    }

    fn open_part(&self, topic: &Arc<TopicState>, partition: u32) -> Result<Part, fjall::Error> {
        let first = topic.partition(partition).map_or(0, |partition| partition.end());
        if retention::is_segment_full(self.engine, topic, partition, self.now_ms) {
            self.engine.roll(&topic.name, partition, first)?;
        }
        let stores = self.engine.stores.read();
        let (keyspace, base, segment_bytes, keys) = match stores.get(&*topic.name).and_then(|stores| stores.get(partition as usize)) {
            Some(Store::Segments(segments)) => match segments.last_key_value() {
                Some((&base, segment)) => (segment.keyspace.clone(), base, segment.bytes, None),
                None => return Err(fjall::Error::KeyspaceDeleted),
            },
            Some(Store::Compacted(keyspace)) => (keyspace.clone(), 0, 0, Some(HashMap::new())),
            None => return Err(fjall::Error::KeyspaceDeleted),
        };
        Ok(Part { topic: topic.clone(), partition, keyspace, base, first, segment_bytes, records: Vec::new(), keys })
    }

    /// Hands all to the engine, not synced yet. Nothing when there was nothing to write.
    ///
    /// # Errors
    /// Nothing was written: the engine's journal has no end of this batch.
    pub(super) fn write(self) -> Result<Option<Written>, fjall::Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.records == 0 && self.group_commits.is_empty() {
            return Ok(None);
        }
        let size = self.parts.iter().map(|part| part.records.len()).sum::<usize>() + self.group_commits.len();
        let mut batch = OwnedWriteBatch::with_capacity(self.engine.db.clone(), size);
        for part in &self.parts {
            for (offset, record) in (part.first..).zip(&part.records) {
                if let Some(record) = record {
                    batch.insert(&part.keyspace, offset.to_be_bytes(), record.clone());
                }
            }
            if let (Some(keys), Some(partition)) = (&part.keys, part.topic.partition(part.partition)) {
                let before = partition.keys.lock();
                for superseded in keys.keys().filter_map(|key| before.get(key)) {
                    batch.remove(&part.keyspace, superseded.to_be_bytes());
                }
            }
        }
        for (key, next) in self.group_commits {
            batch.insert(&self.engine.meta, key, next.to_be_bytes());
        }
        batch.commit()?;
        Ok(Some(Written { parts: self.parts, now_ms: self.now_ms, records: self.records, bytes: self.bytes }))
    }
}

impl Part {
    fn push(&mut self, encoded: Bytes) -> u64 {
        let offset = self.first + self.records.len() as u64;
        if let (Some(keys), Ok((Some(key), _))) = (&mut self.keys, codec::key_and_tombstone(&encoded)) {
            // Copied, so that the index does not hold the whole record in memory.
            if let Some(superseded) = keys.insert(Bytes::copy_from_slice(&key), offset) {
                let index = usize::try_from(superseded - self.first).unwrap_or(usize::MAX);
                if let Some(record) = self.records.get_mut(index) {
                    *record = None;
                }
            }
        }
        self.records.push(Some(encoded));
        offset
    }
}

impl Written {
    /// Shows what is durable now to the readers.
    pub(super) fn publish(self, engine: &Engine) {
        for part in self.parts {
            let Some(partition) = part.topic.partition(part.partition) else { continue };
            let end = part.first + part.records.len() as u64;
            if let Some(keys) = part.keys {
                partition.keys.lock().extend(keys);
            } else {
                let mut tail = partition.tail.lock();
                for (offset, record) in (part.first..).zip(part.records) {
                    if let Some(record) = record {
                        tail.push(offset, record);
                    }
                }
                let mut stores = engine.stores.write();
                let store = stores.get_mut(&*part.topic.name).and_then(|stores| stores.get_mut(part.partition as usize));
                if let Some(Store::Segments(segments)) = store
                    && let Some(segment) = segments.get_mut(&part.base)
                {
                    segment.next = end;
                    segment.bytes = part.segment_bytes;
                    segment.appended_first_at_ms.get_or_insert(self.now_ms);
                    segment.appended_last_at_ms = Some(self.now_ms);
                }
            }
            partition.set_end(end);
            part.topic.changed.notify_waiters();
        }
    }
}

/// Somebody who waits for a commit.
pub(super) enum Promise {
    /// The record, or the last of several.
    Append { position: Position, answer: Answer<Position, ProduceError> },
    /// The new holder of a writer's id.
    Fence { topic: Arc<TopicState>, epoch: u64, answer: Answer<u64, LogError> },
    /// A group's commit: `positions` are the member's, `revoked` is one that is no longer.
    Commit { group: Arc<Group>, positions: Positions, revoked: Option<u32>, answer: Answer<(), CommitError> },
}

/// What became of a commit.
pub(super) enum Outcome<'a> {
    /// It will survive.
    Durable,
    /// It is not in the log.
    NotWritten(&'a str),
    /// It was written, but could not be synced: it may be in the log.
    Unknown(&'a str),
}

impl Promise {
    /// Answers. The other end may have stopped waiting; then there is nobody to tell.
    pub(super) fn settle(self, outcome: &Outcome<'_>) {
        match self {
            Self::Append { position, answer } => drop(answer.send(match outcome {
                Outcome::Durable => Ok(position),
                Outcome::NotWritten(reason) => Err(ProduceError::Unavailable { reason: (*reason).to_owned() }),
                Outcome::Unknown(_) => Err(ProduceError::Unknown),
            })),
            Self::Fence { topic, epoch, answer } => drop(answer.send(match outcome {
                Outcome::Durable => Ok(epoch),
                Outcome::NotWritten(reason) | Outcome::Unknown(reason) => {
                    Err(LogError::Engine { action: format!("take over the writer of {}", topic.name), reason: (*reason).to_owned() })
                }
            })),
            Self::Commit { group, positions, revoked, answer } => drop(answer.send(match outcome {
                Outcome::Durable => {
                    for (partition, next) in positions.iter() {
                        group.set_committed(partition, next);
                    }
                    revoked.map_or(Ok(()), |partition| Err(CommitError::Revoked { partition }))
                }
                Outcome::NotWritten(reason) | Outcome::Unknown(reason) => Err(CommitError::Unavailable { reason: (*reason).to_owned() }),
            })),
        }
    }
}
