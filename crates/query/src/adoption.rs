//! The background task that moves rows nobody owned to the tenant that claimed their domain, history included.
//!
//! A look: page through the unclaimed policy domains → the registry names each one's owner → the store moves them, tenant by
//! tenant. A look is taken at once after a claim in this process, within a second after any other change of the registry, and
//! at each interval; it is taken again until no claimed domain has an unclaimed row, since a normalizer may work with an older
//! view for a moment. Several processes may do so at once: moving is idempotent.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tlsrpt_record::TenantId;
use tlsrpt_registry::Registry;
use tlsrpt_report::Domain;
use tlsrpt_store::{Store, StoreError};
use tlsrpt_telemetry::Backoff;
use tokio::{sync::Notify, time::Instant as TokioInstant};
use tokio_util::sync::CancellationToken;

use crate::{config::QueryConfig, metrics::QueryMetrics, problem::chain};

/// Told when a domain is claimed in this process. Clones share one.
#[derive(Clone, Debug, Default)]
pub struct Claims(Arc<Notify>);

impl Claims {
    /// A domain was claimed: look now.
    pub(crate) fn claimed(&self) {
        self.0.notify_one();
    }

    async fn next(&self) {
        self.0.notified().await;
    }
}

/// The task and what it works with.
pub struct Adoption {
    store: Store,
    registry: Arc<Registry>,
    claims: Claims,
    metrics: QueryMetrics,
    interval: Duration,
    adopt_max_domains: usize,
}

/// How often the registry is asked whether it changed; the answer is one number in memory.
const REVISION_POLL: Duration = Duration::from_secs(1);
/// Unclaimed domains read at a time.
const PAGE_ROWS: usize = 1_000;

/// What one look found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    /// Unclaimed policy domains that somebody owns.
    domains: u64,
    /// Rows moved.
    rows: u64,
}

impl Adoption {
    /// The task; `claims` is the one given to the server of this process.
    #[must_use]
    pub fn new(store: Store, registry: Arc<Registry>, claims: Claims, metrics: QueryMetrics, config: &QueryConfig) -> Self {
        Self {
            store,
            registry,
            claims,
            metrics,
            interval: config.adoption_interval(),
            adopt_max_domains: config.adoption_max_domains.max(1),
        }
    }

    /// Runs until `shutdown`. While the store is away it waits longer and longer, and it never gives up.
    pub async fn run(self, shutdown: CancellationToken) {
        // Ending in the middle of a move is safe: the next look goes on.
        let _ = shutdown.run_until_cancelled(self.look_for_ever()).await;
    }

    async fn look_for_ever(&self) {
        let mut backoff = Backoff::default();
        let mut failing = false;
        loop {
            let revision = self.registry.revision();
            match self.look().await {
                Ok(look) => {
                    if failing {
                        tracing::info!("adoption goes on");
                        failing = false;
                    }
                    if look.rows > 0 {
                        tracing::info!(domains = look.domains, rows = look.rows, "unclaimed rows moved to their owners");
                    }
                    if look.domains > 0 {
                        // Looks again until there is nothing to find; the wait grows, should what is found not move.
                        tokio::time::sleep(backoff.next_wait()).await;
                    } else {
                        backoff.reset();
                        self.reason_to_look(revision).await;
                    }
                }
                Err(error) => {
                    self.metrics.adoption_failures.inc();
                    if !failing {
                        failing = true;
                        tracing::warn!(error = chain(&error), "adoption waits: the database cannot be asked");
                    }
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        }
    }

    /// Waits for a claim, a change of the registry since `revision`, or the interval's end.
    async fn reason_to_look(&self, revision: u64) {
        let until = TokioInstant::now() + self.interval;
        while self.registry.revision() == revision && TokioInstant::now() < until {
            tokio::select! {
                () = self.claims.next() => return,
                () = tokio::time::sleep_until(until.min(TokioInstant::now() + REVISION_POLL)) => {}
            }
        }
    }

    async fn look(&self) -> Result<Look, StoreError> {
        let started = Instant::now();
        let mut look = Look::default();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.unclaimed_domains(after.as_deref(), PAGE_ROWS).await?;
            for (tenant, domains) in self.by_owner(&page) {
                look.domains += domains.len() as u64;
                for domains in domains.chunks(self.adopt_max_domains) {
                    let rows = self.store.adopt(&tenant, domains).await?;
                    self.metrics.adopted_rows.inc_by(rows);
                    look.rows += rows;
                }
            }
            let whole = page.len() >= PAGE_ROWS;
            after = page.into_iter().next_back();
            if !whole || after.is_none() {
                break;
            }
        }
        self.metrics.adoption_waiting_domains.set(i64::try_from(look.domains).unwrap_or(i64::MAX));
        self.metrics.adoption_duration.observe(started.elapsed().as_secs_f64());
        Ok(look)
    }

    /// The domains of a page that somebody owns, by owner. A policy domain that is no domain name cannot be owned.
    fn by_owner(&self, page: &[String]) -> BTreeMap<TenantId, Vec<String>> {
        let mut owned: BTreeMap<TenantId, Vec<String>> = BTreeMap::new();
        for text in page {
            if let Some(owner) = Domain::parse(text).ok().and_then(|domain| self.registry.owner_of(&domain)) {
                owned.entry(owner).or_default().push(text.clone());
            }
        }
        owned
    }
}
