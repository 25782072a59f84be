//! The background task that sends mails through again whose verdict was deferred, since DNS was away when they came in.
//!
//! A look: the store names those whose last try was long enough ago → each goes before the normalizer again as an operator's replay
//! does, which verifies it anew and replaces what it led to. Tries become rarer with a mail's age and end three days after its
//! receipt ([`Store::deferred`]). Several processes may do so at once: a replay that comes twice changes nothing.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus::{Error, Registry};
use tlsrpt_log::{Log, ProduceError};
use tlsrpt_record::SubmissionId;
use tlsrpt_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::{clock::now, config::QueryConfig, metrics::VerdictMetrics, pending::Pipeline, problem::chain};

/// The task and what it works with.
pub struct Verdicts {
    store: Store,
    pipeline: Pipeline,
    interval: Duration,
    retry: Duration,
    submissions_max: usize,
    metrics: VerdictMetrics,
}

/// A look that could not be finished.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error("look for deferred verdicts")]
    Store(#[from] StoreError),
    #[error("send a submission through again")]
    Log(#[from] ProduceError),
}

impl Verdicts {
    /// The task; registers its metrics.
    ///
    /// # Errors
    /// When a name is registered already.
    pub fn register(store: Store, log: Arc<dyn Log>, config: &QueryConfig, registry: &Registry) -> Result<Self, Error> {
        Ok(Self {
            store,
            pipeline: Pipeline::new(log),
            interval: config.deferred_interval(),
            retry: config.deferred_retry(),
            submissions_max: config.deferred_max_submissions.max(1),
            metrics: VerdictMetrics::register(registry)?,
        })
    }

    /// Looks until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        // Ending in the middle of a look is safe: what was not sent is due at the next one.
        let _ = shutdown.run_until_cancelled(self.look_for_ever()).await;
    }

    async fn look_for_ever(&self) {
        let mut sent = HashMap::new();
        let mut is_failing = false;
        loop {
            match self.look(&mut sent).await {
                Ok(count) => {
                    is_failing = false;
                    if count > 0 {
                        tracing::info!(mails = count, "mails whose verdict was deferred go through again");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(error = chain(&error), "deferred verdicts have to wait");
                    }
                }
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    /// Sends what is due; answers how many. `sent` holds what went lately and may not be through the pipeline yet.
    async fn look(&self, sent: &mut HashMap<SubmissionId, Instant>) -> Result<u64, LookError> {
        sent.retain(|_, at| at.elapsed() < self.retry);
        let retry_ms = i64::try_from(self.retry.as_millis()).unwrap_or(i64::MAX);
        // Those that are under way stand among them.
        let limit = self.submissions_max.saturating_add(sent.len());
        let mut due = self.store.deferred(now(), retry_ms, limit).await?;
        due.retain(|id| !sent.contains_key(id));
        due.truncate(self.submissions_max);
        self.metrics.due.set(i64::try_from(due.len()).unwrap_or(i64::MAX));
        let mut count = 0;
        for id in due {
            // None when its payload was removed meanwhile.
            if let Some(submission) = self.store.submission_raw(id).await? {
                self.pipeline.replay(submission).await?;
                self.metrics.retries.inc();
                count += 1;
            }
            sent.insert(id, Instant::now());
        }
        Ok(count)
    }
}
