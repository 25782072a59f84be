//! The one insert: report rows, then ledger entries. A crash between leaves the ledger short, and the redelivery completes it.

use std::{collections::BTreeSet, time::Duration};

use clickhouse::{Row, RowWrite, error::Error, insert::Insert};
use tlsrpt_record::Normalized;

use crate::{
    error::{StoreError, StoreResult as _},
    ledger_rows::SubmissionRow,
    rows::{CountingRow, ReportRow, policies, received_at},
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
    /// leads to are taken back; a row that only lost to such a one before does not come back by itself, since a merge may have
    /// dropped it: its submission has to be replayed too.
    ///
    /// # Errors
    /// [`StoreError::Retry`] when the same call may succeed later; [`StoreError::Refused`] when it will not.
    pub async fn insert(&self, outcomes: &[(Normalized<'_>, &[u8])]) -> Result<Inserted, StoreError> {
        within_deadline(REPORTS, self.insert_in_order(outcomes)).await
    }

    async fn insert_in_order(&self, outcomes: &[(Normalized<'_>, &[u8])]) -> Result<Inserted, StoreError> {
        let reports = self.insert_reports(outcomes).await?;
        let replays: Vec<&Normalized<'_>> = outcomes.iter().map(|(outcome, _)| outcome).filter(|outcome| outcome.replay).collect();
        for replays in replays.chunks(REPLAYS_PER_QUERY_MAX) {
            self.take_back(replays).await?;
        }
        let submissions = self.insert_submissions(outcomes).await?;
        Ok(Inserted { submissions, reports })
    }

    async fn insert_reports(&self, outcomes: &[(Normalized<'_>, &[u8])]) -> Result<u64, StoreError> {
        let mut written = 0;
        for months in month_sets(report_rows(outcomes).map(|row| row.month())) {
            let mut insert = self.open::<ReportRow<'static>>("reports", REPORTS).await?;
            // Plain loops: an iterator's closures held over an await would make this future not Send.
            for (outcome, _) in outcomes {
                for policy in policies(outcome) {
                    let row = ReportRow::new(outcome, policy);
                    if months.contains(&row.month()) {
                        insert.write(&row).await.action(REPORTS)?;
                        written += 1;
                    }
                }
            }
            insert.end().await.action(REPORTS)?;
        }
        Ok(written)
    }

    async fn insert_submissions(&self, outcomes: &[(Normalized<'_>, &[u8])]) -> Result<u64, StoreError> {
        let mut written = 0;
        for months in month_sets(outcomes.iter().map(|(outcome, payload)| SubmissionRow::new(outcome, payload).month())) {
            let mut insert = self.open::<SubmissionRow<'static>>("submissions", SUBMISSIONS).await?;
            for (outcome, payload) in outcomes {
                let row = SubmissionRow::new(outcome, payload);
                if months.contains(&row.month()) {
                    insert.write(&row).await.action(SUBMISSIONS)?;
                    written += 1;
                }
            }
            insert.end().await.action(SUBMISSIONS)?;
        }
        Ok(written)
    }

    /// Takes back the rows that count, come from these submissions and are not among what the replay led to. A row that
    /// another submission has won is not touched. The tombstone's version is the row's own as of the replay, so a late
    /// redelivery of the earlier outcome does not bring it back.
    async fn take_back(&self, replays: &[&Normalized<'_>]) -> Result<(), StoreError> {
        let rows = self.rows_of(replays).await?;
        let mut tombstones = Vec::new();
        for row in &rows {
            // Of two replays of one submission in one batch the later counts.
            let same = replays.iter().filter(|replay| replay.submission_id.0 == row.submission_id);
            let Some(replay) = same.max_by_key(|replay| replay.normalized_at) else { continue };
            let taken_back = renormalized(row.version, replay.normalized_at);
            // A row of this normalisation or a later one is not the replay's to take: an adoption moved it meanwhile, say.
            let is_older = row.version < taken_back;
            if is_older && !policies(replay).iter().any(|policy| policy.key.0 == row.report_key && policy.tenant == row.tenant) {
                tombstones.push(ReportRow::tombstone(row, taken_back));
            }
        }
        for months in month_sets(tombstones.iter().map(|row| row.month())) {
            let mut insert = self.open::<ReportRow<'static>>("reports", REPLAYS).await?;
            for row in &tombstones {
                if months.contains(&row.month()) {
                    insert.write(row).await.action(REPLAYS)?;
                }
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

    pub(crate) async fn open<T: Row + RowWrite>(&self, table: &str, action: &'static str) -> Result<Insert<T>, StoreError> {
        Ok(self.writer().insert::<T>(table).await.action(action)?.with_timeouts(Some(SEND_TIMEOUT), Some(END_TIMEOUT)))
    }
}

/// An insert that takes too long is one to try again.
pub(crate) async fn within_deadline<T>(action: &'static str, insert: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match tokio::time::timeout(INSERT_DEADLINE, insert).await {
        Ok(inserted) => inserted,
        Err(_) => Err(StoreError::Retry { action, source: Error::TimedOut }),
    }
}

fn report_rows<'a>(outcomes: &'a [(Normalized<'a>, &'a [u8])]) -> impl Iterator<Item = ReportRow<'a>> {
    outcomes.iter().flat_map(|(outcome, _)| policies(outcome).iter().map(move |policy| ReportRow::new(outcome, policy)))
}

/// Months in sets that one block may hold.
pub(crate) fn month_sets(months: impl Iterator<Item = i32>) -> Vec<BTreeSet<i32>> {
    let months: Vec<i32> = months.collect::<BTreeSet<_>>().into_iter().collect();
    months.chunks(PARTITIONS_PER_BLOCK_MAX).map(|chunk| chunk.iter().copied().collect()).collect()
}
