//! Who asks. The state of the role is closed: what it holds is reached through [`Operator`] or [`TenantKey`] only, and these
//! exist only where a key was checked.

use std::{fmt, sync::Arc, time::Instant};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tlsrpt_record::TenantId;
use tlsrpt_registry::{ClaimedDomain, CommandError, Registry};
use tlsrpt_store::{Store, TenantQueries};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    admission::{Place, Places},
    adoption::Claims,
    audit::{self, Actor, Audits},
    config::QueryConfig,
    pending::Pipeline,
    problem::{Kind, Problem},
    rates::Rates,
    scope::Scope,
};

/// The operator's key, held as its SHA-256 only.
#[derive(Clone)]
pub struct AdminKey([u8; 32]);

/// Not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the admin key is not one: give 1 to 512 visible ASCII characters without spaces")]
pub struct AdminKeyError;

/// Longest key that is looked at.
const KEY_MAX_BYTES: usize = 512;

impl AdminKey {
    /// Takes a key; the text itself is not kept.
    ///
    /// # Errors
    /// [`AdminKeyError`] when it could not stand in an `Authorization` header.
    pub fn new(key: &str) -> Result<Self, AdminKeyError> {
        let sendable = !key.is_empty() && key.len() <= KEY_MAX_BYTES && key.bytes().all(|b| b.is_ascii_graphic());
        if sendable { Ok(Self(Sha256::digest(key.as_bytes()).into())) } else { Err(AdminKeyError) }
    }

    /// Whether `presented` is the key. Both are hashed, so neither length nor content shows in the time taken.
    fn is(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        self.0.ct_eq(&presented).into()
    }
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKey(…)")
    }
}

impl<'de> Deserialize<'de> for AdminKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// The state of the role.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

struct Inner {
    store: Store,
    registry: Arc<Registry>,
    pipeline: Pipeline,
    claims: Claims,
    admin_key: Option<AdminKey>,
    places_for_submissions: Arc<Semaphore>,
    audits: Audits,
    rates: Rates,
    places: Places,
    config: QueryConfig,
}

impl App {
    pub(crate) fn new(
        store: Store,
        registry: Arc<Registry>,
        pipeline: Pipeline,
        claims: Claims,
        admin_key: Option<AdminKey>,
        audits: Audits,
        config: QueryConfig,
    ) -> Self {
        let (rates, places) = (Rates::new(&config.rate), Places::new(&config));
        let places_for_submissions = Arc::new(Semaphore::new(config.submissions_in_flight_max.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Inner { store, registry, pipeline, claims, admin_key, places_for_submissions, audits, rates, places, config }))
    }

    /// The limits; with the place below the one thing that needs no key.
    pub(crate) fn config(&self) -> &QueryConfig {
        &self.0.config
    }

    /// A place among the submissions that are taken in at one time; none when all are taken.
    pub(crate) fn place_for_submission(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.places_for_submissions).try_acquire_owned().ok()
    }

    /// The key that a request presents, if its address may present one.
    fn presented<'p>(&self, parts: &'p Parts) -> Result<&'p str, Problem> {
        self.0.rates.may_present(Scope::of(parts)?.remote_ip(), Instant::now())?;
        bearer(&parts.headers)
    }

    /// The problem of a key that does not open the route; counts it.
    fn refused(&self, parts: &Parts) -> Problem {
        if let Ok(scope) = Scope::of(parts) {
            self.0.rates.failed(scope.remote_ip(), Instant::now());
        }
        unknown_key()
    }

    /// What has to happen between knowing who asks and letting it in: its requests are counted, and its act is audited.
    async fn let_in(&self, parts: &mut Parts, actor: Actor) -> Result<(), Problem> {
        let scope = Scope::of(parts)?;
        let (standing, counted) = self.0.rates.count(&actor);
        scope.stands(standing);
        counted?;
        audit::begin(parts, &self.0.audits, &scope, actor).await
    }
}

/// Proof that the operator asks.
pub(crate) struct Operator(App);

impl Operator {
    pub(crate) fn store(&self) -> &Store {
        &self.0.0.store
    }
    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.0.0.registry
    }
    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.0.0.pipeline
    }
    /// Runs a command on the registry to its end, even when the asker goes away or the time is up in the middle.
    pub(crate) async fn command<T, F>(&self, command: impl FnOnce(Arc<Registry>) -> F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, CommandError>> + Send + 'static,
    {
        let outcome = tokio::spawn(command(Arc::clone(self.registry()))).await;
        outcome.map_err(|error| Problem::internal("run a command on the registry", &error))?.map_err(Problem::from)
    }
    /// To be told when a domain was claimed.
    pub(crate) fn claims(&self) -> &Claims {
        &self.0.0.claims
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let key = app.presented(parts)?;
        match &app.0.admin_key {
            Some(admin) if admin.is(key) => {
                app.let_in(parts, Actor::admin()).await?;
                Ok(Self(app.clone()))
            }
            Some(_) => Err(app.refused(parts)),
            None => Err(Problem::new(
                Kind::KeyUnknown,
                "No admin key is set here, so the operator's routes are closed. Start the role with an admin key.",
            )),
        }
    }
}

/// Proof that a tenant asks, and all that it may reach: its own queries and its own domains.
pub(crate) struct TenantKey {
    /// The tenant's queries.
    pub(crate) queries: TenantQueries,
    tenant: TenantId,
    place: Arc<Place>,
    app: App,
}

impl TenantKey {
    /// The tenant's domains, by name.
    pub(crate) fn domains(&self) -> Vec<ClaimedDomain> {
        self.app.0.registry.domains(&self.tenant)
    }

    /// The request's place among those of tenants that are worked on. What goes on for the request after its handler is done keeps a
    /// clone: the stream of an answer, work on another thread.
    pub(crate) fn place(&self) -> Arc<Place> {
        Arc::clone(&self.place)
    }
}

impl FromRequestParts<App> for TenantKey {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let key = app.presented(parts)?;
        let (key_id, tenant) = app.0.registry.authenticate_key(key).ok_or_else(|| app.refused(parts))?;
        app.let_in(parts, Actor::tenant(&key_id, tenant.as_str())).await?;
        let place = Arc::new(app.0.places.take(&tenant).await?);
        Ok(Self { queries: app.0.store.tenant(tenant.clone()), tenant, place, app: app.clone() })
    }
}

/// The same answer for a key that never was, one that was deleted, and one that opens other routes.
fn unknown_key() -> Problem {
    Problem::new(Kind::KeyUnknown, "The key in `Authorization: Bearer …` is not valid for this route.")
}

/// The key in the one `Authorization` header (RFC 6750 2.1; the scheme's case does not matter, RFC 9110 11.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let missing = || Problem::new(Kind::KeyMissing, "Send the key in one header: `Authorization: Bearer <key>`.");
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(missing()) };
    let (scheme, key) = value.to_str().ok().and_then(|value| value.trim().split_once(' ')).ok_or_else(missing)?;
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || key.is_empty() {
        return Err(missing());
    }
    if key.len() > KEY_MAX_BYTES { Err(unknown_key()) } else { Ok(key) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_admin_key_opens_to_itself_only_and_is_never_printed() {
        let key = AdminKey::new("correct-horse").unwrap();
        assert!(key.is("correct-horse"));
        for other in ["", "correct-hors", "correct-horse ", "Correct-horse", "correct-horsecorrect-horse"] {
            assert!(!key.is(other), "{other:?}");
        }
        assert!(!format!("{key:?}").contains("correct"));
    }

    #[test]
    fn an_admin_key_that_no_header_can_carry_is_refused() {
        for text in ["", "two words", "tab\t", "ümlaut", &"x".repeat(KEY_MAX_BYTES + 1)] {
            assert!(AdminKey::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_bearer_key_is_read_whatever_the_schemes_case_and_never_from_two_headers() {
        let headers = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            headers
        };
        assert_eq!(bearer(&headers(&["bEARER  abc"])).unwrap(), "abc");
        for refused in [&[] as &[&str], &["Basic abc"], &["Bearer"], &["Bearer "], &["abc"], &["Bearer a", "Bearer a"]] {
            assert!(bearer(&headers(refused)).is_err(), "{refused:?}");
        }
    }
}
