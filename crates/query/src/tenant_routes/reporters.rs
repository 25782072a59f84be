//! `GET /v1/reporters`: who reports, how often and how well, and who fell silent.

use std::{cmp::Ordering, collections::BTreeMap};

use axum::Json;
use serde::Serialize;
use tlsrpt_advisor::Rhythm;
use tlsrpt_report::{Day, WarningCode};
use tlsrpt_store::Reporter;
use utoipa::ToSchema;

use super::narrow::{Sorted, filters};
use crate::{
    auth::TenantKey,
    clock::today,
    config::QueryConfig,
    description::schemas,
    parameters::{Asked, FromParameters, LIMIT, Parameter, Parameters},
    problem::Problem,
};

/// Days up to the period's end from which a reporter's rhythm is told; all of the period if that is longer.
const RHYTHM_DAYS: i32 = 90;

/// What the list is sorted by; of two that sort alike the smaller name comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Reporter,
    FailedSessions,
    SuccessfulSessions,
    Reports,
    LastReported,
    IsSilent,
}

const SORTS: &[(&str, Sort)] = &[
    ("reporter", Sort::Reporter),
    ("failed_sessions", Sort::FailedSessions),
    ("successful_sessions", Sort::SuccessfulSessions),
    ("reports", Sort::Reports),
    ("last_reported", Sort::LastReported),
    ("is_silent", Sort::IsSilent),
];

const SORT: Parameter =
    Parameter::new("sort", "What to sort by; with a `-` before it the greatest first, for `is_silent` who fell silent.", |_| {
        schemas::sorts(SORTS.iter().map(|&(name, _)| name))
    })
    .example("-is_silent");

pub(crate) struct Listing(Sorted<Sort>);

impl FromParameters for Listing {
    const PARAMETERS: &'static [Parameter] = filters!(SORT, LIMIT);
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        Sorted::read(parameters, config, SORTS, Sort::Reporter).map(Self)
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReporterList)]
pub(crate) struct Answer {
    reporters: Vec<Entry>,
}

/// One organisation that reports. Its figures are of the period; its rhythm is told from the 90 days up to the period's end.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ReporterEntry)]
struct Entry {
    /// Organisation; empty when the reports do not say.
    reporter: String,
    /// Days from one reported day to the next, the middle of all; null when there are too few to tell.
    usual_gap_days: Option<u16>,
    /// First reported day of those looked at.
    first_reported: Day,
    /// Last reported day.
    last_reported: Day,
    /// Whether it usually reports and stopped.
    is_silent: bool,
    /// Report documents.
    reports: u64,
    /// Successful sessions.
    successful_sessions: u64,
    /// Failed sessions.
    failed_sessions: u64,
    /// Share of all sessions whose reports were `dkim-aligned`, 0 to 1; null without sessions.
    verified_share: Option<f64>,
    /// Report documents whose details do not add up to the failed sessions that they tell.
    mismatched_reports: u64,
    /// Warning codes, and how many report documents have each.
    warnings: BTreeMap<String, u64>,
    /// Policy domains that it reported on, by name, a hundred at most.
    domains: Vec<String>,
    /// How many there are.
    domains_total: u64,
}

pub(crate) async fn list(key: TenantKey, Asked(Listing(asked)): Asked<Listing>) -> Result<Json<Answer>, Problem> {
    let filter = asked.counted.by(&key);
    let reporters = key.queries.reporters(&filter, filter.to.plus(1 - RHYTHM_DAYS)).await?;
    // Nobody is silent for days that are not over yet.
    let as_of = filter.to.min(today());
    let mut reporters: Vec<Entry> = reporters.into_iter().filter_map(|reporter| entry(reporter, as_of)).collect();
    sort(&mut reporters, asked.by, asked.descending);
    reporters.truncate(asked.limit.unwrap_or(usize::MAX));
    Ok(Json(Answer { reporters }))
}

/// None for a reporter without any day.
#[expect(clippy::cast_precision_loss, reason = "a share")]
fn entry(reporter: Reporter, as_of: Day) -> Option<Entry> {
    // A report's day may be ahead of the clock.
    let as_of = as_of.max(*reporter.days.last()?);
    let rhythm = Rhythm::of(reporter.days, as_of)?;
    let sessions = reporter.successful_sessions as f64 + reporter.failed_sessions as f64;
    Some(Entry {
        reporter: reporter.name,
        usual_gap_days: rhythm.usual_gap_days,
        first_reported: rhythm.first_day,
        last_reported: rhythm.last_day,
        is_silent: rhythm.is_silent,
        reports: reporter.reports,
        successful_sessions: reporter.successful_sessions,
        failed_sessions: reporter.failed_sessions,
        verified_share: (sessions > 0.0).then(|| (reporter.verified_sessions as f64 / sessions).min(1.0)),
        mismatched_reports: reporter.warnings.get(WarningCode::DetailsMismatch.as_str()).copied().unwrap_or_default(),
        warnings: reporter.warnings,
        domains: reporter.domains,
        domains_total: reporter.domains_total,
    })
}

/// Sorted here and not in the database, which knows no rhythm.
fn sort(reporters: &mut [Entry], by: Sort, descending: bool) {
    reporters.sort_by(|a, b| {
        let name = || a.reporter.to_lowercase().cmp(&b.reporter.to_lowercase());
        let order = match by {
            Sort::Reporter => name(),
            Sort::FailedSessions => a.failed_sessions.cmp(&b.failed_sessions),
            Sort::SuccessfulSessions => a.successful_sessions.cmp(&b.successful_sessions),
            Sort::Reports => a.reports.cmp(&b.reports),
            Sort::LastReported => a.last_reported.cmp(&b.last_reported),
            Sort::IsSilent => a.is_silent.cmp(&b.is_silent),
        };
        let order: Ordering = if descending { order.reverse() } else { order };
        order.then_with(name)
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn reporter(name: &str, days: impl IntoIterator<Item = i32>) -> Reporter {
        Reporter { name: name.to_owned(), days: days.into_iter().map(Day).collect(), ..Reporter::default() }
    }

    #[test]
    fn who_stopped_is_silent_as_of_the_periods_end_and_who_reports_of_tomorrow_is_not() {
        let check = |days: std::ops::RangeInclusive<i32>, as_of, is_silent| {
            let entry = entry(reporter("Alpha", days.clone()), Day(as_of)).unwrap();
            assert_eq!((entry.is_silent, entry.usual_gap_days), (is_silent, Some(1)), "{days:?} as of {as_of}");
            assert_eq!((entry.first_reported, entry.last_reported), (Day(*days.start()), Day(*days.end())));
        };
        check(1..=30, 31, false);
        check(1..=30, 60, true);
        check(20..=31, 19, false);
    }

    #[test]
    fn the_verified_share_is_of_all_sessions_and_unknown_without_any() {
        let of = |successful_sessions, failed_sessions, verified_sessions| {
            let sums = Reporter { successful_sessions, failed_sessions, verified_sessions, ..reporter("Alpha", [1]) };
            entry(sums, Day(1)).unwrap().verified_share
        };
        assert_eq!(of(60, 20, 20), Some(0.25));
        assert_eq!(of(u64::MAX, u64::MAX, u64::MAX), Some(0.5));
        assert_eq!(of(0, 0, 0), None);
    }

    #[test]
    fn the_list_is_sorted_by_what_was_asked_for_and_then_by_name() {
        let check = |by, descending, expected: [&str; 3]| {
            let silent = Reporter { reports: 3, ..reporter("beta", 1..=30) };
            let others = [reporter("Gamma", 50..=60), reporter("Alpha", 50..=59)];
            let mut entries: Vec<_> = others.into_iter().chain([silent]).map(|one| entry(one, Day(60)).unwrap()).collect();
            sort(&mut entries, by, descending);
            assert_eq!(entries.iter().map(|entry| entry.reporter.as_str()).collect::<Vec<_>>(), expected, "{by:?} {descending}");
        };
        check(Sort::Reporter, false, ["Alpha", "beta", "Gamma"]);
        check(Sort::IsSilent, true, ["beta", "Alpha", "Gamma"]);
        check(Sort::Reports, true, ["beta", "Alpha", "Gamma"]);
        check(Sort::LastReported, true, ["Gamma", "Alpha", "beta"]);
    }
}
