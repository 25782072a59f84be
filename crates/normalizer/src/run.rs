//! The role: batches of submissions in, normalized records out, offsets committed when the records are durable.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tlsrpt_log::{
    Batch, BatchLimits, CommitError, ConsumeError, Consumer, Log, LogError, Position, Positions, ProduceError, Producer, Record,
};
use tlsrpt_origin::Verifier;
use tlsrpt_record::{NORMALIZED, NORMALIZER_GROUP, NormalizedError, PoisonExceeded, PoisonRation, SUBMISSIONS, lost};
use tlsrpt_report::Domain;
use tlsrpt_telemetry::{
    Backoff, Dependency,
    otlp::{Span, Tracer, messaging},
};
use tokio::{
    runtime::Handle,
    task::{JoinError, JoinHandle},
};
use tokio_util::sync::CancellationToken;

use crate::{
    desk::{Desk, Done, now},
    metrics::Metrics,
    normalize::{Owners, Tally, Work},
};

/// How the normalizer works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NormalizerConfig {
    /// Most submissions in a batch.
    pub batch_records_max: usize,
    /// Most payload bytes in a batch.
    pub batch_bytes_max: usize,
    /// How long a batch waits for more once it has something, milliseconds.
    pub batch_linger_ms: u64,
    /// Most mails whose origin is verified at one time.
    pub origins_concurrent_max: usize,
    /// Longest work on the origins of all mails of a batch, milliseconds; what is not known by then is deferred.
    pub origins_timeout_ms: u64,
}

impl Default for NormalizerConfig {
    fn default() -> Self {
        Self {
            batch_records_max: 2_000,
            batch_bytes_max: 16 << 20,
            batch_linger_ms: 20,
            origins_concurrent_max: 128,
            origins_timeout_ms: 10_000,
        }
    }
}

/// The normalizer cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum NormalizerError {
    /// A topic could not be opened.
    #[error("open the submissions topic")]
    Open(#[source] LogError),
    /// We fail on too many records.
    #[error("normalize submissions")]
    Poison(#[from] PoisonExceeded),
    /// An outcome could not be encoded.
    #[error("encode an outcome")]
    Encode(#[from] NormalizedError),
    /// The log refuses a record for good.
    #[error("append to the normalized topic")]
    Append(#[source] ProduceError),
    /// A worker thread ended.
    #[error("normalize submissions: a worker ended")]
    Worker(#[from] tokio::task::JoinError),
}

/// Batches whose records are on their way to the log at one time; more only costs memory.
const BATCHES_IN_FLIGHT_MAX: usize = 3;

/// How long the role finishes what it took once it is asked to end.
const GRACE: Duration = Duration::from_secs(10);

/// What the role works with.
pub struct Parts<O> {
    /// Where submissions come from and outcomes go.
    pub log: Arc<dyn Log>,
    /// The largest record that the log takes.
    pub record_max_bytes: usize,
    /// Who owns a domain.
    pub owners: Arc<O>,
    /// Who verifies the origins of mails.
    pub verifier: Arc<Verifier>,
    /// Host parts of our reporting addresses, as far as they are configured.
    pub mail_hosts: Vec<Domain>,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether the log lets the role work.
    pub health: Dependency,
    /// What makes the spans of submissions that are traced.
    pub tracer: Tracer,
}

/// Normalizes until `shutdown`, then finishes what it took.
///
/// # Errors
/// [`NormalizerError`] when it must not go on: nothing is lost, what was not committed comes again.
pub async fn run<O: Owners + Send + Sync + 'static>(
    config: NormalizerConfig,
    parts: Parts<O>,
    shutdown: CancellationToken,
) -> Result<(), NormalizerError> {
    let Parts { log, record_max_bytes, owners, verifier, mail_hosts, metrics, health, tracer } = parts;
    let consumer = log.consumer(SUBMISSIONS.name, NORMALIZER_GROUP).await.map_err(NormalizerError::Open)?;
    let role = Role {
        consumer,
        producer: log.producer(),
        desk: Arc::new(Desk { config, record_max_bytes, owners, verifier, mail_hosts, tracer }),
        metrics,
        health,
        poison: PoisonRation::default(),
        in_flight: VecDeque::new(),
    };
    role.health.ready();
    role.work(shutdown).await
}

struct Role<O> {
    consumer: Box<dyn Consumer>,
    producer: Arc<dyn Producer>,
    desk: Arc<Desk<O>>,
    metrics: Metrics,
    health: Dependency,
    poison: PoisonRation,
    /// Batches on their way to the log, oldest first, so that commits move forward. Each resolves with what to commit.
    in_flight: VecDeque<JoinHandle<Result<Positions, NormalizerError>>>,
}

impl<O: Owners + Send + Sync + 'static> Role<O> {
    async fn work(mut self, shutdown: CancellationToken) -> Result<(), NormalizerError> {
        let config = &self.desk.config;
        let limits = BatchLimits {
            records_max: config.batch_records_max,
            bytes_max: config.batch_bytes_max,
            linger: Duration::from_millis(config.batch_linger_ms),
        };
        let mut backoff = Backoff::default();
        loop {
            let may_take = self.in_flight.len() < BATCHES_IN_FLIGHT_MAX;
            let next = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                // Nothing is in flight: this branch waits for ever, and the other one brings something.
                durable = oldest(&mut self.in_flight) => Next::Durable(durable),
                batch = self.consumer.next(limits), if may_take => Next::Batch(batch),
            };
            match next {
                Next::Durable(durable) => tokio::select! {
                    finished = self.finish(durable) => finished?,
                    // A log that stays away must not hold up the end: what is not committed comes again.
                    () = grace_over(&shutdown) => return Ok(()),
                },
                Next::Batch(Ok(batch)) => {
                    backoff.reset();
                    self.health.ready();
                    self.take(batch).await?;
                }
                Next::Batch(Err(ConsumeError::Closed)) => break,
                Next::Batch(Err(error @ ConsumeError::Gap { partition, from, .. })) => {
                    tracing::error!(%error, "submissions were lost by the log before they were normalized; the ledger tells");
                    let first = Position { partition, offset: from };
                    let entry = lost(SUBMISSIONS.name, first, now(), &error.to_string()).encode(&[])?;
                    append_all(&*self.producer, vec![(entry, Span::none())], &self.metrics, &self.health).await?;
                }
                Next::Batch(Err(error)) => {
                    tracing::warn!(%error, "the log cannot be read; trying again");
                    self.health.missing(error.to_string());
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        }
        let finish_all = async {
            while !self.in_flight.is_empty() {
                let durable = oldest(&mut self.in_flight).await;
                self.finish(durable).await?;
            }
            Ok(())
        };
        // A log that stays away must not hold up the end: what is not committed comes again.
        tokio::time::timeout(GRACE, finish_all).await.unwrap_or(Ok(()))
    }

    /// Commits the oldest batch, which is durable now.
    async fn finish(&mut self, durable: Result<Result<Positions, NormalizerError>, JoinError>) -> Result<(), NormalizerError> {
        self.in_flight.pop_front();
        commit(&mut *self.consumer, &durable??, &self.health).await;
        Ok(())
    }

    /// Normalizes a batch on a blocking thread and hands the outcomes to the log.
    async fn take(&mut self, batch: Batch) -> Result<(), NormalizerError> {
        let positions = batch.positions();
        let (desk, runtime) = (Arc::clone(&self.desk), Handle::current());
        let done = tokio::task::spawn_blocking(move || desk.work_on(&batch, &runtime)).await??;
        let (records, tallies): (Vec<(Record, Span)>, Vec<Tally>) =
            done.into_iter().map(|Done { work: Work { record, tally }, sending }| ((record, sending), tally)).unzip();
        for ((_, sending), tally) in records.iter().zip(&tallies) {
            if let Tally::Poison(reason) = tally {
                let _within = sending.enter();
                tracing::error!(reason, "a submission could not be worked on; it is kept as a reject");
                self.poison.take(Instant::now())?;
            }
        }
        self.metrics.batch(&tallies);
        let (producer, metrics, health) = (Arc::clone(&self.producer), self.metrics.clone(), self.health.clone());
        self.in_flight.push_back(tokio::spawn(async move {
            append_all(&*producer, records, &metrics, &health).await?;
            Ok(positions)
        }));
        Ok(())
    }
}

/// Resolves [`GRACE`] after the end was asked for.
async fn grace_over(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// What the role turns to next.
enum Next {
    /// The oldest batch in flight is durable, or never will be.
    Durable(Result<Result<Positions, NormalizerError>, JoinError>),
    /// Submissions to work on.
    Batch(Result<Batch, ConsumeError>),
}

/// The outcome of the oldest batch in flight; waits for ever when there is none.
async fn oldest(
    in_flight: &mut VecDeque<JoinHandle<Result<Positions, NormalizerError>>>,
) -> Result<Result<Positions, NormalizerError>, JoinError> {
    match in_flight.front_mut() {
        Some(batch) => batch.await,
        None => std::future::pending().await,
    }
}

/// Appends all records and waits until they are durable, appending again what the log could not take.
async fn append_all(
    producer: &dyn Producer,
    records: Vec<(Record, Span)>,
    metrics: &Metrics,
    health: &Dependency,
) -> Result<(), NormalizerError> {
    let appends: Vec<_> =
        records.into_iter().map(|(record, span)| (producer.send(NORMALIZED.name, record.clone()), record, span)).collect();
    let mut backoff = Backoff::default();
    for (ack, record, span) in appends {
        let mut outcome = ack.await;
        while let Err(error) = outcome {
            span.event("append tried again");
            match error {
                ProduceError::TooLarge { .. } | ProduceError::NoTopic { .. } | ProduceError::Fenced | ProduceError::Closed => {
                    return Err(NormalizerError::Append(error));
                }
                // What was sent before is ahead of it: its turn comes.
                ProduceError::Full => {}
                ProduceError::Unavailable { .. } | ProduceError::Unknown => {
                    tracing::warn!(%error, "the log does not take normalized records; trying again");
                    health.missing(error.to_string());
                }
            }
            metrics.append_retried();
            tokio::time::sleep(backoff.next_wait()).await;
            outcome = producer.send(NORMALIZED.name, record.clone()).await;
        }
        if let Ok(position) = outcome {
            messaging::stands_at(&span, position.partition, position.offset);
        }
        backoff.reset();
    }
    health.ready();
    Ok(())
}

/// Commits, waiting for a log that is away; a partition that was revoked is another member's to redo.
async fn commit(consumer: &mut dyn Consumer, positions: &Positions, health: &Dependency) {
    let mut backoff = Backoff::default();
    loop {
        match consumer.commit(positions).await {
            Ok(()) => return,
            Err(error @ CommitError::Revoked { .. }) => {
                tracing::info!(%error, "another member will do the batch again");
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "the offset cannot be committed; trying again");
                health.missing(error.to_string());
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    }
}
