//! Brings messages to their target, several at a time, and waits with them when it is away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use tlsrpt_report::UnixMillis;
use tlsrpt_telemetry::Backoff;
use tokio::{sync::Semaphore, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    message::{Message, Refused},
    progress::Progress,
    tally::Tally,
    target::{NotTaken, Target},
    understand::{Understood, understand},
};

/// Bytes of messages on their way at one time, counted in these units; a larger message takes all.
const ROOM_UNITS: usize = 64 << 10;
/// A unit of room, in bytes.
const ROOM_UNIT_BYTES: usize = 1 << 10;
/// Longest wait that a service may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// Brings messages to one target. Each is counted, whatever becomes of it.
pub(crate) struct Courier {
    target: Target,
    address: Option<String>,
    /// How long a target may be away before the import gives up.
    patience: Duration,
    progress: Progress,
    tally: Mutex<Tally>,
    places: Arc<Semaphore>,
    places_max: u32,
    room: Arc<Semaphore>,
    stopped: CancellationToken,
    is_away: AtomicBool,
}

/// How messages are brought.
pub(crate) struct Setup {
    pub(crate) target: Target,
    /// The reporting address that they were sent to, when it is known.
    pub(crate) address: Option<String>,
    pub(crate) patience: Duration,
    /// Messages on their way at one time.
    pub(crate) parallel: u16,
    pub(crate) progress: Progress,
}

impl Courier {
    pub(crate) fn new(setup: Setup) -> Arc<Self> {
        let Setup { target, address, patience, parallel, progress } = setup;
        let dry_run = matches!(target, Target::DryRun);
        Arc::new(Self {
            target,
            address,
            patience,
            progress,
            tally: Mutex::new(Tally { dry_run, ..Tally::default() }),
            places: Arc::new(Semaphore::new(parallel.into())),
            places_max: parallel.into(),
            room: Arc::new(Semaphore::new(ROOM_UNITS)),
            stopped: CancellationToken::new(),
            is_away: AtomicBool::new(false),
        })
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        matches!(self.target, Target::DryRun)
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Ends when nothing more is to be brought.
    pub(crate) fn stopped(&self) -> &CancellationToken {
        &self.stopped
    }

    /// Ends the import before everything was tried.
    pub(crate) fn stop(&self, why: &str) {
        self.tally.lock().stopped.get_or_insert_with(|| why.to_owned());
        self.stopped.cancel();
    }

    /// Waits for a place and for room, then brings the message in a task of its own, which answers whether it is durable.
    pub(crate) async fn hand_over(self: &Arc<Self>, message: Message) -> JoinHandle<bool> {
        let units = message.payload.len().div_ceil(ROOM_UNIT_BYTES).clamp(1, ROOM_UNITS);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        // Neither is ever closed; without a permit the message would only not count.
        let place = Arc::clone(&self.places).acquire_owned().await;
        let room = Arc::clone(&self.room).acquire_many_owned(units).await;
        let courier = Arc::clone(self);
        tokio::spawn(async move {
            let is_durable = courier.bring(message).await;
            // Before the place: whoever waits for all places is then the courier's only holder.
            drop(courier);
            drop((place, room));
            is_durable
        })
    }

    /// Counts what was not even tried.
    pub(crate) fn refuse(&self, refused: Refused, bytes: u64) {
        let mut tally = self.tally.lock();
        tally.refuse(refused);
        self.progress.done(bytes, tally.accepted);
    }

    /// Counts messages that need not be brought.
    pub(crate) fn skip(&self, messages: u64, bytes: u64) {
        let mut tally = self.tally.lock();
        tally.skipped += messages;
        self.progress.done(bytes, tally.accepted);
    }

    /// Counts messages that were moved.
    pub(crate) fn moved(&self, messages: u64) {
        self.tally.lock().moved += messages;
    }

    /// Waits until nothing is on its way; what came of it all.
    pub(crate) async fn finish(self: Arc<Self>) -> Tally {
        // Every place: nobody is on the way. The semaphore is never closed.
        drop(self.places.acquire_many(self.places_max).await);
        self.progress.end();
        let tally = std::mem::take(&mut *self.tally.lock());
        if let Some(courier) = Arc::into_inner(self) {
            courier.target.close().await;
        }
        tally
    }

    /// Brings one message and counts it; whether it is durable.
    async fn bring(&self, message: Message) -> bool {
        let bytes = u64::try_from(message.payload.len()).unwrap_or(u64::MAX);
        let name = message.name.clone();
        let brought = match tokio::task::spawn_blocking(move || (understand(&message, now()), message)).await {
            Ok((understood, message)) => self.bring_patiently(understood, message).await.map(|()| understood),
            Err(error) => Err(Refused::failed(name, "broke-off", error.to_string())),
        };
        let is_durable = brought.is_ok();
        let mut tally = self.tally.lock();
        match brought {
            Ok(understood) => tally.accept(understood),
            Err(refused) => tally.refuse(refused),
        }
        self.progress.done(bytes, tally.accepted);
        is_durable
    }

    async fn bring_patiently(&self, understood: Understood, message: Message) -> Result<(), Refused> {
        let mut backoff = Backoff::default();
        let started = Instant::now();
        loop {
            if self.stopped.is_cancelled() {
                return Err(Refused::failed(message.name, "not-sent", "the import was stopped before its turn"));
            }
            let answer = self.target.bring(understood.received_at, self.address.as_deref(), message.payload.clone()).await;
            let (why, after) = match answer {
                Ok(()) => {
                    if self.is_away.load(Ordering::Relaxed) && self.is_away.swap(false, Ordering::Relaxed) {
                        self.progress.say("it goes on");
                    }
                    return Ok(());
                }
                Err(NotTaken::Never { reason, detail }) => return Err(Refused::rejected(message.name, &reason, detail)),
                Err(NotTaken::Nothing(why)) => {
                    self.stop(&why);
                    return Err(Refused::failed(message.name, "not-taken", why));
                }
                Err(NotTaken::Later { why, after }) => (why, after),
            };
            if started.elapsed() >= self.patience {
                self.stop(&format!("nothing was taken for {} s (--patience-s): {why}", self.patience.as_secs()));
                return Err(Refused::failed(message.name, "not-taken", why));
            }
            let wait = after.unwrap_or_else(|| backoff.next_wait()).min(RETRY_AFTER_MAX);
            if !self.is_away.swap(true, Ordering::Relaxed) {
                self.progress.say(&format!("waiting, for {} s at most (--patience-s): {why}", self.patience.as_secs()));
            }
            tokio::select! {
                () = self.stopped.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
