//! How often one peer may come, and one address be written to.

use std::{hash::Hash, net::IpAddr, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::DefaultKeyedStateStore,
};
use tlsrpt_record::TenantId;

use crate::config::RateConfig;

/// Both limits. What is kept of a key is forgotten by [`Rates::forget_rested`] once it has its whole burst again.
pub(crate) struct Rates {
    peers: Keyed<IpAddr>,
    addresses: Keyed<TenantId>,
}

struct Keyed<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock>,
    clock: DefaultClock,
}

impl Rates {
    pub(crate) fn new(config: &RateConfig) -> Self {
        Self {
            peers: Keyed::new(config.per_ip_per_second, config.per_ip_burst),
            addresses: Keyed::new(config.per_address_per_second, config.per_address_burst),
        }
    }

    /// Counts one request of a peer's network.
    ///
    /// # Errors
    /// How long to wait when it was one too many.
    pub(crate) fn count_peer(&self, network: IpAddr) -> Result<(), Duration> {
        self.peers.count(&network)
    }

    /// Counts one submission to the address of a tenant (each has one).
    ///
    /// # Errors
    /// How long to wait when it was one too many.
    pub(crate) fn count_address(&self, tenant: &TenantId) -> Result<(), Duration> {
        self.addresses.count(tenant)
    }

    /// Forgets who has not been seen for long enough to have the whole burst again.
    pub(crate) fn forget_rested(&self) {
        self.peers.forget_rested();
        self.addresses.forget_rested();
    }
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let clock = DefaultClock::default();
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self { limiter: RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock.clone()), clock }
    }

    fn count(&self, key: &K) -> Result<(), Duration> {
        self.limiter.check_key(key).map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    fn forget_rested(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn who_has_the_whole_burst_again_takes_no_memory() {
        // A rate at which a key has its burst again within a nanosecond or so.
        let rates = Rates::new(&RateConfig { per_ip_per_second: NonZeroU32::new(1_000_000_000).unwrap(), ..RateConfig::default() });
        for host in 0..200_u8 {
            assert_eq!(rates.count_peer(IpAddr::from([192, 0, 2, host])), Ok(()));
        }
        rates.forget_rested();
        assert!(rates.peers.limiter.is_empty());
    }

    #[test]
    fn one_too_many_is_told_how_long_to_wait_and_others_are_not_held_up() {
        let one = NonZeroU32::MIN;
        let rates = Rates::new(&RateConfig { per_ip_per_second: one, per_ip_burst: one, ..RateConfig::default() });
        let (busy, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        assert_eq!(rates.count_peer(busy), Ok(()));
        let wait = rates.count_peer(busy).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(rates.count_peer(other), Ok(()));
    }
}
