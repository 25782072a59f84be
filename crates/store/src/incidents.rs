//! Failures across tenants, grouped by what they have in common, so that many tenants' trouble with one host is one line. For the
//! operator alone.
//!
//! Rows that nobody owns count as any other in domains, reporters and sessions, and are no tenant's.

use std::collections::{BTreeSet, HashMap};

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tlsrpt_report::{Day, ResultType, Trust};
use utoipa::ToSchema;

use crate::{
    condition::{self, REPORTER},
    counting::{headline, saturated},
    error::StoreError,
    statement::Statement,
    store::Store,
    tenant::{some, value},
};

/// How far before the period's end the begin of an incident is looked for, days.
const LOOK_BACK_DAYS: i32 = 90;
/// Most days without a failure between two of one incident.
const QUIET_DAYS_MAX: i32 = 3;
/// Most tenants and most domains that are named of an incident.
const EXAMPLES_MAX: usize = 5;
/// Length of a network's prefix: what one operator of mail servers has most often.
const V4_PREFIX_BITS: u8 = 24;
const V6_PREFIX_BITS: u8 = 48;

/// What failures across tenants can be grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IncidentDimension {
    /// `receiving_mx`.
    ReceivingMx,
    /// `receiving_net`: the /24 or /48 of the receiving address.
    ReceivingNet,
    /// `sending_net`: the /24 or /48 of the sending address.
    SendingNet,
    /// `result_type`.
    ResultType,
}

/// What incidents are sorted by; of two that sort alike the one with the smaller dimensions comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentSort {
    /// Number of tenants.
    Tenants,
    /// Number of policy domains.
    Domains,
    /// Number of organisations.
    Reporters,
    /// Number of failed sessions.
    FailedSessions,
    /// Last reported day.
    LastSeen,
}

/// Which incidents, and in what order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentFilter {
    /// First UTC day, inclusive.
    pub from: Day,
    /// Last UTC day, inclusive.
    pub to: Day,
    /// Verdicts on the origin; all when empty.
    pub trust: Vec<Trust>,
    /// Fewest tenants.
    pub tenants_min: usize,
    /// What decides the order.
    pub sort: IncidentSort,
    /// Greatest first.
    pub descending: bool,
    /// Most incidents.
    pub limit: usize,
}

/// One entry of `GET /admin/v1/incidents`: failures with these dimensions in common, in the period.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Incident {
    /// The dimensions asked for and their values.
    #[serde(flatten)]
    #[schema(value_type = IncidentDimensions)]
    pub group: serde_json::Map<String, serde_json::Value>,
    /// The first day of the failures that go on, with 3 days without any between two of them at most; looked for in the 90 days up to
    /// the period's end, or in the period if that is longer.
    pub since: Day,
    /// Last reported day in the period.
    pub last_seen: Day,
    /// Tenants.
    pub tenants: u64,
    /// Policy domains, also those that nobody owns.
    pub domains: u64,
    /// Organisations that reported it.
    pub reporters: u64,
    /// Failed sessions.
    pub failed_sessions: u64,
    /// Some of the tenants, by id.
    pub example_tenants: Vec<String>,
    /// Some of the domains, by name.
    pub example_domains: Vec<String>,
}

/// The dimensions of an incident as they are described: those that were grouped by are there. Null: the reports do not say.
#[allow(dead_code, reason = "a description of `Incident::group`, whose names are chosen by the request")]
#[derive(ToSchema)]
struct IncidentDimensions {
    #[schema(required = false)]
    receiving_mx: Option<String>,
    #[schema(required = false)]
    receiving_net: Option<String>,
    #[schema(required = false)]
    sending_net: Option<String>,
    #[schema(required = false)]
    result_type: Option<ResultType>,
}

#[derive(Row, Deserialize)]
struct IncidentRow {
    dimensions: Vec<String>,
    id: String,
    first: u16,
    last: u16,
    tenants: u64,
    domains: u64,
    reporters: u64,
    bad: u64,
    example_tenants: Vec<String>,
    example_domains: Vec<String>,
}

#[derive(Row, Deserialize)]
struct DaysRow {
    id: String,
    days: Vec<u16>,
}

impl Store {
    /// Failures across tenants by group, from failure details alone; the same details under `sts` and `tlsa` count once, as sessions do.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
    pub async fn incidents(&self, filter: &IncidentFilter, by: &[IncidentDimension]) -> Result<Vec<Incident>, StoreError> {
        let mut seen = BTreeSet::new();
        let by: Vec<_> = by.iter().copied().filter(|&dimension| seen.insert(dimension)).collect();
        let rows: Vec<IncidentRow> = self.fetch("group failures of all tenants", incidents(filter, &by)).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids = rows.iter().map(|row| row.id.clone()).collect();
        let days: Vec<DaysRow> = self.fetch("look for the begin of failures", failing_days(filter, &by, ids)).await?;
        let days: HashMap<String, Vec<u16>> = days.into_iter().map(|row| (row.id, row.days)).collect();
        let incident = |row: IncidentRow| Incident {
            group: by.iter().zip(&row.dimensions).map(|(&dimension, text)| (name(dimension).to_owned(), value(text))).collect(),
            since: Day(days.get(&row.id).and_then(|days| begin(days, row.last)).unwrap_or(row.first).into()),
            last_seen: Day(row.last.into()),
            tenants: row.tenants,
            domains: row.domains,
            reporters: row.reporters,
            failed_sessions: row.bad,
            example_tenants: row.example_tenants,
            example_domains: row.example_domains.into_iter().filter_map(some).collect(),
        };
        Ok(rows.into_iter().map(incident).collect())
    }
}

/// The first day of the run that ends with `last`; `days` are in order.
fn begin(days: &[u16], last: u16) -> Option<u16> {
    let mut back = days.iter().rev().copied().skip_while(|&day| day > last);
    let newest = back.next()?;
    let step = |begin: u16, day: u16| (i32::from(begin) - i32::from(day) <= QUIET_DAYS_MAX + 1).then_some(day).ok_or(begin);
    Some(back.try_fold(newest, step).unwrap_or_else(|begin| begin))
}

fn incidents(filter: &IncidentFilter, by: &[IncidentDimension]) -> Statement {
    let mut sql = Statement::new(format!(
        "SELECT dimensions, toString(cityHash64(dimensions)) AS id, min(first_day) AS first, max(last_day) AS last, \
         length(groupUniqArrayIf(toString(tenant), tenant != '') AS tenant_names) AS tenants, \
         length(groupUniqArray(policy_domain) AS domain_names) AS domains, uniqExact(reporter) AS reporters, {} AS bad, \
         arraySlice(arraySort(tenant_names), 1, {EXAMPLES_MAX}) AS example_tenants, \
         arraySlice(arraySort(domain_names), 1, {EXAMPLES_MAX}) AS example_domains \
         FROM (SELECT {} AS dimensions, tenant, policy_domain, any({REPORTER}) AS reporter, min(day) AS first_day, max(day) AS last_day, ",
        saturated("sum(sum_bad)"),
        dimensions(by),
    ));
    sql.append(headline(&Statement::new("toUInt128(ifNull(f_sessions, 0))"))).push(" AS sum_bad").append(details(
        filter,
        filter.from,
        "reports FINAL",
    ));
    sql.push(" GROUP BY dimensions, tenant, policy_domain, report_group) GROUP BY dimensions");
    sql.bind(" HAVING tenants >= ? ORDER BY ", filter.tenants_min).push(match filter.sort {
        IncidentSort::Tenants => "tenants",
        IncidentSort::Domains => "domains",
        IncidentSort::Reporters => "reporters",
        IncidentSort::FailedSessions => "sum(sum_bad)",
        IncidentSort::LastSeen => "last",
    });
    sql.push(if filter.descending { " DESC, dimensions" } else { ", dimensions" }).bind(" LIMIT ?", filter.limit);
    sql
}

/// The days with failures of these groups. Without FINAL, which costs most over so many days: a row that was replaced has the same day
/// as the one that replaced it, and one that was taken back may count until the engine merges it away.
fn failing_days(filter: &IncidentFilter, by: &[IncidentDimension], ids: Vec<String>) -> Statement {
    let from = filter.from.min(filter.to.plus(1 - LOOK_BACK_DAYS));
    let mut sql = Statement::new("SELECT id, arraySort(groupUniqArray(day)) AS days FROM (SELECT toString(cityHash64(");
    sql.push(&dimensions(by)).push(")) AS id, day").append(details(filter, from, "reports"));
    sql.bind(") WHERE id IN ? GROUP BY id", ids);
    sql
}

/// `FROM …`: the failure details of these days.
fn details(filter: &IncidentFilter, from: Day, rows: &str) -> Statement {
    let mut sql = Statement::new(format!(
        " FROM {rows} ARRAY JOIN failures.sessions AS f_sessions, failures.result_type AS f_result, failures.receiving_mx AS f_mx, \
         failures.sending_ip AS f_sending_ip, failures.receiving_ip AS f_receiving_ip WHERE ",
    ));
    sql.append(condition::days(from, filter.to));
    if !filter.trust.is_empty() {
        sql.bind(" AND CAST(trust, 'Int8') IN ?", filter.trust.iter().map(|&trust| trust as i64).collect::<Vec<_>>());
    }
    sql
}

fn dimensions(by: &[IncidentDimension]) -> String {
    let expressions: Vec<String> = by.iter().map(|&dimension| expression(dimension)).collect();
    format!("[{}]::Array(String)", expressions.join(", "))
}

fn expression(dimension: IncidentDimension) -> String {
    match dimension {
        IncidentDimension::ReceivingMx => "f_mx".to_owned(),
        IncidentDimension::ReceivingNet => network("f_receiving_ip"),
        IncidentDimension::SendingNet => network("f_sending_ip"),
        IncidentDimension::ResultType => "toString(f_result)".to_owned(),
    }
}

/// The network of an address in CIDR form; empty when there is none.
fn network(ip: &str) -> String {
    let v4_bits = 96 + V4_PREFIX_BITS;
    let first = |bits: u8| format!("toString(tupleElement(IPv6CIDRToRange(assumeNotNull({ip}), {bits}), 1))");
    format!(
        "multiIf(isNull({ip}), '', startsWith(toString({ip}), '::ffff:') AND isIPv4String(substring(toString({ip}), 8)), \
         concat(substring({}, 8), '/{V4_PREFIX_BITS}'), concat({}, '/{V6_PREFIX_BITS}'))",
        first(v4_bits),
        first(V6_PREFIX_BITS),
    )
}

fn name(dimension: IncidentDimension) -> &'static str {
    match dimension {
        IncidentDimension::ReceivingMx => "receiving_mx",
        IncidentDimension::ReceivingNet => "receiving_net",
        IncidentDimension::SendingNet => "sending_net",
        IncidentDimension::ResultType => "result_type",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_began_where_more_than_three_quiet_days_stand_before_it() {
        let check = |days: &[u16], last, expected| assert_eq!(begin(days, last), expected, "{days:?}");
        check(&[100], 100, Some(100));
        check(&[90, 94, 98, 100], 100, Some(90));
        check(&[90, 95, 98, 100], 100, Some(95));
        check(&[10, 99, 100], 100, Some(99));
        // What came after the period's last day is no matter.
        check(&[90, 93, 120], 93, Some(90));
        check(&[], 93, None);
    }
}
