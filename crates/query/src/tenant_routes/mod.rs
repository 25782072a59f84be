//! What a tenant may ask. Each handler takes a `TenantKey` first, whose type names the scope that the route needs
//! (`TenantKey` alone is `TenantKey<Read>`), and reaches only that tenant's rows.

mod domains;
mod export;
mod failures;
mod metrics;
mod narrow;
mod raw;
mod reports;
mod result_types;
mod summary;
mod timeseries;

use axum::{handler::Handler, http::Method};

use crate::{
    auth::App,
    routes::{Entry, LedByKey, Opened, get},
};

const fn tenant(path: &'static str, handler: fn() -> Opened) -> Entry {
    Entry::new(Method::GET, path, handler)
}

/// A GET whose answer its asker may keep and ask about. Payloads and exports are not: they are large, and streams have no hash before
/// their end.
fn reusable<T: LedByKey + 'static>(handler: impl Handler<T, App>) -> Opened {
    get(handler).reusable()
}

/// The tenants' routes.
pub(crate) static ROUTES: &[Entry] = &[
    tenant("/v1/domains", || reusable(domains::list)),
    tenant("/v1/summary", || reusable(summary::answer)),
    tenant("/v1/timeseries", || reusable(timeseries::answer)),
    tenant("/v1/failures", || reusable(failures::answer)),
    tenant("/v1/reports", || reusable(reports::list)),
    tenant("/v1/reports/{report_key}", || reusable(reports::one)),
    tenant("/v1/reports/{report_key}/raw", || get(raw::document)),
    tenant("/v1/export", || get(export::answer)),
    tenant("/v1/metrics", || get(metrics::answer)),
    tenant("/v1/result-types", || reusable(result_types::list)),
];
