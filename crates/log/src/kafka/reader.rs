//! Reading a one-partition topic outside any group.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use rdkafka::{
    TopicPartitionList,
    config::FromClientConfigAndContext as _,
    consumer::{Consumer as _, StreamConsumer},
    error::KafkaError,
    message::BorrowedMessage,
};

use super::{
    core::{Core, DeclaredTopic},
    failure::{config_error, log_error},
    message::{at_offset, from_kafka},
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
    phase: Phase,
}

/// How the client stands to the position.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It fetches nothing yet: who only asks for the end needs no records.
    Idle,
    /// It fetches from the position on.
    Fetching,
    /// It fetches anew from the position, to confirm that no record stands before this end.
    Confirming(u64),
}

impl KafkaReader {
    pub(super) async fn open(core: Arc<Core>, topic: Arc<DeclaredTopic>) -> Result<Self, LogError> {
        let properties = core.config.reader(&core.prefixed("tlsrpt-reader"));
        let client = StreamConsumer::from_config_and_context(&properties, Voice::default()).map_err(|error| config_error(&error))?;
        let client = Arc::new(client);
        let (low, _) = watermarks(&client, &topic).await.map_err(|error| log_error(format!("read {}", topic.name), &error))?;
        Ok(Self { core, topic, client: Some(client), position: low, phase: Phase::Idle })
    }

    /// Starts fetching anew at the position.
    fn fetch_from_position(&self) -> Result<(), KafkaError> {
        let mut start = TopicPartitionList::new();
        start.add_partition_offset(&self.topic.name, 0, at_offset(self.position))?;
        self.client.as_ref().map_or(Ok(()), |client| client.assign(&start))
    }

    fn unavailable(&self, error: &KafkaError) -> ConsumeError {
        ConsumeError::Unavailable { topic: self.topic.declared.name.to_owned(), reason: error.to_string() }
    }

    /// Moves on behind a record. A position above it means that the topic was made anew.
    fn take(&mut self, message: &BorrowedMessage<'_>) -> Option<Delivered> {
        let delivered = from_kafka(message)?;
        self.position = delivered.position.offset + 1;
        self.phase = Phase::Fetching;
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
            if self.phase == Phase::Idle {
                self.fetch_from_position().map_err(|error| self.unavailable(&error))?;
                self.phase = Phase::Fetching;
            }
            let event = tokio::select! {
                event = client.recv() => event,
                () = &mut closed => continue,
            };
            match event {
                // What stands between the last record and the end is no record: a transaction's marker, or a hole of compaction.
                Err(KafkaError::PartitionEOF(_)) => match self.phase {
                    Phase::Confirming(end) => {
                        self.phase = Phase::Fetching;
                        self.position = self.position.max(end);
                        return Ok(Vec::new());
                    }
                    // The client may have said so before what is the end now was there: it has to say it again.
                    _ => {
                        // A call that is dropped while it asks leaves a reader behind that begins anew.
                        self.phase = Phase::Idle;
                        let (_, end) = watermarks(&client, &self.topic).await.map_err(|error| self.unavailable(&error))?;
                        self.phase = if end > self.position {
                            self.fetch_from_position().map_err(|error| self.unavailable(&error))?;
                            Phase::Confirming(end)
                        } else {
                            Phase::Fetching
                        };
                    }
                },
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
        let (_, end) = watermarks(&client, &self.topic).await.map_err(|error| self.unavailable(&error))?;
        Ok(end)
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
                // Said again once the caller asks for more than there is.
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.phase = Phase::Idle;
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
