//! What a tenant may ask. Each handler takes a `TenantKey` first, whose type names the scope that the route needs
//! (`TenantKey` alone is `TenantKey<Read>`), and reaches only that tenant's rows.

mod domains;
mod failures;
mod narrow;
mod raw;
mod reports;
mod summary;
mod timeseries;

use axum::http::Method;

use crate::routes::{Entry, Opened, get};

const fn tenant(path: &'static str, handler: fn() -> Opened) -> Entry {
    Entry::new(Method::GET, path, handler)
}

/// The tenants' routes.
pub(crate) static ROUTES: &[Entry] = &[
    tenant("/v1/domains", || get(domains::list)),
    tenant("/v1/summary", || get(summary::answer)),
    tenant("/v1/timeseries", || get(timeseries::answer)),
    tenant("/v1/failures", || get(failures::answer)),
    tenant("/v1/reports", || get(reports::list)),
    tenant("/v1/reports/{report_key}", || get(reports::one)),
    tenant("/v1/reports/{report_key}/raw", || get(raw::document)),
];
