//! One member of a group: reads on from what it read, or from what the group committed when a partition is new to it.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{
    core::Handle,
    group::Group,
    queue::Request,
    read::{self, Span},
    topic_state::TopicState,
};
use crate::{
    backend::{Batch, BatchLimits, Consumer, Positions},
    error::{CommitError, ConsumeError},
    record::Delivered,
};

pub(super) struct EmbeddedConsumer {
    handle: Arc<Handle>,
    topic: Arc<TopicState>,
    group: Arc<Group>,
    member: u64,
    /// By partition that is owned: since which change of owner, and the next offset to read.
    reading: BTreeMap<u32, Reading>,
    /// The partition after which the next round begins, so that a busy one does not starve the others.
    last_read: u32,
}

#[derive(Clone, Copy)]
struct Reading {
    epoch: u64,
    next: u64,
}

impl EmbeddedConsumer {
    pub(super) fn join(handle: Arc<Handle>, topic: Arc<TopicState>, group: Arc<Group>) -> Self {
        let member = group.join();
        topic.changed.notify_waiters();
        Self { handle, topic, group, member, reading: BTreeMap::new(), last_read: 0 }
    }

    /// What this member owns now. `reading` is where it stands; a partition that it got anew starts from the group's commit.
    fn owned(&self, reading: &BTreeMap<u32, Reading>) -> BTreeMap<u32, Reading> {
        let owned = self.group.owned(self.member).into_iter().map(|owned| {
            let stands = reading.get(&owned.partition).filter(|reading| reading.epoch == owned.epoch).map_or(0, |reading| reading.next);
            (owned.partition, Reading { epoch: owned.epoch, next: stands.max(owned.committed) })
        });
        owned.collect()
    }

    /// Adds what can be read now, within the limits. `reading` moves on with what was added.
    async fn fill(
        &self,
        batch: &mut Vec<Delivered>,
        bytes: &mut usize,
        reading: &mut BTreeMap<u32, Reading>,
        limits: BatchLimits,
    ) -> Result<(), ConsumeError> {
        let order: Vec<u32> = reading.range(self.last_read + 1..).chain(reading.range(..=self.last_read)).map(|(&p, _)| p).collect();
        for partition in order {
            let Some(stands) = reading.get_mut(&partition) else { continue };
            while batch.len() < limits.records_max.max(1) && (batch.is_empty() || *bytes < limits.bytes_max) {
                let records_max = limits.records_max.max(1) - batch.len();
                let span = Span { partition, from: stands.next, records_max, bytes_max: limits.bytes_max.saturating_sub(*bytes) };
                let read = read::read(self.handle.core(), &self.topic, span).await?;
                if read.next == stands.next {
                    break;
                }
                let size: usize = read.records.iter().map(|delivered| delivered.record.size_bytes()).sum();
                // A read takes at least one record; when it does not fit behind others, it waits for the next batch.
                if !batch.is_empty() && *bytes + size > limits.bytes_max {
                    *bytes = limits.bytes_max;
                    break;
                }
                *bytes += size;
                stands.next = read.next;
                batch.extend(read.records);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Consumer for EmbeddedConsumer {
    async fn next(&mut self, limits: BatchLimits) -> Result<Batch, ConsumeError> {
        let topic = self.topic.clone();
        let mut batch: Vec<Delivered> = Vec::new();
        let mut bytes = 0;
        let mut deadline = None;
        // Only what is returned counts as read, so that a call that is dropped halfway skips nothing.
        let mut reading = self.reading.clone();
        loop {
            let changed = topic.changed.notified();
            tokio::pin!(changed);
            // Before looking, so that no change is missed between looking and waiting.
            changed.as_mut().enable();
            if self.handle.core().is_closed() {
                return Err(ConsumeError::Closed);
            }
            reading = self.owned(&reading);
            // What another member took over meanwhile is delivered there.
            let still_mine = |delivered: &Delivered| {
                reading.get(&delivered.position.partition).is_some_and(|stands| stands.next > delivered.position.offset)
            };
            batch.retain(still_mine);
            match self.fill(&mut batch, &mut bytes, &mut reading, limits).await {
                Ok(()) => {}
                Err(ConsumeError::Gap { topic, partition, from, to }) if batch.is_empty() => {
                    if let Some(stands) = reading.get_mut(&partition) {
                        stands.next = to;
                    }
                    self.reading = reading;
                    return Err(ConsumeError::Gap { topic, partition, from, to });
                }
                // What is here already is handed out first.
                Err(_) if !batch.is_empty() => break,
                Err(ConsumeError::Unavailable { topic, reason }) => return Err(ConsumeError::Unavailable { topic, reason }),
                Err(error) => return Err(error),
            }
            if batch.len() >= limits.records_max.max(1) || (!batch.is_empty() && bytes >= limits.bytes_max) {
                break;
            }
            if batch.is_empty() {
                changed.await;
                continue;
            }
            let until = *deadline.get_or_insert_with(|| Instant::now() + limits.linger);
            if timeout_at(until, changed).await.is_err() {
                break;
            }
        }
        if let Some(last) = batch.last() {
            self.last_read = last.position.partition;
        }
        self.reading = reading;
        Ok(Batch { records: batch })
    }

    async fn commit(&mut self, positions: &Positions) -> Result<(), CommitError> {
        let closed = || CommitError::Unavailable { reason: "the log is closed".to_owned() };
        let (answer, answered) = oneshot::channel();
        let (topic, group, member, positions) = (self.topic.clone(), self.group.clone(), self.member, positions.clone());
        let request = Request::Commit { topic, group, member, positions, answer };
        self.handle.core().queue.push(request).map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }
}

impl Drop for EmbeddedConsumer {
    fn drop(&mut self) {
        self.group.leave(self.member);
        self.topic.changed.notify_waiters();
    }
}
