//! Who asks. The state of the role is closed: what it holds is reached through [`Operator`], [`Support`] or [`TenantKey`] only, and
//! these exist only where a key, or a tenant's token, was checked, with the role or the scope that their type names.

mod admin_key;
mod bearer;
mod operator;
mod tenant;

use std::{sync::Arc, time::Instant};

use axum::http::request::Parts;
use tlsrpt_backup::Backups;
use tlsrpt_publication::{Checker, Receiver};
use tlsrpt_registry::{CommandError, Registry};
use tlsrpt_store::Store;
use tlsrpt_telemetry::otlp::Span;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    admission::Places,
    adoption::Claims,
    audit::{self, Actor, Audits},
    config::QueryConfig,
    exports::Exports,
    key_uses::KeyUses,
    notifications::Courier,
    oidc::Tokens,
    parts,
    pending::Pipeline,
    problem::Problem,
    rates::Rates,
    request_scope::RequestScope,
    routes::Audience,
};

pub use admin_key::{AdminKey, AdminKeyError};
pub(crate) use operator::{Operator, Support};
pub(crate) use tenant::{Export, Metrics, Notify, TenantKey};

use bearer::{bearer, unknown_key};

/// The state of the role.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

struct Inner {
    store: Store,
    registry: Arc<Registry>,
    pipeline: Pipeline,
    claims: Claims,
    checker: Checker,
    receiver: Receiver,
    courier: Courier,
    backups: Option<Backups>,
    admin_key: Option<AdminKey>,
    uses: KeyUses,
    tokens: Option<Tokens>,
    places_for_submissions: Arc<Semaphore>,
    places_for_imports: Arc<Semaphore>,
    audits: Audits,
    rates: Rates,
    places: Places,
    exports: Exports,
    config: QueryConfig,
}

impl App {
    pub(crate) fn new(parts: parts::Parts, uses: KeyUses, audits: Audits, tokens: Option<Tokens>, config: QueryConfig) -> Self {
        let parts::Parts { store, registry, log, admin_key, claims, checker, receiver, courier, backups, metrics: _, tracer: _ } = parts;
        let semaphore = |max: usize| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Inner {
            store,
            registry,
            pipeline: Pipeline::new(log),
            claims,
            checker,
            receiver,
            courier,
            backups,
            admin_key,
            uses,
            tokens,
            places_for_submissions: semaphore(config.submissions_in_flight_max),
            places_for_imports: semaphore(config.imports_in_flight_max),
            audits,
            rates: Rates::new(&config.rate),
            places: Places::new(&config),
            exports: Exports::new(&config),
            config,
        }))
    }

    /// The limits; with the places below the one thing that needs no key.
    pub(crate) fn config(&self) -> &QueryConfig {
        &self.0.config
    }

    /// A place among the submissions that are taken in at one time; none when all are taken.
    pub(crate) fn place_for_submission(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.places_for_submissions).try_acquire_owned().ok()
    }

    /// A place among the imports of tenants at one time; none when all are taken.
    pub(crate) fn place_for_import(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.places_for_imports).try_acquire_owned().ok()
    }

    /// The key or token that a request presents, if its address may present one.
    fn presented<'p>(&self, parts: &'p Parts) -> Result<&'p str, Problem> {
        self.0.rates.may_present(RequestScope::of(parts)?.remote_ip(), Instant::now())?;
        bearer(&parts.headers)
    }

    /// The problem of a key or token that does not open the route; counts it.
    fn refused(&self, parts: &Parts) -> Problem {
        if let Ok(scope) = RequestScope::of(parts) {
            self.0.rates.failed(scope.remote_ip(), Instant::now());
        }
        unknown_key()
    }

    /// What has to happen between knowing who asks and letting it in: its requests are counted, and its act is audited. A key that
    /// is known and does not do what is `needed` is counted too, and has done nothing.
    async fn let_in(&self, parts: &mut Parts, actor: Actor, needed: Result<(), Problem>) -> Result<(), Problem> {
        let scope = RequestScope::of(parts)?;
        let (standing, counted) = self.0.rates.count(&actor);
        scope.stands(standing);
        counted?;
        needed?;
        audit::begin(parts, &self.0.audits, &scope, actor).await
    }
}

/// A proof that somebody may use a route; a handler's first argument, whose type says whom the route is for.
pub(crate) trait Key {
    /// For whom.
    const AUDIENCE: Audience;
}

/// Runs a command on the registry to its end, even when the asker goes away.
async fn to_its_end<T, F>(command: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: Future<Output = Result<T, CommandError>> + Send + 'static,
{
    let span = Span::current();
    let outcome = tokio::spawn(async move { span.cover(command).await }).await;
    outcome.map_err(|error| Problem::internal("run a command on the registry", &error))?.map_err(Problem::from)
}
