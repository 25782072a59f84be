//! Every route of the role in one table: the router is built from it, and the tests try each entry.
//!
//! Whose key opens a route, and with which scope or role, is what its handler's first argument says: [`Opened`] reads it off the
//! handler's type, so a handler without a key is no entry of the table, and the table cannot say something else than the handler
//! checks.

use axum::{
    handler::Handler,
    http::Method,
    middleware::from_fn,
    routing::{self, MethodRouter},
};
use tlsrpt_registry::{Role, Scope};

use crate::{
    auth::{App, Key},
    operator_routes,
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
    pub(crate) handler: MethodRouter<App>,
}

/// An entry of the table.
pub(crate) struct Entry {
    method: Method,
    path: &'static str,
    opened: fn() -> Opened,
}

impl Entry {
    pub(crate) const fn new(method: Method, path: &'static str, opened: fn() -> Opened) -> Self {
        Self { method, path, opened }
    }
}

/// A handler, and whose key opens it.
pub(crate) struct Opened {
    audience: Audience,
    handler: MethodRouter<App>,
}

impl Opened {
    /// The same, its answers with a tag by which they need not be sent twice.
    pub(crate) fn reusable(self) -> Self {
        Self { handler: self.handler.layer(from_fn(reuse)), ..self }
    }
}

/// The arguments of a handler whose first is a key; what comes after `M`, axum's mark of how the last one is read.
pub(crate) trait LedByKey {
    type First: Key;
}

impl<M, K: Key> LedByKey for (M, K) {
    type First = K;
}
impl<M, K: Key, A> LedByKey for (M, K, A) {
    type First = K;
}
impl<M, K: Key, A, B> LedByKey for (M, K, A, B) {
    type First = K;
}
impl<M, K: Key, A, B, C> LedByKey for (M, K, A, B, C) {
    type First = K;
}
impl<M, K: Key, A, B, C, D> LedByKey for (M, K, A, B, C, D) {
    type First = K;
}

macro_rules! methods {
    ($($name:ident)*) => {$(
        /// A handler of this method.
        pub(crate) fn $name<T: LedByKey + 'static>(handler: impl Handler<T, App>) -> Opened {
            Opened { audience: T::First::AUDIENCE, handler: routing::$name(handler) }
        }
    )*};
}

methods! { get post patch delete }

/// All routes.
pub fn routes() -> impl Iterator<Item = Route> {
    operator_routes::ROUTES.iter().chain(tenant_routes::ROUTES).map(|Entry { method, path, opened }| {
        let Opened { audience, handler } = opened();
        Route { method: method.clone(), path, audience, handler }
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
                        _ => Scope::Read,
                    };
                    assert_eq!(scope, expected, "{}", route.path);
                }
            }
        }
    }
}
