//! Every route of the role in one table: the router is built from it, and the tests try each entry.
//!
//! Whose key opens a route, and with which scope or role, is what its handler's first argument says: [`Opened`] reads it off the
//! handler's type, so a handler without a key is no entry of the table, and the table cannot say something else than the handler
//! checks.

use axum::{
    http::Method,
    middleware::from_fn,
    routing::{self, MethodRouter},
};
use tlsrpt_registry::{Role, Scope};

use crate::{
    auth::{App, Key},
    description::{Described, Draft, Summary},
    operator_routes,
    problem::Kind,
    reuse::reuse,
    tenant_routes,
};

/// Whose key opens a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// An operator's key with this role, or one that covers it.
    Operator(Role),
    /// A tenant's key with this scope, for that tenant's own data.
    Tenant(Scope),
}

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, with `{names}` for what varies.
    pub path: &'static str,
    /// Whose key opens it.
    pub audience: Audience,
    pub(crate) summary: Summary,
    pub(crate) describe: fn(&mut Draft<'_>),
    /// What it may answer beside the problems that its arguments have.
    pub(crate) problems: &'static [Kind],
    /// Whether its answers have a tag.
    pub(crate) is_reusable: bool,
    pub(crate) handler: MethodRouter<App>,
}

/// An entry of the table.
pub(crate) struct Entry {
    method: Method,
    path: &'static str,
    summary: Summary,
    opened: fn() -> Opened,
}

impl Entry {
    /// `id` names it in programs that are made from the description, `text` says what it does.
    pub(crate) const fn new(method: Method, path: &'static str, id: &'static str, text: &'static str, opened: fn() -> Opened) -> Self {
        Self { method, path, summary: Summary { id, text }, opened }
    }
}

/// A handler, whose key opens it, and what its signature says of it.
pub(crate) struct Opened {
    audience: Audience,
    handler: MethodRouter<App>,
    describe: fn(&mut Draft<'_>),
    problems: &'static [Kind],
    is_reusable: bool,
}

impl Opened {
    /// The same, its answers with a tag by which they need not be sent twice.
    pub(crate) fn reusable(self) -> Self {
        Self { handler: self.handler.layer(from_fn(reuse)), is_reusable: true, ..self }
    }

    /// The same, which may answer these problems, beside those that its arguments have.
    pub(crate) fn may_fail(self, problems: &'static [Kind]) -> Self {
        Self { problems, ..self }
    }
}

macro_rules! methods {
    ($($name:ident)*) => {$(
        /// A handler of this method.
        pub(crate) fn $name<H: Described<T>, T: 'static>(handler: H) -> Opened {
            Opened { audience: H::Key::AUDIENCE, handler: routing::$name(handler), describe: H::describe, problems: &[], is_reusable: false }
        }
    )*};
}

methods! { get post put patch delete }

/// All routes.
pub fn routes() -> impl Iterator<Item = Route> {
    operator_routes::ROUTES.iter().chain(tenant_routes::ROUTES).map(|&Entry { ref method, path, summary, opened }| {
        let Opened { audience, handler, describe, problems, is_reusable } = opened();
        Route { method: method.clone(), path, audience, summary, describe, problems, is_reusable, handler }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_routes_stand_under_admin_and_support_may_only_look() {
        for route in routes() {
            match route.audience {
                Audience::Operator(role) => {
                    assert!(route.path.starts_with("/admin/v1/"), "{}", route.path);
                    let shows_payloads = route.path.ends_with("/raw");
                    let expected = if route.method == Method::GET && !shows_payloads { Role::Support } else { Role::Admin };
                    assert_eq!(role, expected, "{} {}", route.method, route.path);
                }
                Audience::Tenant(scope) => {
                    assert!(route.path.starts_with("/v1/"), "{}", route.path);
                    let expected = match route.path {
                        "/v1/export" => Scope::Export,
                        "/v1/metrics" => Scope::Metrics,
                        path if path.starts_with("/v1/notifications") => Scope::Notify,
                        _ => Scope::Read,
                    };
                    assert_eq!(scope, expected, "{}", route.path);
                }
            }
        }
    }
}
