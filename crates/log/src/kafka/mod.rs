//! The Kafka backend, on librdkafka.
//!
//! A record's way: `producer` hands it to the shared client, bounded in bytes → the brokers acknowledge it when every replica in
//! sync has it → a `member` of a group fetches it ahead, bounded, and hands it out → the group's commit goes to the brokers →
//! `trim` deletes what is old and committed by all groups of this process. A compacted topic is written through a
//! `fenced_writer`, one transaction at a time, and read by a `reader`.
//!
//! Invariants: no call of a role blocks on the network within the runtime; nothing is buffered without a bound; no commit
//! happens after a revocation; a fatal client is made anew; no property that a promise rests on can be set from outside.

mod config;
mod core;
mod ending;
mod failure;
mod fenced_writer;
mod member;
mod message;
mod observer;
mod producer;
mod properties;
mod reader;
mod topics;
mod trim;
mod voice;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::{config::KafkaConfig, topics::TopicFinding};
use self::{
    core::{Core, DeclaredTopic},
    fenced_writer::KafkaFencedWriter,
    member::KafkaConsumer,
    producer::KafkaProducer,
    properties::REQUEST_TIMEOUT,
    reader::KafkaReader,
};
use crate::{
    backend::{Consumer, FencedWriter, Lag, Log, Producer, Reader},
    error::LogError,
    topic::Topic,
};

/// The log in a Kafka cluster.
pub struct KafkaLog {
    core: Arc<Core>,
}

impl KafkaLog {
    /// Checks the configuration and makes the clients; no broker is asked yet. Within a runtime, which trims old records.
    ///
    /// # Errors
    /// [`LogError::Engine`] names the property that is refused, and why.
    pub fn open(config: KafkaConfig) -> Result<Arc<Self>, LogError> {
        let core = Arc::new(Core::new(config)?);
        tokio::spawn(trim::run(Arc::downgrade(&core)));
        Ok(Arc::new(Self { core }))
    }

    /// Asks the cluster whether it is there.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] when no broker answers within ten seconds; it tells of a refused password or certificate.
    pub async fn probe(&self) -> Result<(), LogError> {
        let core = Arc::clone(&self.core);
        let asked = tokio::task::spawn_blocking(move || core.admin.inner().fetch_metadata(None, REQUEST_TIMEOUT).map(drop)).await;
        let unavailable = |reason: String| LogError::Unavailable { action: format!("reach Kafka at {}", self.core.config.brokers), reason };
        match asked {
            Ok(answer) => answer.map_err(|error| self.core.explained(unavailable(error.to_string()))),
            Err(error) => Err(unavailable(error.to_string())),
        }
    }

    /// What is wrong with `topic` in the cluster, which is not changed; nothing when all is as it should be.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] when no broker answers; [`LogError::Engine`] when they do not tell.
    pub async fn examine(&self, topic: &Topic) -> Result<Vec<TopicFinding>, LogError> {
        topics::examine(&self.core, topic).await
    }

    /// Takes no more, and gives what is in flight a few seconds to be acknowledged; later calls answer `Closed`. Blocking.
    /// Closing twice is closing once.
    pub fn close(&self) {
        self.core.close();
    }

    fn one_partition(&self, name: &str) -> Result<Arc<DeclaredTopic>, LogError> {
        let topic = self.core.declared(name)?;
        if topic.partitions == 1 {
            return Ok(topic);
        }
        let found = format!("{} partitions", topic.partitions);
        Err(LogError::TopicDiffers { topic: name.to_owned(), found, expected: "1 partition".to_owned() })
    }
}

#[async_trait]
impl Log for KafkaLog {
    async fn declare(&self, topic: &Topic) -> Result<(), LogError> {
        topics::declare(&self.core, topic).await
    }

    fn producer(&self) -> Arc<dyn Producer> {
        Arc::new(KafkaProducer(Arc::clone(&self.core)))
    }

    async fn consumer(&self, topic: &str, group: &str) -> Result<Box<dyn Consumer>, LogError> {
        Ok(Box::new(KafkaConsumer::join(Arc::clone(&self.core), self.core.declared(topic)?, group)?))
    }

    async fn reader(&self, topic: &str) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(KafkaReader::open(Arc::clone(&self.core), self.one_partition(topic)?).await?))
    }

    async fn fenced_writer(&self, topic: &str, id: &str) -> Result<Box<dyn FencedWriter>, LogError> {
        Ok(Box::new(KafkaFencedWriter::take_over(Arc::clone(&self.core), self.one_partition(topic)?, id).await?))
    }

    async fn lag(&self, topic: &str, group: &str) -> Result<Lag, LogError> {
        observer::lag(&self.core, self.core.declared(topic)?, group).await
    }

    async fn oldest(&self, topic: &str) -> Result<Option<i64>, LogError> {
        observer::oldest(&self.core, self.core.declared(topic)?).await
    }
}
