//! What operators may ask and do. Each handler takes a key first: `Support` where any operator may look, `Operator` for everything
//! else.

mod audit;
mod domains;
mod erasures;
mod import;
mod keys;
mod ledger;
mod onboarding;
mod operator_keys;
mod settings;
mod submissions;
mod tenants;
mod unclaimed;

use axum::http::Method;

use crate::routes::{Entry, Opened, delete, get, patch, post};

const fn operator(method: Method, path: &'static str, handler: fn() -> Opened) -> Entry {
    Entry::new(method, path, handler)
}

/// The operator's routes.
pub(crate) static ROUTES: &[Entry] = &[
    operator(Method::POST, "/admin/v1/tenants", || post(tenants::create)),
    operator(Method::GET, "/admin/v1/tenants", || get(tenants::list)),
    operator(Method::GET, "/admin/v1/tenants/{id}", || get(tenants::one)),
    operator(Method::PATCH, "/admin/v1/tenants/{id}", || patch(tenants::rename)),
    operator(Method::DELETE, "/admin/v1/tenants/{id}", || delete(tenants::remove)),
    operator(Method::GET, "/admin/v1/erasures", || get(erasures::list)),
    operator(Method::GET, "/admin/v1/erasures/{id}", || get(erasures::one)),
    operator(Method::GET, "/admin/v1/tenants/{id}/settings", || get(settings::show)),
    operator(Method::PATCH, "/admin/v1/tenants/{id}/settings", || patch(settings::change)),
    operator(Method::POST, "/admin/v1/tenants/{id}/domains", || post(domains::claim)),
    operator(Method::GET, "/admin/v1/tenants/{id}/domains", || get(domains::list)),
    operator(Method::DELETE, "/admin/v1/tenants/{id}/domains/{domain}", || delete(domains::release)),
    operator(Method::POST, "/admin/v1/tenants/{id}/domains/{domain}/move", || post(domains::transfer)),
    operator(Method::POST, "/admin/v1/tenants/{id}/keys", || post(keys::create)),
    operator(Method::GET, "/admin/v1/tenants/{id}/keys", || get(keys::list)),
    operator(Method::DELETE, "/admin/v1/tenants/{id}/keys/{key_id}", || delete(keys::remove)),
    operator(Method::POST, "/admin/v1/tenants/{id}/keys/{key_id}/rotate", || post(keys::rotate)),
    operator(Method::POST, "/admin/v1/keys", || post(operator_keys::create)),
    operator(Method::GET, "/admin/v1/keys", || get(operator_keys::list)),
    operator(Method::DELETE, "/admin/v1/keys/{key_id}", || delete(operator_keys::remove)),
    operator(Method::POST, "/admin/v1/import", || post(onboarding::take)),
    operator(Method::GET, "/admin/v1/unclaimed", || get(unclaimed::list)),
    operator(Method::POST, "/admin/v1/submissions", || post(import::take)),
    operator(Method::GET, "/admin/v1/submissions", || get(submissions::list)),
    operator(Method::GET, "/admin/v1/submissions/{id}", || get(submissions::one)),
    operator(Method::GET, "/admin/v1/submissions/{id}/raw", || get(submissions::raw)),
    operator(Method::POST, "/admin/v1/submissions/{id}/replay", || post(submissions::replay)),
    operator(Method::GET, "/admin/v1/ledger", || get(ledger::answer)),
    operator(Method::GET, "/admin/v1/audit", || get(audit::list)),
];
