//! Figures of the log, for whoever exports metrics.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::core::Core;

/// Figures since the log was opened, and what holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmbeddedStats {
    /// Records made durable.
    pub appended_records: u64,
    /// Their encoded size.
    pub appended_bytes: u64,
    /// Commits of the engine, each with one fsync for all that waited.
    pub commits: u64,
    /// Commits that failed; the store was opened again after each.
    pub failed_commits: u64,
    /// How often the store was opened again.
    pub reopened: u64,
    /// How long the last fsync took.
    pub fsync_last: Duration,
    /// Bytes between `send` and the answer.
    pub in_flight_bytes: usize,
    /// Bytes on disk, 0 while the store is away.
    pub disk_bytes: u64,
    /// Whether the store is open; while it is not, sending answers `Unavailable`.
    pub available: bool,
}

#[derive(Default)]
pub(super) struct Counters {
    appended_records: AtomicU64,
    appended_bytes: AtomicU64,
    commits: AtomicU64,
    failed_commits: AtomicU64,
    reopened: AtomicU64,
    fsync_last_us: AtomicU64,
}

impl Counters {
    pub(super) fn committed(&self, records: u64, bytes: u64, fsync: Duration) {
        self.appended_records.fetch_add(records, Ordering::Relaxed);
        self.appended_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.fsync_last_us.store(u64::try_from(fsync.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed_commits.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reopened(&self) {
        self.reopened.fetch_add(1, Ordering::Relaxed);
    }
}

/// The figures as they are now.
pub(super) fn stats(core: &Core) -> EmbeddedStats {
    let counters = &core.counters;
    let engine = core.engine().ok();
    EmbeddedStats {
        appended_records: counters.appended_records.load(Ordering::Relaxed),
        appended_bytes: counters.appended_bytes.load(Ordering::Relaxed),
        commits: counters.commits.load(Ordering::Relaxed),
        failed_commits: counters.failed_commits.load(Ordering::Relaxed),
        reopened: counters.reopened.load(Ordering::Relaxed),
        fsync_last: Duration::from_micros(counters.fsync_last_us.load(Ordering::Relaxed)),
        in_flight_bytes: core.queue.in_flight_bytes(),
        disk_bytes: engine.as_ref().and_then(|engine| engine.db.disk_space().ok()).unwrap_or(0),
        available: engine.is_some() && !core.is_closed(),
    }
}
