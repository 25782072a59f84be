//! What a tenant may ask. Each handler takes a `TenantKey` first, and reaches only that tenant's rows.

mod domains;
mod export;
mod failures;
mod narrow;
mod raw;
mod reports;
mod result_types;
mod summary;
mod timeseries;

use axum::{
    http::Method,
    routing::{MethodRouter, get},
};

use crate::{
    auth::App,
    routes::{Audience, Route},
};

const fn tenant(path: &'static str, handler: fn() -> MethodRouter<App>) -> Route {
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
    tenant("/v1/export", || get(export::answer)),
    tenant("/v1/result-types", || get(result_types::list)),
];
