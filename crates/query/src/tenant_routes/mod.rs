//! What a tenant may ask. Each handler takes a `TenantKey` first, and reaches only that tenant's rows.

mod domains;
mod failures;
mod narrow;
mod raw;
mod reports;
mod summary;
mod timeseries;

use axum::{http::Method, routing::get};

use crate::routes::{Audience, Route};

const fn tenant(path: &'static str, handler: fn() -> axum::routing::MethodRouter<crate::auth::App>) -> Route {
    Route { method: Method::GET, path, audience: Audience::Tenant, handler }
}

/// The tenants' routes.
pub(crate) static ROUTES: &[Route] = &[
    tenant("/v1/domains", || get(domains::list)),
    tenant("/v1/summary", || get(summary::answer)),
    tenant("/v1/timeseries", || get(timeseries::answer)),
    tenant("/v1/failures", || get(failures::answer)),
    tenant("/v1/reports", || get(reports::list)),
    tenant("/v1/reports/{report_key}", || get(reports::one)),
    tenant("/v1/reports/{report_key}/raw", || get(raw::document)),
];
