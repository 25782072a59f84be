//! The one insert: report rows, then ledger entries. A crash between leaves the ledger short, and the redelivery completes it.

use std::{collections::BTreeSet, time::Duration};

use clickhouse::{Row, RowWrite, error::Error, insert::Insert};
use serde::Deserialize;
use tlsrpt_record::Normalized;
use tlsrpt_report::{Day, UnixMillis};
use uuid::Uuid;

use crate::{
    error::{StoreError, StoreResult as _},
    rows::{ReportRow, SubmissionRow, TombstoneRow, policies, received_at},
    statement::Statement,
    store::Store,
    version::renormalized,
};

/// A chunk must be taken within this time.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// The server must answer within this time after the last row.
const END_TIMEOUT: Duration = Duration::from_secs(90);
/// All statements of one insert: below `max.poll.interval.ms`, whose default is 300 seconds.
const INSERT_DEADLINE: Duration = Duration::from_secs(240);
/// What ClickHouse allows in one block by default (`max_partitions_per_insert_block`).
pub(crate) const PARTITIONS_PER_BLOCK_MAX: usize = 100;
/// Submissions whose earlier rows are looked up by one query.
const REPLAYS_PER_QUERY_MAX: usize = 1000;

const REPORTS: &str = "insert report rows";
const SUBMISSIONS: &str = "insert ledger entries";
const REPLAYS: &str = "take back rows of replayed submissions";

/// What one insert wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    /// Ledger entries.
    pub submissions: u64,
    /// Report rows.
    pub reports: u64,
}

impl Store {
    /// Inserts the outcomes of submissions, each with its payload: their rows, then their ledger entries. When it answers,
    /// all of it is durable. Inserting an outcome again changes nothing. A replayed submission's earlier rows that it no longer
    /// leads to are taken back.
    ///
    /// # Errors
    /// [`StoreError::Retry`] when the same call may succeed later; [`StoreError::Refused`] when it will not.
    pub async fn insert(&self, outcomes: &[(Normalized<'_>, &[u8])]) -> Result<Inserted, StoreError> {
        match tokio::time::timeout(INSERT_DEADLINE, self.insert_in_order(outcomes)).await {
            Ok(inserted) => inserted,
            Err(_) => Err(StoreError::Retry { action: REPORTS, source: Error::TimedOut }),
        }
    }

    async fn insert_in_order(&self, outcomes: &[(Normalized<'_>, &[u8])]) -> Result<Inserted, StoreError> {
        let reports =
            || outcomes.iter().flat_map(|(outcome, _)| policies(outcome).iter().map(move |policy| ReportRow::new(outcome, policy)));
        let mut inserted = Inserted::default();
        for months in month_sets(reports().map(|row| Day(row.key_day.into()))) {
            let mut insert = self.open::<ReportRow<'static>>("reports", REPORTS).await?;
            for row in reports().filter(|row| months.contains(&month(Day(row.key_day.into())))) {
                insert.write(&row).await.action(REPORTS)?;
                inserted.reports += 1;
            }
            insert.end().await.action(REPORTS)?;
        }
        let replays: Vec<&Normalized<'_>> = outcomes.iter().map(|(outcome, _)| outcome).filter(|outcome| outcome.replay).collect();
        for replays in replays.chunks(REPLAYS_PER_QUERY_MAX) {
            self.take_back(replays).await?;
        }
        let submissions = || outcomes.iter().map(|(outcome, payload)| SubmissionRow::new(outcome, payload));
        for months in month_sets(submissions().map(|row| UnixMillis(row.received_at).day())) {
            let mut insert = self.open::<SubmissionRow<'static>>("submissions", SUBMISSIONS).await?;
            for row in submissions().filter(|row| months.contains(&month(UnixMillis(row.received_at).day()))) {
                insert.write(&row).await.action(SUBMISSIONS)?;
                inserted.submissions += 1;
            }
            insert.end().await.action(SUBMISSIONS)?;
        }
        Ok(inserted)
    }

    /// Takes back the rows that count, come from these submissions and are not among what the replay led to. A row that
    /// another submission has won is not touched. The tombstone's version is the row's own as of the replay, so a late
    /// redelivery of the earlier outcome does not bring it back.
    async fn take_back(&self, replays: &[&Normalized<'_>]) -> Result<(), StoreError> {
        let mut tombstones = Vec::new();
        for row in self.rows_of(replays).await? {
            let now = |replay: &&&Normalized<'_>| replay.submission_id.0 == row.submission_id;
            // Of two replays in one batch the later counts.
            let Some(replay) = replays.iter().filter(now).max_by_key(|replay| replay.normalized_at) else { continue };
            let kept = policies(replay).iter().any(|policy| policy.key.0 == row.report_key && policy.tenant == row.tenant);
            if !kept {
                tombstones.push(TombstoneRow {
                    version: renormalized(row.version, replay.normalized_at),
                    tenant: row.tenant,
                    policy_domain: row.policy_domain,
                    key_day: row.key_day,
                    report_key: row.report_key,
                    is_deleted: 1,
                });
            }
        }
        for months in month_sets(tombstones.iter().map(|row| Day(row.key_day.into()))) {
            let mut insert = self.open::<TombstoneRow>("reports", REPLAYS).await?;
            for row in tombstones.iter().filter(|row| months.contains(&month(Day(row.key_day.into())))) {
                insert.write(row).await.action(REPLAYS)?;
            }
            insert.end().await.action(REPLAYS)?;
        }
        Ok(())
    }

    async fn rows_of(&self, replays: &[&Normalized<'_>]) -> Result<Vec<CountingRow>, StoreError> {
        let times = || replays.iter().map(|replay| received_at(replay.submission_id).0);
        let mut statement = Statement::new(
            "SELECT submission_id, tenant, policy_domain, key_day, report_key, version FROM reports FINAL \
             WHERE received_at BETWEEN ",
        );
        statement
            .bind("fromUnixTimestamp64Milli(toInt64(?), 'UTC')", times().min().unwrap_or(0))
            .bind(" AND fromUnixTimestamp64Milli(toInt64(?), 'UTC')", times().max().unwrap_or(0))
            .bind(
                " AND submission_id IN (SELECT toUUID(arrayJoin(?)))",
                replays.iter().map(|replay| replay.submission_id.to_string()).collect::<Vec<_>>(),
            );
        self.fetch(REPLAYS, statement).await
    }

    async fn open<T: Row + RowWrite>(&self, table: &str, action: &'static str) -> Result<Insert<T>, StoreError> {
        Ok(self.writer().insert::<T>(table).await.action(action)?.with_timeouts(Some(SEND_TIMEOUT), Some(END_TIMEOUT)))
    }
}

#[derive(Row, Deserialize)]
struct CountingRow {
    #[serde(with = "clickhouse::serde::uuid")]
    submission_id: Uuid,
    tenant: String,
    policy_domain: String,
    key_day: u16,
    report_key: u128,
    version: u128,
}

/// The calendar month, which is the partition, counted from year 0.
pub(crate) fn month(day: Day) -> i32 {
    let epoch = jiff::civil::date(1970, 1, 1);
    let date = epoch.saturating_add(jiff::Span::new().days(day.0.clamp(0, u16::MAX.into())));
    i32::from(date.year()) * 12 + i32::from(date.month())
}

/// The months of these days, in sets that one block may hold.
fn month_sets(days: impl Iterator<Item = Day>) -> Vec<BTreeSet<i32>> {
    let months: Vec<i32> = days.map(month).collect::<BTreeSet<_>>().into_iter().collect();
    months.chunks(PARTITIONS_PER_BLOCK_MAX).map(|chunk| chunk.iter().copied().collect()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_month_ends_where_the_calendar_ends_it() {
        let at = |text: &str| month(text.parse().unwrap());
        for (last, first) in
            [("2015-12-31", "2016-01-01"), ("2016-02-29", "2016-03-01"), ("2023-02-28", "2023-03-01"), ("2026-11-30", "2026-12-01")]
        {
            assert_eq!(at(last) + 1, at(first), "{last}");
        }
        assert_eq!(at("2026-11-01"), at("2026-11-30"));
    }
}
