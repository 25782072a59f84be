//! Spooled records that the log refuses for good: kept in a topic of their own, so that they hold nothing up and are not lost.

use std::time::Duration;

use tlsrpt_log::{BatchLimits, EmbeddedLog, Log, LogError, ProduceError, Record};
use tlsrpt_record::Submission;

use super::{DRAINER, SET_ASIDE, SPOOLED, shared::Shared};

const LIMITS: BatchLimits = BatchLimits { records_max: 100, bytes_max: 8 << 20, linger: Duration::ZERO };

/// Sets a record aside durably.
///
/// # Errors
/// It is not set aside for certain, and has to stay in the spool.
pub(super) async fn keep(shared: &Shared, record: &Record, bytes_max: usize) -> Result<(), ProduceError> {
    shared.producer.send(SET_ASIDE, record.clone()).await?;
    shared.metrics.depth.set_aside(EmbeddedLog::stored_bytes(record));
    let submission_id = Submission::from_record(record).map_or_else(|error| error.to_string(), |submission| submission.id.to_string());
    tracing::error!(
        submission_id,
        bytes = record.size_bytes(),
        bytes_max,
        "the log refuses a spooled submission as too large; it is kept aside: raise the largest message of the brokers and of the \
         topic, then start the edge again, which sends it once more"
    );
    Ok(())
}

/// Moves what an earlier run set aside back into the spool, to be offered to the log once more: somebody may have raised its
/// limit.
///
/// # Errors
/// The spool's disk fails.
pub(super) async fn take_back(log: &EmbeddedLog) -> Result<(), LogError> {
    let failed = |reason: String| LogError::Engine { action: "take back what was set aside".to_owned(), reason };
    let mut consumer = log.consumer(SET_ASIDE, DRAINER).await?;
    let mut left = log.lag(SET_ASIDE, DRAINER).await?.records;
    let producer = log.producer();
    while left > 0 {
        let batch = consumer.next(LIMITS).await.map_err(|error| failed(error.to_string()))?;
        for delivered in &batch.records {
            producer.send(SPOOLED, delivered.record.clone()).await.map_err(|error| failed(error.to_string()))?;
        }
        consumer.commit(&batch.positions()).await.map_err(|error| failed(error.to_string()))?;
        left = left.saturating_sub(batch.records.len() as u64);
    }
    Ok(())
}
