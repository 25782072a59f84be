//! What became of submissions: a fate is never stored, it follows from which rows count now. So it is right whatever came in
//! twice, was replayed or adopted.

use std::collections::HashMap;

use clickhouse::Row;
use serde::Deserialize;
use tlsrpt_record::SubmissionId;
use tlsrpt_report::Day;
use uuid::Uuid;

use crate::{
    answer::{Fate, Fates},
    error::StoreError,
    statement::Statement,
    store::Store,
};

/// Submissions by receipt, in milliseconds since 1970; the end is inclusive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receipts {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// What DateTime64(3) holds: 1900 to 2299. Before and after there is nothing to be found.
const MILLIS_MIN: i64 = -2_208_988_800_000;
const MILLIS_MAX: i64 = 10_413_791_999_999;

impl Receipts {
    pub(crate) const ALL: Self = Self { from: MILLIS_MIN, to: MILLIS_MAX };

    fn of_days(from: Option<Day>, to: Option<Day>) -> Self {
        Self {
            from: from.map_or(MILLIS_MIN, |day| day.start().0.saturating_mul(1000)),
            to: to.map_or(MILLIS_MAX, |day| day.plus(1).start().0.saturating_mul(1000) - 1),
        }
    }

    /// `received_at BETWEEN …`.
    pub(crate) fn condition(self) -> Statement {
        let mut sql = Statement::default();
        sql.bind("received_at BETWEEN fromUnixTimestamp64Milli(toInt64(?), 'UTC')", self.from.clamp(MILLIS_MIN, MILLIS_MAX));
        sql.bind(" AND fromUnixTimestamp64Milli(toInt64(?), 'UTC')", self.to.clamp(MILLIS_MIN, MILLIS_MAX));
        sql
    }
}

#[derive(Row, Deserialize)]
struct FatesRow {
    stored: u64,
    duplicate: u64,
    unclaimed: u64,
    rejected: u64,
}

#[derive(Row, Deserialize)]
struct FateRow {
    #[serde(with = "clickhouse::serde::uuid")]
    submission_id: Uuid,
    fate: i8,
}

/// `(SELECT submission_id, received_at, fate …)`: one row a ledger entry. `entries` narrows the ledger's entries further.
///
/// One pass over each table and one grouping: a join would hold one side as a hash table.
pub(crate) fn fates(receipts: Receipts, ids: Option<&[SubmissionId]>, entries: Option<Statement>) -> Statement {
    let mut where_ = receipts.condition();
    if let Some(ids) = ids {
        where_.bind(
            " AND submission_id IN (SELECT toUUID(arrayJoin(?::Array(String))))",
            ids.iter().map(SubmissionId::to_string).collect::<Vec<_>>(),
        );
    }
    let mut sql = Statement::new(format!(
        "(SELECT submission_id, any(received_at) AS received_at, \
         multiIf(max(owned), {}, max(unowned), {}, max(rejected), {}, {})::Int8 AS fate FROM (\
         SELECT submission_id, received_at, reason != '' AS rejected, 0 AS owned, 0 AS unowned, 1 AS listed \
         FROM submissions FINAL WHERE ",
        Fate::Stored as i8,
        Fate::Unclaimed as i8,
        Fate::Rejected as i8,
        Fate::Duplicate as i8,
    ));
    sql.append(where_.clone());
    if let Some(entries) = entries {
        sql.push(" AND ").append(entries);
    }
    sql.push(
        " UNION ALL SELECT submission_id, received_at, 0 AS rejected, tenant != '' AS owned, tenant = '' AS unowned, 0 AS listed \
         FROM reports FINAL WHERE ",
    );
    // A row that counts before its ledger entry is there is a submission that is not through yet.
    sql.append(where_).push(") GROUP BY submission_id HAVING max(listed))");
    sql
}

pub(crate) fn fate(code: i8) -> Fate {
    [Fate::Stored, Fate::Unclaimed, Fate::Rejected].into_iter().find(|&fate| fate as i8 == code).unwrap_or(Fate::Duplicate)
}

impl Store {
    /// Fates of the submissions received on these UTC days, inclusive; open ends are unbounded.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
    pub async fn fates(&self, from: Option<Day>, to: Option<Day>) -> Result<Fates, StoreError> {
        let count = |fate: Fate| format!("countIf(fate = {})", fate as i8);
        let mut sql = Statement::new(format!(
            "SELECT {} AS stored, {} AS duplicate, {} AS unclaimed, {} AS rejected FROM ",
            count(Fate::Stored),
            count(Fate::Duplicate),
            count(Fate::Unclaimed),
            count(Fate::Rejected),
        ));
        sql.append(fates(Receipts::of_days(from, to), None, None));
        let rows: Vec<FatesRow> = self.fetch("count fates", sql).await?;
        let fates =
            |row: &FatesRow| Fates { stored: row.stored, duplicate: row.duplicate, unclaimed: row.unclaimed, rejected: row.rejected };
        Ok(rows.first().map(fates).unwrap_or_default())
    }

    /// Fates of these submissions, which were received in this time.
    pub(crate) async fn fates_of(&self, ids: &[SubmissionId], receipts: Receipts) -> Result<HashMap<Uuid, Fate>, StoreError> {
        let mut sql = Statement::new("SELECT submission_id, fate FROM ");
        sql.append(fates(receipts, Some(ids), None));
        let rows: Vec<FateRow> = self.fetch("look up fates", sql).await?;
        Ok(rows.into_iter().map(|row| (row.submission_id, fate(row.fate))).collect())
    }
}
