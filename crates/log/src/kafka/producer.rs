//! Appending: many records in flight, bounded in bytes, each answered when every replica in sync has it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parking_lot::RwLock;
use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    config::{FromClientConfigAndContext as _, RDKafkaLogLevel},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryResult, Producer as _, ProducerContext, ThreadedProducer},
};
use tokio::sync::oneshot;

use super::{
    config::KafkaConfig,
    core::Core,
    failure::{config_error, produce_error},
    message::{position, to_kafka},
    properties::REQUEST_TIMEOUT,
    voice::Voice,
};
use crate::{
    backend::{Ack, Producer},
    error::{LogError, ProduceError},
    record::{Position, Record},
};

/// What a record costs in memory beside its bytes.
const RECORD_COST_BYTES: usize = 256;

/// The [`Producer`] of the log.
pub(super) struct KafkaProducer(pub(super) Arc<Core>);

impl Producer for KafkaProducer {
    fn send(&self, topic: &str, record: Record) -> Ack {
        match self.0.topic(topic) {
            Some(topic) => self.0.sender.send(&topic.name, &record),
            None => Ack::ready(Err(ProduceError::NoTopic { topic: topic.to_owned() })),
        }
    }
}

type Client = Arc<ThreadedProducer<Deliveries>>;

/// The client that all appends share; made anew when it meets a fatal error.
pub(super) struct Sender {
    properties: ClientConfig,
    record_max_bytes: usize,
    in_flight_max_bytes: usize,
    in_flight_bytes: Arc<AtomicUsize>,
    /// None once the log is closed.
    client: RwLock<Option<Client>>,
}

impl Sender {
    /// Starts the client; no broker is asked yet.
    pub(super) fn start(config: &KafkaConfig) -> Result<Self, LogError> {
        let sender = Self {
            properties: config.producer(),
            record_max_bytes: config.record_max_bytes,
            in_flight_max_bytes: config.in_flight_max_bytes,
            in_flight_bytes: Arc::default(),
            client: RwLock::new(None),
        };
        let client = sender.client_anew().map_err(|error| config_error(&error))?;
        *sender.client.write() = Some(client);
        Ok(sender)
    }

    /// Takes a record into flight, or says at once why not.
    fn send(&self, topic: &str, record: &Record) -> Ack {
        let record_bytes = record.size_bytes();
        if record_bytes > self.record_max_bytes {
            return Ack::ready(Err(ProduceError::TooLarge { bytes: record_bytes, bytes_max: self.record_max_bytes }));
        }
        let client = match self.client() {
            Ok(client) => client,
            Err(error) => return Ack::ready(Err(error)),
        };
        let reserved_bytes = record_bytes + RECORD_COST_BYTES;
        if !self.reserve(reserved_bytes) {
            return Ack::ready(Err(ProduceError::Full));
        }
        let (answer, ack) = Ack::pending();
        let waiting = Box::new(Waiting { answer, reserved_bytes, record_bytes });
        if let Err((error, refused)) = client.send(to_kafka(topic, record, waiting)) {
            client.context().settle(*refused.delivery_opaque, Err(&error));
        }
        ack
    }

    /// Takes `bytes` of the bound; a record that is larger than the bound goes alone.
    fn reserve(&self, bytes: usize) -> bool {
        let fits = |held: usize| (held == 0 || held + bytes <= self.in_flight_max_bytes).then_some(held + bytes);
        self.in_flight_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).is_ok()
    }

    fn client(&self) -> Result<Client, ProduceError> {
        let alive = |client: &Client| !client.context().voice.is_dead();
        match &*self.client.read() {
            Some(client) if alive(client) => return Ok(Arc::clone(client)),
            Some(_) => {}
            None => return Err(ProduceError::Closed),
        }
        let mut slot = self.client.write();
        match &*slot {
            Some(client) if alive(client) => Ok(Arc::clone(client)),
            Some(_) => {
                let anew = self.client_anew().map_err(|error| ProduceError::Unavailable { reason: error.to_string() })?;
                tracing::error!("Kafka's producer met a fatal error and is made anew; what was in flight is sent again by its senders");
                Ok(Arc::clone(slot.insert(anew)))
            }
            None => Err(ProduceError::Closed),
        }
    }

    fn client_anew(&self) -> Result<Client, KafkaError> {
        let deliveries = Deliveries {
            voice: Voice::default(),
            in_flight_bytes: Arc::clone(&self.in_flight_bytes),
            record_max_bytes: self.record_max_bytes,
        };
        ThreadedProducer::from_config_and_context(&self.properties, deliveries).map(Arc::new)
    }

    /// Why its client lost a broker just now, in librdkafka's words.
    pub(super) fn last_failure(&self) -> Option<String> {
        self.client.read().as_ref().and_then(|client| client.context().voice.last_failure())
    }

    /// Waits until what is in flight is answered, but not for ever, and takes no more. Blocking.
    pub(super) fn close(&self) {
        let Some(client) = self.client.write().take() else { return };
        if let Err(error) = client.flush(REQUEST_TIMEOUT) {
            tracing::warn!(%error, records = client.in_flight_count(), "the log closes, and not every append was acknowledged");
        }
    }
}

/// Hands each answer to whoever waits for it.
struct Deliveries {
    voice: Voice,
    in_flight_bytes: Arc<AtomicUsize>,
    record_max_bytes: usize,
}

/// Somebody who waits for an append.
struct Waiting {
    answer: oneshot::Sender<Result<Position, ProduceError>>,
    /// What the record takes of the bound.
    reserved_bytes: usize,
    record_bytes: usize,
}

impl Deliveries {
    fn settle(&self, waiting: Waiting, outcome: Result<Option<Position>, &KafkaError>) {
        let Waiting { answer, reserved_bytes, record_bytes } = waiting;
        // Before the answer, so that whoever has one may send at once.
        self.in_flight_bytes.fetch_sub(reserved_bytes, Ordering::AcqRel);
        // Whoever stopped waiting needs no answer.
        drop(answer.send(match outcome {
            Ok(position) => position.ok_or(ProduceError::Unknown),
            Err(error) => Err(produce_error(error, record_bytes, self.record_max_bytes)),
        }));
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.voice.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.voice.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Waiting>;

    fn delivery(&self, delivered: &DeliveryResult<'_>, waiting: Box<Waiting>) {
        match delivered {
            Ok(message) => self.settle(*waiting, Ok(position(message.partition(), message.offset()))),
            Err((error, _)) => {
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
                    self.voice.die();
                }
                self.settle(*waiting, Err(error));
            }
        }
    }
}
