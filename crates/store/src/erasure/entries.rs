//! Ledger entries: which ones a selection touches, what goes of each, and doing it.

use std::{
    collections::{BTreeSet, HashSet},
    net::Ipv6Addr,
};

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tlsrpt_record::{Channel, SubmissionId};
use tlsrpt_report::{ReportKey, UnixMillis};
use uuid::Uuid;

use super::{ERASURE_PAGE_ROWS, FIND, Selection, narrow, receipts_of};
use crate::{
    error::{StoreError, StoreResult as _},
    insert,
    operator::{IdRow, ids},
    payload::Payload,
    rows::{RECEIPT_RANGE, month, received_at},
    statement::Statement,
    store::Store,
};

const NARROW: &str = "leave others their part of a ledger entry";
const REMOVE: &str = "remove ledger entries";

/// Payloads that are held in memory before they are written, bytes.
const BLOCK_MAX_BYTES: usize = 8 << 20;

/// What there is to do about one entry.
pub(super) struct Plan {
    id: SubmissionId,
    normalized_at: i64,
    what: What,
}

#[derive(PartialEq, Eq)]
enum What {
    /// Nobody else has a part of it.
    Remove,
    /// Others keep the blocks with these keys.
    Narrow { keys: Vec<u128> },
    /// It is as it should be, and versions before it are still there.
    Tidy,
}

#[derive(Row, Deserialize)]
struct EntryRow {
    #[serde(with = "clickhouse::serde::uuid")]
    submission_id: Uuid,
    latest: i64,
    keys: Vec<u128>,
    addressed: u8,
    versions: u64,
}

#[derive(Row, Deserialize)]
struct SourceRow {
    report_key: u128,
    #[serde(with = "clickhouse::serde::uuid")]
    submission_id: Uuid,
}

/// A row of `submissions` as it is read and written again.
#[derive(Row, Serialize, Deserialize)]
struct LedgerRow {
    #[serde(with = "clickhouse::serde::uuid")]
    submission_id: Uuid,
    received_at: i64,
    normalized_at: i64,
    channel: i8,
    address: String,
    remote_ip: Option<Ipv6Addr>,
    content_type: String,
    trust: i8,
    reason: String,
    detail: String,
    report_keys: Vec<u128>,
    payload_bytes: u64,
    payload: Payload,
    sender: String,
    subject: String,
    helo: String,
    mail_from: Option<String>,
    recipients: Vec<String>,
    tls: String,
    authentication: String,
    signer: String,
    deferred: u8,
}

const COLUMNS: &str = "submission_id, received_at, normalized_at, channel, address, remote_ip, content_type, trust, reason, detail, \
    report_keys, payload_bytes, payload, sender, subject, helo, mail_from, recipients, tls, authentication, signer, deferred";

impl Store {
    /// The next entries that the selection touches or touched, by receipt, all versions looked at.
    pub(super) async fn entries_of(&self, selection: &Selection, after: Option<SubmissionId>) -> Result<Vec<SubmissionId>, StoreError> {
        let mut sql = Statement::new("SELECT DISTINCT submission_id, received_at FROM submissions WHERE ");
        match after {
            Some(after) => {
                sql.bind("received_at >= fromUnixTimestamp64Milli(toInt64(?), 'UTC')", received_at(after).0);
                sql.bind(" AND (received_at, submission_id) > (fromUnixTimestamp64Milli(toInt64(?), 'UTC')", received_at(after).0);
                sql.bind(", toUUID(?))", after.0);
            }
            None => {
                sql.push("true");
            }
        }
        sql.push(" AND (arrayExists(key -> key GLOBAL IN (SELECT report_key FROM reports WHERE ").append(selection.rows());
        sql.push("), report_keys) OR ").append(selection.addressed());
        sql.bind(") ORDER BY received_at, submission_id LIMIT ?", ERASURE_PAGE_ROWS);
        let mut ids_only = Statement::new("SELECT submission_id FROM (");
        ids_only.append(sql).push(")");
        Ok(ids(self.fetch::<IdRow>(FIND, ids_only).await?))
    }

    /// What there is to do about these entries; those about which there is nothing are left out.
    ///
    /// A block is somebody else's when a row that counts and is not selected came from this very entry, or came from another one
    /// while no selected row came from this one.
    pub(super) async fn plans(&self, selection: &Selection, page: &[SubmissionId]) -> Result<Vec<Plan>, StoreError> {
        if page.is_empty() {
            return Ok(Vec::new());
        }
        let entries = self.latest(selection, page).await?;
        let keys: BTreeSet<u128> = entries.iter().flat_map(|entry| entry.keys.iter().copied()).collect();
        let mut not_selected = Statement::new("NOT (");
        not_selected.append(selection.rows()).push(")");
        let others = self.sources("reports FINAL", &keys, not_selected).await?;
        let own = self.sources("reports", &keys, selection.rows()).await?;
        let keys_of = |sources: &HashSet<(u128, Uuid)>| sources.iter().map(|&(key, _)| key).collect::<HashSet<u128>>();
        let (others_keys, own_keys) = (keys_of(&others), keys_of(&own));

        let plan = |entry: EntryRow| {
            let id = entry.submission_id;
            let is_others = |key: &u128| others.contains(&(*key, id)) || (others_keys.contains(key) && !own.contains(&(*key, id)));
            let (shared, rest): (Vec<u128>, Vec<u128>) = entry.keys.iter().copied().partition(is_others);
            let what = if shared.is_empty() {
                What::Remove
            } else if entry.addressed != 0 || rest.iter().any(|key| own_keys.contains(key)) {
                What::Narrow { keys: shared }
            } else if entry.versions > 1 {
                What::Tidy
            } else {
                return None;
            };
            Some(Plan { id: SubmissionId(id), normalized_at: entry.latest, what })
        };
        Ok(entries.into_iter().filter_map(plan).collect())
    }

    async fn latest(&self, selection: &Selection, page: &[SubmissionId]) -> Result<Vec<EntryRow>, StoreError> {
        let mut sql = Statement::new(
            "SELECT submission_id, toUnixTimestamp64Milli(max(normalized_at)) AS latest, argMax(report_keys, normalized_at) AS keys, \
             argMax(",
        );
        sql.append(selection.addressed()).push(", normalized_at)::UInt8 AS addressed, count() AS versions FROM submissions WHERE ");
        sql.append(listed(page)).push(" GROUP BY submission_id ORDER BY submission_id");
        self.fetch(FIND, sql).await
    }

    /// Which submissions rows with these keys came from.
    async fn sources(&self, table: &str, keys: &BTreeSet<u128>, condition: Statement) -> Result<HashSet<(u128, Uuid)>, StoreError> {
        if keys.is_empty() {
            return Ok(HashSet::new());
        }
        let mut sql = Statement::new(format!("SELECT DISTINCT report_key, submission_id FROM {table} WHERE "));
        sql.append(condition).bind(
            " AND report_key IN (SELECT toUInt128(arrayJoin(?::Array(String))))",
            keys.iter().map(u128::to_string).collect::<Vec<_>>(),
        );
        let rows: Vec<SourceRow> = self.fetch(FIND, sql).await?;
        Ok(rows.into_iter().map(|row| (row.report_key, row.submission_id)).collect())
    }

    /// Inserts a version with the others' part of each entry that is shared; answers how many. Durable when it answers.
    pub(super) async fn narrow_entries(&self, selection: &Selection, plans: &[Plan], now: UnixMillis) -> Result<u64, StoreError> {
        let mut narrowed = 0;
        let (mut block, mut bytes) = (Vec::new(), 0);
        for plan in plans {
            let What::Narrow { keys } = &plan.what else { continue };
            let Some(row) = self.ledger_row(plan.id).await? else { continue };
            let (id, selection, keys) = (plan.id, selection.clone(), keys.clone());
            // Opening takes up to a whole payload's worth of inflating and parsing.
            let row = tokio::task::spawn_blocking(move || row.narrowed(id, &selection, keys, now)).await;
            let row = row.map_err(|error| StoreError::of(NARROW, clickhouse::error::Error::Other(Box::new(error))))?;
            bytes += row.payload.0.len();
            block.push(row);
            narrowed += 1;
            if bytes >= BLOCK_MAX_BYTES {
                self.insert_rows(&std::mem::take(&mut block)).await?;
                bytes = 0;
            }
        }
        self.insert_rows(&block).await?;
        Ok(narrowed)
    }

    /// Removes entries that go whole, and of the others the versions before the latest; answers how many rows.
    pub(super) async fn remove_entries(&self, plans: &[Plan]) -> Result<u64, StoreError> {
        let of = |wanted: fn(&What) -> bool| plans.iter().filter(|plan| wanted(&plan.what)).map(|plan| plan.id).collect::<Vec<_>>();
        let whole = of(|what| *what == What::Remove);
        let kept: Vec<&Plan> = plans.iter().filter(|plan| plan.what != What::Remove).collect();
        let mut condition = Statement::default();
        if !whole.is_empty() {
            condition.append(listed(&whole));
        }
        // The entry as it was, whatever came after it stays.
        for plan in kept {
            condition.push(if condition.is_empty() { "" } else { " OR " }).append(listed(&[plan.id]));
            let narrowed = matches!(plan.what, What::Narrow { .. });
            let comparison = if narrowed { "<=" } else { "<" };
            condition.bind(&format!(" AND normalized_at {comparison} fromUnixTimestamp64Milli(toInt64(?), 'UTC')"), plan.normalized_at);
        }
        if condition.is_empty() { Ok(0) } else { self.remove(REMOVE, "submissions", condition).await }
    }

    async fn ledger_row(&self, id: SubmissionId) -> Result<Option<LedgerRow>, StoreError> {
        let mut sql = Statement::new(format!("SELECT {COLUMNS} FROM submissions WHERE "));
        sql.append(listed(&[id])).push(" ORDER BY normalized_at DESC LIMIT 1");
        Ok(self.fetch(NARROW, sql).await?.into_iter().next())
    }

    async fn insert_rows(&self, rows: &[LedgerRow]) -> Result<(), StoreError> {
        insert::within_deadline(NARROW, async {
            for months in insert::month_sets(rows.iter().map(LedgerRow::month)) {
                let mut insert = self.open::<LedgerRow>("submissions", NARROW).await?;
                for row in rows {
                    if months.contains(&row.month()) {
                        insert.write(row).await.action(NARROW)?;
                    }
                }
                insert.end().await.action(NARROW)?;
            }
            Ok(())
        })
        .await
    }
}

impl LedgerRow {
    /// The others' part of it.
    fn narrowed(self, id: SubmissionId, selection: &Selection, keys: Vec<u128>, now: UnixMillis) -> Self {
        let channel = Channel::ALL.into_iter().find(|&channel| channel as i8 == self.channel).unwrap_or(Channel::Import);
        let kept: BTreeSet<ReportKey> = keys.iter().map(|&key| ReportKey(key)).collect();
        let is_whole = self.report_keys == keys;
        let is_mail = channel.is_mail(&self.payload.0);
        // A report that was posted to the tenant's address and is all of others has nothing of the tenant's in it; a mail names it.
        let payload = if is_whole && !is_mail { self.payload.0 } else { narrow::payload(channel, id, &self.payload.0, &kept) };
        let is_other_form = !is_whole && !is_mail && !self.content_type.is_empty();
        Self {
            normalized_at: now.0.max(self.normalized_at + 1).clamp(0, *RECEIPT_RANGE.end()),
            address: if selection.is_addressed(&self.address) { String::new() } else { self.address },
            content_type: if is_other_form { narrow::MEDIA_TYPE.to_owned() } else { self.content_type },
            report_keys: keys,
            payload_bytes: payload.len() as u64,
            payload: Payload(payload),
            // The subject names a policy domain (RFC 8460 5.3), and a reverse-path may name whom it was sent to.
            subject: String::new(),
            mail_from: None,
            recipients: self.recipients.into_iter().filter(|recipient| !selection.is_addressed(recipient)).collect(),
            // What was signed is no longer there to be verified again: the verdict stays as it is.
            deferred: 0,
            ..self
        }
    }

    fn month(&self) -> i32 {
        month(UnixMillis(self.received_at).day())
    }
}

/// Entries with these ids, all versions.
fn listed(ids: &[SubmissionId]) -> Statement {
    let mut sql = receipts_of(ids).condition();
    sql.bind(" AND submission_id IN ?", ids.iter().map(SubmissionId::to_string).collect::<Vec<_>>());
    sql
}
