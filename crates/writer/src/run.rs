//! The role: batches of normalized records and of audit entries in, rows in the database, offsets committed after.

use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tlsrpt_log::{BatchLimits, CommitError, ConsumeError, Consumer, Delivered, Log, LogError, Position, Positions};
use tlsrpt_record::{AUDIT, AUDIT_GROUP, NORMALIZED, PoisonRation, WRITER_GROUP};
use tlsrpt_store::Store;
use tlsrpt_telemetry::{Backoff, Dependency, otlp::Tracer};
use tokio_util::sync::CancellationToken;

use crate::{
    audit::AuditInserter,
    insert::{InsertError, Inserter},
    metrics::Metrics,
};

/// How the writer works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WriterConfig {
    /// Most records in a batch.
    pub batch_records_max: usize,
    /// Most bytes of records in a batch.
    pub batch_bytes_max: usize,
    /// How long a batch waits for more once it has something, milliseconds: longer makes larger parts, shorter makes fresher
    /// answers.
    pub batch_linger_ms: u64,
}

impl Default for WriterConfig {
    fn default() -> Self {
        Self { batch_records_max: 20_000, batch_bytes_max: 64 << 20, batch_linger_ms: 500 }
    }
}

/// The writer cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The topic could not be opened.
    #[error("open a topic to write from")]
    Open(#[source] LogError),
    /// A batch cannot be written.
    #[error("write a batch")]
    Insert(#[from] InsertError),
}

/// Writes until `shutdown`, then finishes what it took. `health` tells whether the database lets it work; `tracer` makes the spans of
/// records that are traced.
///
/// # Errors
/// [`WriterError`] when it must not go on: nothing is lost, what was not committed comes again.
pub async fn run(
    config: WriterConfig,
    log: Arc<dyn Log>,
    store: Store,
    metrics: Metrics,
    health: Dependency,
    tracer: Tracer,
    shutdown: CancellationToken,
) -> Result<(), WriterError> {
    let consumer = log.consumer(NORMALIZED.name, WRITER_GROUP).await.map_err(WriterError::Open)?;
    let inserter = Inserter { store, metrics, health: health.clone(), poison: PoisonRation::default(), tracer };
    drain(&config, consumer, inserter, health, shutdown).await
}

/// As [`run`], for audit entries.
///
/// # Errors
/// [`WriterError`] when it must not go on: nothing is lost, what was not committed comes again.
pub async fn run_audit(
    config: WriterConfig,
    log: Arc<dyn Log>,
    store: Store,
    metrics: Metrics,
    health: Dependency,
    shutdown: CancellationToken,
) -> Result<(), WriterError> {
    let consumer = log.consumer(AUDIT.name, AUDIT_GROUP).await.map_err(WriterError::Open)?;
    let inserter = AuditInserter { store, metrics, health: health.clone(), poison: PoisonRation::default() };
    drain(&config, consumer, inserter, health, shutdown).await
}

/// Where the batches of a topic go.
pub(crate) trait Sink {
    /// Writes the batch; when it answers, the database holds all of it.
    fn insert(&mut self, batch: &[Delivered]) -> impl Future<Output = Result<(), InsertError>> + Send;

    /// Tells of records that the log lost from `first` on.
    fn insert_lost(&mut self, first: Position, detail: &str) -> impl Future<Output = Result<(), InsertError>> + Send;
}

async fn drain(
    config: &WriterConfig,
    mut consumer: Box<dyn Consumer>,
    mut sink: impl Sink,
    health: Dependency,
    shutdown: CancellationToken,
) -> Result<(), WriterError> {
    let limits = BatchLimits {
        records_max: config.batch_records_max,
        bytes_max: config.batch_bytes_max,
        linger: Duration::from_millis(config.batch_linger_ms),
    };
    let mut backoff = Backoff::default();
    health.ready();
    loop {
        let next = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            next = consumer.next(limits) => next,
        };
        match next {
            Ok(batch) => {
                backoff.reset();
                tokio::select! {
                    inserted = sink.insert(&batch.records) => inserted?,
                    // A database that stays away must not hold up the end: the batch is not committed and comes again.
                    () = grace_over(&shutdown) => return Ok(()),
                }
                commit(&mut *consumer, &batch.positions(), &shutdown).await;
            }
            Err(ConsumeError::Closed) => return Ok(()),
            Err(error @ ConsumeError::Gap { partition, from, .. }) => {
                tracing::error!(%error, "records were lost by the log before they were written; an entry tells");
                let (first, detail) = (Position { partition, offset: from }, error.to_string());
                tokio::select! {
                    told = sink.insert_lost(first, &detail) => told?,
                    () = grace_over(&shutdown) => return Ok(()),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the log cannot be read; trying again");
                health.missing(error.to_string());
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    }
}

/// How long the role finishes what it took once it is asked to end.
const GRACE: Duration = Duration::from_secs(10);

/// Resolves [`GRACE`] after the end was asked for.
async fn grace_over(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// Commits, waiting for a log that is away; what is not committed is written again, which changes nothing.
async fn commit(consumer: &mut dyn Consumer, positions: &Positions, shutdown: &CancellationToken) {
    let mut backoff = Backoff::default();
    loop {
        match consumer.commit(positions).await {
            Ok(()) => return,
            Err(error @ CommitError::Revoked { .. }) => {
                tracing::info!(%error, "another member will write the batch again");
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "the offset cannot be committed; trying again");
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(backoff.next_wait()) => {}
                }
            }
        }
    }
}
