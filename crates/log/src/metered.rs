//! A log that measures how long its appends take, as a metric.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use async_trait::async_trait;
use prometheus::{Error, Histogram, HistogramOpts, HistogramVec, Registry};

use crate::{
    backend::{Ack, Consumer, FencedWriter, Lag, Log, Producer, Reader},
    error::{LogError, ProduceError},
    record::{Position, Record},
    topic::Topic,
};

/// From one fsync on a good disk to the longest that a Kafka append is tried.
const BUCKETS_SECONDS: [f64; 14] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// The log as it is, but for the clock on its appends.
pub struct Metered {
    log: Arc<dyn Log>,
    seconds: Seconds,
}

/// By topic.
type Seconds = Arc<BTreeMap<&'static str, Histogram>>;

/// Registers `tlsrpt_log_append_seconds` for the topics that a process appends to; on others nothing is measured.
///
/// # Errors
/// When the name is registered already.
pub fn register_appends(registry: &Registry, topics: &[&'static str]) -> Result<Seconds, Error> {
    let opts = HistogramOpts::new(
        "tlsrpt_log_append_seconds",
        "Time from handing a record to the log until it is durable, by topic; appends that fail are not in it",
    );
    let seconds = HistogramVec::new(opts.buckets(BUCKETS_SECONDS.to_vec()), &["topic"])?;
    registry.register(Box::new(seconds.clone()))?;
    Ok(Arc::new(topics.iter().map(|&topic| (topic, seconds.with_label_values(&[topic]))).collect()))
}

impl Metered {
    /// Measures the appends to these topics.
    ///
    /// # Errors
    /// When the metric is registered already.
    pub fn new(log: Arc<dyn Log>, registry: &Registry, topics: &[&'static str]) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self { log, seconds: register_appends(registry, topics)? }))
    }
}

#[async_trait]
impl Log for Metered {
    async fn declare(&self, topic: &Topic) -> Result<(), LogError> {
        self.log.declare(topic).await
    }

    fn producer(&self) -> Arc<dyn Producer> {
        Arc::new(MeteredProducer { producer: self.log.producer(), seconds: Arc::clone(&self.seconds) })
    }

    async fn consumer(&self, topic: &str, group: &str) -> Result<Box<dyn Consumer>, LogError> {
        self.log.consumer(topic, group).await
    }

    async fn reader(&self, topic: &str) -> Result<Box<dyn Reader>, LogError> {
        self.log.reader(topic).await
    }

    async fn fenced_writer(&self, topic: &str, id: &str) -> Result<Box<dyn FencedWriter>, LogError> {
        let writer = self.log.fenced_writer(topic, id).await?;
        Ok(match self.seconds.get(topic) {
            Some(seconds) => Box::new(MeteredWriter { writer, seconds: seconds.clone() }),
            None => writer,
        })
    }

    async fn lag(&self, topic: &str, group: &str) -> Result<Lag, LogError> {
        self.log.lag(topic, group).await
    }

    async fn oldest(&self, topic: &str) -> Result<Option<i64>, LogError> {
        self.log.oldest(topic).await
    }
}

struct MeteredProducer {
    producer: Arc<dyn Producer>,
    seconds: Seconds,
}

impl Producer for MeteredProducer {
    fn send(&self, topic: &str, record: Record) -> Ack {
        let began = Instant::now();
        let ack = self.producer.send(topic, record);
        match self.seconds.get(topic) {
            Some(seconds) => ack.measured(began, seconds.clone()),
            None => ack,
        }
    }
}

struct MeteredWriter {
    writer: Box<dyn FencedWriter>,
    seconds: Histogram,
}

#[async_trait]
impl FencedWriter for MeteredWriter {
    async fn append(&mut self, records: Vec<Record>) -> Result<Position, ProduceError> {
        let began = Instant::now();
        let appended = self.writer.append(records).await?;
        self.seconds.observe(began.elapsed().as_secs_f64());
        Ok(appended)
    }
}
