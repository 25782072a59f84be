//! The issuer's keys as they are known, and the task that keeps them so.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tlsrpt_telemetry::Backoff;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::{
    OidcConfig,
    fetch::{FetchError, Fetcher},
    keys::Keys,
};
use crate::{metrics::OidcMetrics, problem::chain};

/// Most requests that wait for a look at the issuer's keys; more are answered by the keys that are known.
const WAITING_MAX: usize = 64;

/// What is known of the keys.
pub(super) struct KeyCache {
    known: watch::Sender<Known>,
    wanted: Notify,
    places: Semaphore,
    max_age: Duration,
    look_max: Duration,
}

struct Known {
    keys: Option<(Arc<Keys>, Instant)>,
    /// Looks that came to an end.
    looks: u64,
    /// When the last of them began.
    began: Instant,
    /// The last of them failed, or there was none.
    is_away: bool,
    /// From when on a token can cause another one.
    next_look: Instant,
}

impl KeyCache {
    pub(super) fn new(config: &OidcConfig) -> Self {
        let now = Instant::now();
        let known = Known { keys: None, looks: 0, began: now, is_away: true, next_look: now };
        let (max_age, look_max) = (config.keys_max_age(), config.fetch_timeout());
        Self { known: watch::Sender::new(known), wanted: Notify::new(), places: Semaphore::new(WAITING_MAX), max_age, look_max }
    }

    /// The keys; none when there never were any, or when they are too old.
    pub(super) fn keys(&self) -> Option<Arc<Keys>> {
        let known = self.known.borrow();
        known.keys.as_ref().filter(|(_, at)| at.elapsed() <= self.max_age).map(|(keys, _)| Arc::clone(keys))
    }

    /// Whether there are keys, from too long ago.
    fn is_too_old(&self) -> bool {
        self.known.borrow().keys.as_ref().is_some_and(|(_, at)| at.elapsed() > self.max_age)
    }

    /// Whether the issuer could not be asked the last time.
    pub(super) fn is_away(&self) -> bool {
        self.known.borrow().is_away
    }

    /// Has the issuer asked once more for who came at `since`, and waits for it. False when there is nothing to wait for: a look began
    /// since then, the last one is too short a time ago, or as many wait as may.
    pub(super) async fn renew(&self, since: Instant) -> bool {
        let mut known = self.known.subscribe();
        let (looks, began, next_look) = {
            let known = known.borrow();
            (known.looks, known.began, known.next_look)
        };
        if began >= since || Instant::now() < next_look {
            return false;
        }
        let Ok(_place) = self.places.try_acquire() else { return false };
        self.wanted.notify_one();
        // One that takes longer has failed.
        tokio::time::timeout(self.look_max, known.wait_for(|known| known.looks > looks)).await.is_ok()
    }

    /// Waits until a token may have the issuer asked, and wants it.
    async fn is_wanted(&self, next_look: Instant) {
        tokio::time::sleep_until(next_look.into()).await;
        self.wanted.notified().await;
    }

    fn looked(&self, found: Option<Keys>, began: Instant, next_look: Instant) {
        self.known.send_modify(|known| {
            known.looks += 1;
            known.began = began;
            known.is_away = found.is_none();
            known.next_look = next_look;
            if let Some(keys) = found {
                known.keys = Some((Arc::new(keys), Instant::now()));
            }
        });
    }
}

/// Asks the issuer for its keys: at the start, at an interval, and when a token names one that is not known.
pub(crate) struct Follower {
    cache: Arc<KeyCache>,
    fetcher: Fetcher,
    config: OidcConfig,
    metrics: OidcMetrics,
}

/// What the log was told last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Known,
    Away,
    TooOld,
}

impl Follower {
    pub(super) fn new(cache: Arc<KeyCache>, fetcher: Fetcher, config: OidcConfig, metrics: OidcMetrics) -> Self {
        Self { cache, fetcher, config, metrics }
    }

    /// Goes on until `shutdown`. An issuer that is away is asked again and again, ever more slowly.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let (mut backoff, mut told) = (Backoff::default(), Told::Nothing);
        loop {
            let began = Instant::now();
            let next_look = began + self.config.refresh_min();
            let Some(outcome) = shutdown.run_until_cancelled(self.fetcher.keys()).await else { return };
            told = self.tell(&outcome, told);
            let wait = if outcome.is_ok() {
                backoff.reset();
                self.config.refresh_interval()
            } else {
                backoff.next_wait()
            };
            self.cache.looked(outcome.ok(), began, next_look);
            tokio::select! {
                () = tokio::time::sleep(wait) => (),
                () = self.cache.is_wanted(next_look) => (),
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Counts a look, and says what has changed since the last one.
    fn tell(&self, outcome: &Result<Keys, FetchError>, told: Told) -> Told {
        let issuer = self.config.issuer.as_str();
        self.metrics.looked(outcome.as_ref().ok().map(Keys::len));
        match outcome {
            Ok(keys) => {
                if told != Told::Known {
                    tracing::info!(issuer, keys = keys.len(), "the OIDC issuer's keys are known");
                }
                Told::Known
            }
            Err(error) if matches!(told, Told::Nothing | Told::Known) => {
                tracing::warn!(issuer, error = chain(error), "the OIDC issuer cannot be asked for its keys; those that are known go on");
                Told::Away
            }
            Err(error) if told == Told::Away && self.cache.is_too_old() => {
                tracing::error!(issuer, error = chain(error), "the OIDC issuer's keys are too old: no token is taken until it answers");
                Told::TooOld
            }
            Err(_) => told,
        }
    }
}
