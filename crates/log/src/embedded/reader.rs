//! Reading a one-partition topic outside any group.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    core::Handle,
    read::{self, Span},
    topic_state::TopicState,
};
use crate::{backend::Reader, error::ConsumeError, record::Delivered};

/// Bytes that one call hands out, beside its bound on records.
const READ_MAX_BYTES: usize = 16 << 20;

pub(super) struct EmbeddedReader {
    pub(super) handle: Arc<Handle>,
    pub(super) topic: Arc<TopicState>,
    pub(super) next: u64,
}

#[async_trait]
impl Reader for EmbeddedReader {
    async fn next(&mut self, records_max: usize) -> Result<Vec<Delivered>, ConsumeError> {
        let topic = self.topic.clone();
        loop {
            let changed = topic.changed.notified();
            tokio::pin!(changed);
            // Before looking, so that no change is missed between looking and waiting.
            changed.as_mut().enable();
            if self.handle.core().is_closed() {
                return Err(ConsumeError::Closed);
            }
            let span = Span { partition: 0, from: self.next, records_max: records_max.max(1), bytes_max: READ_MAX_BYTES };
            match read::read(self.handle.core(), &topic, span).await {
                Ok(read) if read.records.is_empty() && read.next == self.next => changed.await,
                Ok(read) => {
                    self.next = read.next;
                    if !read.records.is_empty() {
                        return Ok(read.records);
                    }
                }
                Err(error) => {
                    if let ConsumeError::Gap { to, .. } = &error {
                        self.next = *to;
                    }
                    return Err(error);
                }
            }
        }
    }

    async fn end(&mut self) -> Result<u64, ConsumeError> {
        let core = self.handle.core();
        if core.is_closed() {
            return Err(ConsumeError::Closed);
        }
        // While the store is away nobody knows whether what was sent last is in it.
        core.engine().map_err(|reason| ConsumeError::Unavailable { topic: self.topic.name.to_string(), reason })?;
        Ok(self.topic.partition(0).map_or(0, |partition| partition.end()))
    }

    fn position(&self) -> u64 {
        self.next
    }
}
