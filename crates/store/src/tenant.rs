//! Every query that a tenant's key may run. [`TenantQueries`] cannot be built without a tenant, and each of its statements has
//! that tenant in its WHERE; behind that the engine keeps other tenants' rows away by itself ([`wall`]).

mod address;
mod blocking;
mod daily;
mod export;
mod failures;
mod figures;
mod policies;
mod raw;
mod reporters;
mod reports;
mod series;
mod spelling;
mod wall;

use tlsrpt_record::TenantId;

use crate::store::Store;
use wall::Walled;

pub use blocking::BlockingClass;
pub use daily::ReporterDay;
pub use export::{ExportPage, ExportPlace, Exported};
pub use policies::{PolicyKind, SeenPolicy};
pub use reporters::Reporter;
pub(crate) use reports::some;
pub(crate) use spelling::value;

/// One tenant's queries.
#[derive(Clone)]
pub struct TenantQueries {
    pub(crate) store: Walled,
    pub(crate) tenant: TenantId,
}

impl Store {
    /// The queries of one tenant.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> TenantQueries {
        TenantQueries { store: Walled::new(self.clone(), tenant.clone()), tenant }
    }
}

impl TenantQueries {
    /// The settings of ClickHouse that each of these queries runs under: with them any statement sees this tenant's reports alone,
    /// and nothing of the ledger. For a statement that is not ours, such as a dashboard's.
    #[must_use]
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        wall::settings(&self.tenant, None)
    }
}
