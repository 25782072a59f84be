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

use super::narrow::Narrowed;
use crate::{auth::TenantKey, parameters::Asked, problem::Problem};

#[derive(Serialize)]
pub(crate) struct Answer {
    domains: Vec<Entry>,
}

/// One claimed domain. A report document about several names at or below it counts once for each in `reports`.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Entry {
    domain: Domain,
    claimed_at: String,
    #[serde(flatten)]
    figures: DomainFigures,
}

pub(crate) async fn list(key: TenantKey, Asked(Narrowed(filter)): Asked<Narrowed>) -> Result<Json<Answer>, Problem> {
    let figures = key.queries.domains(&filter).await?;
    Ok(Json(Answer { domains: entries(&key.domains(), &figures, &filter) }))
}

fn entries(claimed: &[ClaimedDomain], figures: &BTreeMap<String, DomainFigures>, filter: &Filter) -> Vec<Entry> {
    let names: BTreeSet<&str> = claimed.iter().map(|claim| claim.domain.as_str()).collect();
    let mut sums: BTreeMap<&str, DomainFigures> = BTreeMap::new();
    for (policy_domain, figures) in figures {
        let Ok(policy_domain) = Domain::parse(policy_domain) else { continue };
        let closest = policy_domain.self_and_parents().find_map(|name| names.get(name));
        if let Some(closest) = closest {
            add(sums.entry(closest).or_default(), figures);
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

fn add(sum: &mut DomainFigures, figures: &DomainFigures) {
    sum.successful_sessions += figures.successful_sessions;
    sum.failed_sessions += figures.failed_sessions;
    sum.reports += figures.reports;
    sum.last_reported = sum.last_reported.max(figures.last_reported);
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
            from: Day(0),
            to: Day(0),
            domains: query.0.iter().map(|name| Domain::parse(name).unwrap()).collect(),
            subdomains: query.1,
            reporters: vec![],
            policy_types: vec![],
            result_types: vec![],
            receiving_mx: vec![],
            sending_nets: vec![],
            trust: vec![],
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
