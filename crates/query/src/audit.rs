//! The audit log's front: every change and every read of a raw payload leaves an entry, or does not happen.
//!
//! Which routes those are follows from the table of routes ([`audited`]), so that none is forgotten: whatever is done by
//! another method than GET, and every path that ends in `/raw`. Such a route is wrapped in [`record`]. The key's extractor calls
//! [`begin`], once it knows who asks; before a change that appends an entry without a status, and refuses the change when the log does
//! not take it. When the handler is done, [`record`] appends the entry with the answer's status. A payload is answered only after that;
//! a change that is done is answered as it is, since the entry from before it says that it was tried.
//!
//! Somebody without a key leaves no entry, so nobody can fill the log from outside.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{FromRequestParts, RawPathParams, Request, State},
    http::{Method, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;
use tlsrpt_log::{Log, ProduceError};
pub(crate) use tlsrpt_record::ActorKind;
use tlsrpt_record::{AUDIT, AuditEntry, AuditError};
use tlsrpt_report::UnixMillis;
use uuid::Uuid;

use crate::{
    clock::now,
    description::Argument,
    problem::{Problem, chain},
    request_scope::RequestScope,
    routes::Route,
};

/// Longest wait for the log to take an entry; after it the log counts as away. What it takes later all the same is an entry too many.
const APPEND_MAX: Duration = Duration::from_secs(5);

/// The id of the operator's key that the service was started with.
const ADMIN: &str = "admin";

/// What stands before the subject of a token, so that it is not taken for a key's id, which has no colon.
const OF_TOKENS: &str = "token:";

/// Who asks: a key's id or a token's subject, never the key or the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) kind: ActorKind,
    pub(crate) id: String,
    tenant: String,
}

impl Actor {
    /// The key that the service was started with.
    pub(crate) fn admin() -> Self {
        Self::operator(ADMIN)
    }

    /// An operator's key.
    pub(crate) fn operator(key_id: &str) -> Self {
        Self { kind: ActorKind::Operator, id: key_id.to_owned(), tenant: String::new() }
    }

    /// A tenant's key.
    pub(crate) fn tenant(key_id: &str, tenant: &str) -> Self {
        Self { kind: ActorKind::Tenant, id: key_id.to_owned(), tenant: tenant.to_owned() }
    }

    /// A tenant's, by a token that its issuer gave to `subject`.
    pub(crate) fn token(subject: &str, tenant: &str) -> Self {
        Self::tenant(&format!("{OF_TOKENS}{subject}"), tenant)
    }
}

/// How a route is audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Audited {
    /// Such as `tenant.create`.
    action: String,
    effect: Effect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Something is other than before.
    Change,
    /// A payload is shown.
    Read,
}

/// Changes whose name is not that of their method.
const NAMES: [(Method, &str, &str); 9] = [
    (Method::POST, "/admin/v1/submissions", "submission.import"),
    (Method::POST, "/admin/v1/import", "tenant.import"),
    (Method::PATCH, "/admin/v1/tenants/{id}/settings", "tenant.settings"),
    (Method::POST, "/admin/v1/keys", "operator-key.create"),
    (Method::DELETE, "/admin/v1/keys/{key_id}", "operator-key.delete"),
    (Method::POST, "/admin/v1/tenants/{id}/domains", "domain.claim"),
    (Method::DELETE, "/admin/v1/tenants/{id}/domains/{domain}", "domain.release"),
    (Method::PUT, "/v1/notifications/settings", "notification.settings"),
    (Method::DELETE, "/v1/notifications/settings", "notification.delete"),
];

/// How a route is audited; none when it shows no raw payload and changes nothing.
pub(crate) fn audited(route: &Route) -> Option<Audited> {
    let is_raw = route.path.ends_with("/raw");
    let is_change = route.method != Method::GET;
    (is_raw || is_change).then(|| Audited { action: action(route), effect: if is_change { Effect::Change } else { Effect::Read } })
}

/// The thing that the path is about, and what is done to it: by the path's last word when that is no list of things, else by the
/// method.
fn action(route: &Route) -> String {
    if let Some((_, _, name)) = NAMES.iter().find(|(method, path, _)| *method == route.method && *path == route.path) {
        return (*name).to_owned();
    }
    let mut words = route.path.split('/').rev().filter(|word| !matches!(*word, "" | "admin" | "v1") && !word.starts_with('{'));
    let last = words.next().unwrap_or_default();
    if let Some(thing) = last.strip_suffix('s') {
        let verb = match route.method {
            Method::POST => "create",
            Method::DELETE => "delete",
            _ => "change",
        };
        return format!("{thing}.{verb}");
    }
    let thing = words.next().map_or("operator", |list| list.strip_suffix('s').unwrap_or(list));
    format!("{thing}.{last}")
}

/// Appends to the audit log.
#[derive(Clone)]
pub(crate) struct Audits(Arc<dyn Log>);

/// The log does not hold an entry.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    #[error("write an audit entry")]
    Encode(#[from] AuditError),
    #[error("append an audit entry")]
    Log(#[from] ProduceError),
    #[error("append an audit entry: the log does not answer")]
    Silent,
}

/// A route that is audited was answered without a key.
#[derive(Debug, thiserror::Error)]
#[error("the route {0} is audited and its handler asks for no key")]
struct NoActor(String);

impl Audits {
    pub(crate) fn new(log: Arc<dyn Log>) -> Self {
        Self(log)
    }

    /// Answers once the log holds the entry.
    pub(crate) async fn append(&self, entry: AuditEntry<'_>) -> Result<(), AppendError> {
        let ack = self.0.producer().send(AUDIT.name, entry.encode()?);
        tokio::time::timeout(APPEND_MAX, ack).await.map_err(|_| AppendError::Silent)??;
        Ok(())
    }
}

/// What one request does, as far as it is known.
pub(crate) struct Act {
    id: Uuid,
    at: UnixMillis,
    actor: Actor,
    audited: Arc<Audited>,
    concerns: Mutex<Concerns>,
}

#[derive(Clone, Default)]
struct Concerns {
    tenant: String,
    target: String,
}

impl Act {
    async fn append(&self, audits: &Audits, scope: &RequestScope, status: Option<u16>) -> Result<(), AppendError> {
        let Concerns { tenant, target } = self.concerns.lock().clone();
        let remote_ip: Option<IpAddr> = scope.remote_ip();
        let entry = AuditEntry {
            id: self.id,
            at: self.at,
            actor_kind: self.actor.kind,
            actor_id: &self.actor.id,
            tenant: &tenant,
            action: &self.audited.action,
            target: &target,
            status,
            request_id: scope.request_id(),
            remote_ip,
        };
        audits.append(entry).await
    }
}

/// Notes who asks, when the route is audited. Every extractor of a key calls it, once the key is known to open the route.
///
/// # Errors
/// 503 when the log does not take the entry that has to stand before a change.
pub(crate) async fn begin(parts: &mut Parts, audits: &Audits, scope: &RequestScope, actor: Actor) -> Result<(), Problem> {
    let Some(audited) = parts.extensions.get::<Arc<Audited>>().cloned() else { return Ok(()) };
    let concerns = match RawPathParams::from_request_parts(parts, &()).await {
        Ok(names) => concerns(&actor, parts.uri.path(), names.iter()),
        Err(_) => Concerns::default(),
    };
    let effect = audited.effect;
    let act = Act { id: Uuid::now_v7(), at: now(), actor, audited, concerns: Mutex::new(concerns) };
    if effect == Effect::Change {
        act.append(audits, scope, None).await.map_err(|error| Problem::log("audit a change before it", &error))?;
    }
    scope.acts(act);
    Ok(())
}

/// What the path says: the tenant, and the last thing that it names, unless a list of things follows.
fn concerns<'p>(actor: &Actor, path: &str, names: impl Iterator<Item = (&'p str, &'p str)>) -> Concerns {
    let mut concerns = Concerns { tenant: actor.tenant.clone(), target: String::new() };
    let lists_things = path.rsplit('/').next().is_some_and(|word| word.ends_with('s'));
    let names: Vec<_> = names.collect();
    if path.starts_with("/admin/v1/tenants/")
        && let Some((_, tenant)) = names.first()
    {
        (*tenant).clone_into(&mut concerns.tenant);
    }
    if let Some((_, last)) = names.last().filter(|(_, last)| path.ends_with(last) || !lists_things) {
        (*last).clone_into(&mut concerns.target);
    }
    concerns
}

/// The layer around an audited route.
pub(crate) async fn record(State((audits, audited)): State<(Audits, Arc<Audited>)>, mut request: Request, next: Next) -> Response {
    let scope = request.extensions().get::<RequestScope>().cloned();
    request.extensions_mut().insert(Arc::clone(&audited));
    let response = next.run(request).await;
    let Some((scope, act)) = scope.as_ref().and_then(|scope| Some((scope, scope.act()?))) else {
        // Nobody was let in, so nothing was done. An answer that is no error would be one of a handler that asks for no key.
        let is_refused = response.status().is_client_error() || response.status().is_server_error();
        return if is_refused {
            response
        } else {
            Problem::internal("answer an audited route", &NoActor(audited.action.clone())).into_response()
        };
    };
    match act.append(&audits, scope, Some(response.status().as_u16())).await {
        Ok(()) => response,
        Err(error) if audited.effect == Effect::Read => Problem::log("audit a read before its answer", &error).into_response(),
        Err(error) => {
            // It is done, and the log holds that it was tried.
            let (id, request_id) = (act.id.to_string(), scope.request_id());
            tracing::warn!(error = chain(&error), id, request_id, "the outcome of a change is missing in the audit log");
            response
        }
    }
}

/// For a handler: adds to the request's entry what the path does not say.
pub(crate) struct Note(RequestScope);

impl Note {
    /// The tenant concerned.
    pub(crate) fn tenant(&self, id: &str) {
        if let Some(act) = self.0.act() {
            id.clone_into(&mut act.concerns.lock().tenant);
        }
    }

    /// To what it is done.
    pub(crate) fn target(&self, text: &str) {
        if let Some(act) = self.0.act() {
            text.clone_into(&mut act.concerns.lock().target);
        }
    }
}

/// It reads nothing that was sent.
impl Argument for Note {}

impl<S: Send + Sync> FromRequestParts<S> for Note {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        RequestScope::of(parts).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::routes;

    #[test]
    fn every_change_and_every_raw_payload_is_audited_and_nothing_else() {
        for route in routes() {
            let is_change = route.method != Method::GET;
            let is_raw = route.path.ends_with("/raw");
            assert_eq!(audited(&route).is_some(), is_change || is_raw, "{} {}", route.method, route.path);
        }
        assert!(routes().filter(|route| route.path.ends_with("/raw")).count() >= 2);
    }

    #[test]
    fn an_action_is_named_by_what_is_done_to_what() {
        let action = |method: Method, path: &str| {
            let route = routes().find(|route| route.method == method && route.path == path);
            route.as_ref().and_then(audited).map(|audited| audited.action)
        };
        for (method, path, name) in [
            (Method::POST, "/admin/v1/tenants", "tenant.create"),
            (Method::DELETE, "/admin/v1/tenants/{id}", "tenant.delete"),
            (Method::PATCH, "/admin/v1/tenants/{id}", "tenant.change"),
            (Method::POST, "/admin/v1/tenants/{id}/domains", "domain.claim"),
            (Method::DELETE, "/admin/v1/tenants/{id}/domains/{domain}", "domain.release"),
            (Method::POST, "/admin/v1/tenants/{id}/domains/{domain}/move", "domain.move"),
            (Method::POST, "/admin/v1/tenants/{id}/keys", "key.create"),
            (Method::DELETE, "/admin/v1/tenants/{id}/keys/{key_id}", "key.delete"),
            (Method::PATCH, "/admin/v1/tenants/{id}/settings", "tenant.settings"),
            (Method::POST, "/admin/v1/tenants/{id}/keys/{key_id}/rotate", "key.rotate"),
            (Method::POST, "/admin/v1/keys", "operator-key.create"),
            (Method::DELETE, "/admin/v1/keys/{key_id}", "operator-key.delete"),
            (Method::POST, "/admin/v1/submissions", "submission.import"),
            (Method::POST, "/admin/v1/submissions/{id}/replay", "submission.replay"),
            (Method::POST, "/admin/v1/import", "tenant.import"),
            (Method::GET, "/admin/v1/submissions/{id}/raw", "submission.raw"),
            (Method::GET, "/v1/reports/{report_key}/raw", "report.raw"),
            (Method::PUT, "/v1/notifications/settings", "notification.settings"),
            (Method::DELETE, "/v1/notifications/settings", "notification.delete"),
            (Method::POST, "/admin/v1/backups", "backup.create"),
            (Method::DELETE, "/admin/v1/backups/{name}", "backup.delete"),
            (Method::POST, "/v1/notifications/test", "notification.test"),
            (Method::POST, "/v1/notifications/webhook/secret", "webhook.secret"),
        ] {
            assert_eq!(action(method, path).as_deref(), Some(name), "{path}");
        }
        assert_eq!(action(Method::GET, "/admin/v1/ledger"), None);
    }

    #[test]
    fn the_path_says_which_tenant_and_what() {
        let check = |actor: &Actor, path: &str, names: &[(&str, &str)], tenant: &str, target: &str| {
            let found = concerns(actor, path, names.iter().copied());
            assert_eq!((&*found.tenant, &*found.target), (tenant, target), "{path}");
        };
        let (admin, tenant) = (Actor::admin(), Actor::tenant("k", "acme"));
        check(&admin, "/admin/v1/tenants", &[], "", "");
        check(&admin, "/admin/v1/tenants/acme", &[("id", "acme")], "acme", "acme");
        check(&admin, "/admin/v1/tenants/tests", &[("id", "tests")], "tests", "tests");
        check(&admin, "/admin/v1/tenants/acme/domains", &[("id", "acme")], "acme", "");
        check(&admin, "/admin/v1/tenants/acme/domains/a.example", &[("id", "acme"), ("domain", "a.example")], "acme", "a.example");
        check(&admin, "/admin/v1/submissions/7/replay", &[("id", "7")], "", "7");
        check(&tenant, "/v1/reports/00/raw", &[("report_key", "00")], "acme", "00");
    }
}
