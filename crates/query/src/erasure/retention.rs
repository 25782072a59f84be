//! The background task that applies the retention of tenants that have one of their own.
//!
//! A look: tenants with the setting, by their number of days → the rows that are filed under a day before it go, as in an erasure. Tenants with one
//! number of days go together, so that many cost few statements.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use prometheus::{Error, Registry as Metrics};
use tlsrpt_record::TenantId;
use tlsrpt_registry::Registry;
use tlsrpt_report::Day;
use tlsrpt_store::{Selection, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::{now, today},
    config::QueryConfig,
    metrics::RetentionMetrics,
    problem::chain,
};

/// The task and what it works with.
pub struct Retention {
    store: Store,
    registry: Arc<Registry>,
    interval: Duration,
    metrics: RetentionMetrics,
}

/// Tenants read at a time, and tenants that one statement names.
const PAGE_TENANTS: usize = 1_000;

impl Retention {
    /// The task; registers its metric.
    ///
    /// # Errors
    /// When the name is registered already.
    pub fn register(store: Store, registry: Arc<Registry>, config: &QueryConfig, metrics: &Metrics) -> Result<Self, Error> {
        Ok(Self { store, registry, interval: config.retention_interval(), metrics: RetentionMetrics::register(metrics)? })
    }

    /// Runs until `shutdown`. What fails is tried again at the next look.
    pub async fn run(self, shutdown: CancellationToken) {
        // Ending in the middle of a step is safe: the next look does it again.
        let _ = shutdown.run_until_cancelled(self.look_for_ever()).await;
    }

    async fn look_for_ever(&self) {
        loop {
            match self.look(today()).await {
                Ok(0) => {}
                Ok(rows) => tracing::info!(rows, "report rows were removed by their tenants' retention"),
                Err(error) => tracing::warn!(error = chain(&error), "tenants' retention has to wait"),
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    async fn look(&self, today: Day) -> Result<u64, StoreError> {
        let mut rows = 0;
        for (days, tenants) in self.by_days() {
            for tenants in tenants.chunks(PAGE_TENANTS) {
                rows += self.remove(&Selection::before(tenants, today.plus(-i32::from(days)))).await?;
            }
        }
        Ok(rows)
    }

    /// Tenants with a retention of their own, by its days.
    fn by_days(&self) -> BTreeMap<u16, Vec<TenantId>> {
        let mut by_days: BTreeMap<u16, Vec<TenantId>> = BTreeMap::new();
        let mut after: Option<TenantId> = None;
        loop {
            let page = self.registry.tenants(after.as_ref(), PAGE_TENANTS);
            let is_last = page.len() < PAGE_TENANTS;
            after = page.last().map(|tenant| tenant.id.clone());
            for tenant in page {
                if let Some(retention) = tenant.settings.retention_days {
                    by_days.entry(retention.days()).or_default().push(tenant.id);
                }
            }
            if is_last {
                return by_days;
            }
        }
    }

    async fn remove(&self, selection: &Selection) -> Result<u64, StoreError> {
        // One small question, most often the only one.
        if self.store.selected_rows(selection).await? == 0 {
            return Ok(0);
        }
        let mut after = None;
        loop {
            after = self.store.erase_entries(selection, after, now()).await?.next;
            if after.is_none() {
                break;
            }
        }
        let rows = self.store.erase_rows(selection).await?;
        self.metrics.rows.inc_by(rows);
        Ok(rows)
    }
}
