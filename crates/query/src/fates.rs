//! What became of today's submissions, as metrics: from the ledger, so that they are right whatever was replayed.

use std::time::{Duration, Instant};

use prometheus::{Error, Registry};
use tlsrpt_store::Store;
use tokio_util::sync::CancellationToken;

use crate::{clock::today, metrics::FateMetrics, problem::chain};

/// Shortest wait between two looks.
const INTERVAL_MIN: Duration = Duration::from_secs(15);
/// A look takes at most one part in so many of the database's time.
const SHARE: u32 = 20;

/// The task that looks.
pub struct Fates {
    store: Store,
    metrics: FateMetrics,
}

impl Fates {
    /// The task; registers its metric.
    ///
    /// # Errors
    /// When the name is registered already.
    pub fn register(store: Store, registry: &Registry) -> Result<Self, Error> {
        Ok(Self { store, metrics: FateMetrics::register(registry)? })
    }

    /// Looks until `shutdown`; keeps the last figures while the database is away.
    pub async fn run(self, shutdown: CancellationToken) {
        let _ = shutdown.run_until_cancelled(self.look_for_ever()).await;
    }

    async fn look_for_ever(&self) {
        loop {
            let started = Instant::now();
            let day = Some(today());
            match self.store.fates(day, day).await {
                Ok(fates) => {
                    for (fate, count) in [
                        ("stored", fates.stored),
                        ("duplicate", fates.duplicate),
                        ("unclaimed", fates.unclaimed),
                        ("rejected", fates.rejected),
                    ] {
                        self.metrics.submissions.with_label_values(&[fate]).set(i64::try_from(count).unwrap_or(i64::MAX));
                    }
                }
                // The writer and readiness say so louder.
                Err(error) => tracing::debug!(error = chain(&error), "today's fates cannot be counted"),
            }
            tokio::time::sleep(INTERVAL_MIN.max(started.elapsed() * SHARE)).await;
        }
    }
}
