//! The second wall: what the engine itself keeps from a tenant's statement, whatever the statement says.
//!
//! The first wall is the WHERE that every statement has. Here each query carries settings that bind the engine: it adds the tenant's
//! condition to every read of `reports` and of what the tenant is told by itself (`additional_table_filters`), shows of `submissions` nothing but the one entry
//! that was asked for, changes nothing and lets no SETTINGS clause loosen any of it (`readonly`), and ends at a tenant's limits.
//! Settings and no row policies: these go by the database's user, of which there is one here, and need the right to manage access.

use tlsrpt_record::{SubmissionId, TenantId};

use crate::{error::StoreError, statement::Statement, store::Store};

/// What one query of a tenant's may take: less than the operator's, so that many tenants fit beside each other.
const LIMITS: [(&str, &str); 7] = [
    ("max_execution_time", "20"),
    ("max_memory_usage", "1073741824"),
    ("max_bytes_before_external_group_by", "536870912"),
    ("max_bytes_before_external_sort", "536870912"),
    ("max_threads", "2"),
    ("max_rows_to_read", "200000000"),
    ("read_overflow_mode", "throw"),
];

/// The database as one tenant sees it.
#[derive(Clone)]
pub(crate) struct Walled {
    store: Store,
    tenant: TenantId,
}

impl Walled {
    pub(crate) fn new(store: Store, tenant: TenantId) -> Self {
        Self { store, tenant }
    }

    /// Every row that a query over the tenant's rows answers; no entry of the ledger can be read.
    pub(crate) async fn fetch<T>(&self, action: &'static str, statement: Statement) -> Result<Vec<T>, StoreError>
    where
        T: clickhouse::RowOwned + clickhouse::RowRead,
    {
        self.store.fetch_under(action, statement, &settings(&self.tenant, None)).await
    }

    /// The rows that a query over the tenant's rows answers, one by one, until `take` says that it has enough; the rest is not read.
    pub(crate) async fn fetch_while<T>(
        &self,
        action: &'static str,
        statement: Statement,
        take: impl FnMut(T) -> bool,
    ) -> Result<(), StoreError>
    where
        T: clickhouse::RowOwned + clickhouse::RowRead,
    {
        self.store.fetch_while_under(action, statement, &settings(&self.tenant, None), take).await
    }

    /// Every row that a query answers which may read one entry of the ledger too: that of a submission that led to a row of the
    /// tenant's.
    pub(crate) async fn fetch_beside<T>(
        &self,
        submission: SubmissionId,
        action: &'static str,
        statement: Statement,
    ) -> Result<Vec<T>, StoreError>
    where
        T: clickhouse::RowOwned + clickhouse::RowRead,
    {
        self.store.fetch_under(action, statement, &settings(&self.tenant, Some(submission))).await
    }
}

/// The settings. In a cluster the tables that hold the rows are named `…_local`, and are what the shards read.
pub(crate) fn settings(tenant: &TenantId, submission: Option<SubmissionId>) -> Vec<(&'static str, String)> {
    // Neither a tenant's id nor a UUID can hold a quote.
    let of_tenant = format!("tenant = \\'{tenant}\\'");
    let submissions = submission.map_or_else(|| "false".to_owned(), |id| format!("submission_id = toUUID(\\'{}\\')", id.0));
    let filters = [("reports", &of_tenant), ("notices", &of_tenant), ("notice_deliveries", &of_tenant), ("submissions", &submissions)]
        .map(|(table, condition)| format!("'{table}': '{condition}', '{table}_local': '{condition}'"));
    let mut settings: Vec<(&'static str, String)> = LIMITS.iter().map(|&(name, value)| (name, value.to_owned())).collect();
    settings.push(("additional_table_filters", format!("{{{}}}", filters.join(", "))));
    settings.push(("readonly", "1".to_owned()));
    settings
}
