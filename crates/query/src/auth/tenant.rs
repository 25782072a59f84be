//! A tenant's keys and tokens, by their scopes.

use std::{marker::PhantomData, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use tlsrpt_advisor::Rule;
use tlsrpt_notify::Settings;
use tlsrpt_publication::{Checker, Receiver};
use tlsrpt_record::TenantId;
use tlsrpt_registry::{ClaimedDomain, CommandError, Registry, Scope, Scopes};
use tlsrpt_report::{Domain, Trust};
use tlsrpt_store::TenantQueries;

use super::{App, Key, to_its_end};
use crate::{
    admission::Place,
    audit::Actor,
    clock::now,
    exports::ExportSlot,
    notifications::Courier,
    oidc::{Denied, is_token},
    problem::{Kind, Problem},
    readiness::rule_of,
    routes::Audience,
};

impl App {
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

/// A token that cannot be checked is not a wrong one: it is not counted as such, and is to be sent again.
fn issuer_away() -> Problem {
    Problem::new(Kind::IssuerUnavailable, "The issuer of tokens cannot be asked for its keys now. Try again in some seconds.")
}
