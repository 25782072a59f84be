//! Appending: encodes in the caller's thread, and hands over to the committer.

use std::sync::Arc;

use super::{
    codec,
    core::{Core, Handle},
    queue::{Refused, Request},
};
use crate::{
    backend::{Ack, FencedWriter, Producer},
    error::ProduceError,
    record::{Position, Record},
};

pub(super) struct EmbeddedProducer(pub(super) Arc<Handle>);

impl Producer for EmbeddedProducer {
    fn send(&self, topic: &str, record: Record) -> Ack {
        let core = self.0.core();
        let checked =
            check_size(core, &record).and_then(|()| core.topic(topic).ok_or_else(|| ProduceError::NoTopic { topic: topic.to_owned() }));
        let topic = match checked {
            Ok(topic) => topic,
            Err(error) => return Ack::ready(Err(error)),
        };
        let partition = record.key.as_ref().map(|key| topic.partition_of_key(key));
        let (answer, ack) = Ack::pending();
        match core.queue.push(Request::Append { topic, partition, encoded: codec::encode(&record), answer }) {
            Ok(()) => ack,
            Err((refused, _)) => Ack::ready(Err(refused.into())),
        }
    }
}

pub(super) struct EmbeddedFencedWriter {
    pub(super) handle: Arc<Handle>,
    pub(super) topic: Arc<super::topic_state::TopicState>,
    pub(super) id: Arc<str>,
    pub(super) epoch: u64,
}

#[async_trait::async_trait]
impl FencedWriter for EmbeddedFencedWriter {
    async fn append(&mut self, records: Vec<Record>) -> Result<Position, ProduceError> {
        let core = self.handle.core();
        records.iter().try_for_each(|record| check_size(core, record))?;
        let encoded = records.iter().map(codec::encode).collect();
        let (answer, ack) = Ack::pending();
        let (topic, id, epoch) = (self.topic.clone(), self.id.clone(), self.epoch);
        core.queue.push(Request::AppendFenced { topic, id, epoch, encoded, answer }).map_err(|(refused, _)| ProduceError::from(refused))?;
        ack.await
    }
}

impl From<Refused> for ProduceError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Full,
            Refused::Closed => Self::Closed,
        }
    }
}

fn check_size(core: &Core, record: &Record) -> Result<(), ProduceError> {
    let (bytes, bytes_max) = (record.size_bytes(), core.config.record_max_bytes);
    if bytes > bytes_max { Err(ProduceError::TooLarge { bytes, bytes_max }) } else { Ok(()) }
}
