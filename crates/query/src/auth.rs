//! Who asks. The state of the role is closed: what it holds is reached through [`Operator`], [`Support`] or [`TenantKey`] only, and
//! these exist only where a key, or a tenant's token, was checked, with the role or the scope that their type names.

use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc, time::Instant};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tlsrpt_advisor::Rule;
use tlsrpt_backup::Backups;
use tlsrpt_notify::Settings;
use tlsrpt_publication::{Checker, Receiver};
use tlsrpt_record::TenantId;
use tlsrpt_registry::{ClaimedDomain, CommandError, Registry, Role, Scope, Scopes};
use tlsrpt_report::{Domain, Trust};
use tlsrpt_store::{Store, TenantQueries};
use tlsrpt_telemetry::otlp::Span;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    admission::{Place, Places},
    adoption::Claims,
    audit::{self, Actor, Audits},
    clock::now,
    config::QueryConfig,
    exports::{ExportSlot, Exports},
    key_uses::KeyUses,
    notifications::Courier,
    oidc::{Denied, TOKEN_MAX_BYTES, Tokens, is_token},
    parts,
    pending::Pipeline,
    problem::{Kind, Problem},
    rates::Rates,
    readiness::rule_of,
    request_scope::RequestScope,
    routes::Audience,
};

/// The operator's key, held as its SHA-256 only.
#[derive(Clone)]
pub struct AdminKey([u8; 32]);

/// Not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the admin key is not one: give 1 to 512 visible ASCII characters without spaces")]
pub struct AdminKeyError;

/// Longest admin key.
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

    /// What is open to who presents a tenant's key, or a token of the issuer's for a tenant.
    async fn tenant_grant(&self, parts: &Parts) -> Result<TenantGrant, Problem> {
        let presented = self.presented(parts)?;
        if let Some(tokens) = self.0.tokens.as_ref().filter(|_| is_token(presented)) {
            let grant = tokens.check(presented, |tenant| self.0.registry.tenant(tenant).is_some()).await;
            let grant = grant.map_err(|denied| match denied {
                Denied::Refused(_) => self.refused(parts),
                Denied::IssuerAway => issuer_away(),
            })?;
            let actor = Actor::token(&grant.subject, grant.tenant.as_str());
            return Ok(TenantGrant { tenant: grant.tenant, scopes: grant.scopes, actor, presented: Presented::Token });
        }
        let now = now();
        let grant = self.0.registry.authenticate(presented, now).ok_or_else(|| self.refused(parts))?;
        self.0.uses.note(&grant.key_id, now);
        let actor = Actor::tenant(&grant.key_id, grant.tenant.as_str());
        Ok(TenantGrant { tenant: grant.tenant, scopes: grant.scopes, actor, presented: Presented::Key })
    }

    /// Lets in who presents an operator's key that does what is `needed`.
    async fn let_in_operator(&self, parts: &mut Parts, needed: Role) -> Result<(), Problem> {
        let key = self.presented(parts)?;
        let (actor, role) = if self.0.admin_key.as_ref().is_some_and(|admin| admin.is(key)) {
            (Actor::admin(), Role::Admin)
        } else {
            let now = now();
            let Some(grant) = self.0.registry.authenticate_operator(key, now) else {
                return Err(if self.0.admin_key.is_some() { self.refused(parts) } else { no_admin_key() });
            };
            self.0.uses.note(&grant.key_id, now);
            (Actor::operator(&grant.key_id), grant.role)
        };
        let needed = if role.covers(needed) { Ok(()) } else { Err(role_missing(role, needed)) };
        self.let_in(parts, actor, needed).await
    }
}

/// Who asks for a tenant, and what is open to it.
struct TenantGrant {
    tenant: TenantId,
    scopes: Scopes,
    actor: Actor,
    presented: Presented,
}

/// By what a tenant comes in.
#[derive(Clone, Copy)]
enum Presented {
    Key,
    Token,
}

impl Presented {
    fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Token => "token",
        }
    }
}

/// A proof that somebody may use a route; a handler's first argument, whose type says whom the route is for.
pub(crate) trait Key {
    /// For whom.
    const AUDIENCE: Audience;
}

/// Proof that an operator asks, with whatever role: what may be looked at.
pub(crate) struct Support(App);

impl Support {
    pub(crate) fn store(&self) -> &Store {
        &self.0.0.store
    }
    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.0.0.registry
    }
    pub(crate) fn courier(&self) -> &Courier {
        &self.0.0.courier
    }
    pub(crate) fn backups(&self) -> Option<&Backups> {
        self.0.0.backups.as_ref()
    }
    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.0.0.pipeline
    }
    /// When keys were last used.
    pub(crate) fn uses(&self) -> &KeyUses {
        &self.0.0.uses
    }
}

impl Key for Support {
    const AUDIENCE: Audience = Audience::Operator(Role::Support);
}

impl FromRequestParts<App> for Support {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        app.let_in_operator(parts, Role::Support).await?;
        Ok(Self(app.clone()))
    }
}

/// Proof that an operator asks who may do everything.
pub(crate) struct Operator(Support);

/// An admin may look at whatever support may.
impl Deref for Operator {
    type Target = Support;
    fn deref(&self) -> &Support {
        &self.0
    }
}

impl Operator {
    /// Runs a command on the registry to its end, even when the asker goes away or the time is up in the middle.
    pub(crate) async fn command<T, F>(&self, command: impl FnOnce(Arc<Registry>) -> F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, CommandError>> + Send + 'static,
    {
        to_its_end(command(Arc::clone(self.registry()))).await
    }
    /// To be told when a domain was claimed.
    pub(crate) fn claims(&self) -> &Claims {
        &self.0.0.0.claims
    }
}

impl Key for Operator {
    const AUDIENCE: Audience = Audience::Operator(Role::Admin);
}

impl FromRequestParts<App> for Operator {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        app.let_in_operator(parts, Role::Admin).await?;
        Ok(Self(Support(app.clone())))
    }
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

/// A scope as a type.
pub(crate) trait ScopeType {
    const SCOPE: Scope;
}

macro_rules! scope_types {
    ($($name:ident)*) => {$(
        #[doc = concat!("[`Scope::", stringify!($name), "`] as a type.")]
        #[derive(Debug)]
        pub(crate) enum $name {}

        impl ScopeType for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )*};
}

scope_types! { Read Export Metrics Notify }

/// Proof that a tenant asks by a key or token with the scope `S`, and all that it may reach: its own queries and its own domains.
pub(crate) struct TenantKey<S = Read> {
    /// The tenant's queries.
    pub(crate) queries: TenantQueries,
    tenant: TenantId,
    place: Arc<Place>,
    app: App,
    scope: PhantomData<S>,
}

impl<S> TenantKey<S> {
    /// The tenant's domains, by name.
    pub(crate) fn domains(&self) -> Vec<ClaimedDomain> {
        self.app.0.registry.domains(&self.tenant)
    }

    /// The tenant's reporting address.
    pub(crate) fn address(&self) -> Option<String> {
        Some(self.app.0.registry.tenant(&self.tenant)?.address)
    }

    /// Looks at what domains publish.
    pub(crate) fn checker(&self) -> &Checker {
        &self.app.0.checker
    }

    /// Where reports come in.
    pub(crate) fn receiver(&self) -> &Receiver {
        &self.app.0.receiver
    }

    /// The least trust with which a report counts for the tenant; all count when none.
    pub(crate) fn minimum_trust(&self) -> Option<Trust> {
        self.app.0.registry.tenant(&self.tenant)?.settings.minimum_trust
    }

    /// Whether a name is at or below a domain of the tenant's, and of nobody else's that is closer.
    ///
    /// # Errors
    /// 404: whether somebody else has it is not told.
    pub(crate) fn must_own(&self, domain: &Domain) -> Result<(), Problem> {
        if self.app.0.registry.owner_of(domain).as_ref() == Some(&self.tenant) {
            return Ok(());
        }
        Err(Problem::not_found("The path's domain is none of the tenant's: `GET /v1/domains` lists them.").naming(domain.as_str()))
    }

    /// The rule by which the tenant's domains get ready.
    pub(crate) fn rule(&self, service: &Rule) -> Rule {
        let settings = self.app.0.registry.tenant(&self.tenant).map(|tenant| tenant.settings).unwrap_or_default();
        rule_of(service, &settings.rule)
    }

    /// The request's place among those of tenants that are worked on. What goes on for the request after its handler is done keeps a
    /// clone: the stream of an answer, work on another thread.
    pub(crate) fn place(&self) -> Arc<Place> {
        Arc::clone(&self.place)
    }
}

impl TenantKey<Notify> {
    /// What the tenant wants to be told.
    pub(crate) fn notifications(&self) -> Option<Settings> {
        self.app.0.registry.notifications(&self.tenant)
    }

    /// Takes notices to the tenant.
    pub(crate) fn courier(&self) -> &Courier {
        &self.app.0.courier
    }

    /// The tenant's id.
    pub(crate) fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Runs a command on the tenant's own settings to its end, even when the asker goes away or the time is up in the middle.
    pub(crate) async fn command<T, F>(&self, command: impl FnOnce(Arc<Registry>, TenantId) -> F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, CommandError>> + Send + 'static,
    {
        to_its_end(command(Arc::clone(&self.app.0.registry), self.tenant.clone())).await
    }
}

impl TenantKey<Export> {
    /// A place among the exports that run.
    pub(crate) fn export_slot(&self) -> Result<ExportSlot, Problem> {
        self.app.0.exports.enter(&self.tenant)
    }
}

impl<S: ScopeType> Key for TenantKey<S> {
    const AUDIENCE: Audience = Audience::Tenant(S::SCOPE);
}

impl<S: ScopeType> FromRequestParts<App> for TenantKey<S> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let TenantGrant { tenant, scopes, actor, presented } = app.tenant_grant(parts).await?;
        let needed = if scopes.has(S::SCOPE) { Ok(()) } else { Err(scope_missing(presented, scopes, S::SCOPE)) };
        app.let_in(parts, actor, needed).await?;
        let place = Arc::new(app.0.places.take(&tenant).await?);
        Ok(Self { queries: app.0.store.tenant(tenant.clone()), tenant, place, app: app.clone(), scope: PhantomData })
    }
}

fn scope_missing(presented: Presented, has: Scopes, needed: Scope) -> Problem {
    let thing = presented.as_str();
    let has = has.iter().map(Scope::as_str).collect::<Vec<_>>().join(", ");
    let has = if has.is_empty() { "none that is known here" } else { &has };
    let detail = format!("This route needs a {thing} with the scope `{}`; the scopes of this {thing} are: {has}.", needed.as_str());
    Problem::new(Kind::ScopeMissing, detail).naming(needed.as_str())
}

fn role_missing(has: Role, needed: Role) -> Problem {
    let detail = format!("This route needs a key with the role `{}`; the role of this key is `{}`.", needed.as_str(), has.as_str());
    Problem::new(Kind::RoleMissing, detail).naming(needed.as_str())
}

fn no_admin_key() -> Problem {
    Problem::new(Kind::KeyUnknown, "No admin key is set here, so the operator's routes are closed. Start the role with an admin key.")
}

/// The same answer for a key that never was, one that was deleted or has expired, one that opens other routes, and a token that is
/// refused for whatever reason.
fn unknown_key() -> Problem {
    Problem::new(Kind::KeyUnknown, "The key or token in `Authorization: Bearer …` is not valid for this route.")
}

/// A token that cannot be checked is not a wrong one: it is not counted as such, and is to be sent again.
fn issuer_away() -> Problem {
    Problem::new(Kind::IssuerUnavailable, "The issuer of tokens cannot be asked for its keys now. Try again in some seconds.")
}

/// The key or token in the one `Authorization` header (RFC 6750 2.1; the scheme's case does not matter, RFC 9110 11.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let missing = || Problem::new(Kind::KeyMissing, "Send the key in one header: `Authorization: Bearer <key>`.");
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(missing()) };
    let (scheme, key) = value.to_str().ok().and_then(|value| value.trim().split_once(' ')).ok_or_else(missing)?;
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || key.is_empty() {
        return Err(missing());
    }
    if key.len() > TOKEN_MAX_BYTES { Err(unknown_key()) } else { Ok(key) }
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
