//! How many requests run at a time, in all and for one tenant, and how long one may.
//!
//! A request takes a slot of the whole when it comes, one of the operator's reserve when it is for the operator and none is left. Once
//! its key is known, a tenant's takes a [`Place`]: one of the tenant's own few, waited for in the order of coming, and then one of
//! those of all tenants, which therefore never has more than a few of one tenant waiting. So a tenant that asks for too much waits
//! for itself, the others for a turn at most, and the operator for nobody.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;
use tlsrpt_record::TenantId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    config::QueryConfig,
    problem::{Kind, Problem},
};

/// Paths for the operator begin so.
const OPERATOR_PATHS: &str = "/admin/";
/// Tenants below which the map of them is not looked through for those that are gone.
const SWEEP_MIN: usize = 64;

/// How many requests run at a time, and how long one may.
#[derive(Clone)]
pub(crate) struct Admission {
    slots: Arc<Semaphore>,
    /// For the operator, when others fill the slots. Whoever asks for an operator's path may take one of these, and is sent away at
    /// once, with its body unread, when it has no key for it.
    reserve: Arc<Semaphore>,
    timeout: Duration,
}

impl Admission {
    pub(crate) fn new(config: &QueryConfig) -> Self {
        Self {
            slots: semaphore(config.requests_in_flight_max),
            reserve: semaphore(config.operator_reserve),
            timeout: config.request_timeout(),
        }
    }
}

/// Sheds what is too much at once, and ends what takes too long.
pub(crate) async fn admit(State(admission): State<Admission>, request: Request, next: Next) -> Response {
    let slot = admission
        .slots
        .try_acquire()
        .or_else(|error| if request.uri().path().starts_with(OPERATOR_PATHS) { admission.reserve.try_acquire() } else { Err(error) });
    let Ok(_slot) = slot else { return overloaded().into_response() };
    match timeout(admission.timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail =
                format!("The request took longer than {} ms. Narrow what it asks for, or try again later.", admission.timeout.as_millis());
            Problem::new(Kind::TimedOut, detail).into_response()
        }
    }
}

fn overloaded() -> Problem {
    Problem::new(Kind::Overloaded, "Too many requests are being worked on. Try again in a second.")
}

fn semaphore(permits: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
}

/// The places of tenants' requests.
pub(crate) struct Places {
    tenants: Mutex<HashMap<TenantId, Weak<Turnstile>>>,
    all: Arc<Semaphore>,
    running_max: usize,
    waiting_max: usize,
    wait_max: Duration,
}

/// One tenant's way in; there while one of its requests is.
#[derive(Debug)]
struct Turnstile {
    running: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A place of a tenant's request among those that run. Whatever goes on asking the database for the request after its handler
/// is done, such as the stream of an answer, keeps its `Arc`.
#[derive(Debug)]
pub(crate) struct Place {
    /// Kept so that the tenant's next request comes to the same one.
    _turnstile: Arc<Turnstile>,
    _of_tenant: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(config: &QueryConfig) -> Self {
        Self {
            tenants: Mutex::new(HashMap::new()),
            all: semaphore(config.tenants_in_flight_max),
            running_max: config.tenant_in_flight_max.min(Semaphore::MAX_PERMITS),
            waiting_max: config.tenant_waiting_max,
            wait_max: Duration::from_millis(config.tenant_wait_ms),
        }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// 429 when the tenant has as many requests waiting as may, or waits too long for itself; 503 when it waits too long for others.
    pub(crate) async fn take(&self, tenant: &TenantId) -> Result<Place, Problem> {
        let turnstile = self.turnstile(tenant);
        let of_tenant = match Arc::clone(&turnstile.running).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                let _waiting = Waiting::begin(&turnstile.waiting, self.waiting_max).ok_or_else(|| self.busy())?;
                match timeout(self.wait_max, Arc::clone(&turnstile.running).acquire_owned()).await {
                    Ok(Ok(place)) => place,
                    _ => return Err(self.busy()),
                }
            }
        };
        // First come, first served; nobody has more than its own few here.
        match timeout(self.wait_max, Arc::clone(&self.all).acquire_owned()).await {
            Ok(Ok(of_all)) => Ok(Place { _turnstile: turnstile, _of_tenant: of_tenant, _of_all: of_all }),
            _ => Err(overloaded()),
        }
    }

    fn busy(&self) -> Problem {
        Problem::new(
            Kind::TenantBusy,
            format!(
                "{} requests of this tenant are being worked on and others wait, which is as many as may be. Try again in a second.",
                self.running_max
            ),
        )
    }

    fn turnstile(&self, tenant: &TenantId) -> Arc<Turnstile> {
        let mut tenants = self.tenants.lock();
        if let Some(there) = tenants.get(tenant).and_then(Weak::upgrade) {
            return there;
        }
        // Who is gone is forgotten when the map would grow, so it never holds many more than are there.
        if tenants.len() >= SWEEP_MIN && tenants.len() == tenants.capacity() {
            tenants.retain(|_, turnstile| turnstile.strong_count() > 0);
        }
        let new = Arc::new(Turnstile { running: semaphore(self.running_max), waiting: AtomicUsize::new(0) });
        tenants.insert(tenant.clone(), Arc::downgrade(&new));
        new
    }
}

/// One that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize, max: usize) -> Option<Self> {
        let begun = waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| (count < max).then_some(count + 1));
        // Made only then: one that is dropped counts itself out.
        begun.is_ok().then(|| Self(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::FutureExt;

    use super::*;

    fn places(tenant_in_flight_max: usize, tenant_waiting_max: usize, tenants_in_flight_max: usize) -> Places {
        Places::new(&QueryConfig { tenant_in_flight_max, tenant_waiting_max, tenants_in_flight_max, ..QueryConfig::default() })
    }

    fn id(text: &str) -> TenantId {
        TenantId::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_tenant_that_holds_all_its_places_waits_in_order_and_then_is_refused_while_another_comes_in() {
        let places = places(2, 1, 100);
        let (a, b) = (id("a"), id("b"));
        let held = [places.take(&a).await.unwrap(), places.take(&a).await.unwrap()];
        let mut third = Box::pin(places.take(&a));
        assert!(third.as_mut().now_or_never().is_none());
        // However many come: who is refused leaves nothing behind.
        for _ in 0..10 {
            assert_eq!(places.take(&a).now_or_never().unwrap().unwrap_err(), places.busy());
        }
        for _ in 0..50 {
            places.take(&b).await.unwrap();
        }
        drop(held);
        third.await.unwrap();
        places.take(&a).await.unwrap();
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_its_turn_to_the_next() {
        let places = places(1, 2, 100);
        let a = id("a");
        let held = places.take(&a).await.unwrap();
        let (mut gives_up, mut next) = (Box::pin(places.take(&a)), Box::pin(places.take(&a)));
        assert!(gives_up.as_mut().now_or_never().is_none() && next.as_mut().now_or_never().is_none());
        drop(gives_up);
        drop(held);
        next.await.unwrap();
    }

    #[tokio::test]
    async fn a_tenant_with_many_requests_is_before_another_by_its_few_places_only() {
        let places = places(2, 100, 1);
        let (many, one) = (id("many"), id("one"));
        let held = places.take(&many).await.unwrap();
        let mut crowd: Vec<_> = (0..50).map(|_| Box::pin(places.take(&many))).collect();
        for waiting in &mut crowd {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        let mut other = Box::pin(places.take(&one));
        assert!(other.as_mut().now_or_never().is_none());
        drop(held);
        // One more of the crowd stood in line before it.
        let before: Vec<_> = crowd.iter_mut().filter_map(|waiting| waiting.as_mut().now_or_never()).collect();
        assert_eq!(before.len(), 1);
        drop(before);
        other.await.unwrap();
    }

    #[tokio::test]
    async fn tenants_that_are_gone_are_forgotten() {
        let places = places(2, 2, 100);
        for n in 0..10_000 {
            places.take(&id(&format!("t{n}"))).await.unwrap();
        }
        assert!(places.tenants.lock().len() < 4 * SWEEP_MIN);
    }
}
