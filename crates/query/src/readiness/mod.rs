//! What a tenant's domains may do next with MTA-STS: the store's figures become facts, the rule of `tlsrpt_advisor` makes a verdict of
//! them, and [`evidence`] says what it rests on.
//!
//! What is below the tenant's minimum trust makes no facts, so that a forged report can neither hold a domain back nor bring it on.

mod evidence;

use std::collections::BTreeMap;

use tlsrpt_advisor::{Facts, Readiness, Reported, Rule, Seen};
use tlsrpt_registry::RuleSettings;
use tlsrpt_report::{Day, PolicyMode};
use tlsrpt_store::{Filter, ReporterDay, StoreError, TenantQueries};

pub(crate) use evidence::{Evidence, Uncounted, sessions, share, silent, total};

/// How far back reports make facts, days: a state that lasts for longer is shown as one of that long.
const HISTORY_DAYS: i32 = 400;

/// A domain and what it may do next.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) readiness: Readiness,
    /// All that was reported of it, by day and reporter.
    pub(crate) days: Vec<ReporterDay>,
}

impl Verdict {
    /// As of a day, from what was reported of one domain.
    pub(crate) fn at(days: Vec<ReporterDay>, rule: &Rule, as_of: Day) -> Self {
        let facts = Facts::of(days.iter().map(|day| (day.day, day.reporter.as_str(), reported(day))));
        Self { readiness: Readiness::at(&facts, rule, as_of), days }
    }
}

/// The filter of everything that facts are made of.
pub(crate) fn history(as_of: Day) -> Filter {
    Filter::period(as_of.plus(1 - HISTORY_DAYS), as_of)
}

/// The verdicts as of the last day of a filter, by policy domain; one without reports in it is not there.
///
/// # Errors
/// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
pub(crate) async fn verdicts(queries: &TenantQueries, history: &Filter, rule: &Rule) -> Result<BTreeMap<String, Verdict>, StoreError> {
    let mut domains: BTreeMap<String, Vec<ReporterDay>> = BTreeMap::new();
    for day in queries.reporter_days(history).await? {
        domains.entry(day.domain.clone()).or_default().push(day);
    }
    Ok(domains.into_iter().map(|(domain, days)| (domain, Verdict::at(days, rule, history.to))).collect())
}

/// The service's rule, with the numbers that the tenant has of its own.
pub(crate) fn rule_of(service: &Rule, tenant: &RuleSettings) -> Rule {
    Rule {
        baseline_days: tenant.baseline_days.unwrap_or(service.baseline_days),
        testing_days: tenant.testing_days.unwrap_or(service.testing_days),
        quiet_days: tenant.quiet_days.unwrap_or(service.quiet_days),
        gap_max_days: tenant.gap_max_days.unwrap_or(service.gap_max_days),
        sessions_min: tenant.sessions_min.unwrap_or(service.sessions_min),
        silent_days: service.silent_days,
    }
}

fn reported(day: &ReporterDay) -> Reported {
    let seen = PolicyMode::ALL.into_iter().zip(day.seen_modes).filter(|&(_, seen)| seen > 0).map(|(mode, _)| Seen::Mode(mode));
    let no_policy = if day.seen_no_policy > 0 { Seen::NoPolicy } else { Seen::Nothing };
    Reported {
        policy: seen.max().unwrap_or(no_policy),
        sessions: day.successful_sessions.saturating_add(day.failed_sessions),
        blocked_sessions: day.blocked_sessions,
        policy_errors: day.policy_errors,
    }
}
