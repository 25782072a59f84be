//! The log of the tests: the embedded one, which takes audit entries only as long as a test lets it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use tlsrpt_log::{Ack, Consumer, FencedWriter, Lag, Log, LogError, ProduceError, Producer, Reader, Record, Topic};
use tlsrpt_record::AUDIT;

/// How many more audit entries the log takes.
#[derive(Clone, Debug)]
pub(crate) struct AuditLog(Arc<AtomicI64>);

impl AuditLog {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MAX)))
    }
    pub(crate) fn refuse(&self) {
        self.refuse_after(0);
    }
    pub(crate) fn refuse_after(&self, entries: i64) {
        self.0.store(entries, Ordering::SeqCst);
    }
    pub(crate) fn take_again(&self) {
        self.refuse_after(i64::MAX);
    }
}

/// The log as the query role sees it.
pub(crate) struct Gated {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) audit: AuditLog,
}

struct GatedProducer {
    producer: Arc<dyn Producer>,
    audit: AuditLog,
}

impl Producer for GatedProducer {
    fn send(&self, topic: &str, record: Record) -> Ack {
        if topic == AUDIT.name && self.audit.0.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Ack::ready(Err(ProduceError::Unavailable { reason: "a test says so".to_owned() }));
        }
        self.producer.send(topic, record)
    }
}

#[async_trait::async_trait]
impl Log for Gated {
    async fn declare(&self, topic: &Topic) -> Result<(), LogError> {
        self.log.declare(topic).await
    }
    fn producer(&self) -> Arc<dyn Producer> {
        Arc::new(GatedProducer { producer: self.log.producer(), audit: self.audit.clone() })
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
