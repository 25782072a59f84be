//! Failures by group.

use std::collections::BTreeSet;

use clickhouse::Row;
use serde::Deserialize;
use tlsrpt_report::Day;

use super::{
    TenantQueries,
    address::address,
    spelling::{SPELLING, SPELLING_OF_ROWS, Spellings, value},
};
use crate::{
    answer::FailureGroup,
    condition::{self, REPORTER},
    counting::{headline, saturated},
    error::StoreError,
    filter::{FailureDimension, FailureOrder, FailureSort, Filter},
    statement::Statement,
};

#[derive(Row, Deserialize)]
struct FailureRow {
    dimensions: Vec<String>,
    spelling: String,
    newest: i64,
    bad: u64,
    first: u16,
    last: u16,
}

impl TenantQueries {
    /// Failures by group, in `order`, from failure details alone. Within one report and domain, the same details under `sts`
    /// and `tlsa` count once, as sessions do.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
    pub async fn failures(&self, filter: &Filter, by: &[FailureDimension], order: FailureOrder) -> Result<Vec<FailureGroup>, StoreError> {
        let mut seen = BTreeSet::new();
        let by: Vec<_> = by.iter().copied().filter(|&dimension| seen.insert(dimension)).collect();
        let rows: Vec<FailureRow> = self.store.fetch("group failures", self.failures_statement(filter, &by, order)).await?;
        let reporter = by.iter().position(|&dimension| dimension == FailureDimension::Reporter);
        let mut spellings = Spellings::default();
        for row in &rows {
            if let Some(name) = reporter.and_then(|at| row.dimensions.get(at)) {
                spellings.learn(name, &row.spelling, row.newest);
            }
        }
        let group = |row: FailureRow| {
            let shown = row.dimensions.iter().enumerate().map(|(at, text)| if Some(at) == reporter { spellings.of(text) } else { text });
            FailureGroup {
                group: by.iter().zip(shown).map(|(&dimension, text)| (name(dimension).to_owned(), value(text))).collect(),
                failed_sessions: row.bad,
                first_seen: Day(row.first.into()),
                last_seen: Day(row.last.into()),
            }
        };
        Ok(rows.into_iter().map(group).collect())
    }

    fn failures_statement(&self, filter: &Filter, by: &[FailureDimension], order: FailureOrder) -> Statement {
        let dimensions: Vec<&str> = by.iter().map(|&dimension| expression(dimension)).collect();
        let mut sql = Statement::new(format!(
            "SELECT dimensions, {SPELLING}, {} AS bad, min(first_day) AS first, \
             max(last_day) AS last FROM (SELECT [{}]::Array(String) AS dimensions, {SPELLING_OF_ROWS}, min(day) AS first_day, \
             max(day) AS last_day, ",
            saturated("sum(sum_bad)"),
            dimensions.join(", "),
        ));
        sql.append(headline(&Statement::new("toUInt128(ifNull(f_sessions, 0))")));
        sql.push(
            " AS sum_bad FROM reports FINAL ARRAY JOIN failures.sessions AS f_sessions, failures.result_type AS f_result, \
             failures.receiving_mx AS f_mx, failures.sending_ip AS f_sending_ip, failures.sending_ip_sent AS f_sending_ip_sent, \
             failures.receiving_ip AS f_receiving_ip, failures.receiving_ip_sent AS f_receiving_ip_sent, \
             failures.reason AS f_reason WHERE ",
        );
        sql.append(condition::rows(&self.tenant, filter));
        if let Some(detail) = condition::detail(filter) {
            sql.push(" AND ").append(detail);
        }
        sql.push(" GROUP BY dimensions, report_group, policy_domain) GROUP BY dimensions ORDER BY ");
        match order.by {
            FailureSort::FailedSessions => sql.push("sum(sum_bad)"),
            FailureSort::FirstSeen => sql.push("first"),
            FailureSort::LastSeen => sql.push("last"),
            // Arrays count from 1; one that is not grouped by sorts nothing.
            FailureSort::Dimension(dimension) => match by.iter().position(|&one| one == dimension) {
                Some(at) => sql.push(&format!("dimensions[{}]", at + 1)),
                None => sql.push("''"),
            },
        };
        sql.push(if order.descending { " DESC, dimensions" } else { ", dimensions" });
        if let Some(limit) = order.limit {
            sql.bind(" LIMIT ?", limit);
        }
        sql
    }
}

fn expression(dimension: FailureDimension) -> &'static str {
    match dimension {
        FailureDimension::ResultType => "toString(f_result)",
        FailureDimension::ReceivingMx => "f_mx",
        FailureDimension::Reporter => REPORTER,
        FailureDimension::SendingIp => address!("f_sending_ip", "f_sending_ip_sent"),
        FailureDimension::ReceivingIp => address!("f_receiving_ip", "f_receiving_ip_sent"),
        FailureDimension::Reason => "f_reason",
        FailureDimension::Domain => "policy_domain",
        FailureDimension::PolicyType => "toString(policy_type)",
    }
}

fn name(dimension: FailureDimension) -> &'static str {
    match dimension {
        FailureDimension::ResultType => "result_type",
        FailureDimension::ReceivingMx => "receiving_mx",
        FailureDimension::Reporter => "reporter",
        FailureDimension::SendingIp => "sending_ip",
        FailureDimension::ReceivingIp => "receiving_ip",
        FailureDimension::Reason => "reason",
        FailureDimension::Domain => "domain",
        FailureDimension::PolicyType => "policy_type",
    }
}
