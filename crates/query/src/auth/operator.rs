//! An operator's keys, by their roles.

use std::{ops::Deref, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use tlsrpt_backup::Backups;
use tlsrpt_registry::{CommandError, Registry, Role};
use tlsrpt_store::Store;

use super::{App, Key, to_its_end};
use crate::{
    adoption::Claims,
    audit::Actor,
    clock::now,
    key_uses::KeyUses,
    notifications::Courier,
    pending::Pipeline,
    problem::{Kind, Problem},
    routes::Audience,
};

impl App {
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

fn role_missing(has: Role, needed: Role) -> Problem {
    let detail = format!("This route needs a key with the role `{}`; the role of this key is `{}`.", needed.as_str(), has.as_str());
    Problem::new(Kind::RoleMissing, detail).naming(needed.as_str())
}

fn no_admin_key() -> Problem {
    Problem::new(Kind::KeyUnknown, "No admin key is set here, so the operator's routes are closed. Start the role with an admin key.")
}
