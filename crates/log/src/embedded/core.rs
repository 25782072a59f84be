//! What all handles of a log share with its committer.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::oneshot;

use super::{
    EmbeddedConfig,
    engine::Engine,
    queue::{Answer, Queue, Request},
    stats::Counters,
    topic_state::TopicState,
    turnover::Dropped,
};
use crate::error::LogError;

/// Shared by handles and committer.
pub(super) struct Core {
    pub(super) config: EmbeddedConfig,
    pub(super) queue: Queue,
    pub(super) topics: RwLock<HashMap<String, Arc<TopicState>>>,
    pub(super) counters: Counters,
    /// Copies under way, for which retention waits; held while it runs.
    pub(super) retention_holds: Mutex<usize>,
    /// What retention dropped and the journal may still hold.
    pub(super) dropped: Mutex<Dropped>,
    engine: RwLock<EngineSlot>,
    closed: AtomicBool,
    finished: Mutex<bool>,
    finished_changed: Condvar,
}

enum EngineSlot {
    Open(Arc<Engine>),
    /// Away, and why.
    Away(String),
}

impl Core {
    pub(super) fn new(config: EmbeddedConfig, engine: Arc<Engine>) -> Self {
        Self {
            queue: Queue::new(config.in_flight_max_bytes),
            config,
            topics: RwLock::default(),
            counters: Counters::default(),
            retention_holds: Mutex::new(0),
            dropped: Mutex::default(),
            engine: RwLock::new(EngineSlot::Open(engine)),
            closed: AtomicBool::new(false),
            finished: Mutex::new(false),
            finished_changed: Condvar::new(),
        }
    }

    /// The engine, or why it is away.
    pub(super) fn engine(&self) -> Result<Arc<Engine>, String> {
        match &*self.engine.read() {
            EngineSlot::Open(engine) => Ok(engine.clone()),
            EngineSlot::Away(reason) => Err(reason.clone()),
        }
    }

    /// Takes the engine away from all, waits for those that still read from it, and closes it.
    pub(super) fn close_engine(&self, reason: &str) {
        let slot = std::mem::replace(&mut *self.engine.write(), EngineSlot::Away(reason.to_owned()));
        let EngineSlot::Open(mut engine) = slot else { return };
        // Whoever holds the engine is in the middle of one bounded read.
        loop {
            match Arc::try_unwrap(engine) {
                Ok(engine) => return drop(engine),
                Err(held) => engine = held,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Puts an engine that was opened again in place.
    pub(super) fn set_engine(&self, engine: Arc<Engine>) {
        *self.engine.write() = EngineSlot::Open(engine);
    }

    /// Notes why the engine is still away.
    pub(super) fn set_away(&self, reason: &str) {
        *self.engine.write() = EngineSlot::Away(reason.to_owned());
    }

    /// The topic of this name.
    pub(super) fn topic(&self, name: &str) -> Option<Arc<TopicState>> {
        self.topics.read().get(name).cloned()
    }

    /// Asks the committer for something that is not bounded by bytes, and waits for the answer.
    pub(super) async fn ask<T>(&self, action: &str, request: impl FnOnce(Answer<T, LogError>) -> Request) -> Result<T, LogError> {
        let closed = || LogError::Engine { action: action.to_owned(), reason: "the log is closed".to_owned() };
        let (answer, answered) = oneshot::channel();
        match self.queue.push(request(answer)) {
            Ok(()) => answered.await.unwrap_or_else(|_| Err(closed())),
            // Without bytes it cannot be refused as too much.
            Err(_) => Err(closed()),
        }
    }

    /// Whether the log was closed.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Takes nothing from now on; what was taken is made durable by the committer.
    pub(super) fn begin_close(&self) {
        self.closed.store(true, Ordering::Release);
        self.queue.close();
        for topic in self.topics.read().values() {
            topic.changed.notify_waiters();
        }
    }

    /// Waits until the committer is done, at most for `patience`.
    pub(super) fn wait_finished(&self, patience: Duration) -> bool {
        let mut finished = self.finished.lock();
        self.finished_changed.wait_while_for(&mut finished, |finished| !*finished, patience);
        *finished
    }

    /// The committer is done.
    pub(super) fn set_finished(&self) {
        *self.finished.lock() = true;
        self.finished_changed.notify_all();
    }
}

/// Held by the log and all that it handed out; the last one to go closes the log.
pub(super) struct Handle(Arc<Core>);

impl Handle {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self(core)
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.begin_close();
        self.0.wait_finished(super::CLOSE_PATIENCE);
    }
}
