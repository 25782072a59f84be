//! The spool: where submissions are durable while the log is away.
//!
//! A submission's way: `append` hands it to the log, and when the log refuses it or is silent for `after_ms`, to the spool, an
//! embedded log of its own; its sender gets 201 after the spool's fsync. From then on submissions go to the spool at once
//! (`route`), as far as its limit goes (`depth`). `drain` offers what is spooled to the log, and once the log answers,
//! submissions go there again, beside what is still drained.
//!
//! Invariants: nothing is acknowledged that neither the log nor the spool holds durably; the spool forgets a record only after
//! the log's acknowledgement, or once it stands in the set-aside topic; it holds no more than its limit. What the log took
//! without saying so in time, or the drainer sent twice around a crash, is in the log twice: it is the same record with the same
//! submission id, the ledger keeps one row an id, and reports one row a report, so it counts once.

mod append;
mod collector;
mod depth;
mod drain;
mod route;
mod set_aside;
mod shared;

use std::{
    path::Path,
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use tlsrpt_log::{Cleanup, Consumer, EmbeddedConfig, EmbeddedLog, Log, LogError, Producer, Topic};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use self::{collector::DepthCollector, depth::Depth};
use self::{
    depth::{Held, Reading},
    drain::Drainer,
    route::Switch,
    shared::Shared,
};
use crate::{config::SpoolConfig, error::EdgeError, metrics::Metrics};

const SPOOLED: &str = "tlsrpt.spool";
const SET_ASIDE: &str = "tlsrpt.spool.set-aside";
/// Who drains both topics: what it has not committed is never dropped.
const DRAINER: &str = "tlsrpt-edge";
/// How long a segment that was drained stays at most. Its eighth starts a segment, of which a long absence must not make
/// thousands.
const DRAINED_AGE_MAX: Duration = Duration::from_secs(3_600);
/// Bytes that wait for the spool's fsync; the edge bounds them as well.
const IN_FLIGHT_MAX_BYTES: usize = 64 << 20;
/// How long [`Spool::close`] waits for the drainer, whose own wait for the log is shorter.
const DRAINER_PATIENCE: Duration = Duration::from_secs(5);

/// The spool of one edge. Clones are the same spool; when the last one goes, it closes.
#[derive(Clone)]
pub struct Spool {
    shared: Arc<Shared>,
    /// The drainer's place in the spool, until it starts.
    consumer: Arc<Mutex<Option<Box<dyn Consumer>>>>,
    drainer: Arc<Mutex<Option<JoinHandle<()>>>>,
    _end: Arc<DropGuard>,
}

impl Spool {
    /// Opens or makes the spool in `dir`, with what an earlier run left in it. `record_max_bytes` is the largest record that the
    /// log takes: what it would refuse is not spooled. None when the spool is turned off and there is nothing in `dir`; when it
    /// is turned off and there is something, it takes nothing and is drained.
    ///
    /// # Errors
    /// [`EdgeError::Spool`], such as when another process has it open.
    pub async fn open(config: &SpoolConfig, dir: &Path, record_max_bytes: usize, metrics: &Metrics) -> Result<Option<Self>, EdgeError> {
        let failed = |source| EdgeError::Spool { dir: dir.to_owned(), source };
        if config.limit_bytes == 0 && !dir.exists() {
            return Ok(None);
        }
        let embedded = EmbeddedConfig { dir: dir.to_owned(), record_max_bytes, in_flight_max_bytes: IN_FLIGHT_MAX_BYTES };
        let (log, consumer, found) = open_log(config, embedded).await.map_err(failed)?;
        if config.limit_bytes == 0 && found.waiting.records == 0 {
            close_log(log).await;
            return Ok(None);
        }
        if found.waiting.records > 0 {
            let Held { records, bytes } = found.waiting;
            tracing::info!(dir = %dir.display(), records, bytes, "an earlier run left submissions in the spool; they go to the log now");
        }
        metrics.spool.depth.begin(found, now_ms());
        let closing = CancellationToken::new();
        let shared = Shared {
            config: config.clone(),
            record_max_bytes,
            producer: log.producer(),
            log,
            metrics: metrics.spool.clone(),
            switch: Mutex::new(Switch::new()),
            fails: AtomicBool::new(false),
            closing: closing.clone(),
            closing_since: OnceLock::new(),
        };
        Ok(Some(Self {
            shared: Arc::new(shared),
            consumer: Arc::new(Mutex::new(Some(consumer))),
            drainer: Arc::default(),
            _end: Arc::new(closing.drop_guard()),
        }))
    }

    /// Stops draining, gives what is on its way to the log a second to be acknowledged, and closes. What is spooled stays for the
    /// next start. To be called when the receivers have ended: what comes later is refused.
    pub async fn close(&self) {
        self.shared.begin_close();
        let drainer = self.drainer.lock().take();
        if let Some(mut drainer) = drainer
            && tokio::time::timeout(DRAINER_PATIENCE, &mut drainer).await.is_err()
        {
            tracing::error!("the spool's drainer does not end; the spool's disk may hang");
            drainer.abort();
        }
        close_log(Arc::clone(&self.shared.log)).await;
    }

    /// Why no submission can be made durable at this moment; none while the log or the spool takes them.
    #[must_use]
    pub fn missing(&self) -> Option<&'static str> {
        self.shared.missing()
    }

    /// Whether it is there for new submissions, and not only to be drained.
    pub(crate) fn takes_submissions(&self) -> bool {
        self.shared.config.limit_bytes > 0
    }

    /// Sends what is spooled to the log from now on; done once.
    pub(crate) fn start_draining(&self, log: Arc<dyn Producer>) {
        let Some(consumer) = self.consumer.lock().take() else { return };
        let drainer = Drainer::new(Arc::clone(&self.shared), log, consumer);
        *self.drainer.lock() = Some(tokio::spawn(drainer.run()));
    }
}

/// Opens the embedded log, takes back what was set aside, and looks what there is.
async fn open_log(config: &SpoolConfig, embedded: EmbeddedConfig) -> Result<(Arc<EmbeddedLog>, Box<dyn Consumer>, Reading), LogError> {
    let dir = embedded.dir.clone();
    let log = match tokio::task::spawn_blocking(move || EmbeddedLog::open(embedded)).await {
        Ok(opened) => opened?,
        Err(_) => return Err(broken_off(&dir)),
    };
    for name in [SPOOLED, SET_ASIDE] {
        log.declare(&topic(name, config)).await?;
    }
    // Joined before anything is appended, so that nothing is dropped that was not drained.
    let consumer = log.consumer(SPOOLED, DRAINER).await?;
    set_aside::take_back(&log).await?;
    let lag = log.lag(SPOOLED, DRAINER).await?;
    let waiting = Held { records: lag.records, bytes: log.lag_bytes(SPOOLED, DRAINER).await? };
    let found = Reading { limit_bytes: config.limit_bytes, waiting, set_aside: Held::default(), oldest_at_ms: lag.oldest_appended_at_ms };
    Ok((log, consumer, found))
}

fn topic(name: &'static str, config: &SpoolConfig) -> Topic {
    // Segments of a 256th of the limit, and a 16th of it at most that is drained and not yet dropped.
    Topic { name, partitions: 1, cleanup: Cleanup::Delete { age_max: DRAINED_AGE_MAX, bytes_max: config.limit_bytes / 16 } }
}

fn broken_off(dir: &Path) -> LogError {
    LogError::Engine { action: format!("open the log in {}", dir.display()), reason: "opening it broke off".to_owned() }
}

/// Closing waits for the disk.
async fn close_log(log: Arc<EmbeddedLog>) {
    // Nothing is left to do when it broke off: what was acknowledged is durable.
    let _ = tokio::task::spawn_blocking(move || log.close()).await;
}

/// The time, in milliseconds since 1970.
fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
