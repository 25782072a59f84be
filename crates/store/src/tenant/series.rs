//! Sessions over time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

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
    /// A series, by time and then by group, with a point for every step and every group that occurs in the period; without
    /// `group_by` there is the one group of all. By result type, failed sessions are those of the failure details, and successful
    /// ones are 0: a session that succeeded has no result type.
    ///
    /// # Errors
    /// [`StoreError::TooManyPoints`] when it would have more than `points_max`; [`StoreError::TooLarge`] beyond the limits of a
    /// query; else what the database answers.
    pub async fn timeseries(
        &self,
        filter: &Filter,
        step: Step,
        by: &[SeriesDimension],
        points_max: usize,
    ) -> Result<Vec<Point>, StoreError> {
        let mut seen = BTreeSet::new();
        let by: Vec<_> = by.iter().copied().filter(|&dimension| seen.insert(dimension)).collect();
        let steps = steps(filter, step);
        let bounded = |groups: usize| match steps.len().saturating_mul(groups) {
            points if points > points_max => Err(StoreError::TooManyPoints { steps: steps.len(), groups, points_max }),
            _ => Ok(()),
        };
        bounded(1)?;
        let mut rows: Vec<PointRow> = self.store.fetch("make a series", self.series_statement(filter, step, &by)).await?;
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
        let mut groups: BTreeMap<&[String], BTreeMap<i32, (u64, u64)>> = BTreeMap::new();
        if by.is_empty() {
            groups.entry(&[]).or_default();
        }
        for row in &rows {
            groups.entry(&row.dimensions).or_default().insert(row.t.into(), (row.ok, row.bad));
        }
        bounded(groups.len())?;
        let groups: Vec<_> = groups.into_iter().map(|(values, known)| (Arc::new(group(&by, values)), known)).collect();
        let point = |t: Day, (group, known): &(Arc<serde_json::Value>, BTreeMap<i32, (u64, u64)>)| {
            let (successful_sessions, failed_sessions) = known.get(&t.0).copied().unwrap_or_default();
            Point { t, group: Arc::clone(group), successful_sessions, failed_sessions }
        };
        Ok(steps.iter().flat_map(|&t| groups.iter().map(move |group| point(t, group))).collect())
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
        ([], _) => serde_json::Value::Null,
        ([_], [only]) => value(only),
        _ => by
            .iter()
            .zip(values)
            .map(|(&dimension, text)| (name(dimension).to_owned(), value(text)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// The first day of every step from the filter's first day to its last.
fn steps(filter: &Filter, step: Step) -> Vec<Day> {
    // What the database's Date holds: nothing can be outside.
    let (from, to) = (filter.from.0.clamp(0, u16::MAX.into()), filter.to.0.clamp(0, u16::MAX.into()));
    if filter.from > filter.to {
        return Vec::new();
    }
    std::iter::successors(Some(first_day(Day(from), step)), |&t| Some(next(t, step))).take_while(|t| t.0 <= to).collect()
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
