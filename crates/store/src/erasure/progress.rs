//! How far erasures are, in a table of their own.

use std::collections::BTreeMap;

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tlsrpt_record::TenantId;
use tlsrpt_report::UnixMillis;

use crate::{
    error::{StoreError, StoreResult as _},
    insert,
    rows::RECEIPT_RANGE,
    statement::Statement,
    store::Store,
};

const SAVE: &str = "note how far an erasure is";
const READ: &str = "read how far erasures are";

/// What an erasure does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErasureState {
    /// It goes through the tables.
    #[default]
    Erasing,
    /// The tables are gone through, and the log still keeps records from before.
    WaitingForLog,
    /// Nothing is left.
    Done,
}

/// Rows of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Removed so far, by whoever noted it last.
    pub removed: u64,
    /// Left when they were counted.
    pub left: u64,
}

/// How far the erasure of one tenant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// What it does now.
    pub state: ErasureState,
    /// When the tenant was deleted.
    pub requested_at: UnixMillis,
    /// When the tables were last gone through.
    pub counted_at: Option<UnixMillis>,
    /// When something was last removed.
    pub cleared_at: Option<UnixMillis>,
    /// When it was done.
    pub finished_at: Option<UnixMillis>,
    /// Rows of `reports`, superseded ones and tombstones included.
    pub reports: Cleared,
    /// Rows of `submissions`.
    pub submissions: Cleared,
    /// Entries of which other owners keep their part.
    pub narrowed: u64,
    /// Rows of `key_use`.
    pub key_use: Cleared,
    /// Rows of what it was told.
    pub notices: Cleared,
    /// Files of the database that were replaced and are not removed yet.
    pub files_left: u64,
    /// Payloads as received that the log took before this have to go.
    pub raw_before: Option<UnixMillis>,
    /// Outcomes that the log took before this have to go.
    pub normalized_before: Option<UnixMillis>,
}

impl Erasure {
    /// One of which nothing is done yet.
    #[must_use]
    pub fn requested(at: UnixMillis) -> Self {
        Self {
            state: ErasureState::Erasing,
            requested_at: at,
            counted_at: None,
            cleared_at: None,
            finished_at: None,
            reports: Cleared::default(),
            submissions: Cleared::default(),
            narrowed: 0,
            key_use: Cleared::default(),
            notices: Cleared::default(),
            files_left: 0,
            raw_before: None,
            normalized_before: None,
        }
    }
}

#[derive(Row, Serialize, Deserialize)]
struct ErasureRow {
    tenant: String,
    saved_at: i64,
    state: i8,
    requested_at: i64,
    counted_at: Option<i64>,
    cleared_at: Option<i64>,
    finished_at: Option<i64>,
    reports_removed: u64,
    reports_left: u64,
    submissions_removed: u64,
    submissions_left: u64,
    submissions_narrowed: u64,
    key_use_removed: u64,
    key_use_left: u64,
    notices_removed: u64,
    notices_left: u64,
    files_left: u64,
    raw_before: Option<i64>,
    normalized_before: Option<i64>,
}

const COLUMNS: &str = "tenant, saved_at, state, requested_at, counted_at, cleared_at, finished_at, reports_removed, reports_left, submissions_removed, \
    submissions_left, submissions_narrowed, key_use_removed, key_use_left, notices_removed, notices_left, files_left, raw_before, normalized_before";

impl ErasureRow {
    fn new(tenant: &TenantId, erasure: &Erasure, saved_at: UnixMillis) -> Self {
        let within = |at: UnixMillis| at.0.clamp(0, *RECEIPT_RANGE.end());
        Self {
            tenant: tenant.as_str().to_owned(),
            saved_at: within(saved_at),
            state: erasure.state as i8,
            requested_at: within(erasure.requested_at),
            counted_at: erasure.counted_at.map(within),
            cleared_at: erasure.cleared_at.map(within),
            finished_at: erasure.finished_at.map(within),
            reports_removed: erasure.reports.removed,
            reports_left: erasure.reports.left,
            submissions_removed: erasure.submissions.removed,
            submissions_left: erasure.submissions.left,
            submissions_narrowed: erasure.narrowed,
            key_use_removed: erasure.key_use.removed,
            key_use_left: erasure.key_use.left,
            notices_removed: erasure.notices.removed,
            notices_left: erasure.notices.left,
            files_left: erasure.files_left,
            raw_before: erasure.raw_before.map(within),
            normalized_before: erasure.normalized_before.map(within),
        }
    }

    fn erasure(&self) -> Erasure {
        let states = [ErasureState::WaitingForLog, ErasureState::Done];
        Erasure {
            state: states.into_iter().find(|&state| state as i8 == self.state).unwrap_or_default(),
            requested_at: UnixMillis(self.requested_at),
            counted_at: self.counted_at.map(UnixMillis),
            cleared_at: self.cleared_at.map(UnixMillis),
            finished_at: self.finished_at.map(UnixMillis),
            reports: Cleared { removed: self.reports_removed, left: self.reports_left },
            submissions: Cleared { removed: self.submissions_removed, left: self.submissions_left },
            narrowed: self.submissions_narrowed,
            key_use: Cleared { removed: self.key_use_removed, left: self.key_use_left },
            notices: Cleared { removed: self.notices_removed, left: self.notices_left },
            files_left: self.files_left,
            raw_before: self.raw_before.map(UnixMillis),
            normalized_before: self.normalized_before.map(UnixMillis),
        }
    }
}

impl Store {
    /// Notes how far the erasure of a tenant is; of what is noted the latest counts.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn save_erasure(&self, tenant: &TenantId, erasure: &Erasure, now: UnixMillis) -> Result<(), StoreError> {
        insert::within_deadline(SAVE, async {
            let mut insert = self.open::<ErasureRow>("erasures", SAVE).await?;
            insert.write(&ErasureRow::new(tenant, erasure, now)).await.action(SAVE)?;
            insert.end().await.action(SAVE)
        })
        .await
    }

    /// How far the erasures of these tenants are; one of which nothing is noted yet is not among them.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn erasures(&self, tenants: &[TenantId]) -> Result<BTreeMap<String, Erasure>, StoreError> {
        if tenants.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut sql = Statement::new(format!("SELECT {COLUMNS} FROM erasures FINAL WHERE "));
        sql.bind("tenant IN ?", tenants.iter().map(|tenant| tenant.as_str().to_owned()).collect::<Vec<_>>());
        let rows: Vec<ErasureRow> = self.fetch(READ, sql).await?;
        Ok(rows.into_iter().map(|row| (row.tenant.clone(), row.erasure())).collect())
    }
}
