//! The report rows of an insert. They borrow from the normalized record, and failure details go from there to the wire without a
//! copy between.

use std::net::{IpAddr, Ipv6Addr};

use clickhouse::Row;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeSeq as _};
use tlsrpt_record::{FailureRecord, Normalized, Outcome, PolicyRecord, SubmissionId};
use tlsrpt_report::{Day, Trust, UnixMillis};
use uuid::Uuid;

use crate::version::version;

/// 2015-01-01: no report is older than the draft.
const DAY_MIN: Day = Day(16_436);
/// What a row may be filed under: each month is a partition. 2015-01-01 to 2070-01-01.
const KEY_DAYS: std::ops::Range<Day> = DAY_MIN..Day(36_525);
/// How far ahead of its receipt a report's day may be.
const DAYS_AHEAD_MAX: i32 = 3;
/// What an id's time may be, so that a mad clock makes no partition beyond these: 2015-01-01 to 2100-01-01.
pub(crate) const RECEIPT_RANGE: std::ops::RangeInclusive<i64> = 1_420_070_400_000..=4_102_444_800_000;

/// A row of `reports`.
#[derive(Row, Serialize)]
pub(crate) struct ReportRow<'a> {
    tenant: &'a str,
    policy_domain: &'a str,
    key_day: u16,
    report_key: u128,
    version: u128,
    is_deleted: u8,
    day: u16,
    document: u128,
    report_group: u128,
    organization: &'a str,
    report_id: &'a str,
    contact: &'a str,
    period_begin: Option<i64>,
    period_end: Option<i64>,
    domain_sent: &'a str,
    policy_type: i8,
    policy_type_sent: &'a str,
    policy_strings: &'a [&'a str],
    policy_mode: i8,
    policy_max_age: Option<u64>,
    mx_hosts: &'a [&'a str],
    successful: Option<u64>,
    failed: Option<u64>,
    #[serde(rename = "failures.result_type")]
    result_type: Column<'a, i8>,
    #[serde(rename = "failures.result_type_sent")]
    result_type_sent: Column<'a, &'a str>,
    #[serde(rename = "failures.sending_ip")]
    sending_ip: Column<'a, Option<Ipv6Addr>>,
    #[serde(rename = "failures.sending_ip_sent")]
    sending_ip_sent: Column<'a, &'a str>,
    #[serde(rename = "failures.receiving_mx")]
    receiving_mx: Column<'a, &'a str>,
    #[serde(rename = "failures.receiving_helo")]
    receiving_helo: Column<'a, &'a str>,
    #[serde(rename = "failures.receiving_ip")]
    receiving_ip: Column<'a, Option<Ipv6Addr>>,
    #[serde(rename = "failures.receiving_ip_sent")]
    receiving_ip_sent: Column<'a, &'a str>,
    #[serde(rename = "failures.sessions")]
    sessions: Column<'a, Option<u64>>,
    #[serde(rename = "failures.reason")]
    reason: Column<'a, &'a str>,
    #[serde(rename = "failures.additional")]
    additional: Column<'a, &'a str>,
    warnings: &'a [&'a str],
    trust: i8,
    signer: &'a str,
    #[serde(with = "clickhouse::serde::uuid")]
    submission_id: Uuid,
    received_at: i64,
}

/// One field of every failure detail, as one array.
struct Column<'a, T> {
    failures: &'a [FailureRecord<'a>],
    field: fn(&'a FailureRecord<'a>) -> T,
}

impl<T: Serialize> Serialize for Column<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.failures.len()))?;
        for failure in self.failures {
            array.serialize_element(&(self.field)(failure))?;
        }
        array.end()
    }
}

impl<'a> ReportRow<'a> {
    pub(crate) fn new(outcome: &'a Normalized<'a>, policy: &'a PolicyRecord<'a>) -> Self {
        let received_at = received_at(outcome.submission_id);
        let receipt = received_at.day();
        let day = policy.day.filter(|&day| day >= DAY_MIN && day <= receipt.plus(DAYS_AHEAD_MAX));
        let failures = &policy.failures[..];
        Self {
            tenant: policy.tenant,
            policy_domain: policy.domain,
            key_day: policy.key_day.filter(|day| KEY_DAYS.contains(day)).map_or(0, days),
            report_key: policy.key.0,
            version: version(rank(outcome), outcome.submission_id, outcome.normalized_at),
            is_deleted: 0,
            day: days(day.unwrap_or(receipt)),
            document: policy.document.0,
            report_group: policy.group.0,
            organization: policy.organization,
            report_id: policy.report_id,
            contact: policy.contact,
            period_begin: policy.period.begin.map(|at| at.0),
            period_end: policy.period.end.map(|at| at.0),
            domain_sent: policy.domain_sent,
            policy_type: policy.class as i8,
            policy_type_sent: policy.type_sent,
            policy_strings: &policy.strings,
            policy_mode: policy.mode.map_or(-1, |mode| mode as i8),
            policy_max_age: policy.max_age,
            mx_hosts: &policy.mx_hosts,
            successful: policy.successful,
            failed: policy.failed,
            result_type: Column { failures, field: |f| f.result as i8 },
            result_type_sent: Column { failures, field: |f| f.result_sent },
            sending_ip: Column { failures, field: |f| f.sending_ip.map(v6) },
            sending_ip_sent: Column { failures, field: |f| f.sending_ip_sent },
            receiving_mx: Column { failures, field: |f| f.receiving_mx },
            receiving_helo: Column { failures, field: |f| f.receiving_helo },
            receiving_ip: Column { failures, field: |f| f.receiving_ip.map(v6) },
            receiving_ip_sent: Column { failures, field: |f| f.receiving_ip_sent },
            sessions: Column { failures, field: |f| f.sessions },
            reason: Column { failures, field: |f| f.reason },
            additional: Column { failures, field: |f| f.additional },
            warnings: &policy.warnings,
            trust: outcome.trust as i8,
            signer: outcome.mail.as_ref().map_or("", |mail| mail.signer),
            submission_id: outcome.submission_id.0,
            received_at: received_at.0,
        }
    }
}

/// The trust by which a row competes. A verdict that is not there yet may become any other, and a later outcome of one submission
/// has to replace the earlier: so it ranks lowest until it is there.
fn rank(outcome: &Normalized<'_>) -> Trust {
    if outcome.mail.as_ref().is_some_and(|mail| mail.deferred) { Trust::DkimFail } else { outcome.trust }
}

/// The row that counts for one identity now.
#[derive(Row, Deserialize)]
pub(crate) struct CountingRow {
    #[serde(with = "clickhouse::serde::uuid")]
    pub(crate) submission_id: Uuid,
    pub(crate) tenant: String,
    pub(crate) policy_domain: String,
    pub(crate) key_day: u16,
    pub(crate) report_key: u128,
    pub(crate) version: u128,
}

impl<'a> ReportRow<'a> {
    /// A row that takes another back: its key, a greater version, and nothing else.
    pub(crate) fn tombstone(row: &'a CountingRow, version: u128) -> Self {
        let failures = &[];
        Self {
            tenant: &row.tenant,
            policy_domain: &row.policy_domain,
            key_day: row.key_day,
            report_key: row.report_key,
            version,
            is_deleted: 1,
            day: row.key_day,
            document: 0,
            report_group: 0,
            organization: "",
            report_id: "",
            contact: "",
            period_begin: None,
            period_end: None,
            domain_sent: "",
            policy_type: 0,
            policy_type_sent: "",
            policy_strings: &[],
            policy_mode: -1,
            policy_max_age: None,
            mx_hosts: &[],
            successful: None,
            failed: None,
            result_type: Column { failures, field: |f| f.result as i8 },
            result_type_sent: Column { failures, field: |f| f.result_sent },
            sending_ip: Column { failures, field: |f| f.sending_ip.map(v6) },
            sending_ip_sent: Column { failures, field: |f| f.sending_ip_sent },
            receiving_mx: Column { failures, field: |f| f.receiving_mx },
            receiving_helo: Column { failures, field: |f| f.receiving_helo },
            receiving_ip: Column { failures, field: |f| f.receiving_ip.map(v6) },
            receiving_ip_sent: Column { failures, field: |f| f.receiving_ip_sent },
            sessions: Column { failures, field: |f| f.sessions },
            reason: Column { failures, field: |f| f.reason },
            additional: Column { failures, field: |f| f.additional },
            warnings: &[],
            trust: 0,
            signer: "",
            submission_id: row.submission_id,
            received_at: received_at(SubmissionId(row.submission_id)).0,
        }
    }

    pub(crate) fn month(&self) -> i32 {
        month(Day(self.key_day.into()))
    }
}

/// The policies of an outcome; none of a reject.
pub(crate) fn policies<'a>(outcome: &'a Normalized<'a>) -> &'a [PolicyRecord<'a>] {
    match &outcome.outcome {
        Outcome::Stored(policies) => policies,
        Outcome::Rejected { .. } => &[],
    }
}

/// The receipt in an id, within what the database makes partitions for. Rows are written and looked up by the same value.
pub(crate) fn received_at(id: SubmissionId) -> UnixMillis {
    UnixMillis(id.received_at().0.clamp(*RECEIPT_RANGE.start(), *RECEIPT_RANGE.end()))
}

/// The calendar month, which is the partition, counted from year 0.
pub(crate) fn month(day: Day) -> i32 {
    let epoch = jiff::civil::date(1970, 1, 1);
    let date = epoch.saturating_add(jiff::Span::new().days(day.0.clamp(0, u16::MAX.into())));
    i32::from(date.year()) * 12 + i32::from(date.month())
}

/// A day as ClickHouse's Date counts it.
pub(crate) fn days(day: Day) -> u16 {
    u16::try_from(day.0.max(0)).unwrap_or(u16::MAX)
}

pub(crate) fn v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_month_ends_where_the_calendar_ends_it() {
        let at = |text: &str| month(text.parse().unwrap());
        let ends = [("2015-12-31", "2016-01-01"), ("2016-02-29", "2016-03-01"), ("2023-02-28", "2023-03-01"), ("2026-11-30", "2026-12-01")];
        for (last, first) in ends {
            assert_eq!(at(last) + 1, at(first), "{last}");
        }
        assert_eq!(at("2026-11-01"), at("2026-11-30"));
    }
}
