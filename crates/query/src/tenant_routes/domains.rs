//! `GET /v1/domains`: the tenant's claimed domains and their figures.
//!
//! A row counts for the closest claimed domain at or above its policy domain, by whole labels, as ownership is decided: with
//! `example.com` and `mail.example.com` claimed, rows of `a.mail.example.com` count for the latter only.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use serde::Serialize;
use tlsrpt_registry::ClaimedDomain;
use tlsrpt_report::Domain;
use tlsrpt_store::{DomainFigures, Filter};
use utoipa::ToSchema;

use super::narrow::{Sorted, filters};
use crate::{
    auth::TenantKey,
    config::QueryConfig,
    description::schemas,
    parameters::{Asked, FromParameters, LIMIT, Parameter, Parameters},
    problem::Problem,
};

/// What the list is sorted by; of two that sort alike the smaller name comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Domain,
    FailedSessions,
    SuccessfulSessions,
    Reports,
    LastReported,
}

const SORTS: &[(&str, Sort)] = &[
    ("domain", Sort::Domain),
    ("failed_sessions", Sort::FailedSessions),
    ("successful_sessions", Sort::SuccessfulSessions),
    ("reports", Sort::Reports),
    ("last_reported", Sort::LastReported),
];

const SORT: Parameter = Parameter::new("sort", "What to sort by; with a `-` before it the greatest first.", |_| {
    schemas::sorts(SORTS.iter().map(|&(name, _)| name))
})
.example("-failed_sessions");

pub(crate) struct Listing(Sorted<Sort>);

impl FromParameters for Listing {
    const PARAMETERS: &'static [Parameter] = filters!(SORT, LIMIT);
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        Sorted::read(parameters, config, SORTS, Sort::Domain).map(Self)
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = DomainList)]
pub(crate) struct Answer {
    domains: Vec<Entry>,
}

/// One claimed domain. A report document about several names at or below it counts once for each in `reports`.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ClaimedDomain)]
struct Entry {
    domain: Domain,
    #[schema(format = DateTime)]
    claimed_at: String,
    #[serde(flatten)]
    figures: DomainFigures,
}

pub(crate) async fn list(key: TenantKey, Asked(Listing(asked)): Asked<Listing>) -> Result<Json<Answer>, Problem> {
    let filter = asked.counted.by(&key);
    let figures = key.queries.domains(&filter).await?;
    let mut domains = entries(&key.domains(), &figures, &filter);
    sort(&mut domains, asked.by, asked.descending);
    domains.truncate(asked.limit.unwrap_or(usize::MAX));
    Ok(Json(Answer { domains }))
}

/// Sorted here and not in the database: which claimed domain a row counts for is the registry's to say.
fn sort(domains: &mut [Entry], by: Sort, descending: bool) {
    domains.sort_by(|a, b| {
        let of = |a: &Entry, b: &Entry| match by {
            Sort::Domain => a.domain.cmp(&b.domain),
            Sort::FailedSessions => a.figures.failed_sessions.cmp(&b.figures.failed_sessions),
            Sort::SuccessfulSessions => a.figures.successful_sessions.cmp(&b.figures.successful_sessions),
            Sort::Reports => a.figures.reports.cmp(&b.figures.reports),
            Sort::LastReported => a.figures.last_reported.cmp(&b.figures.last_reported),
        };
        if descending { of(b, a) } else { of(a, b) }.then_with(|| a.domain.cmp(&b.domain))
    });
}

fn entries(claimed: &[ClaimedDomain], figures: &BTreeMap<String, DomainFigures>, filter: &Filter) -> Vec<Entry> {
    let names: BTreeSet<&str> = claimed.iter().map(|claim| claim.domain.as_str()).collect();
    let mut sums: BTreeMap<&str, DomainFigures> = BTreeMap::new();
    for (policy_domain, figures) in figures {
        if let Some(closest) = closest(&names, policy_domain) {
            sums.entry(closest).or_default().add(figures);
        }
    }
    claimed
        .iter()
        .filter(|claim| sums.contains_key(claim.domain.as_str()) || is_named(&claim.domain, filter))
        .map(|claim| Entry {
            domain: claim.domain.clone(),
            claimed_at: claim.claimed_at.rfc3339(),
            figures: sums.get(claim.domain.as_str()).cloned().unwrap_or_default(),
        })
        .collect()
}

/// Whether the filter's domains name `domain`; without any they name all.
fn is_named(domain: &Domain, filter: &Filter) -> bool {
    filter.domains.is_empty()
        || filter.domains.contains(domain)
        || filter.subdomains && domain.self_and_parents().any(|name| filter.domains.iter().any(|named| named.as_str() == name))
}

/// The claimed domain that a row of this policy domain counts for.
pub(super) fn closest<'a>(claimed: &BTreeSet<&'a str>, policy_domain: &str) -> Option<&'a str> {
    let policy_domain = Domain::parse(policy_domain).ok()?;
    policy_domain.self_and_parents().find_map(|name| claimed.get(name).copied())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tlsrpt_report::{Day, UnixMillis};

    use super::*;

    fn check(claimed: &[&str], rows: &[(&str, u64)], query: (&[&str], bool), expected: &[(&str, u64)]) {
        let claimed: Vec<_> =
            claimed.iter().map(|name| ClaimedDomain { domain: Domain::parse(name).unwrap(), claimed_at: UnixMillis(0) }).collect();
        let figures = rows
            .iter()
            .map(|&(name, failed)| (name.to_owned(), DomainFigures { failed_sessions: failed, ..DomainFigures::default() }))
            .collect();
        let filter = Filter {
            domains: query.0.iter().map(|name| Domain::parse(name).unwrap()).collect(),
            subdomains: query.1,
            ..Filter::period(Day(0), Day(0))
        };
        let found = entries(&claimed, &figures, &filter);
        let found: Vec<_> = found.iter().map(|entry| (entry.domain.as_str(), entry.figures.failed_sessions)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_row_counts_for_the_closest_claimed_domain_and_for_that_one_only() {
        let rows =
            [("example.com", 1), ("a.example.com", 10), ("mail.example.com", 100), ("b.mail.example.com", 1000), ("notexample.com", 9)];
        check(&["example.com", "mail.example.com"], &rows, (&[], false), &[("example.com", 11), ("mail.example.com", 1100)]);
    }

    #[test]
    fn the_list_is_sorted_by_what_was_asked_for_and_then_by_name() {
        let entry = |name: &str, failed, last: Option<i32>| Entry {
            domain: Domain::parse(name).unwrap(),
            claimed_at: String::new(),
            figures: DomainFigures { failed_sessions: failed, last_reported: last.map(Day), ..DomainFigures::default() },
        };
        let check = |by, descending, expected: [&str; 3]| {
            let mut domains = vec![entry("b.example", 1, None), entry("a.example", 1, Some(9)), entry("c.example", 7, Some(3))];
            sort(&mut domains, by, descending);
            assert_eq!(domains.iter().map(|entry| entry.domain.as_str()).collect::<Vec<_>>(), expected, "{by:?} {descending}");
        };
        check(Sort::Domain, false, ["a.example", "b.example", "c.example"]);
        check(Sort::Domain, true, ["c.example", "b.example", "a.example"]);
        check(Sort::FailedSessions, true, ["c.example", "a.example", "b.example"]);
        check(Sort::FailedSessions, false, ["a.example", "b.example", "c.example"]);
        check(Sort::LastReported, true, ["a.example", "c.example", "b.example"]);
        check(Sort::LastReported, false, ["b.example", "c.example", "a.example"]);
    }

    #[test]
    fn a_claimed_domain_without_reports_is_shown_with_zeros() {
        check(&["quiet.example"], &[], (&[], false), &[("quiet.example", 0)]);
    }

    #[test]
    fn a_filter_shows_the_domains_it_names_and_those_that_its_rows_count_for() {
        let claimed = ["a.example", "b.example", "sub.a.example"];
        check(&claimed, &[], (&["a.example"], false), &[("a.example", 0)]);
        check(&claimed, &[], (&["a.example"], true), &[("a.example", 0), ("sub.a.example", 0)]);
        check(&claimed, &[("x.b.example", 7)], (&["x.b.example"], false), &[("b.example", 7)]);
        check(&claimed, &[], (&["elsewhere.example"], true), &[]);
    }
}
