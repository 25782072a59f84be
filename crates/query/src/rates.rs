//! How often one key may ask, and how often one address may try keys that are none.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DefaultKeyedStateStore,
};
use ipnet::IpNet;
use parking_lot::Mutex;

use crate::{
    audit::{Actor, ActorKind},
    config::RateConfig,
    problem::{Kind, Problem},
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Requests after which those are forgotten that have their whole burst again.
const FORGET_EVERY: u32 = 4_096;
/// Most addresses that are held off at one time; beyond them the ones that waited longest are let in early.
const REFUSED_MAX: usize = 65_536;

/// How a key stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Requests at once, when none came for a while.
    quota: u32,
    /// Seconds in which that many come back.
    window_seconds: u64,
    /// Requests at once from now on.
    remaining: u32,
    /// Seconds until another one may come, when none may; else until the whole quota is back.
    reset_seconds: u64,
}

impl Standing {
    /// Tells it, as draft-ietf-httpapi-ratelimit-headers-10 has it.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        let policy = format!("\"key\";q={};w={}", self.quota, self.window_seconds);
        let limit = format!("\"key\";r={};t={}", self.remaining, self.reset_seconds);
        for (name, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, limit)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
    }
}

/// All limits of the role. What is kept of whom is forgotten once its whole burst is back.
pub(crate) struct Rates {
    tenants: Keyed<String>,
    operators: Keyed<String>,
    failures: Keyed<IpAddr>,
    /// Who tried too many keys, and until when nobody listens to it.
    refused: Mutex<HashMap<IpAddr, Instant>>,
    exempt: Vec<IpNet>,
}

impl Rates {
    pub(crate) fn new(config: &RateConfig) -> Self {
        Self {
            tenants: Keyed::new(config.requests_per_second, config.burst),
            operators: Keyed::new(config.operator_requests_per_second, config.operator_burst),
            failures: Keyed::new(config.failures_per_second, config.failures_burst),
            refused: Mutex::new(HashMap::new()),
            exempt: config.exempt_networks.clone(),
        }
    }

    /// Counts a request of a key.
    ///
    /// # Errors
    /// How the key stands, and the problem to answer, when it was one too many.
    pub(crate) fn count(&self, actor: &Actor) -> (Standing, Result<(), Problem>) {
        let keys = match actor.kind {
            ActorKind::Tenant => &self.tenants,
            ActorKind::Operator | ActorKind::Service => &self.operators,
        };
        let (standing, counted) = keys.count(&actor.id);
        (standing, counted.map_err(|wait| too_many("This key asks too often.", wait)))
    }

    /// Whether an address may present a key at all. Asked before the key is looked at, so that an address that guesses learns nothing
    /// from the guesses beyond its failures.
    ///
    /// # Errors
    /// 429 while it may not.
    pub(crate) fn may_present(&self, remote_ip: Option<IpAddr>, now: Instant) -> Result<(), Problem> {
        let Some(network) = self.counted(remote_ip) else { return Ok(()) };
        let mut refused = self.refused.lock();
        match refused.get(&network) {
            Some(&until) if until > now => Err(too_many_failures(until - now)),
            Some(_) => {
                refused.remove(&network);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Counts a key that opens nothing. After one too many the address is held off for a while.
    pub(crate) fn failed(&self, remote_ip: Option<IpAddr>, now: Instant) {
        let Some(network) = self.counted(remote_ip) else { return };
        if let (_, Err(wait)) = self.failures.count(&network) {
            let mut refused = self.refused.lock();
            if refused.len() >= REFUSED_MAX {
                refused.retain(|_, until| *until > now);
            }
            if refused.len() >= REFUSED_MAX
                && let Some(first) = refused.iter().min_by_key(|(_, until)| **until).map(|(network, _)| *network)
            {
                refused.remove(&first);
            }
            refused.insert(network, now + wait);
        }
    }

    /// What an address counts as: itself, or its IPv6 /64, since who has one address of a /64 usually has them all. None when it is
    /// exempt, or not known.
    fn counted(&self, remote_ip: Option<IpAddr>) -> Option<IpAddr> {
        let ip = remote_ip.filter(|ip| !self.exempt.iter().any(|net| net.contains(ip)))?;
        Some(match ip {
            IpAddr::V4(_) => ip,
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        })
    }
}

fn too_many_failures(wait: Duration) -> Problem {
    too_many("Too many keys that are none came from this address.", wait)
}

fn too_many(what: &str, wait: Duration) -> Problem {
    let seconds = whole_seconds(wait).max(1);
    Problem::new(Kind::RateLimited, format!("{what} Try again in {seconds} s.")).retry_after(seconds)
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// One limit, for whoever comes.
struct Keyed<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>,
    clock: DefaultClock,
    per_second: NonZeroU32,
    burst: NonZeroU32,
    counted: AtomicU32,
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let clock = DefaultClock::default();
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let limiter = RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock.clone());
        Self { limiter, clock, per_second, burst, counted: AtomicU32::new(0) }
    }

    /// Counts one request; how long to wait when it was one too many.
    fn count(&self, key: &K) -> (Standing, Result<(), Duration>) {
        if self.counted.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.forget_rested();
        }
        let standing = |remaining: u32, reset_seconds: u64| Standing {
            quota: self.burst.get(),
            window_seconds: self.seconds(self.burst.get()),
            remaining,
            reset_seconds,
        };
        match self.limiter.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity().min(self.burst.get());
                (standing(remaining, self.seconds(self.burst.get() - remaining)), Ok(()))
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now());
                (standing(0, whole_seconds(wait).max(1)), Err(wait))
            }
        }
    }

    /// Whole seconds in which so many requests come back.
    fn seconds(&self, requests: u32) -> u64 {
        u64::from(requests.div_ceil(self.per_second.get())).max(1)
    }

    fn forget_rested(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn rates(per_second: u32, burst: u32) -> Rates {
        let some = |number| NonZeroU32::new(number).unwrap();
        Rates::new(&RateConfig {
            requests_per_second: some(per_second),
            burst: some(burst),
            failures_per_second: some(1),
            failures_burst: some(2),
            exempt_networks: vec!["10.0.0.0/8".parse().unwrap()],
            ..RateConfig::default()
        })
    }

    #[test]
    fn a_key_that_asks_too_often_is_told_when_to_come_back_and_no_other_key_is_held_up() {
        let rates = rates(1, 3);
        let (busy, other) = (Actor::tenant("busy", "a"), Actor::tenant("other", "a"));
        for left in [2, 1, 0] {
            let (standing, counted) = rates.count(&busy);
            assert_eq!((standing.remaining, counted), (left, Ok(())));
        }
        let (standing, counted) = rates.count(&busy);
        assert!(counted.is_err());
        let mut headers = HeaderMap::new();
        standing.tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"key\";q=3;w=3");
        assert_eq!(headers["ratelimit"], "\"key\";r=0;t=1");
        assert_eq!(rates.count(&other).1, Ok(()));
        // An operator's key has limits of its own.
        assert_eq!(rates.count(&Actor::operator("busy")).1, Ok(()));
    }

    #[test]
    fn an_address_that_tries_too_many_keys_is_held_off_for_a_while_and_its_ipv6_neighbours_with_it() {
        let rates = rates(1, 1);
        let now = Instant::now();
        let (guesser, neighbour, other) = ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1");
        let ip = |text: &str| Some(text.parse().unwrap());
        for _ in 0..3 {
            assert_eq!(rates.may_present(ip(guesser), now), Ok(()));
            rates.failed(ip(guesser), now);
        }
        assert!(rates.may_present(ip(guesser), now).is_err() && rates.may_present(ip(neighbour), now).is_err());
        assert_eq!(rates.may_present(ip(other), now), Ok(()));
        assert_eq!(rates.may_present(ip(guesser), now + Duration::from_secs(2)), Ok(()));
        assert!(rates.refused.lock().is_empty(), "who is let in again takes no memory");
    }

    #[test]
    fn an_exempt_network_may_try_what_it_likes() {
        let rates = rates(1, 1);
        let now = Instant::now();
        for _ in 0..100 {
            rates.failed(Some("10.1.2.3".parse().unwrap()), now);
        }
        assert_eq!(rates.may_present(Some("10.1.2.3".parse().unwrap()), now), Ok(()));
    }

    #[test]
    fn who_has_the_whole_burst_again_takes_no_memory() {
        let rates = rates(1_000_000_000, 1);
        for key in 0..FORGET_EVERY {
            let _ = rates.count(&Actor::tenant(&key.to_string(), "a"));
        }
        assert!(rates.tenants.limiter.len() <= 1, "{}", rates.tenants.limiter.len());
    }
}
