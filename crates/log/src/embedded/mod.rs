//! The embedded backend: topics in a data directory on fjall, one committer thread that appends in groups.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;

use crate::{
    backend::{Consumer, FencedWriter, Lag, Log, Producer, Reader},
    error::LogError,
    topic::Topic,
};

/// How the embedded log works.
#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// Directory; made when missing. One process at a time may have it open.
    pub dir: PathBuf,
    /// Largest record, key, value and headers together.
    pub record_max_bytes: usize,
    /// Bytes in flight between `send` and the answer; beyond it `Full`.
    pub in_flight_max_bytes: usize,
}

/// The log in a directory of this machine.
#[derive(Clone)]
pub struct EmbeddedLog {}

impl EmbeddedLog {
    /// Opens or creates the log and recovers what was acknowledged.
    ///
    /// # Errors
    /// [`LogError::Engine`] when the directory cannot be opened, or another process has it.
    pub fn open(config: EmbeddedConfig) -> Result<Arc<Self>, LogError> {
        let _ = config;
        todo!()
    }

    /// Stops taking, makes durable what was taken, and closes; later calls answer `Closed`.
    pub fn close(&self) {}
}

#[async_trait]
impl Log for EmbeddedLog {
    async fn declare(&self, _topic: &Topic) -> Result<(), LogError> {
        todo!()
    }
    fn producer(&self) -> Arc<dyn Producer> {
        todo!()
    }
    async fn consumer(&self, _topic: &str, _group: &str) -> Result<Box<dyn Consumer>, LogError> {
        todo!()
    }
    async fn reader(&self, _topic: &str) -> Result<Box<dyn Reader>, LogError> {
        todo!()
    }
    async fn fenced_writer(&self, _topic: &str, _id: &str) -> Result<Box<dyn FencedWriter>, LogError> {
        todo!()
    }
    async fn lag(&self, _topic: &str, _group: &str) -> Result<Lag, LogError> {
        todo!()
    }
}
