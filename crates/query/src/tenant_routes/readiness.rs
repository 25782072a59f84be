//! `GET /v1/domains/{domain}/readiness` and `GET /v1/readiness`: may a domain take its next step, and on what does that rest?

use std::{cmp::Reverse, collections::BTreeSet};

use axum::Json;
use serde::Serialize;
use tlsrpt_advisor::{Readiness, Rule, State};
use tlsrpt_report::{Day, Domain, Trust};
use tlsrpt_store::Filter;
use utoipa::ToSchema;

use super::{domains::closest, narrow::Counted};
use crate::{
    auth::TenantKey,
    clock::today,
    config::QueryConfig,
    description::schemas,
    parameters::{Asked, FromParameters, LIMIT, Parameter, Parameters},
    path_segments::Segments,
    problem::Problem,
    readiness::{Evidence, Uncounted, Verdict, history, sessions, share, total, verdicts},
};

const AS_OF: Parameter =
    Parameter::new("as_of", "The UTC day as of which to answer, from reports of days up to it; today when left out.", schemas::day)
        .example("2026-05-31");

/// As of when.
pub(crate) struct AsOf {
    day: Day,
    rule: Rule,
}

impl FromParameters for AsOf {
    const PARAMETERS: &'static [Parameter] = &[AS_OF];
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        Ok(Self { day: parameters.day("as_of")?.unwrap_or_else(today), rule: config.readiness })
    }
}

/// As of when, and how many.
pub(crate) struct Listing {
    as_of: AsOf,
    limit: Option<usize>,
}

impl FromParameters for Listing {
    const PARAMETERS: &'static [Parameter] = &[AS_OF, LIMIT];
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        Ok(Self { as_of: AsOf::read(parameters, config)?, limit: parameters.limit_if_any(config)? })
    }
}

/// A domain's verdict and its evidence.
#[derive(Serialize, ToSchema)]
#[schema(as = DomainReadiness)]
pub(crate) struct Answer {
    domain: Domain,
    #[serde(flatten)]
    readiness: Readiness,
    evidence: Evidence,
}

/// The tenant's domains, worst first: those at risk, then those that are least far.
#[derive(Serialize, ToSchema)]
#[schema(as = ReadinessList)]
pub(crate) struct Answers {
    domains: Vec<Entry>,
}

/// A domain's verdict, and how much it rests on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReadinessEntry)]
struct Entry {
    domain: Domain,
    #[serde(flatten)]
    readiness: Readiness,
    /// Sessions of both kinds on the days that the verdict rests on.
    sessions: u64,
    /// Failed sessions of those days that `enforce` would have refused.
    blocked_sessions: u64,
    /// Share of the sessions that come from reports whose origin was verified (`dkim-aligned`), 0 to 1; null without sessions.
    verified_share: Option<f64>,
}

pub(crate) async fn one(key: TenantKey, path: Segments, Asked(asked): Asked<AsOf>) -> Result<Json<Answer>, Problem> {
    let domain = path.read("domain", Domain::parse)?;
    key.must_own(&domain)?;
    let as_of = asked.day;
    let (mut filter, verdict) = of(&key, &domain, &asked.rule, as_of).await?;
    filter.from = verdict.readiness.rests_from;
    let (blocking, not_counted) = tokio::try_join!(async { Ok(key.queries.blocking(&filter).await?) }, uncounted(&key, &filter))?;
    let evidence = Evidence::of(&verdict, as_of, blocking, not_counted);
    Ok(Json(Answer { domain, readiness: verdict.readiness, evidence }))
}

/// What lies below the tenant's minimum trust, in the days of `filter`; none where everything counts.
async fn uncounted(key: &TenantKey, filter: &Filter) -> Result<Option<Uncounted>, Problem> {
    let Some(minimum) = key.minimum_trust() else { return Ok(None) };
    let trust: Vec<Trust> = Trust::ALL.into_iter().filter(|&trust| trust < minimum).collect();
    // Without a trust below it nothing is left out; an empty list would ask for everything.
    let days = if trust.is_empty() { Vec::new() } else { key.queries.reporter_days(&Filter { trust, ..filter.clone() }).await? };
    Ok(Some(Uncounted::of(minimum, &days)))
}

/// The verdict on one domain, and the filter of what it was made of.
pub(super) async fn of(key: &TenantKey, domain: &Domain, service: &Rule, as_of: Day) -> Result<(Filter, Verdict), Problem> {
    let rule = key.rule(service);
    let filter = Filter { domains: vec![domain.clone()], ..Counted::of(history(as_of)).by(key) };
    let mut found = verdicts(&key.queries, &filter, &rule).await?;
    let verdict = found.remove(domain.as_str()).unwrap_or_else(|| Verdict::at(Vec::new(), &rule, as_of));
    Ok((filter, verdict))
}

pub(crate) async fn list(key: TenantKey, Asked(asked): Asked<Listing>) -> Result<Json<Answers>, Problem> {
    let as_of = asked.as_of.day;
    let mut domains = entries(&key, &asked.as_of.rule, as_of).await?;
    domains.sort_by(|a, b| worst_first(a).cmp(&worst_first(b)).then_with(|| a.domain.cmp(&b.domain)));
    domains.truncate(asked.limit.unwrap_or(usize::MAX));
    Ok(Json(Answers { domains }))
}

/// The claimed domains, and what lies below them and was reported of lately.
async fn entries(key: &TenantKey, service: &Rule, as_of: Day) -> Result<Vec<Entry>, Problem> {
    let rule = key.rule(service);
    let mut found = verdicts(&key.queries, &Counted::of(history(as_of)).by(key), &rule).await?;
    let claimed = key.domains();
    let names: BTreeSet<&str> = claimed.iter().map(|claim| claim.domain.as_str()).collect();
    found.retain(|name, verdict| {
        names.contains(name.as_str()) || verdict.readiness.state != State::NoReports && closest(&names, name).is_some()
    });
    for claim in &claimed {
        found.entry(claim.domain.as_str().to_owned()).or_insert_with(|| Verdict::at(Vec::new(), &rule, as_of));
    }
    let entry = |(name, verdict): (String, Verdict)| {
        let Verdict { readiness, days } = verdict;
        let days: Vec<_> = days.iter().filter(|day| day.day >= readiness.rests_from).collect();
        let all = total(days.iter().map(|day| sessions(day)));
        Some(Entry {
            domain: Domain::parse(&name).ok()?,
            sessions: all,
            blocked_sessions: total(days.iter().map(|day| day.blocked_sessions)),
            verified_share: share(total(days.iter().map(|day| day.verified_sessions)), all),
            readiness,
        })
    };
    Ok(found.into_iter().filter_map(entry).collect())
}

/// At risk before all others, then by how far a domain is; of two alike the one of which more would be refused.
fn worst_first(entry: &Entry) -> (bool, State, Reverse<u64>) {
    (entry.readiness.state != State::AtRisk, entry.readiness.state, Reverse(entry.blocked_sessions))
}
