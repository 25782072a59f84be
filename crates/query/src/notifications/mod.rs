//! What tenants are told: the background task that finds what is new of their domains, and delivers it.
//!
//! A notice's way: a look takes the tenants that want to be told something ([`Registry::notified`]) → what is known of their domains
//! (`views`) → what began and what ended ([`tlsrpt_notify::changes`]) → the deliveries and then the notice, durable in the store → a
//! second loop takes what is due outside of quiet hours, claims it, and sends it ([`Courier`]) → what came of it is noted, and what failed
//! is tried again, later and later, until it is given up.
//!
//! Several processes may do so at once: a notice has the same key whoever finds it, and a delivery is tried by whoever claimed it first. A
//! process that ends between the sending and the noting leaves a delivery that is tried again: each is told at least once, and its key
//! says that it is the same.

mod config;
mod courier;
mod deliver;
mod look;
mod mailer;
mod views;

use std::{sync::Arc, time::Duration};

use prometheus::{Error, Registry as Metrics};
use tlsrpt_advisor::Rule;
use tlsrpt_registry::Registry;
use tlsrpt_store::{Store, StoreError};
use tlsrpt_telemetry::Backoff;
use tokio_util::sync::CancellationToken;

use crate::{config::QueryConfig, metrics::NotificationMetrics, problem::chain};
pub use config::{NotificationsConfig, SmtpConfig, SmtpPassword, SmtpTls};
pub(crate) use courier::Undelivered;
pub use courier::{Courier, CourierError};

/// The task and what it works with.
pub struct Notifications {
    store: Store,
    registry: Arc<Registry>,
    courier: Courier,
    config: NotificationsConfig,
    rule: Rule,
    metrics: NotificationMetrics,
}

impl Notifications {
    /// The task; registers its metrics.
    ///
    /// # Errors
    /// When a name is registered already.
    pub fn register(
        store: Store,
        registry: Arc<Registry>,
        courier: Courier,
        config: &NotificationsConfig,
        query: &QueryConfig,
        metrics: &Metrics,
    ) -> Result<Self, Error> {
        Ok(Self {
            store,
            registry,
            courier,
            config: config.clone(),
            rule: query.readiness,
            metrics: NotificationMetrics::register(metrics)?,
        })
    }

    /// Runs until `shutdown`. While the database is away it waits longer and longer, and it never gives up.
    pub async fn run(self, shutdown: CancellationToken) {
        // Ending in the middle of a try is safe: its claim ends by itself, and it is tried again.
        let both = async { tokio::join!(self.look_for_ever(), self.deliver_for_ever()) };
        let _ = shutdown.run_until_cancelled(both).await;
    }

    async fn look_for_ever(&self) {
        let (mut after, mut pace) = (None, Pace::new("notice", self.config.interval()));
        loop {
            let looked = match self.look(after.take()).await {
                Ok(next) => {
                    after = next;
                    Ok(())
                }
                Err(error) => Err(error),
            };
            tokio::time::sleep(pace.wait(self, looked)).await;
        }
    }

    async fn deliver_for_ever(&self) {
        let mut pace = Pace::new("deliver", self.config.delivery_interval());
        loop {
            let delivered = self.deliver().await;
            tokio::time::sleep(pace.wait(self, delivered)).await;
        }
    }
}

/// How long to wait between looks: after a failure shortly at first, and then longer and longer.
struct Pace {
    name: &'static str,
    interval: Duration,
    backoff: Backoff,
    is_failing: bool,
}

impl Pace {
    fn new(name: &'static str, interval: Duration) -> Self {
        Self { name, interval, backoff: Backoff::default(), is_failing: false }
    }

    /// The wait after a look; says when looks begin to fail, and when they go on.
    fn wait(&mut self, task: &Notifications, looked: Result<(), StoreError>) -> Duration {
        match looked {
            Ok(()) => {
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!(look = self.name, "notifications go on");
                }
                self.backoff.reset();
                self.interval
            }
            Err(error) => {
                task.metrics.failed(self.name);
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(error = chain(&error), look = self.name, "notifications have to wait");
                }
                self.backoff.next_wait()
            }
        }
    }
}
