//! What the role needs of the log: what is still on it, and putting submissions on it: one that is imported, and one that goes
//! through again.

use std::sync::Arc;

use tlsrpt_log::{Log, LogError, ProduceError};
use tlsrpt_record::{NORMALIZED, NORMALIZER_GROUP, SUBMISSIONS, Submission, WRITER_GROUP};
use tlsrpt_report::{Day, UnixMillis};

/// The pipeline as the operator's routes see it.
pub(crate) struct Pipeline {
    log: Arc<dyn Log>,
}

/// Submissions that are acknowledged and not yet in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    /// How many: records that the normalizer or the writer has yet to commit. A replay on its way counts too, and a submission
    /// that moves on while it is counted counts twice for that moment: the number may be high, it is never low.
    pub(crate) submissions: u64,
    /// The day on which the log took the oldest of them.
    pub(crate) oldest: Option<Day>,
}

impl Pipeline {
    pub(crate) fn new(log: Arc<dyn Log>) -> Self {
        Self { log }
    }

    /// What is on the log. Read along the data's way, first what is before the normalizer, then what is before the writer, and
    /// the store after that: what moves on in between is met again further down, never missed.
    pub(crate) async fn pending(&self) -> Result<Pending, LogError> {
        let mut pending = Pending::default();
        for (topic, group) in [(SUBMISSIONS.name, NORMALIZER_GROUP), (NORMALIZED.name, WRITER_GROUP)] {
            let lag = self.log.lag(topic, group).await?;
            pending.submissions += lag.records;
            let oldest = lag.oldest_appended_at_ms.map(|ms| UnixMillis(ms).day());
            pending.oldest = [pending.oldest, oldest].into_iter().flatten().min();
        }
        Ok(pending)
    }

    /// Puts a submission before the normalizer again; when it answers, the log holds it.
    pub(crate) async fn replay(&self, submission: Submission) -> Result<(), ProduceError> {
        self.submit(Submission { replay: true, ..submission }).await
    }

    /// Puts a submission before the normalizer; when it answers, the log holds it.
    pub(crate) async fn submit(&self, submission: Submission) -> Result<(), ProduceError> {
        self.log.producer().send(SUBMISSIONS.name, submission.into_record()).await.map(drop)
    }
}
