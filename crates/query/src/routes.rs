//! Every route of the role in one table: the router is built from it, and the tests try each entry.

use axum::{http::Method, routing::MethodRouter};

use crate::{auth::App, operator_routes, tenant_routes};

/// Whose key opens a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The admin key.
    Operator,
    /// A tenant's key, for that tenant's own data.
    Tenant,
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
    pub(crate) handler: fn() -> MethodRouter<App>,
}

/// All routes.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    operator_routes::ROUTES.iter().chain(tenant_routes::ROUTES)
}
