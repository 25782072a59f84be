//! Reading a one-partition topic outside any group.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext as _,
    consumer::{Consumer as _, StreamConsumer},
    error::KafkaError,
    message::BorrowedMessage,
};

use super::{
    core::{Core, DeclaredTopic},
    failure::{config_error, log_error},
    message::from_kafka,
    properties::REQUEST_TIMEOUT,
    voice::Voice,
};
use crate::{
    backend::Reader,
    error::{ConsumeError, LogError},
    record::Delivered,
};

/// Bytes that one call hands out, beside its bound on records.
const READ_MAX_BYTES: usize = 16 << 20;

/// Reads one partition from its start.
pub(super) struct KafkaReader {
    core: Arc<Core>,
    topic: Arc<DeclaredTopic>,
    /// None once it is dropped.
    client: Option<Arc<StreamConsumer<Voice>>>,
    position: u64,
    /// The furthest end that was asked for.
    end: u64,
    /// Whether the client said that there is nothing more, and nothing came since.
    is_at_end: bool,
    /// The end that the client's next word of being at the end confirms.
    confirming: Option<u64>,
}

impl KafkaReader {
    pub(super) async fn open(core: Arc<Core>, topic: Arc<DeclaredTopic>) -> Result<Self, LogError> {
        let properties = core.config.reader(&core.prefixed("tlsrpt-reader"));
        let client = StreamConsumer::from_config_and_context(&properties, Voice::default()).map_err(|error| config_error(&error))?;
        let client = Arc::new(client);
        let (low, _) = watermarks(&client, &topic).await.map_err(|error| log_error(format!("read {}", topic.name), &error))?;
        let reader = Self { core, topic, client: Some(client), position: low, end: low, is_at_end: false, confirming: None };
        reader.fetch_from_position().map_err(|error| log_error(format!("read {}", reader.topic.name), &error))?;
        Ok(reader)
    }

    /// Starts fetching anew at the position.
    fn fetch_from_position(&self) -> Result<(), KafkaError> {
        let mut start = TopicPartitionList::new();
        start.add_partition_offset(&self.topic.name, 0, Offset::Offset(i64::try_from(self.position).unwrap_or(i64::MAX)))?;
        self.client.as_ref().map_or(Ok(()), |client| client.assign(&start))
    }

    fn unavailable(&self, error: &KafkaError) -> ConsumeError {
        ConsumeError::Unavailable { topic: self.topic.declared.name.to_owned(), reason: error.to_string() }
    }

    /// Moves on behind a record. A position above it means that the topic was made anew.
    fn take(&mut self, message: &BorrowedMessage<'_>) -> Option<Delivered> {
        let delivered = from_kafka(message)?;
        self.position = delivered.position.offset + 1;
        self.is_at_end = false;
        Some(delivered)
    }
}

#[async_trait]
impl Reader for KafkaReader {
    async fn next(&mut self, records_max: usize) -> Result<Vec<Delivered>, ConsumeError> {
        let Some(client) = self.client.clone() else { return Err(ConsumeError::Closed) };
        let core = Arc::clone(&self.core);
        let closed = core.closed.notified();
        tokio::pin!(closed);
        closed.as_mut().enable();
        loop {
            if core.is_closed() {
                return Err(ConsumeError::Closed);
            }
            // What stands between the last record and the end is no record: a transaction's marker, or a hole of compaction.
            // That the client is at the end it may have said before that end was there, so it has to say it again.
            if self.is_at_end && self.position < self.end && self.confirming.is_none() {
                self.confirming = Some(self.end);
                self.fetch_from_position().map_err(|error| self.unavailable(&error))?;
            }
            let event = tokio::select! {
                event = client.recv() => event,
                () = &mut closed => continue,
            };
            match event {
                Err(KafkaError::PartitionEOF(_)) => {
                    self.is_at_end = true;
                    if let Some(end) = self.confirming.take()
                        && end > self.position
                    {
                        self.position = end;
                        return Ok(Vec::new());
                    }
                }
                // A lost connection is made anew by the client, mostly before anybody needs it.
                Err(error) => {
                    if watermarks(&client, &self.topic).await.is_err() {
                        return Err(self.unavailable(&error));
                    }
                }
                Ok(message) => {
                    let expected = self.position;
                    let first = self.take(&message);
                    if self.position <= expected {
                        return Err(self.begun_anew(expected));
                    }
                    return Ok(self.fill(&client, first, records_max));
                }
            }
        }
    }

    async fn end(&mut self) -> Result<u64, ConsumeError> {
        let Some(client) = self.client.clone().filter(|_| !self.core.is_closed()) else { return Err(ConsumeError::Closed) };
        let (_, high) = watermarks(&client, &self.topic).await.map_err(|error| self.unavailable(&error))?;
        self.end = self.end.max(high);
        Ok(high)
    }

    fn position(&self) -> u64 {
        self.position
    }
}

impl KafkaReader {
    /// Adds what is here already.
    fn fill(&mut self, client: &StreamConsumer<Voice>, first: Option<Delivered>, records_max: usize) -> Vec<Delivered> {
        let mut records: Vec<Delivered> = first.into_iter().collect();
        let mut bytes: usize = records.iter().map(|delivered| delivered.record.size_bytes()).sum();
        while records.len() < records_max && bytes < READ_MAX_BYTES {
            match client.recv().now_or_never() {
                Some(Ok(message)) => {
                    let Some(delivered) = self.take(&message) else { continue };
                    bytes += delivered.record.size_bytes();
                    records.push(delivered);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.is_at_end = true;
                    break;
                }
                // What is wrong is said again, to the next call.
                Some(Err(_)) | None => break,
            }
        }
        records
    }

    /// The topic begins below what was read: whoever built a view of it must build it anew.
    fn begun_anew(&self, expected: u64) -> ConsumeError {
        ConsumeError::Gap { topic: self.topic.declared.name.to_owned(), partition: 0, from: expected, to: self.position.saturating_sub(1) }
    }
}

impl Drop for KafkaReader {
    /// Ending a client takes its time, which is not the caller's.
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            std::thread::spawn(move || drop(client));
        }
    }
}

/// First offset that is kept, and the one behind the last that is committed.
async fn watermarks(client: &Arc<StreamConsumer<Voice>>, topic: &Arc<DeclaredTopic>) -> Result<(u64, u64), KafkaError> {
    let (client, topic) = (Arc::clone(client), Arc::clone(topic));
    let asked = tokio::task::spawn_blocking(move || client.fetch_watermarks(&topic.name, 0, REQUEST_TIMEOUT)).await;
    let (low, high) = asked.map_err(|_| KafkaError::Canceled)??;
    Ok((u64::try_from(low).unwrap_or(0), u64::try_from(high).unwrap_or(0)))
}
