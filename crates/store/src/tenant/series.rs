//! Sessions over time.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse::Row;
use serde::Deserialize;
use tlsrpt_report::Day;

use super::{
    TenantQueries,
    spelling::{SPELLING, SPELLING_OF_ROWS, Spellings, value},
};
use crate::{
    answer::Point,
    condition::{self, REPORTER},
    counting::{headline, saturated, successful},
    error::StoreError,
    filter::{Filter, SeriesDimension, Step},
    statement::Statement,
};

#[derive(Row, Deserialize)]
struct PointRow {
    t: u16,
    dimensions: Vec<String>,
    spelling: String,
    newest: i64,
    ok: u64,
    bad: u64,
}

impl TenantQueries {
    /// A series, by time and then by group; steps without reports are left out unless there is no `group_by`. By result type,
    /// failed sessions are those of the failure details, and successful ones are 0: a session that succeeded has no result type.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
    pub async fn timeseries(&self, filter: &Filter, step: Step, by: &[SeriesDimension]) -> Result<Vec<Point>, StoreError> {
        let mut seen = BTreeSet::new();
        let by: Vec<_> = by.iter().copied().filter(|&dimension| seen.insert(dimension)).collect();
        let mut rows: Vec<PointRow> = self.store.fetch("make a series", self.series_statement(filter, step, &by)).await?;
        if by.is_empty() {
            return Ok(without_gaps(&rows, filter, step));
        }
        let reporter = by.iter().position(|&dimension| dimension == SeriesDimension::Reporter);
        let mut spellings = Spellings::default();
        for row in &rows {
            if let Some(name) = reporter.and_then(|at| row.dimensions.get(at)) {
                spellings.learn(name, &row.spelling, row.newest);
            }
        }
        for name in rows.iter_mut().filter_map(|row| reporter.and_then(|at| row.dimensions.get_mut(at))) {
            *name = spellings.of(name).to_owned();
        }
        rows.sort_by(|a, b| (a.t, &a.dimensions).cmp(&(b.t, &b.dimensions)));
        let point = |row: PointRow| Point {
            t: Day(row.t.into()),
            group: group(&by, &row.dimensions),
            successful_sessions: row.ok,
            failed_sessions: row.bad,
        };
        Ok(rows.into_iter().map(point).collect())
    }

    fn series_statement(&self, filter: &Filter, step: Step, by: &[SeriesDimension]) -> Statement {
        let by_detail = by.contains(&SeriesDimension::ResultType);
        let dimensions: Vec<&str> = by.iter().map(|&dimension| expression(dimension)).collect();
        let mut sql = Statement::new(format!(
            "SELECT t, dimensions, {SPELLING}, {} AS ok, {} AS bad \
             FROM (SELECT {}(day) AS t, [{}]::Array(String) AS dimensions, {SPELLING_OF_ROWS}, ",
            saturated("sum(sum_ok)"),
            saturated("sum(sum_bad)"),
            match step {
                Step::Day => "toDate",
                Step::Week => "toMonday",
                Step::Month => "toStartOfMonth",
            },
            dimensions.join(", "),
        ));
        let (ok, bad) = if by_detail {
            (Statement::new("toUInt128(0)"), headline(&Statement::new("toUInt128(ifNull(f_sessions, 0))")))
        } else {
            (headline(&successful()), headline(&condition::failed(filter)))
        };
        sql.append(ok).push(" AS sum_ok, ").append(bad).push(" AS sum_bad FROM reports FINAL ");
        if by_detail {
            sql.push(
                "ARRAY JOIN failures.sessions AS f_sessions, failures.result_type AS f_result, failures.receiving_mx AS f_mx, \
                 failures.sending_ip AS f_sending_ip ",
            );
        }
        sql.push("WHERE ").append(condition::rows(&self.tenant, filter));
        if by_detail && let Some(detail) = condition::detail(filter) {
            sql.push(" AND ").append(detail);
        }
        sql.push(" GROUP BY t, dimensions, report_group, policy_domain");
        // The split by policy type is shown as reported: each type is a group, so the rule has nothing to choose from.
        sql.push(") GROUP BY t, dimensions ORDER BY t, dimensions");
        sql
    }
}

fn expression(dimension: SeriesDimension) -> &'static str {
    match dimension {
        SeriesDimension::Reporter => REPORTER,
        SeriesDimension::ResultType => "toString(f_result)",
        SeriesDimension::PolicyType => "toString(policy_type)",
        SeriesDimension::Domain => "policy_domain",
    }
}

fn name(dimension: SeriesDimension) -> &'static str {
    match dimension {
        SeriesDimension::Reporter => "reporter",
        SeriesDimension::ResultType => "result_type",
        SeriesDimension::PolicyType => "policy_type",
        SeriesDimension::Domain => "domain",
    }
}

fn group(by: &[SeriesDimension], values: &[String]) -> serde_json::Value {
    match (by, values) {
        ([_], [only]) => value(only),
        _ => by
            .iter()
            .zip(values)
            .map(|(&dimension, text)| (name(dimension).to_owned(), value(text)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// One point for every step from the filter's first day to its last.
fn without_gaps(rows: &[PointRow], filter: &Filter, step: Step) -> Vec<Point> {
    let known: BTreeMap<i32, (u64, u64)> = rows.iter().map(|row| (row.t.into(), (row.ok, row.bad))).collect();
    // What the database's Date holds: nothing can be outside.
    let (from, to) = (filter.from.0.clamp(0, u16::MAX.into()), filter.to.0.clamp(0, u16::MAX.into()));
    let mut points = Vec::new();
    let mut t = first_day(Day(from), step);
    while filter.from <= filter.to && t.0 <= to {
        let (successful_sessions, failed_sessions) = known.get(&t.0).copied().unwrap_or_default();
        points.push(Point { t, group: serde_json::Value::Null, successful_sessions, failed_sessions });
        t = next(t, step);
    }
    points
}

/// The first day of the step that holds `day`. ISO 8601: a week starts on Monday; 1970-01-01 was a Thursday.
fn first_day(day: Day, step: Step) -> Day {
    match step {
        Step::Day => day,
        Step::Week => day.plus(-(day.0 + 3).rem_euclid(7)),
        Step::Month => day.plus(1 - i32::from(date(day).day())),
    }
}

fn next(t: Day, step: Step) -> Day {
    match step {
        Step::Day => t.plus(1),
        Step::Week => t.plus(7),
        Step::Month => t.plus(date(t).days_in_month().into()),
    }
}

fn date(day: Day) -> jiff::civil::Date {
    jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day.0.clamp(0, u16::MAX.into())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_week_starts_on_monday_and_a_month_on_its_first() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert_eq!(first_day(day("2026-11-29"), Step::Week), day("2026-11-23"));
        assert_eq!(first_day(day("2026-11-23"), Step::Week), day("2026-11-23"));
        assert_eq!(first_day(day("2024-02-29"), Step::Month), day("2024-02-01"));
        assert_eq!(next(day("2024-02-01"), Step::Month), day("2024-03-01"));
        assert_eq!(next(day("2026-12-28"), Step::Week), day("2027-01-04"));
    }
}
