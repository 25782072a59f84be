//! The query role: the operator's routes and the tenants' routes over plain HTTP (a proxy in front ends TLS).
//!
//! A request's way: [`Query::serve`] takes the connection → `observe` gives it an id, counts it and sets the security headers →
//! `admit` bounds how many run and how long → `record`, around the routes that are audited, waits for who it is → the route's
//! extractor ([`auth`]) turns its key, or a tenant's token ([`oidc`]), into an `Operator`, a `Support` or a `TenantKey` with the route's scope, within its rate
//! ([`rates`]), and gives a tenant's request its place ([`admission`]) → the handler asks the store, the registry or the log →
//! `record` appends what was done ([`mod@audit`]) → JSON, or a [`problem`].
//!
//! Beside it [`Adoption`] moves rows that nobody owned to the tenant that claimed their domain, [`Fates`] counts
//! what became of today's submissions, [`Verdicts`] sends mails through again whose verdict was deferred, [`Erasures`] removes what is
//! left of deleted tenants, [`Retention`] what a tenant's own retention has passed, and [`Notifications`] tells tenants what is new.
//!
//! Invariants: a handler reaches the store through an extractor that checked a key, and a tenant's handler reaches only that
//! tenant's queries; every route stands in [`routes`], with the scope or role that its handler's own argument checks; no operator's
//! change happens and no raw payload is shown without an entry in the audit log; no answer tells what exists elsewhere; no key and no
//! token is logged; every error
//! is RFC 9457 `application/problem+json`.

mod admission;
mod adoption;
mod audit;
mod auth;
mod body_bytes;
mod body_fields;
mod clock;
mod config;
mod description;
mod erasure;
mod explained;
mod exports;
mod fates;
mod key_uses;
mod metrics;
mod middleware;
mod nearest;
mod notifications;
mod oidc;
mod operator_routes;
mod parameters;
mod parts;
mod path_segments;
mod pending;
mod period;
mod problem;
mod rates;
mod readiness;
mod request_scope;
mod reuse;
mod routes;
mod server;
mod spans;
mod tenant_routes;
mod verdicts;

pub use adoption::{Adoption, Claims};
pub use auth::{AdminKey, AdminKeyError};
pub use config::{QueryConfig, RateConfig};
pub use erasure::{Erasures, Retention};
pub use fates::Fates;
pub use metrics::{QueryMetrics, register_metrics};
pub use notifications::{Courier, CourierError, Notifications, NotificationsConfig, SmtpConfig, SmtpPassword, SmtpTls};
pub use oidc::{Audience as TokenAudience, AudienceError as TokenAudienceError, Issuer, IssuerError, OidcConfig};
pub use parts::Parts;
pub use routes::{Audience, Route, routes};
pub use server::Query;
pub use verdicts::Verdicts;
