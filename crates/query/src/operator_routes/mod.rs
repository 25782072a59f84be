//! What the operator may ask and do. Each handler takes an `Operator` first.

mod audit;
mod domains;
mod import;
mod keys;
mod ledger;
mod submissions;
mod tenants;
mod unclaimed;

use axum::{
    http::Method,
    routing::{MethodRouter, delete, get, post},
};

use crate::{
    auth::App,
    routes::{Audience, Route},
};

const fn operator(method: Method, path: &'static str, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method, path, audience: Audience::Operator, handler }
}

/// The operator's routes.
pub(crate) static ROUTES: &[Route] = &[
    operator(Method::POST, "/admin/v1/tenants", || post(tenants::create)),
    operator(Method::GET, "/admin/v1/tenants", || get(tenants::list)),
    operator(Method::GET, "/admin/v1/tenants/{id}", || get(tenants::one)),
    operator(Method::DELETE, "/admin/v1/tenants/{id}", || delete(tenants::remove)),
    operator(Method::POST, "/admin/v1/tenants/{id}/domains", || post(domains::claim)),
    operator(Method::GET, "/admin/v1/tenants/{id}/domains", || get(domains::list)),
    operator(Method::DELETE, "/admin/v1/tenants/{id}/domains/{domain}", || delete(domains::release)),
    operator(Method::POST, "/admin/v1/tenants/{id}/keys", || post(keys::create)),
    operator(Method::GET, "/admin/v1/tenants/{id}/keys", || get(keys::list)),
    operator(Method::DELETE, "/admin/v1/tenants/{id}/keys/{key_id}", || delete(keys::remove)),
    operator(Method::GET, "/admin/v1/unclaimed", || get(unclaimed::list)),
    operator(Method::POST, "/admin/v1/submissions", || post(import::take)),
    operator(Method::GET, "/admin/v1/submissions", || get(submissions::list)),
    operator(Method::GET, "/admin/v1/submissions/{id}", || get(submissions::one)),
    operator(Method::GET, "/admin/v1/submissions/{id}/raw", || get(submissions::raw)),
    operator(Method::POST, "/admin/v1/submissions/{id}/replay", || post(submissions::replay)),
    operator(Method::GET, "/admin/v1/ledger", || get(ledger::answer)),
    operator(Method::GET, "/admin/v1/audit", || get(audit::list)),
];
