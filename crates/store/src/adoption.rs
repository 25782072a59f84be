//! Moving rows that nobody owned to the tenant that registered their domain.

use tlsrpt_record::TenantId;

use crate::{error::StoreError, store::Store};

impl Store {
    /// Policy domains of rows under no tenant, by name, after `after`, at most `limit`.
    pub async fn unclaimed_domains(&self, _after: Option<&str>, _limit: usize) -> Result<Vec<String>, StoreError> {
        todo!()
    }
    /// Moves the unclaimed rows of these policy domains to `tenant`; answers how many moved. Idempotent, and safe beside a
    /// writer: a row that arrives meanwhile stays unclaimed until the next call.
    pub async fn adopt(&self, _tenant: &TenantId, _domains: &[String]) -> Result<u64, StoreError> {
        todo!()
    }
}
