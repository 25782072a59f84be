//! The one writer of a topic: a transactional producer whose id fences whoever had it before.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use parking_lot::Mutex;
use rdkafka::{
    ClientContext, Message as _,
    config::{FromClientConfigAndContext as _, RDKafkaLogLevel},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext},
};

use super::{
    core::{Core, DeclaredTopic},
    failure::{config_error, log_error},
    message::{position, to_kafka},
    properties::REQUEST_TIMEOUT,
    voice::Voice,
};
use crate::{
    backend::FencedWriter,
    error::{LogError, ProduceError},
    record::{Position, Record},
};

type Client = BaseProducer<Deliveries>;

/// A writer. After any failure its client is dropped and it answers [`ProduceError::Fenced`]: librdkafka has no KIP-890, so a late
/// commit or abort of one transaction could hit the next one of the same client.
pub(super) struct KafkaFencedWriter {
    core: Arc<Core>,
    topic: Arc<DeclaredTopic>,
    client: Option<Client>,
}

impl KafkaFencedWriter {
    /// Takes the id over. When this answers, the predecessor's transactions are over, committed or aborted.
    pub(super) async fn take_over(core: Arc<Core>, topic: Arc<DeclaredTopic>, id: &str) -> Result<Self, LogError> {
        let properties = core.config.transactional(&core.prefixed(id));
        let client: Client =
            BaseProducer::from_config_and_context(&properties, Deliveries::default()).map_err(|error| config_error(&error))?;
        let action = format!("take over the writer of {}", topic.name);
        let fenced = tokio::task::spawn_blocking(move || client.init_transactions(REQUEST_TIMEOUT).map(|()| client)).await;
        let fenced = fenced.map_err(|_| KafkaError::Canceled).and_then(|fenced| fenced);
        let client = fenced.map_err(|error| log_error(action, &error))?;
        Ok(Self { core, topic, client: Some(client) })
    }
}

#[async_trait]
impl FencedWriter for KafkaFencedWriter {
    async fn append(&mut self, records: Vec<Record>) -> Result<Position, ProduceError> {
        records.iter().try_for_each(|record| self.core.check_size(record))?;
        let Some(client) = self.client.take().filter(|_| !self.core.is_closed()) else { return Err(ProduceError::Fenced) };
        let topic = Arc::clone(&self.topic);
        let done = tokio::task::spawn_blocking(move || {
            let position = transaction(&client, &topic.name, &records);
            // A client with a failure behind it is not used again: see the type.
            (position.is_ok().then_some(client), position)
        });
        let (client, position) = done.await.map_err(|_| ProduceError::Unknown)?;
        self.client = client;
        position
    }
}

/// Appends all or none; answers where the last one stands. Blocking.
fn transaction(client: &Client, topic: &str, records: &[Record]) -> Result<Position, ProduceError> {
    // Until the commit is asked for, nothing can be in the log: the brokers abort what is left open.
    let not_appended = |error: KafkaError| {
        if is_fenced(client, &error) { ProduceError::Fenced } else { ProduceError::Unavailable { reason: error.to_string() } }
    };
    client.begin_transaction().map_err(not_appended)?;
    client.context().begin();
    for record in records {
        client.send(to_kafka(topic, record, ())).map_err(|(error, _)| not_appended(error))?;
        client.poll(Duration::ZERO);
    }
    client.flush(REQUEST_TIMEOUT).map_err(not_appended)?;
    let position = client.context().last().map_err(not_appended)?;
    match client.commit_transaction(REQUEST_TIMEOUT) {
        Ok(()) => position.ok_or(ProduceError::Unknown),
        // Whatever it says, even that this writer is fenced or that the transaction must be aborted: the commit may have been done,
        // its answer lost, and the next try met by a successor.
        Err(error) => {
            tracing::info!(topic, %error, "a transaction has an unknown outcome: the writer is taken over anew");
            Err(ProduceError::Unknown)
        }
    }
}

/// Whether another writer took the id over.
fn is_fenced(client: &Client, error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let fenced = |code| matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch);
    error.rdkafka_error_code().is_some_and(fenced) || client.client().fatal_error().is_some_and(|(code, _)| fenced(code))
}

/// Where the records of the transaction under way stand.
#[derive(Default)]
struct Deliveries {
    voice: Voice,
    outcome: Mutex<Outcome>,
}

#[derive(Default)]
struct Outcome {
    last: Option<Position>,
    failed: Option<KafkaError>,
}

impl Deliveries {
    fn begin(&self) {
        *self.outcome.lock() = Outcome::default();
    }

    fn last(&self) -> Result<Option<Position>, KafkaError> {
        let outcome = std::mem::take(&mut *self.outcome.lock());
        outcome.failed.map_or(Ok(outcome.last), Err)
    }
}

impl ClientContext for Deliveries {
    /// To be fenced is what may happen to a writer, and its command goes on with a new one: no line of it is an error.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        let level = if matches!(level, RDKafkaLogLevel::Debug) { level } else { RDKafkaLogLevel::Info };
        self.voice.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.voice.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, (): ()) {
        let mut outcome = self.outcome.lock();
        match delivered {
            Ok(message) => outcome.last = outcome.last.max(position(message.partition(), message.offset())),
            Err((error, _)) => outcome.failed = Some(error.clone()),
        }
    }
}
