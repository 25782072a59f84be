//! The background task that erases tenants that were deleted: their rows, their payloads, when their keys were used, and what the
//! log still keeps of them.
//!
//! A look: the registry names the deleted tenants that are not erased → each goes a step further:
//!
//! 1. `erasing`: the tables are gone through at once, and again when the pipeline has passed the deletion: first the normalizer
//!    everything that came before it, then the writer everything that the normalizer made of that.
//! 2. `waiting-for-log`: the log cannot remove single records, so its retention has to pass those moments. Then the tables are gone
//!    through once more, since a normalizer with an older view may have written rows meanwhile. When it did, all begins again.
//! 3. `done`: nothing was found, and nothing is left; the audit log says so, and the registry forgets the tenant's address.
//!
//! How far each is stands in the database, so it goes on after a restart. Several processes may do so at once: each step is idempotent.

mod error;
mod retention;
mod step;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus::{Error, Registry as Metrics};
use tlsrpt_log::Log;
use tlsrpt_record::TenantId;
use tlsrpt_registry::{DeletedTenant, Registry};
use tlsrpt_store::{Erasure, Store};
use tlsrpt_telemetry::Backoff;
use tokio_util::sync::CancellationToken;

use crate::{audit::Audits, config::QueryConfig, metrics::ErasureMetrics, pending::Pipeline, problem::chain};
use error::LookError;
pub use retention::Retention;
use step::OldestRecords;

/// The task and what it works with.
pub struct Erasures {
    store: Store,
    registry: Arc<Registry>,
    pipeline: Pipeline,
    audits: Audits,
    interval: Duration,
    /// After this time every use of a key is written, wherever it was noted.
    key_uses_written: Duration,
    metrics: ErasureMetrics,
}

/// Deleted tenants read at a time.
const PAGE_TENANTS: usize = 1_000;
/// How often the registry is asked whether it changed; the answer is one number in memory.
const REVISION_POLL: Duration = Duration::from_secs(1);

impl Erasures {
    /// The task; registers its metrics.
    ///
    /// # Errors
    /// When a name is registered already.
    pub fn register(
        store: Store,
        registry: Arc<Registry>,
        log: Arc<dyn Log>,
        config: &QueryConfig,
        metrics: &Metrics,
    ) -> Result<Self, Error> {
        Ok(Self {
            store,
            registry,
            pipeline: Pipeline::new(Arc::clone(&log)),
            audits: Audits::new(log),
            interval: config.erasure_interval(),
            key_uses_written: config.key_use_interval() * 2,
            metrics: ErasureMetrics::register(metrics)?,
        })
    }

    /// Runs until `shutdown`. While something is away it waits longer and longer, and it never gives up.
    pub async fn run(self, shutdown: CancellationToken) {
        // Ending in the middle of a step is safe: the next look does it again.
        let _ = shutdown.run_until_cancelled(self.look_for_ever()).await;
    }

    async fn look_for_ever(&self) {
        let mut backoff = Backoff::default();
        let mut is_failing = false;
        loop {
            let revision = self.registry.revision();
            match self.look().await {
                Ok(()) => {
                    if std::mem::take(&mut is_failing) {
                        tracing::info!("erasures go on");
                    }
                    backoff.reset();
                    self.reason_to_look(revision).await;
                }
                Err(error) => {
                    self.metrics.failures.inc();
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(error = chain(&error), "erasures of deleted tenants have to wait");
                    }
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        }
    }

    /// Waits for a change of the registry since `revision`, or the interval's end.
    async fn reason_to_look(&self, revision: u64) {
        let began = Instant::now();
        while self.registry.revision() == revision && began.elapsed() < self.interval {
            tokio::time::sleep(REVISION_POLL.min(self.interval)).await;
        }
    }

    /// Takes every erasure a step further; one that fails keeps no other back.
    async fn look(&self) -> Result<(), LookError> {
        let (mut after, mut waiting, mut failed) = (None, 0, None);
        let log = OldestRecords::default();
        loop {
            let page = self.registry.deleted(after.as_ref(), PAGE_TENANTS);
            let is_last = page.len() < PAGE_TENANTS;
            after = page.last().map(|tenant| tenant.id.clone());
            let due: Vec<DeletedTenant> = page.into_iter().filter(|tenant| tenant.erased_at.is_none()).collect();
            let ids: Vec<TenantId> = due.iter().map(|tenant| tenant.id.clone()).collect();
            let known: BTreeMap<String, Erasure> = self.store.erasures(&ids).await?;
            for tenant in &due {
                let erasure = known.get(tenant.id.as_str()).copied().unwrap_or_else(|| Erasure::requested(tenant.deleted_at));
                match self.step(tenant, erasure, &log).await {
                    Ok(is_done) => waiting += i64::from(!is_done),
                    Err(error) => {
                        waiting += 1;
                        failed.get_or_insert(error);
                    }
                }
            }
            if is_last {
                break;
            }
        }
        self.metrics.waiting.set(waiting);
        failed.map_or(Ok(()), Err)
    }
}
