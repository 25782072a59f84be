//! Reports one by one: the list and the detail.

use clickhouse::Row;
use serde::Deserialize;
use tlsrpt_record::SubmissionId;
use tlsrpt_report::{Day, ReportKey, UnixMillis, UnixSeconds};
use uuid::Uuid;

use super::TenantQueries;
use crate::{
    answer::{FailureItem, ReportDetail, ReportItem, ReportPeriod, WholeReport},
    condition, cursor,
    error::StoreError,
    filter::Filter,
    rows::received_at,
    statement::Statement,
};

pub(super) const ITEM_COLUMNS: &str = "report_key, day, organization, report_id, policy_domain, toString(policy_type) AS type_name, \
    toString(policy_mode) AS mode_name, period_begin, period_end, successful, failed, toString(trust) AS trust_name, \
    warnings";

/// Failure details carry names that no condition on them uses.
pub(super) const DETAIL_COLUMNS: &str = "contact, domain_sent, policy_type_sent, policy_strings, policy_max_age, mx_hosts, \
    arrayMap(result -> toString(result), failures.result_type) AS d_result, failures.result_type_sent AS d_result_sent, \
    arrayMap(ip -> ifNull(toString(ip), ''), failures.sending_ip) AS d_sending_ip, failures.sending_ip_sent AS d_sending_ip_sent, \
    failures.receiving_mx AS d_mx, failures.receiving_helo AS d_helo, \
    arrayMap(ip -> ifNull(toString(ip), ''), failures.receiving_ip) AS d_receiving_ip, \
    failures.receiving_ip_sent AS d_receiving_ip_sent, failures.sessions AS d_sessions, failures.reason AS d_reason, \
    failures.additional AS d_additional, submission_id, toUnixTimestamp64Milli(received_at) AS received_ms, signer, key_day";

#[derive(Row, Deserialize)]
struct ItemRow {
    report_key: u128,
    day: u16,
    organization: String,
    report_id: String,
    policy_domain: String,
    type_name: String,
    mode_name: String,
    period_begin: Option<i64>,
    period_end: Option<i64>,
    successful: Option<u64>,
    failed: Option<u64>,
    trust_name: String,
    warnings: Vec<String>,
}

/// A row with its failure details; `d_match` says of each whether it is meant.
#[derive(Row, Deserialize)]
pub(super) struct DetailRow {
    report_key: u128,
    day: u16,
    organization: String,
    report_id: String,
    policy_domain: String,
    type_name: String,
    mode_name: String,
    period_begin: Option<i64>,
    period_end: Option<i64>,
    successful: Option<u64>,
    failed: Option<u64>,
    trust_name: String,
    warnings: Vec<String>,
    contact: String,
    domain_sent: String,
    policy_type_sent: String,
    policy_strings: Vec<String>,
    policy_max_age: Option<u64>,
    mx_hosts: Vec<String>,
    d_result: Vec<String>,
    d_result_sent: Vec<String>,
    d_sending_ip: Vec<String>,
    d_sending_ip_sent: Vec<String>,
    d_mx: Vec<String>,
    d_helo: Vec<String>,
    d_receiving_ip: Vec<String>,
    d_receiving_ip_sent: Vec<String>,
    d_sessions: Vec<Option<u64>>,
    d_reason: Vec<String>,
    d_additional: Vec<String>,
    #[serde(with = "clickhouse::serde::uuid")]
    submission_id: Uuid,
    received_ms: i64,
    signer: String,
    pub(super) key_day: u16,
    d_match: Vec<u8>,
}

impl DetailRow {
    /// About how much memory the texts take, bytes.
    pub(super) fn bytes(&self) -> usize {
        let details = [
            &self.d_result,
            &self.d_result_sent,
            &self.d_sending_ip,
            &self.d_sending_ip_sent,
            &self.d_mx,
            &self.d_helo,
            &self.d_receiving_ip,
            &self.d_receiving_ip_sent,
            &self.d_reason,
            &self.d_additional,
        ];
        let texts = [&self.policy_strings, &self.mx_hosts, &self.warnings].into_iter().chain(details);
        size_of::<Self>() + texts.flatten().map(|text| text.len() + size_of::<String>()).sum::<usize>()
    }
}

#[derive(Row, Deserialize)]
struct OriginRow {
    authentication: String,
}

const DETAIL: &str = "read a report";

impl TenantQueries {
    /// A page of reports, newest day first, then by domain and key; the second value is the cursor of the next page. A page
    /// starts after its cursor's entry, so what arrives meanwhile neither repeats nor skips an entry.
    ///
    /// # Errors
    /// [`StoreError::Cursor`] for a cursor that no page gave; else what the database answers.
    pub async fn reports(
        &self,
        filter: &Filter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Vec<ReportItem>, Option<String>), StoreError> {
        let mut sql = Statement::new(format!("SELECT {ITEM_COLUMNS} FROM reports FINAL WHERE "));
        sql.append(condition::rows(&self.tenant, filter));
        if let Some(cursor) = cursor {
            let [day, domain, key] = cursor::decode(cursor)?;
            let day: Day = day.parse().map_err(|_| StoreError::Cursor)?;
            let key: ReportKey = key.parse().map_err(|_| StoreError::Cursor)?;
            sql.bind(" AND (day < toDate(?)", day).bind(" OR day = toDate(?)", day);
            sql.bind(" AND (policy_domain, report_key) > (?", domain.as_str()).bind(", toUInt128(?)))", key.0);
        }
        sql.bind(" ORDER BY day DESC, policy_domain, report_key LIMIT ?", limit.saturating_add(1));
        let mut rows: Vec<ItemRow> = self.store.fetch("list reports", sql).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows
            .last()
            .filter(|_| more)
            .map(|row| cursor::encode([&Day(row.day.into()).to_string(), &row.policy_domain, &ReportKey(row.report_key).to_string()]));
        Ok((rows.into_iter().map(item).collect(), next))
    }

    /// One report; none when the tenant has no such report.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn report(&self, key: ReportKey) -> Result<Option<ReportDetail>, StoreError> {
        let mut sql = Statement::new(format!("SELECT {ITEM_COLUMNS}, {DETAIL_COLUMNS}, "));
        sql.append(condition::matching(None)).push(" AS d_match FROM reports FINAL WHERE ");
        sql.bind("tenant = ?", self.tenant.as_str()).bind(" AND report_key = toUInt128(?) LIMIT 1", key.0);
        let rows: Vec<DetailRow> = self.store.fetch(DETAIL, sql).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        // Of the submission behind the tenant's own row, what is about its sender and nothing else: a mail has recipients of others.
        let id = SubmissionId(row.submission_id);
        let mut sql = Statement::new("SELECT authentication FROM submissions FINAL WHERE ");
        sql.bind("received_at = fromUnixTimestamp64Milli(toInt64(?), 'UTC')", received_at(id).0);
        sql.bind(" AND submission_id = toUUID(?) LIMIT 1", id.0);
        let origins: Vec<OriginRow> = self.store.fetch_beside(id, DETAIL, sql).await?;
        let authentication = origins.into_iter().next().and_then(|row| some(row.authentication));
        Ok(Some(ReportDetail { report: detail(row), authentication }))
    }
}

fn item(row: ItemRow) -> ReportItem {
    let moment = |seconds: Option<i64>| seconds.map(|seconds| UnixSeconds(seconds).rfc3339());
    ReportItem {
        report_key: ReportKey(row.report_key),
        reporter: row.organization,
        report_id: row.report_id,
        domain: row.policy_domain,
        policy_type: row.type_name,
        policy_mode: some(row.mode_name),
        period: ReportPeriod { from: moment(row.period_begin), to: moment(row.period_end) },
        successful_sessions: row.successful,
        failed_sessions: row.failed,
        trust: row.trust_name,
        warnings: row.warnings,
    }
}

pub(super) fn detail(row: DetailRow) -> WholeReport {
    let mut texts = Columns {
        result: row.d_result.into_iter(),
        result_sent: row.d_result_sent.into_iter(),
        sending: row.d_sending_ip.into_iter().zip(row.d_sending_ip_sent),
        mx: row.d_mx.into_iter(),
        helo: row.d_helo.into_iter(),
        receiving: row.d_receiving_ip.into_iter().zip(row.d_receiving_ip_sent),
        reason: row.d_reason.into_iter(),
        additional: row.d_additional.into_iter(),
    };
    WholeReport {
        failures: row
            .d_sessions
            .into_iter()
            .zip(row.d_match)
            .map(|(sessions, is_meant)| (texts.next(sessions), is_meant != 0))
            .filter_map(|(failure, is_meant)| is_meant.then_some(failure))
            .collect(),
        contact: some(row.contact),
        day: Day(row.day.into()),
        domain_sent: some(row.domain_sent),
        policy_type_sent: some(row.policy_type_sent),
        policy_strings: row.policy_strings,
        policy_max_age: row.policy_max_age,
        mx_hosts: row.mx_hosts,
        submission_id: SubmissionId(row.submission_id),
        received_at: UnixMillis(row.received_ms).rfc3339(),
        signer: some(row.signer),
        item: item(ItemRow {
            report_key: row.report_key,
            day: row.day,
            organization: row.organization,
            report_id: row.report_id,
            policy_domain: row.policy_domain,
            type_name: row.type_name,
            mode_name: row.mode_name,
            period_begin: row.period_begin,
            period_end: row.period_end,
            successful: row.successful,
            failed: row.failed,
            trust_name: row.trust_name,
            warnings: row.warnings,
        }),
    }
}

/// The parallel arrays of a Nested column, read side by side.
struct Columns<T, P> {
    result: T,
    result_sent: T,
    sending: P,
    mx: T,
    helo: T,
    receiving: P,
    reason: T,
    additional: T,
}

impl<T: Iterator<Item = String>, P: Iterator<Item = (String, String)>> Columns<T, P> {
    fn next(&mut self, failed_sessions: Option<u64>) -> FailureItem {
        let text = |column: &mut T| column.next().and_then(some);
        FailureItem {
            result_type: self.result.next().unwrap_or_default(),
            result_type_sent: text(&mut self.result_sent),
            sending_ip: self.sending.next().and_then(address),
            receiving_mx: text(&mut self.mx),
            receiving_mx_helo: text(&mut self.helo),
            receiving_ip: self.receiving.next().and_then(address),
            failed_sessions,
            reason: text(&mut self.reason),
            additional_information: text(&mut self.additional),
        }
    }
}

/// The address as a person writes it, else the text as sent.
fn address((ip, sent): (String, String)) -> Option<String> {
    match ip.parse::<std::net::Ipv6Addr>() {
        Ok(ip) => Some(std::net::IpAddr::V6(ip).to_canonical().to_string()),
        Err(_) => some(sent),
    }
}

/// Columns hold an empty text where a report says nothing.
pub(crate) fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
