//! What the role is given.

use std::sync::Arc;

use tlsrpt_backup::Backups;
use tlsrpt_log::Log;
use tlsrpt_publication::{Checker, Receiver};
use tlsrpt_registry::Registry;
use tlsrpt_store::Store;
use tlsrpt_telemetry::otlp::Tracer;

use crate::{adoption::Claims, auth::AdminKey, metrics::QueryMetrics, notifications::Courier};

/// What the role works with.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Tenants, domains and keys.
    pub registry: Arc<Registry>,
    /// The log: what is pending, replay, and what is audited.
    pub log: Arc<dyn Log>,
    /// The operator's key; without one the operator's routes are closed.
    pub admin_key: Option<AdminKey>,
    /// Told when a domain is claimed; give the same to [`Adoption`](crate::Adoption).
    pub claims: Claims,
    /// Looks at what domains publish.
    pub checker: Checker,
    /// Where reports come in, which is what tenants are to publish.
    pub receiver: Receiver,
    /// Takes test notices to tenants; give the same to [`Notifications`](crate::Notifications).
    pub courier: Courier,
    /// Backups of the data directory; none where log or database are servers.
    pub backups: Option<Backups>,
    /// What is counted.
    pub metrics: QueryMetrics,
    /// What makes the spans of requests that are traced.
    pub tracer: Tracer,
}
