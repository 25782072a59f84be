//! What a tenant may ask. Each handler takes a `TenantKey` first, whose type names the scope that the route needs
//! (`TenantKey` alone is `TenantKey<Read>`), and reaches only that tenant's rows.

mod dns;
mod domains;
mod export;
mod failures;
mod metrics;
mod narrow;
mod notifications;
mod policies;
mod policy;
mod raw;
mod readiness;
mod reporters;
mod reports;
mod result_types;
mod summary;
mod timeseries;

use axum::http::Method;

use crate::{
    description::Described,
    problem::Kind,
    routes::{Entry, Opened, delete, get, post, put},
};

pub(crate) use notifications::NotificationSettings;

const fn tenant(path: &'static str, id: &'static str, text: &'static str, handler: fn() -> Opened) -> Entry {
    Entry::new(Method::GET, path, id, text, handler)
}

/// A GET whose answer its asker may keep and ask about. Payloads and exports are not: they are large, and streams have no hash before
/// their end.
fn reusable<H: Described<T>, T: 'static>(handler: H) -> Opened {
    get(handler).reusable()
}

/// The tenants' routes.
pub(crate) static ROUTES: &[Entry] = &[
    tenant("/v1/domains", "listDomains", "The tenant's domains and their figures", || {
        reusable(domains::list).may_fail(&[Kind::QueryTooLarge])
    }),
    tenant("/v1/domains/{domain}/readiness", "getReadiness", "Which step a domain may take next with MTA-STS, and why", || {
        reusable(readiness::one).may_fail(&[Kind::QueryTooLarge])
    }),
    tenant("/v1/readiness", "listReadiness", "Which step each domain may take next, worst first", || {
        reusable(readiness::list).may_fail(&[Kind::QueryTooLarge])
    }),
    tenant("/v1/domains/{domain}/dns", "getDomainDns", "What a domain publishes, what is wrong with it, and what to publish", || {
        get(dns::answer).may_fail(&[Kind::QueryTooLarge])
    }),
    tenant("/v1/domains/{domain}/policy", "getDomainPolicy", "The MTA-STS policy to publish, in the mode that readiness allows", || {
        get(policy::answer).may_fail(&[Kind::QueryTooLarge])
    }),
    tenant("/v1/summary", "getSummary", "Sessions, reports and reporters of a period", || {
        reusable(summary::answer).may_fail(&[Kind::QueryTooLarge])
    }),
    tenant("/v1/timeseries", "getTimeseries", "Sessions by day, week or month", || {
        reusable(timeseries::answer).may_fail(&[Kind::QueryTooLarge])
    }),
    tenant("/v1/failures", "listFailures", "Failed sessions by what they have in common, explained", || {
        reusable(failures::answer).may_fail(&[Kind::QueryTooLarge])
    }),
    tenant("/v1/reporters", "listReporters", "Who reports: how often, how much, how well, and who fell silent", || {
        reusable(reporters::list).may_fail(&[Kind::QueryTooLarge])
    }),
    tenant("/v1/domains/{domain}/policies", "listSeenPolicies", "Which MTA-STS policies reporters saw, and when", || {
        reusable(policies::list).may_fail(&[Kind::QueryTooLarge])
    }),
    tenant("/v1/reports", "listReports", "Reports, newest first", || reusable(reports::list).may_fail(&[Kind::QueryTooLarge])),
    tenant("/v1/reports/{report_key}", "getReport", "One report with its failures", || {
        reusable(reports::one).may_fail(&[Kind::QueryTooLarge])
    }),
    tenant("/v1/reports/{report_key}/raw", "getReportRaw", "The document behind a report", || {
        get(raw::document).may_fail(&[Kind::QueryTooLarge])
    }),
    tenant("/v1/export", "export", "Every report with its failures, as lines", || {
        get(export::answer).may_fail(&[Kind::TooManyExports, Kind::QueryTooLarge])
    }),
    tenant("/v1/metrics", "getMetrics", "The figures for a Prometheus", || get(metrics::answer).may_fail(&[Kind::QueryTooLarge])),
    tenant("/v1/notifications", "listNotifications", "What the tenant was told, newest first", || {
        get(notifications::list).may_fail(&[Kind::InvalidCursor])
    }),
    tenant("/v1/notifications/settings", "getNotificationSettings", "What the tenant wants to be told", || get(notifications::show)),
    Entry::new(Method::PUT, "/v1/notifications/settings", "setNotificationSettings", "Set what the tenant wants to be told", || {
        put(notifications::set).may_fail(&[Kind::NotFound, Kind::RegistryUnavailable])
    }),
    Entry::new(Method::POST, "/v1/notifications/webhook/secret", "rotateWebhookSecret", "Make a new secret for the webhook", || {
        post(notifications::rotate).may_fail(&[Kind::NotFound, Kind::RegistryUnavailable])
    }),
    Entry::new(Method::POST, "/v1/notifications/test", "testNotifications", "Send a test by each way that is set, now", || {
        post(notifications::test)
    }),
    Entry::new(Method::DELETE, "/v1/notifications/settings", "deleteNotificationSettings", "Be told nothing any more", || {
        delete(notifications::remove).may_fail(&[Kind::NotFound, Kind::RegistryUnavailable])
    }),
    tenant("/v1/result-types", "listResultTypes", "What result types and warnings mean", || reusable(result_types::list)),
];
