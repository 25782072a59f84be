//! What operators may ask and do. Each handler takes a key first: `Support` where any operator may look, `Operator` for everything
//! else.

mod audit;
mod backups;
mod domains;
mod erasures;
mod import;
mod incidents;
mod keys;
mod ledger;
mod notifications;
mod onboarding;
mod operator_keys;
mod settings;
mod submissions;
mod tenants;
mod top;
mod unclaimed;

use axum::http::Method;

use crate::{
    problem::Kind,
    routes::{Entry, delete, get, patch, post},
};

/// The operator's routes.
pub(crate) static ROUTES: &[Entry] = &[
    Entry::new(Method::POST, "/admin/v1/tenants", "createTenant", "Make a tenant", || post(tenants::create).may_fail(&[Kind::TenantTaken])),
    Entry::new(Method::GET, "/admin/v1/tenants", "listTenants", "All tenants, by id", || {
        get(tenants::list).may_fail(&[Kind::InvalidCursor])
    }),
    Entry::new(Method::GET, "/admin/v1/tenants/{id}", "getTenant", "One tenant, and how much it has", || get(tenants::one)),
    Entry::new(Method::PATCH, "/admin/v1/tenants/{id}", "renameTenant", "Give a tenant another name", || patch(tenants::rename)),
    Entry::new(
        Method::DELETE,
        "/admin/v1/tenants/{id}",
        "deleteTenant",
        "Delete a tenant: its keys end and its domains are given up at once, and it is erased",
        || delete(tenants::remove),
    ),
    Entry::new(Method::GET, "/admin/v1/erasures", "listErasures", "Erasures of deleted tenants, by id", || {
        get(erasures::list).may_fail(&[Kind::InvalidCursor])
    }),
    Entry::new(Method::GET, "/admin/v1/erasures/{id}", "getErasure", "How far the erasure of a deleted tenant is, and the proof", || {
        get(erasures::one)
    }),
    Entry::new(Method::GET, "/admin/v1/tenants/{id}/settings", "getSettings", "Settings of a tenant", || get(settings::show)),
    Entry::new(Method::PATCH, "/admin/v1/tenants/{id}/settings", "changeSettings", "Change settings of a tenant", || {
        patch(settings::change)
    }),
    Entry::new(
        Method::GET,
        "/admin/v1/tenants/{id}/notifications/settings",
        "getTenantNotificationSettings",
        "What a tenant wants to be told",
        || get(notifications::show),
    ),
    Entry::new(Method::POST, "/admin/v1/tenants/{id}/domains", "claimDomain", "Give a domain to a tenant", || {
        post(domains::claim).may_fail(&[Kind::DomainTaken, Kind::PublicSuffix])
    }),
    Entry::new(Method::GET, "/admin/v1/tenants/{id}/domains", "listClaims", "Domains of a tenant", || get(domains::list)),
    Entry::new(Method::DELETE, "/admin/v1/tenants/{id}/domains/{domain}", "releaseDomain", "Take a domain from a tenant", || {
        delete(domains::release)
    }),
    Entry::new(
        Method::POST,
        "/admin/v1/tenants/{id}/domains/{domain}/move",
        "moveDomain",
        "Give a domain to another tenant, with its history or without",
        || post(domains::transfer).may_fail(&[Kind::DomainTaken]),
    ),
    Entry::new(Method::POST, "/admin/v1/tenants/{id}/keys", "createKey", "Make a key of a tenant", || post(keys::create)),
    Entry::new(Method::GET, "/admin/v1/tenants/{id}/keys", "listKeys", "Keys of a tenant", || get(keys::list)),
    Entry::new(Method::DELETE, "/admin/v1/tenants/{id}/keys/{key_id}", "deleteKey", "End a key of a tenant", || delete(keys::remove)),
    Entry::new(Method::POST, "/admin/v1/tenants/{id}/keys/{key_id}/rotate", "rotateKey", "Make a key that follows another", || {
        post(keys::rotate).may_fail(&[Kind::KeyEnded])
    }),
    Entry::new(Method::POST, "/admin/v1/keys", "createOperatorKey", "Make an operator's key", || post(operator_keys::create)),
    Entry::new(Method::GET, "/admin/v1/keys", "listOperatorKeys", "Operators' keys", || get(operator_keys::list)),
    Entry::new(Method::DELETE, "/admin/v1/keys/{key_id}", "deleteOperatorKey", "End an operator's key", || delete(operator_keys::remove)),
    Entry::new(Method::POST, "/admin/v1/import", "importTenants", "Bring tenants, domains and keys in, one JSON object a line", || {
        post(onboarding::take)
    }),
    Entry::new(Method::GET, "/admin/v1/unclaimed", "listUnclaimed", "Domains with reports that nobody owns", || get(unclaimed::list)),
    Entry::new(Method::POST, "/admin/v1/submissions", "importSubmission", "Take in a report or a mail of the past", || {
        post(import::take).may_fail(&[Kind::NotFound])
    }),
    Entry::new(Method::GET, "/admin/v1/submissions", "listSubmissions", "What was accepted, newest first", || get(submissions::list)),
    Entry::new(Method::GET, "/admin/v1/submissions/{id}", "getSubmission", "One submission, and what became of it", || {
        get(submissions::one)
    }),
    Entry::new(Method::GET, "/admin/v1/submissions/{id}/raw", "getSubmissionRaw", "The payload of a submission, as received", || {
        get(submissions::raw)
    }),
    Entry::new(
        Method::POST,
        "/admin/v1/submissions/{id}/replay",
        "replaySubmission",
        "Send a submission through the pipeline again",
        || post(submissions::replay).may_fail(&[Kind::PayloadTooLarge]),
    ),
    Entry::new(Method::GET, "/admin/v1/ledger", "getLedger", "How many submissions were accepted, and what became of them", || {
        get(ledger::answer)
    }),
    Entry::new(Method::GET, "/admin/v1/incidents", "listIncidents", "Failures across tenants by what they have in common", || {
        get(incidents::list).may_fail(&[Kind::QueryTooLarge])
    }),
    Entry::new(Method::GET, "/admin/v1/top", "listTop", "Which tenants, domains and reporters weigh most", || {
        get(top::list).may_fail(&[Kind::QueryTooLarge])
    }),
    Entry::new(Method::POST, "/admin/v1/backups", "startBackup", "Begin a backup of the service's data directory", || {
        post(backups::start).may_fail(&[Kind::BackupRunning, Kind::BackupUnavailable])
    }),
    Entry::new(Method::GET, "/admin/v1/backups", "listBackups", "Backups on the service's disk, newest first", || get(backups::list)),
    Entry::new(Method::GET, "/admin/v1/backups/{name}", "getBackup", "How it stands with a backup", || get(backups::one)),
    Entry::new(Method::DELETE, "/admin/v1/backups/{name}", "deleteBackup", "Remove a backup from the service's disk", || {
        delete(backups::remove)
    }),
    Entry::new(Method::GET, "/admin/v1/audit", "listAudit", "Who changed what, and who read which payload, newest first", || {
        get(audit::list)
    }),
];
