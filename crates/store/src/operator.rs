//! The operator's lists of submissions and of what nobody owns; the ledger, incidents and weights have files of their own.

use std::net::{IpAddr, Ipv6Addr};

use clickhouse::Row;
use serde::Deserialize;
use tlsrpt_record::{Channel, SubmissionId};
use tlsrpt_report::{Day, ReportKey, UnixMillis};
use uuid::Uuid;

use crate::{
    answer::{Envelope, Fate, SubmissionItem, UnclaimedDomain},
    counting::{headline, saturated, successful},
    cursor,
    error::StoreError,
    ledger::{self, Receipts},
    rows::received_at,
    statement::Statement,
    store::Store,
    tenant::some,
};

/// Narrows the list of submissions.
#[derive(Clone, Debug, Default)]
pub struct SubmissionFilter {
    /// Only this fate.
    pub fate: Option<Fate>,
    /// Only this reject reason.
    pub reason: Option<String>,
    /// Only what came in this way.
    pub channel: Option<Channel>,
}

impl SubmissionFilter {
    /// `… AND …` over the ledger's own columns; none when it narrows none of them.
    fn entries(&self) -> Option<Statement> {
        let mut conditions = Vec::new();
        if let Some(reason) = &self.reason {
            let mut sql = Statement::default();
            sql.bind("reason = ?", reason.as_str());
            conditions.push(sql);
        }
        if let Some(channel) = self.channel {
            let mut sql = Statement::default();
            sql.bind("channel = ?", channel.as_str());
            conditions.push(sql);
        }
        conditions.into_iter().reduce(|mut all, next| {
            all.push(" AND ").append(next);
            all
        })
    }
}

const COLUMNS: &str = "submission_id, toUnixTimestamp64Milli(received_at) AS received_ms, toString(channel) AS channel_name, address, \
    remote_ip, content_type, toString(trust) AS trust_name, reason, detail, report_keys, payload_bytes, \
    sender, subject, helo, mail_from, recipients, tls, authentication, signer, deferred";

#[derive(Row, Deserialize)]
struct SubmissionRow {
    #[serde(with = "clickhouse::serde::uuid")]
    submission_id: Uuid,
    received_ms: i64,
    channel_name: String,
    address: String,
    remote_ip: Option<Ipv6Addr>,
    content_type: String,
    trust_name: String,
    reason: String,
    detail: String,
    report_keys: Vec<u128>,
    payload_bytes: u64,
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

#[derive(Row, Deserialize)]
pub(crate) struct IdRow {
    #[serde(with = "clickhouse::serde::uuid")]
    submission_id: Uuid,
}

#[derive(Row, Deserialize)]
struct UnclaimedRow {
    policy_domain: String,
    reports: u64,
    sessions: u64,
    first: u16,
    last: u16,
}

const LIST: &str = "list submissions";
pub(crate) const DAY_MILLIS: i64 = 86_400_000;
/// How far back a list by fate looks at first, in days: a fate is worked out for every submission in the time looked at, and
/// what an operator asks for is most often recent.
const WINDOWS_DAYS: [i64; 2] = [1, 31];

impl Store {
    /// A page of submissions, newest first; the second value is the cursor of the next page.
    ///
    /// # Errors
    /// [`StoreError::Cursor`] for a cursor that no page gave; [`StoreError::TooLarge`] beyond the limits of a query; else what
    /// the database answers.
    pub async fn submissions(
        &self,
        filter: &SubmissionFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Vec<SubmissionItem>, Option<String>), StoreError> {
        let after = cursor.map(position).transpose()?;
        let take = limit.saturating_add(1);
        let mut ids = match filter.fate {
            None => self.page(filter, after, take).await?,
            Some(fate) => self.page_of_fate(filter, fate, after, take).await?,
        };
        let more = ids.len() > limit;
        ids.truncate(limit);
        let next = ids.last().filter(|_| more).map(|id| cursor::encode([&id.to_string()]));
        Ok((self.items(&ids).await?, next))
    }

    /// One submission.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn submission(&self, id: SubmissionId) -> Result<Option<SubmissionItem>, StoreError> {
        Ok(self.items(&[id]).await?.into_iter().next())
    }

    /// Domains with reports that nobody owns, most reports first.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
    pub async fn unclaimed(&self, limit: usize) -> Result<Vec<UnclaimedDomain>, StoreError> {
        let mut sql = Statement::new(format!(
            "SELECT policy_domain, uniqExactArray(documents) AS reports, {} AS sessions, min(first_day) AS first, max(last_day) AS last \
             FROM (SELECT policy_domain, groupUniqArray(document) AS documents, min(day) AS first_day, max(day) AS last_day, ",
            saturated("sum(both)"),
        ));
        sql.append(headline(&successful())).push(" + ").append(headline(&Statement::new("toUInt128(ifNull(failed, 0))")));
        sql.push(
            " AS both FROM reports FINAL WHERE tenant = '' GROUP BY report_group, policy_domain) \
             GROUP BY policy_domain ORDER BY reports DESC, policy_domain",
        );
        sql.bind(" LIMIT ?", limit);
        let rows: Vec<UnclaimedRow> = self.fetch("list unclaimed domains", sql).await?;
        let domain = |row: UnclaimedRow| UnclaimedDomain {
            domain: row.policy_domain,
            reports: row.reports,
            sessions: row.sessions,
            first_seen: Day(row.first.into()),
            last_seen: Day(row.last.into()),
        };
        Ok(rows.into_iter().map(domain).collect())
    }

    async fn page(&self, filter: &SubmissionFilter, after: Option<SubmissionId>, take: usize) -> Result<Vec<SubmissionId>, StoreError> {
        let mut sql = Statement::new("SELECT submission_id FROM submissions FINAL WHERE ");
        sql.append(Receipts { to: after.map_or(i64::MAX, |id| received_at(id).0), ..Receipts::ALL }.condition());
        if let Some(entries) = filter.entries() {
            sql.push(" AND ").append(entries);
        }
        sql.append(following(after, take));
        Ok(ids(self.fetch(LIST, sql).await?))
    }

    async fn page_of_fate(
        &self,
        filter: &SubmissionFilter,
        fate: Fate,
        after: Option<SubmissionId>,
        take: usize,
    ) -> Result<Vec<SubmissionId>, StoreError> {
        let to = after.map_or_else(now_millis, |id| received_at(id).0);
        for window in WINDOWS_DAYS.into_iter().map(Some).chain([None]) {
            let receipts = Receipts {
                from: window.map_or(Receipts::ALL.from, |days| to.saturating_sub(days * DAY_MILLIS)),
                // An edge's clock may be ahead of this one.
                to: after.map_or(i64::MAX, |id| received_at(id).0),
            };
            let mut sql = Statement::new("SELECT submission_id FROM ");
            sql.append(ledger::fates(receipts, None, filter.entries())).push(&format!(" WHERE fate = {}", fate as i8));
            sql.append(following(after, take));
            let page = ids(self.fetch(LIST, sql).await?);
            if page.len() >= take || window.is_none() {
                return Ok(page);
            }
        }
        Ok(Vec::new())
    }

    /// Entries of the ledger, newest first.
    async fn items(&self, ids: &[SubmissionId]) -> Result<Vec<SubmissionItem>, StoreError> {
        let times = || ids.iter().map(|&id| received_at(id).0);
        let (Some(from), Some(to)) = (times().min(), times().max()) else { return Ok(Vec::new()) };
        let receipts = Receipts { from, to };
        let mut sql = Statement::new(format!("SELECT {COLUMNS} FROM submissions FINAL WHERE "));
        sql.append(receipts.condition()).bind(
            " AND submission_id IN (SELECT toUUID(arrayJoin(?::Array(String)))) ORDER BY received_at DESC, submission_id DESC",
            ids.iter().map(SubmissionId::to_string).collect::<Vec<_>>(),
        );
        let rows: Vec<SubmissionRow> = self.fetch(LIST, sql).await?;
        let fates = self.fates_of(ids, receipts).await?;
        Ok(rows.into_iter().map(|row| item(fates.get(&row.submission_id).copied(), row)).collect())
    }
}

fn item(fate: Option<Fate>, row: SubmissionRow) -> SubmissionItem {
    // Whatever came as a mail was looked at; only an import is a mail or none.
    let is_mail = !row.authentication.is_empty();
    SubmissionItem {
        submission_id: SubmissionId(row.submission_id),
        received_at: UnixMillis(row.received_ms).rfc3339(),
        channel: row.channel_name,
        address: some(row.address),
        remote_ip: row.remote_ip.map(|ip| canonical(ip).to_string()),
        content_type: some(row.content_type),
        sender: some(row.sender),
        subject: some(row.subject),
        envelope: is_mail.then_some(Envelope {
            helo: some(row.helo),
            mail_from: row.mail_from,
            recipients: row.recipients,
            tls: some(row.tls),
        }),
        trust: row.trust_name,
        authentication: some(row.authentication),
        signer: some(row.signer),
        deferred: is_mail.then_some(row.deferred != 0),
        payload_bytes: row.payload_bytes,
        fate: fate.unwrap_or(Fate::Duplicate),
        reason: some(row.reason),
        detail: some(row.detail),
        report_keys: row.report_keys.into_iter().map(|key| ReportKey(key).to_string()).collect(),
    }
}

/// The rest of a statement that answers the submissions after one, newest first.
fn following(after: Option<SubmissionId>, take: usize) -> Statement {
    let mut sql = Statement::default();
    if let Some(after) = after {
        sql.bind(" AND (received_at, submission_id) < (fromUnixTimestamp64Milli(toInt64(?), 'UTC')", received_at(after).0);
        sql.bind(", toUUID(?))", after.0);
    }
    sql.bind(" ORDER BY received_at DESC, submission_id DESC LIMIT ?", take);
    sql
}

fn position(cursor: &str) -> Result<SubmissionId, StoreError> {
    let [id] = cursor::decode(cursor)?;
    id.parse().map_err(|_| StoreError::Cursor)
}

pub(crate) fn ids(rows: Vec<IdRow>) -> Vec<SubmissionId> {
    rows.into_iter().map(|row| SubmissionId(row.submission_id)).collect()
}

pub(crate) fn canonical(ip: Ipv6Addr) -> IpAddr {
    IpAddr::V6(ip).to_canonical()
}

fn now_millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
