//! What the submissions' way and the drainer share.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tlsrpt_log::{EmbeddedLog, ProduceError, Producer};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::route::{Switch, Way};
use crate::{config::SpoolConfig, metrics::SpoolMetrics};

pub(super) struct Shared {
    pub(super) config: SpoolConfig,
    /// Largest record that the log takes.
    pub(super) record_max_bytes: usize,
    /// The spool itself.
    pub(super) log: Arc<EmbeddedLog>,
    /// Its producer.
    pub(super) producer: Arc<dyn Producer>,
    pub(super) metrics: SpoolMetrics,
    pub(super) switch: Mutex<Switch>,
    /// Whether the spool could not store the last record that came.
    pub(super) fails: AtomicBool,
    pub(super) closing: CancellationToken,
    pub(super) closing_since: OnceLock<Instant>,
}

impl Shared {
    /// How long the log may be silent before it counts as away.
    pub(super) fn after(&self) -> Duration {
        Duration::from_millis(self.config.after_ms)
    }

    /// The log took a record.
    pub(super) fn answered(&self) {
        let now = Instant::now();
        let mut switch = self.switch.lock();
        let Some(absence) = switch.answered(now.into_std()) else { return };
        self.metrics.log_away.set(0);
        drop(switch);
        let lasted = absence.lasted(now.into_std());
        tracing::info!(
            spooled = absence.spooled,
            seconds = lasted.as_secs(),
            "the log takes submissions again; what was spooled follows in the background"
        );
    }

    /// The log did not take a record that was handed over at `sent_at`.
    pub(super) fn failed(&self, sent_at: Instant, error: &ProduceError) {
        let mut switch = self.switch.lock();
        if !switch.failed(sent_at.into_std(), Instant::now().into_std()) {
            return;
        }
        self.metrics.log_away.set(1);
        drop(switch);
        if self.config.limit_bytes > 0 {
            tracing::error!(%error, "the log takes no submissions: they go to the spool until it does");
        } else {
            tracing::error!(%error, "the log takes no submissions: what is left in the spool waits until it does");
        }
    }

    /// Whether the log is away.
    pub(super) fn is_away(&self) -> bool {
        self.switch.lock().is_away()
    }

    /// See [`super::Spool::missing`].
    pub(super) fn missing(&self) -> Option<&'static str> {
        if self.switch.lock().way() == Way::Log {
            None
        } else if self.metrics.depth.is_full() {
            Some("the log is away and the spool is full")
        } else if self.fails.load(Ordering::Relaxed) {
            Some("the log is away and the spool cannot store submissions; see the log lines for why")
        } else {
            None
        }
    }

    /// Tells the drainer to end.
    pub(super) fn begin_close(&self) {
        self.closing_since.get_or_init(Instant::now);
        self.closing.cancel();
    }
}
