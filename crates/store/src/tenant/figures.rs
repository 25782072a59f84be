//! Headline figures: of everything that a filter matches, and by domain.

use std::collections::BTreeMap;

use clickhouse::Row;
use serde::Deserialize;
use tlsrpt_report::Day;

use super::TenantQueries;
use crate::{
    answer::{DomainFigures, Sessions, Summary},
    condition::{self, REPORTER},
    counting::{headline, saturated, successful},
    error::StoreError,
    filter::Filter,
    statement::Statement,
};

/// In the order of the columns below; the names that the API shows.
const POLICY_TYPES: [&str; 4] = ["sts", "tlsa", "no-policy-found", "other"];

#[derive(Row, Deserialize)]
struct SummaryRow {
    headline_ok: u64,
    headline_bad: u64,
    split_ok: Vec<u64>,
    split_bad: Vec<u64>,
    reports: u64,
    reporters: u64,
}

#[derive(Row, Deserialize)]
struct DomainRow {
    policy_domain: String,
    ok: u64,
    bad: u64,
    reports: u64,
    last: u16,
}

impl TenantQueries {
    /// Headline figures. With conditions on failure details, reports are those that have one, and failed sessions are those of
    /// the details that match.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
    pub async fn summary(&self, filter: &Filter) -> Result<Summary, StoreError> {
        let split = |sum: &str| {
            let sums = POLICY_TYPES.iter().enumerate().map(|(i, _)| saturated(&format!("sum({sum}[{}])", i + 1)));
            format!("[{}]", sums.collect::<Vec<_>>().join(", "))
        };
        let mut sql = Statement::new(format!(
            "SELECT {} AS headline_ok, {} AS headline_bad, {} AS split_ok, {} AS split_bad, \
             uniqExactArray(documents) AS reports, uniqExact(reporter) AS reporters FROM (SELECT ",
            saturated("sum(ok)"),
            saturated("sum(bad)"),
            split("ok_by_type"),
            split("bad_by_type"),
        ));
        for (measure, name) in [(successful(), "ok"), (condition::failed(filter), "bad")] {
            sql.append(headline(&measure)).push(" AS ").push(name).push(", [");
            for (i, policy_type) in POLICY_TYPES.iter().enumerate() {
                sql.push(if i == 0 { "sumIf(" } else { ", sumIf(" }).append(measure.clone());
                sql.push(&format!(", policy_type = '{policy_type}')"));
            }
            sql.push("] AS ").push(name).push("_by_type, ");
        }
        sql.push("groupUniqArray(document) AS documents, any(").push(REPORTER).push(") AS reporter FROM reports FINAL WHERE ");
        sql.append(condition::rows(&self.tenant, filter)).push(" GROUP BY report_group, policy_domain)");
        let rows: Vec<SummaryRow> = self.store.fetch("sum up reports", sql).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(Summary::default()) };
        let splits = row.split_ok.into_iter().zip(row.split_bad);
        let sessions = splits.map(|(ok, bad)| Sessions { successful_sessions: ok, failed_sessions: bad });
        let all = row.headline_ok as f64 + row.headline_bad as f64;
        Ok(Summary {
            successful_sessions: row.headline_ok,
            failed_sessions: row.headline_bad,
            failure_rate: if all > 0.0 { row.headline_bad as f64 / all } else { 0.0 },
            reports: row.reports,
            reporters: row.reporters,
            policies: POLICY_TYPES.iter().map(|name| (*name).to_owned()).zip(sessions).collect(),
        })
    }

    /// Figures by policy domain; a domain without reports is not in it.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
    pub async fn domains(&self, filter: &Filter) -> Result<BTreeMap<String, DomainFigures>, StoreError> {
        let mut sql = Statement::new(format!(
            "SELECT policy_domain, {} AS ok, {} AS bad, uniqExactArray(documents) AS reports, max(last_day) AS last \
             FROM (SELECT policy_domain, ",
            saturated("sum(sum_ok)"),
            saturated("sum(sum_bad)"),
        ));
        sql.append(headline(&successful())).push(" AS sum_ok, ").append(headline(&condition::failed(filter)));
        sql.push(" AS sum_bad, groupUniqArray(document) AS documents, max(day) AS last_day FROM reports FINAL WHERE ");
        sql.append(condition::rows(&self.tenant, filter));
        sql.push(" GROUP BY report_group, policy_domain) GROUP BY policy_domain");
        let rows: Vec<DomainRow> = self.store.fetch("sum up domains", sql).await?;
        let figures = |row: DomainRow| DomainFigures {
            successful_sessions: row.ok,
            failed_sessions: row.bad,
            reports: row.reports,
            last_reported: Some(Day(row.last.into())),
        };
        Ok(rows.into_iter().map(|row| (row.policy_domain.clone(), figures(row))).collect())
    }
}
