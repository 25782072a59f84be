//! What the role needs of the log: what is still on it, and putting submissions on it: one that is imported, and one that goes
//! through again.

use std::sync::Arc;

use tlsrpt_log::{Log, LogError, ProduceError};
use tlsrpt_record::{NORMALIZED, NORMALIZER_GROUP, SUBMISSIONS, Submission, WRITER_GROUP, set_traceparent};
use tlsrpt_report::{Day, UnixMillis};

use crate::spans;

/// The pipeline as the operator's routes see it.
pub(crate) struct Pipeline {
    log: Arc<dyn Log>,
}

/// Where on the log a submission is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// As received, before the normalizer.
    Raw,
    /// Its outcome, before the writer.
    Normalized,
}

impl Stage {
    /// Along the data's way.
    pub(crate) const ALL: [Self; 2] = [Self::Raw, Self::Normalized];

    pub(crate) fn topic(self) -> &'static str {
        match self {
            Self::Raw => SUBMISSIONS.name,
            Self::Normalized => NORMALIZED.name,
        }
    }

    /// Whose work it waits for.
    fn group(self) -> &'static str {
        match self {
            Self::Raw => NORMALIZER_GROUP,
            Self::Normalized => WRITER_GROUP,
        }
    }
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
        for stage in Stage::ALL {
            let lag = self.log.lag(stage.topic(), stage.group()).await?;
            pending.submissions += lag.records;
            let oldest = lag.oldest_appended_at_ms.map(|ms| UnixMillis(ms).day());
            pending.oldest = [pending.oldest, oldest].into_iter().flatten().min();
        }
        Ok(pending)
    }

    /// Whether everything is worked on that the log took up to this moment.
    pub(crate) async fn has_passed(&self, stage: Stage, at: UnixMillis) -> Result<bool, LogError> {
        let lag = self.log.lag(stage.topic(), stage.group()).await?;
        // A backlog whose age cannot be told may be of any age.
        Ok(lag.records == 0 || lag.oldest_appended_at_ms.is_some_and(|oldest| oldest > at.0))
    }

    /// When the log took the oldest record that it still keeps; none when it keeps none.
    pub(crate) async fn oldest(&self, stage: Stage) -> Result<Option<UnixMillis>, LogError> {
        Ok(self.log.oldest(stage.topic()).await?.map(UnixMillis))
    }

    /// Puts a submission before the normalizer again; when it answers, the log holds it.
    pub(crate) async fn replay(&self, submission: Submission) -> Result<(), ProduceError> {
        self.submit(Submission { replay: true, ..submission }).await
    }

    /// Puts a submission before the normalizer; when it answers, the log holds it.
    pub(crate) async fn submit(&self, submission: Submission) -> Result<(), ProduceError> {
        let span = spans::send(submission.id);
        let mut record = submission.into_record();
        // What travels beside a payload has room for it.
        set_traceparent(&mut record, span.traceparent(), usize::MAX);
        let position = self.log.producer().send(SUBMISSIONS.name, record).await?;
        spans::logged(&span, position);
        Ok(())
    }
}
