//! Removing a selection of tenants' rows for good: all of a tenant that was deleted, or what its retention has passed.
//!
//! Ledger entries first ([`Store::erase_entries`], a page a call), report rows last ([`Store::erase_rows`]): as long as a row is there,
//! the entries that it came from are found by it. An entry that nobody else has a part of goes whole. Of one that others share, a
//! version with their part alone is inserted, and only then do the versions before it go. Rows go by mutations, so that they are
//! gone from the disk and not hidden. Each step may be done again, and a crash between any two is mended by doing all of them again.
//!
//! The ledger's fates follow from what is there, so its sums hold after each step.

mod entries;
mod mutation;
mod narrow;
mod progress;
mod shadows;

use tlsrpt_record::{SubmissionId, TenantId};
use tlsrpt_report::{Day, UnixMillis};

use crate::{error::StoreError, layout::Layout, rows::received_at, statement::Statement, store::Store};

pub use progress::{Cleared, Erasure, ErasureState};

/// Entries of the ledger that one call works on.
pub const ERASURE_PAGE_ROWS: usize = 500;

const FIND: &str = "find ledger entries to erase";
const COUNT: &str = "count rows to erase";
const REMOVE: &str = "remove report rows";
const NOTICE_TABLES: [&str; 2] = ["notice_deliveries", "notices"];
const FILES: &str = "count replaced files";

/// Which rows go.
#[derive(Clone, Debug)]
pub struct Selection {
    tenants: Vec<String>,
    address: Option<String>,
    before: Option<Day>,
}

/// What one page of ledger entries came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErasedEntries {
    /// Rows of the ledger that were removed, superseded ones included.
    pub removed: u64,
    /// Entries of which others keep their part.
    pub narrowed: u64,
    /// From where the next page goes on; none when there is none.
    pub next: Option<SubmissionId>,
}

impl Selection {
    /// Everything of one tenant: its rows, and what was sent to its address.
    #[must_use]
    pub fn all_of(tenant: &TenantId, address: Option<&str>) -> Self {
        Self { tenants: vec![tenant.as_str().to_owned()], address: address.map(str::to_ascii_lowercase), before: None }
    }

    /// The rows of these tenants that are filed under a day before `day`, or that have no day and were received before it.
    #[must_use]
    pub fn before(tenants: &[TenantId], day: Day) -> Self {
        Self { tenants: tenants.iter().map(|tenant| tenant.as_str().to_owned()).collect(), address: None, before: Some(day) }
    }

    /// The condition on `reports`. All versions and tombstones of one row meet it or none does, so that none of them comes to
    /// count by the removal of another; of a row without a day each receipt stands for itself.
    fn rows(&self) -> Statement {
        let mut sql = Statement::default();
        sql.bind("tenant IN ?", self.tenants.clone());
        if let Some(day) = self.before {
            sql.bind(" AND if(key_day = toDate(0), toDate(received_at), key_day) < toDate(?)", day);
        }
        sql
    }

    /// The condition on a row of `submissions` that was sent to the tenant's address. An address is a random word of one length, so
    /// whatever begins with it is it, with a tag or a host behind it.
    fn addressed(&self) -> Statement {
        let mut sql = Statement::default();
        match &self.address {
            Some(address) => {
                sql.bind("(startsWith(lower(address), ?)", address.as_str());
                sql.bind(" OR arrayExists(recipient -> startsWith(lower(recipient), ?), recipients))", address.as_str());
            }
            None => {
                sql.push("false");
            }
        }
        sql
    }

    fn is_addressed(&self, recipient: &str) -> bool {
        self.address.as_ref().is_some_and(|address| recipient.to_ascii_lowercase().starts_with(address.as_str()))
    }
}

impl Store {
    /// How many rows of `reports` are selected: all versions, and tombstones.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn selected_rows(&self, selection: &Selection) -> Result<u64, StoreError> {
        self.count_rows("reports", selection.rows()).await
    }

    /// Works on the next ledger entries that selected rows came from, superseded and lost ones included, or that were sent to the
    /// selected address.
    ///
    /// # Errors
    /// [`StoreError::Retry`] when the same call may succeed later; what is done stays done.
    pub async fn erase_entries(
        &self,
        selection: &Selection,
        after: Option<SubmissionId>,
        now: UnixMillis,
    ) -> Result<ErasedEntries, StoreError> {
        let page = self.entries_of(selection, after).await?;
        let mut erased = ErasedEntries { next: page.last().copied().filter(|_| page.len() >= ERASURE_PAGE_ROWS), ..Default::default() };
        let plans = self.plans(selection, &page).await?;
        erased.narrowed = self.narrow_entries(selection, &plans, now).await?;
        erased.removed = self.remove_entries(&plans).await?;
        Ok(erased)
    }

    /// How many ledger entries there still is something to erase of; only as long as the rows are there by which they are found.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn entries_left(&self, selection: &Selection) -> Result<u64, StoreError> {
        let (mut left, mut after) = (0, None);
        loop {
            let page = self.entries_of(selection, after).await?;
            left += self.plans(selection, &page).await?.len() as u64;
            after = page.last().copied().filter(|_| page.len() >= ERASURE_PAGE_ROWS);
            if after.is_none() {
                return Ok(left);
            }
        }
    }

    /// Removes the selected rows; answers how many there were. Of a tenant that goes as a whole, the tombstones go too that its
    /// rows left at whoever had them before.
    ///
    /// # Errors
    /// [`StoreError::Retry`] when the same call may succeed later; what is done stays done.
    pub async fn erase_rows(&self, selection: &Selection) -> Result<u64, StoreError> {
        let shadows = if selection.before.is_none() { self.erase_shadows(selection).await? } else { 0 };
        Ok(shadows + self.remove(REMOVE, "reports", selection.rows()).await?)
    }

    /// Removes when these keys were used; answers how many rows there were.
    ///
    /// # Errors
    /// [`StoreError::Retry`] when the same call may succeed later.
    pub async fn erase_key_uses(&self, key_ids: &[String]) -> Result<u64, StoreError> {
        if key_ids.is_empty() { Ok(0) } else { self.remove("remove uses of keys", "key_use", key_uses(key_ids)).await }
    }

    /// How many rows tell when these keys were used.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn key_uses_left(&self, key_ids: &[String]) -> Result<u64, StoreError> {
        if key_ids.is_empty() { Ok(0) } else { self.count_rows("key_use", key_uses(key_ids)).await }
    }

    /// Removes what a tenant was told, and how far that was; answers how many rows there were.
    ///
    /// # Errors
    /// [`StoreError::Retry`] when the same call may succeed later.
    pub async fn erase_notices(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let mut removed = 0;
        for table in NOTICE_TABLES {
            removed += self.remove("remove notices", table, of_tenant(tenant)).await?;
        }
        Ok(removed)
    }

    /// How many rows tell what a tenant was told.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn notices_left(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let mut left = 0;
        for table in NOTICE_TABLES {
            left += self.count_rows(table, of_tenant(tenant)).await?;
        }
        Ok(left)
    }

    /// Files with rows that others had replaced by this moment and that the database has not removed yet: it does minutes later.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn replaced_files(&self, by: UnixMillis) -> Result<u64, StoreError> {
        let parts = match self.layout() {
            Layout::Single => "system.parts".to_owned(),
            Layout::Cluster(name) => format!("clusterAllReplicas('{name}', system.parts)"),
        };
        let tables: Vec<String> =
            ["reports", "submissions", "key_use", "notices", "notice_deliveries"].map(|table| self.layout().holding(table)).to_vec();
        let mut sql = Statement::new(format!("SELECT count() FROM {parts} WHERE NOT active"));
        sql.bind(" AND database = ?", self.database()).bind(" AND table IN ?", tables);
        // The database tells it in seconds.
        sql.bind(" AND toUnixTimestamp(remove_time) <= ?", by.0.div_euclid(1000) + 1);
        Ok(self.fetch::<u64>(FILES, sql).await?.into_iter().sum())
    }
}

fn of_tenant(tenant: &TenantId) -> Statement {
    let mut sql = Statement::default();
    sql.bind("tenant = ?", tenant.as_str());
    sql
}

fn key_uses(key_ids: &[String]) -> Statement {
    let mut sql = Statement::default();
    sql.bind("key_id IN ?", key_ids.to_vec());
    sql
}

/// Receipts of these submissions.
fn receipts_of(ids: &[SubmissionId]) -> crate::ledger::Receipts {
    let times = || ids.iter().map(|&id| received_at(id).0);
    crate::ledger::Receipts { from: times().min().unwrap_or(0), to: times().max().unwrap_or(-1) }
}
