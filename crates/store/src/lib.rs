//! ClickHouse: the schema's migrations, the row types, every SQL statement, and the embedded engine.
//!
//! Invariants: SQL stands in this crate only; a tenant's statement cannot be made without the tenant.

mod adoption;
mod answer;
mod audit;
mod backup;
mod condition;
mod counting;
mod cursor;
pub mod embedded;
mod erasure;
mod error;
mod filter;
mod grants;
mod incidents;
mod insert;
mod key_use;
mod layout;
mod ledger;
mod ledger_rows;
mod migrate;
mod notices;
mod operator;
mod payload;
mod replay;
mod rows;
mod spans;
mod statement;
mod store;
mod tenant;
mod top;
mod version;

pub use answer::{
    DomainFigures, Envelope, FailureGroup, FailureItem, Fate, Fates, Point, RawReport, ReportDetail, ReportItem, ReportPeriod, Sessions,
    SubmissionItem, Summary, UnclaimedDomain, WholeReport,
};
pub use audit::{AUDIT_RETENTION_MAX_DAYS, AuditActor, AuditFilter, AuditItem};
pub use erasure::{Cleared, ERASURE_PAGE_ROWS, ErasedEntries, Erasure, ErasureState, Selection};
pub use error::StoreError;
pub use filter::{FailureDimension, FailureOrder, FailureSort, Filter, SeriesDimension, Step};
pub use grants::reading_grants;
pub use incidents::{Incident, IncidentDimension, IncidentFilter, IncidentSort};
pub use insert::Inserted;
pub use layout::{ClusterName, ClusterNameError};
pub use notices::{Delivery, DeliveryState, DueNotice, NoticeChannel, NoticeItem, NoticeRecord, NoticedDelivery, WATCHED};
pub use operator::SubmissionFilter;
pub use store::{About, Store, StoreConfig};
pub use tenant::{BlockingClass, ExportPage, ExportPlace, Exported, PolicyKind, Reporter, ReporterDay, SeenPolicy, TenantQueries};
pub use top::{Heavy, TopBy, Weight};
