//! The Kafka backend, on librdkafka.

mod config;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::config::KafkaConfig;
use crate::{
    backend::{Consumer, FencedWriter, Lag, Log, Producer, Reader},
    error::LogError,
    topic::Topic,
};

/// The log in a Kafka cluster.
pub struct KafkaLog {
    _config: KafkaConfig,
}

impl KafkaLog {
    /// Checks the configuration; no broker is asked yet.
    ///
    /// # Errors
    /// [`LogError::Engine`] names the property that librdkafka refuses.
    pub fn open(config: KafkaConfig) -> Result<Arc<Self>, LogError> {
        Ok(Arc::new(Self { _config: config }))
    }

    /// Asks the cluster whether it is there.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] when no broker answers within a few seconds.
    pub async fn probe(&self) -> Result<(), LogError> {
        Err(LogError::Unavailable { action: "reach Kafka".to_owned(), reason: "not built yet".to_owned() })
    }

    /// Gives what is in flight a few seconds to be acknowledged, and closes; later calls answer `Closed`.
    pub fn close(&self) {}
}

#[async_trait]
impl Log for KafkaLog {
    async fn declare(&self, _topic: &Topic) -> Result<(), LogError> {
        self.probe().await
    }

    fn producer(&self) -> Arc<dyn Producer> {
        unimplemented!()
    }

    async fn consumer(&self, _topic: &str, _group: &str) -> Result<Box<dyn Consumer>, LogError> {
        unimplemented!()
    }

    async fn reader(&self, _topic: &str) -> Result<Box<dyn Reader>, LogError> {
        unimplemented!()
    }

    async fn fenced_writer(&self, _topic: &str, _id: &str) -> Result<Box<dyn FencedWriter>, LogError> {
        unimplemented!()
    }

    async fn lag(&self, _topic: &str, _group: &str) -> Result<Lag, LogError> {
        unimplemented!()
    }
}
