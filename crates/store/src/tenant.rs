//! Every query that a tenant's key may run. [`TenantQueries`] cannot be built without a tenant, and each of its statements has
//! that tenant in its WHERE.

mod export;
mod failures;
mod figures;
mod raw;
mod reports;
mod series;
mod spelling;

use tlsrpt_record::TenantId;

use crate::store::Store;

pub use export::{ExportPage, ExportPlace, Exported};
pub(crate) use reports::some;

/// One tenant's queries.
#[derive(Clone)]
pub struct TenantQueries {
    store: Store,
    tenant: TenantId,
}

impl Store {
    /// The queries of one tenant.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> TenantQueries {
        TenantQueries { store: self.clone(), tenant }
    }
}

impl TenantQueries {
    /// Whose queries they are.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }
}
