//! A log that can be made to go away: the real embedded log behind a switch.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use tlsrpt_log::{Ack, Consumer, EmbeddedLog, FencedWriter, Lag, Log, LogError, Position, ProduceError, Producer, Reader, Record, Topic};
use tokio::sync::oneshot;

/// How the log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As it should be.
    #[default]
    There,
    /// Refuses at once.
    Away,
    /// Takes everything and does not answer, until it is there again: then all of it is appended.
    Silent,
    /// Has no room for what is in flight.
    Busy,
    /// Appends, and says that it does not know.
    Unsure,
    /// Refuses records with more bytes as too large.
    Narrow(usize),
}

/// The log, and the switch.
pub(crate) struct FaultyLog {
    log: Arc<EmbeddedLog>,
    faults: Arc<Faults>,
}

struct Faults {
    producer: Arc<dyn Producer>,
    mode: Mutex<Mode>,
    held: Mutex<Vec<Held>>,
    sent: AtomicUsize,
}

struct Held {
    topic: String,
    record: Record,
    answer: oneshot::Sender<Result<Position, ProduceError>>,
}

impl FaultyLog {
    pub(crate) fn new(log: Arc<EmbeddedLog>, mode: Mode) -> Self {
        let producer = log.producer();
        Self { log, faults: Arc::new(Faults { producer, mode: Mutex::new(mode), held: Mutex::default(), sent: AtomicUsize::new(0) }) }
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.faults.mode.lock().unwrap() = mode;
        if mode != Mode::Silent {
            for Held { topic, record, answer } in self.faults.held.lock().unwrap().drain(..) {
                let ack = self.faults.producer.send(&topic, record);
                tokio::spawn(async move { answer.send(ack.await) });
            }
        }
    }

    /// Records that were handed to it.
    pub(crate) fn sent(&self) -> usize {
        self.faults.sent.load(Ordering::Relaxed)
    }
}

impl Producer for Faults {
    fn send(&self, topic: &str, record: Record) -> Ack {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let mode = *self.mode.lock().unwrap();
        match mode {
            Mode::There => self.producer.send(topic, record),
            Mode::Away => Ack::ready(Err(ProduceError::Unavailable { reason: "no broker answers".to_owned() })),
            Mode::Silent => {
                let (answer, ack) = Ack::pending();
                self.held.lock().unwrap().push(Held { topic: topic.to_owned(), record, answer });
                ack
            }
            Mode::Busy => Ack::ready(Err(ProduceError::Full)),
            Mode::Unsure => {
                let ack = self.producer.send(topic, record);
                let (answer, unsure) = Ack::pending();
                tokio::spawn(async move { answer.send(ack.await.and(Err(ProduceError::Unknown))) });
                unsure
            }
            Mode::Narrow(bytes_max) if record.size_bytes() > bytes_max => {
                Ack::ready(Err(ProduceError::TooLarge { bytes: record.size_bytes(), bytes_max }))
            }
            Mode::Narrow(_) => self.producer.send(topic, record),
        }
    }
}

#[async_trait]
impl Log for FaultyLog {
    async fn declare(&self, topic: &Topic) -> Result<(), LogError> {
        self.log.declare(topic).await
    }

    fn producer(&self) -> Arc<dyn Producer> {
        self.faults.clone()
    }

    async fn consumer(&self, topic: &str, group: &str) -> Result<Box<dyn Consumer>, LogError> {
        self.log.consumer(topic, group).await
    }

    async fn reader(&self, topic: &str) -> Result<Box<dyn Reader>, LogError> {
        self.log.reader(topic).await
    }

    async fn fenced_writer(&self, topic: &str, id: &str) -> Result<Box<dyn FencedWriter>, LogError> {
        self.log.fenced_writer(topic, id).await
    }

    async fn lag(&self, topic: &str, group: &str) -> Result<Lag, LogError> {
        self.log.lag(topic, group).await
    }

    async fn oldest(&self, topic: &str) -> Result<Option<i64>, LogError> {
        self.log.oldest(topic).await
    }
}
