//! The embedded backend: topics in a data directory on fjall, one committer thread that appends in groups.
//!
//! A record's way: `producer` encodes and pushes onto `queue`, bounded in bytes → `committer` takes all that waits, writes it
//! as one `commit`, syncs once, answers → `consumer` and `reader` `read` it, from the partition's `tail` in memory when it is
//! recent, else from the `engine` → the group's commit goes through the queue like a record → `retention` drops whole segments
//! that every registered group has committed.
//!
//! Invariants: one thread writes, so whatever must happen in order (fencing, a commit after a revoke, segments that come and
//! go) happens in order without locks held over I/O; readers see only what is synced; after any failure to write, the store is
//! closed and opened again before the next try; a failed sync is never believed later.

mod codec;
mod commit;
mod committer;
mod consumer;
mod copy;
mod core;
mod directory;
mod engine;
mod group;
mod headroom;
mod heal;
mod layout;
mod producer;
mod queue;
mod read;
mod reader;
mod retention;
mod salvage;
mod stats;
mod tail;
mod topic_state;
mod topics;
mod turnover;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use async_trait::async_trait;

use self::{
    committer::Committer,
    consumer::EmbeddedConsumer,
    core::{Core, Handle},
    directory::DirectoryLock,
    engine::Engine,
    producer::{EmbeddedFencedWriter, EmbeddedProducer},
    queue::Request,
    reader::EmbeddedReader,
    topic_state::TopicState,
};
pub use self::{
    copy::{LogCopied, LogCopy},
    stats::EmbeddedStats,
};
use crate::{
    backend::{Consumer, FencedWriter, Lag, Log, Producer, Reader},
    error::LogError,
    record::Record,
    topic::Topic,
};

/// How long [`EmbeddedLog::close`] waits. What was taken is written in a fraction of it, unless the disk hangs.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

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
pub struct EmbeddedLog {
    handle: Arc<Handle>,
}

impl EmbeddedLog {
    /// Opens or creates the log and recovers what was acknowledged. Blocking: takes as long as replaying the journal.
    ///
    /// # Errors
    /// [`LogError::Engine`] when the directory cannot be opened, or another process has it.
    pub fn open(config: EmbeddedConfig) -> Result<Arc<Self>, LogError> {
        let failed = |reason: String| LogError::Engine { action: format!("open the log in {}", config.dir.display()), reason };
        let lock = DirectoryLock::acquire(&config.dir)?;
        let engine = Engine::open(&config.dir).map_err(|error| failed(error.to_string()))?;
        let engine = Arc::new(engine);
        let core = Arc::new(Core::new(config.clone(), engine.clone()));
        let committer = Committer::new(core.clone(), lock, &engine).map_err(|error| failed(error.to_string()))?;
        drop(engine);
        thread::Builder::new()
            .name("tlsrpt-log".to_owned())
            .spawn(move || committer.run())
            .map_err(|error| failed(format!("its thread cannot be started: {error}")))?;
        Ok(Arc::new(Self { handle: Arc::new(Handle::new(core)) }))
    }

    /// Stops taking, makes durable what was taken, and closes; later calls answer `Closed`. Waits until the directory is free,
    /// which is a matter of one or two fsyncs; gives up waiting after ten seconds when the disk hangs. Closing twice is
    /// closing once.
    pub fn close(&self) {
        self.handle.core().begin_close();
        if !self.handle.core().wait_finished(CLOSE_PATIENCE) {
            tracing::error!(dir = %self.handle.core().config.dir.display(), "the log does not close; its disk may hang");
        }
    }

    /// Whether a process has the log in `dir` open.
    #[must_use]
    pub fn is_open(dir: &Path) -> bool {
        copy::is_open(dir)
    }

    /// Begins a copy of the log: notes what every group has committed by now, and keeps retention from removing anything until the copy
    /// is dropped.
    ///
    /// # Errors
    /// [`LogError::Engine`] when the store is away.
    pub async fn begin_copy(&self) -> Result<LogCopy, LogError> {
        let core = self.handle.core().clone();
        let closed = |_| LogError::Engine { action: "copy the log".to_owned(), reason: "the log is closed".to_owned() };
        tokio::task::spawn_blocking(move || LogCopy::begin(&core)).await.map_err(closed)?
    }

    /// Figures for metrics.
    #[must_use]
    pub fn stats(&self) -> EmbeddedStats {
        stats::stats(self.handle.core())
    }

    /// Bytes that `record` takes in the log.
    #[must_use]
    pub fn stored_bytes(record: &Record) -> u64 {
        codec::encoded_len(record) as u64
    }

    /// What `group` has yet to commit on `topic`, in [`EmbeddedLog::stored_bytes`]. A compacted topic has no such figure: 0.
    ///
    /// # Errors
    /// [`LogError::NoTopic`]; [`LogError::Engine`] when the store cannot be read.
    pub async fn lag_bytes(&self, topic: &str, group: &str) -> Result<u64, LogError> {
        let topic = self.topic(topic)?;
        let group = topic.groups.lock().get(group).cloned();
        let mut bytes: u64 = 0;
        for (index, partition) in topic.indexed() {
            let next = group.as_ref().map_or(0, |group| group.committed(index)).max(partition.start());
            let failed = |reason| LogError::Engine { action: format!("measure the lag on {}", topic.name), reason };
            bytes = bytes.saturating_add(read::bytes_from(self.handle.core(), &topic, index, next).await.map_err(failed)?);
        }
        Ok(bytes)
    }

    fn topic(&self, name: &str) -> Result<Arc<TopicState>, LogError> {
        self.handle.core().topic(name).ok_or_else(|| LogError::NoTopic { topic: name.to_owned() })
    }

    fn one_partition(&self, name: &str) -> Result<Arc<TopicState>, LogError> {
        let topic = self.topic(name)?;
        if topic.partitions.len() == 1 {
            return Ok(topic);
        }
        let found = format!("{} partitions", topic.partitions.len());
        Err(LogError::TopicDiffers { topic: name.to_owned(), found, expected: "1 partition".to_owned() })
    }
}

#[async_trait]
impl Log for EmbeddedLog {
    async fn declare(&self, topic: &Topic) -> Result<(), LogError> {
        let declared = topic.into();
        self.handle.core().ask(&format!("declare topic {}", topic.name), |answer| Request::Declare { topic: declared, answer }).await
    }

    fn producer(&self) -> Arc<dyn Producer> {
        Arc::new(EmbeddedProducer(self.handle.clone()))
    }

    async fn consumer(&self, topic: &str, group: &str) -> Result<Box<dyn Consumer>, LogError> {
        let topic = self.topic(topic)?;
        let (asked, name) = (topic.clone(), group.to_owned());
        let action = format!("join group {group} on {}", topic.name);
        let group = self.handle.core().ask(&action, |answer| Request::Register { topic: asked, group: name, answer }).await?;
        Ok(Box::new(EmbeddedConsumer::join(self.handle.clone(), topic, group)))
    }

    async fn reader(&self, topic: &str) -> Result<Box<dyn Reader>, LogError> {
        let topic = self.one_partition(topic)?;
        let next = topic.partition(0).map_or(0, |partition| partition.start());
        Ok(Box::new(EmbeddedReader { handle: self.handle.clone(), topic, next }))
    }

    async fn fenced_writer(&self, topic: &str, id: &str) -> Result<Box<dyn FencedWriter>, LogError> {
        let topic = self.one_partition(topic)?;
        let id: Arc<str> = id.into();
        let (asked, holder) = (topic.clone(), id.clone());
        let action = format!("take over the writer of {}", topic.name);
        let epoch = self.handle.core().ask(&action, |answer| Request::Fence { topic: asked, id: holder, answer }).await?;
        Ok(Box::new(EmbeddedFencedWriter { handle: self.handle.clone(), topic, id, epoch }))
    }

    async fn lag(&self, topic: &str, group: &str) -> Result<Lag, LogError> {
        let topic = self.topic(topic)?;
        let group = topic.groups.lock().get(group).cloned();
        let mut lag = Lag::default();
        let mut oldest = Vec::new();
        for (index, partition) in topic.indexed() {
            let next = group.as_ref().map_or(0, |group| group.committed(index)).max(partition.start());
            let behind = partition.end().saturating_sub(next);
            lag.records += behind;
            lag.by_partition.insert(index, behind);
            if behind > 0 {
                oldest.push((index, next));
            }
        }
        for (partition, next) in oldest {
            let failed = |reason| LogError::Engine { action: format!("read the lag on {}", topic.name), reason };
            let at = read::appended_at_ms(self.handle.core(), &topic, partition, next).await.map_err(failed)?;
            lag.oldest_appended_at_ms = lag.oldest_appended_at_ms.into_iter().chain(at).min();
        }
        Ok(lag)
    }

    async fn oldest(&self, topic: &str) -> Result<Option<i64>, LogError> {
        let topic = self.topic(topic)?;
        let mut oldest: Option<i64> = None;
        for (index, partition) in topic.indexed() {
            if partition.start() >= partition.end() {
                continue;
            }
            let failed = |reason| LogError::Engine { action: format!("read the oldest record of {}", topic.name), reason };
            let at = read::appended_at_ms(self.handle.core(), &topic, index, partition.start()).await.map_err(failed)?;
            oldest = oldest.into_iter().chain(at).min();
        }
        // Looked at last: what was dropped meanwhile is in it before it cannot be read.
        Ok(oldest.into_iter().chain(self.handle.core().dropped.lock().oldest_ms()).min())
    }
}
