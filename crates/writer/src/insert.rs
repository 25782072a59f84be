//! One batch into the database, whatever single records in it are like.

use std::{
    ops::Range,
    time::{Instant, SystemTime},
};

use tlsrpt_log::{Delivered, Position};
use tlsrpt_record::{
    AuditError, Channel, NORMALIZED, Normalized, NormalizedError, Outcome, PoisonExceeded, PoisonRation, lost, unreadable,
};
use tlsrpt_report::UnixMillis;
use tlsrpt_store::{Store, StoreError};
use tlsrpt_telemetry::{
    Backoff, Dependency,
    otlp::{Span, Tracer},
};

use crate::{
    metrics::Metrics,
    run::Sink,
    spans::{self, BatchSpans},
};

/// Reject reason of a record that the database refuses.
pub const REASON_REFUSED: &str = "refused-by-database";

/// The batch cannot be written and must not be passed over.
#[derive(Debug, thiserror::Error)]
pub enum InsertError {
    /// Written by a newer version: only an update helps.
    #[error("read a normalized record")]
    Newer(#[source] NormalizedError),
    /// The same of an audit entry.
    #[error("read an audit entry")]
    NewerAudit(#[source] AuditError),
    /// We fail on too many records.
    #[error("insert records")]
    Poison(#[from] PoisonExceeded),
    /// The database refuses even a plain ledger entry.
    #[error("insert a ledger entry")]
    Refused(#[source] StoreError),
    /// The database refuses audit entries.
    #[error("insert audit entries")]
    RefusedAudit(#[source] StoreError),
}

/// An outcome with the payload that it came from.
type Entry<'a> = (Normalized<'a>, &'a [u8]);

/// Writes batches.
pub(crate) struct Inserter {
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) health: Dependency,
    pub(crate) poison: PoisonRation,
    pub(crate) tracer: Tracer,
}

impl Sink for Inserter {
    async fn insert(&mut self, batch: &[Delivered]) -> Result<(), InsertError> {
        self.metrics.batch(batch.len(), batch.iter().map(|delivered| delivered.record.size_bytes()).sum());
        let traced = BatchSpans::begin(&self.tracer, batch);
        let mut entries: Vec<Entry<'_>> = Vec::with_capacity(batch.len());
        for (place, delivered) in batch.iter().enumerate() {
            let span = traced.of(place);
            let _within = span.enter();
            let entry: Entry<'_> = match Normalized::decode(&delivered.record.value) {
                Ok(entry) => entry,
                Err(error @ NormalizedError::Newer { .. }) => return Err(InsertError::Newer(error)),
                Err(error) => {
                    tracing::error!(%error, position = ?delivered.position, "a normalized record cannot be read; it is kept as a reject");
                    self.reject()?;
                    (
                        unreadable(NORMALIZED.name, delivered, "a record of the normalized topic that this program did not write"),
                        &delivered.record.value,
                    )
                }
            };
            spans::read(&span, &entry.0);
            entries.push(entry);
        }
        self.insert_entries(&mut entries, &traced).await?;
        // What was imported or sent through again was received long ago: it says nothing of how fresh answers are.
        let just_received = |normalized: &&Normalized<'_>| normalized.channel != Channel::Import && !normalized.replay;
        let received = entries.iter().map(|(normalized, _)| normalized).filter(just_received);
        self.metrics.queryable(received.map(|normalized| normalized.submission_id));
        Ok(())
    }

    /// Tells the ledger.
    async fn insert_lost(&mut self, first: Position, detail: &str) -> Result<(), InsertError> {
        self.insert_entries(&mut [(lost(NORMALIZED.name, first, now(), detail), &[])], &BatchSpans::default()).await
    }
}

impl Inserter {
    /// Inserts all entries at once; when the database refuses, halves them until the one that it refuses stands alone.
    async fn insert_entries(&mut self, entries: &mut [Entry<'_>], traced: &BatchSpans) -> Result<(), InsertError> {
        // Ranges yet to insert, the first on top.
        let mut ranges = Vec::new();
        ranges.push(0..entries.len());
        while let Some(range) = ranges.pop() {
            let Some(part) = entries.get_mut(range.clone()) else { continue };
            let Err(refused) = self.insert_or_wait(part, range.clone(), traced).await else { continue };
            if let [(normalized, _)] = part {
                self.turn_into_reject(normalized, refused, &traced.of(range.start))?;
                ranges.push(range);
            } else {
                let middle = range.start + range.len() / 2;
                ranges.extend([middle..range.end, range.start..middle]);
            }
        }
        Ok(())
    }

    /// What the database refuses is kept as a reject; when it refuses that too, nothing more can be done for it.
    fn turn_into_reject(&mut self, normalized: &mut Normalized<'_>, refused: StoreError, span: &Span) -> Result<(), InsertError> {
        if let Outcome::Rejected { .. } = normalized.outcome {
            return Err(InsertError::Refused(refused));
        }
        let _within = span.enter();
        let error = &refused as &dyn std::error::Error;
        tracing::error!(submission_id = %normalized.submission_id, error, "the database refuses a record; it is kept as a reject");
        self.reject()?;
        normalized.outcome =
            Outcome::Rejected { reason: REASON_REFUSED, detail: "the database refused the rows; the payload is kept and can be replayed" };
        span.fail(REASON_REFUSED);
        Ok(())
    }

    /// Inserts all entries, which stand at these places of the batch, waiting for a database that is away.
    async fn insert_or_wait(&mut self, entries: &[Entry<'_>], places: Range<usize>, traced: &BatchSpans) -> Result<(), StoreError> {
        let inserting = traced.insert(places);
        let insert = || async {
            let started = Instant::now();
            self.store.insert(entries).await.map(|inserted| (inserted, started.elapsed()))
        };
        let inserted = traced.batch().cover(until_inserted(&self.metrics, &self.health, insert)).await;
        if inserted.is_err() {
            inserting.iter().for_each(|span| span.fail("refused"));
        }
        let (inserted, took) = inserted?;
        self.metrics.inserted(took, inserted.reports);
        Ok(())
    }

    fn reject(&mut self) -> Result<(), PoisonExceeded> {
        self.metrics.rejected();
        self.poison.take(Instant::now())
    }
}

/// Inserts, waiting for a database that is away.
pub(crate) async fn until_inserted<T, F: Future<Output = Result<T, StoreError>>>(
    metrics: &Metrics,
    health: &Dependency,
    insert: impl Fn() -> F,
) -> Result<T, StoreError> {
    let mut backoff = Backoff::default();
    loop {
        match insert().await {
            Ok(inserted) => {
                health.ready();
                return Ok(inserted);
            }
            Err(error) if error.is_retryable() => {
                let wait = backoff.next_wait();
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    wait_ms = wait.as_millis(),
                    "the database cannot take a batch now; trying again"
                );
                Span::current().event("insert tried again");
                health.missing(error.to_string());
                metrics.insert_retried();
                tokio::time::sleep(wait).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// This moment.
pub(crate) fn now() -> UnixMillis {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}
