//! `GET /v1/domains/{domain}/policy`: the MTA-STS policy that a domain's mail servers and its readiness call for.

use std::collections::BTreeMap;

use axum::Json;
use serde::Serialize;
use tlsrpt_advisor::{Rule, State};
use tlsrpt_publication::{Answer as Found, Draft, DraftInput, ReportedMx, draft};
use tlsrpt_report::{Day, Domain, PolicyMode, Trust};
use tlsrpt_store::{FailureDimension, FailureGroup, FailureOrder};
use utoipa::ToSchema;

use super::{dns::lately, readiness};
use crate::{
    auth::TenantKey,
    clock::today,
    config::QueryConfig,
    parameters::{Asked, FromParameters, Parameter, Parameters},
    path_segments::Segments,
    problem::Problem,
};

/// The route takes no parameters, and judges by the service's rule where the tenant has none.
pub(crate) struct ByRule(Rule);

impl FromParameters for ByRule {
    const PARAMETERS: &'static [Parameter] = &[];
    fn read(_: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        Ok(Self(config.readiness))
    }
}

/// A policy ready to publish.
#[derive(Serialize, ToSchema)]
#[schema(as = DomainPolicy)]
pub(crate) struct Answer {
    domain: Domain,
    /// How far the domain is.
    state: State,
    /// The furthest mode that this allows.
    mode: PolicyMode,
    /// Why it allows that and no more.
    mode_reason: &'static str,
    /// The policy; null while DNS does not tell the MX records, since one that lacks a mail server loses its mail.
    draft: Option<Draft>,
}

pub(crate) async fn answer(key: TenantKey, path: Segments, Asked(ByRule(rule)): Asked<ByRule>) -> Result<Json<Answer>, Problem> {
    let domain = path.read("domain", Domain::parse)?;
    key.must_own(&domain)?;
    let verdict = readiness::of(&key, &domain, &rule, today());
    let (checked, verdict, reported) = tokio::join!(key.checker().check(&domain, false), verdict, reported(&key, &domain));
    let (state, reported) = (verdict?.1.readiness.state, reported?);
    let (mode, mode_reason) = match &checked.look.mx.answer {
        Found::Found(hosts) if hosts.iter().all(|mx| mx.host.is_empty()) => {
            (PolicyMode::None, "The domain takes no mail (RFC 7505), so there is nothing to protect.")
        }
        _ => allowed(state),
    };
    let mx_records = checked.look.mx_hosts();
    let input = DraftInput { domain: &domain, mx_records: &mx_records, reported: &reported, mode, mode_reason };
    let is_known = !matches!(checked.look.mx.answer, Found::Failed(_));
    let draft = is_known.then(|| draft(&input));
    Ok(Json(Answer { domain, state, mode, mode_reason, draft }))
}

/// The furthest mode that a state allows, and why.
fn allowed(state: State) -> (PolicyMode, &'static str) {
    match state {
        State::NoReports => (PolicyMode::None, "Nothing is known: first let reports come, by the TLS-RPT record."),
        State::Baseline => (PolicyMode::None, "Reports have to show for longer how mail comes in without a policy."),
        State::ReadyForTesting => {
            (PolicyMode::Testing, "Reports came for long enough: mode `testing` refuses no mail and shows what would be.")
        }
        State::Testing => (PolicyMode::Testing, "Mode `testing` has to go on for longer without a failure that would lose mail."),
        State::ReadyForEnforce => (PolicyMode::Enforce, "Mode `testing` went on for long enough without a failure that would lose mail."),
        State::Enforce => (PolicyMode::Enforce, "Mode `enforce` is in force, and nothing lately was lost by it."),
        State::AtRisk => (PolicyMode::Testing, "Mail is refused: mode `testing` lets it come in until the cause is mended."),
    }
}

/// The mail servers that failures were lately reported of: reports name no others.
async fn reported(key: &TenantKey, domain: &Domain) -> Result<Vec<ReportedMx>, Problem> {
    let (by, mut filter) = ([FailureDimension::ReceivingMx], lately(key, domain));
    let all = key.queries.failures(&filter, &by, FailureOrder::default()).await?;
    filter.trust = vec![Trust::DkimAligned];
    let verified = hosts(&key.queries.failures(&filter, &by, FailureOrder::default()).await?);
    let of = |(host, last_seen): (Domain, Day)| ReportedMx { is_verified: verified.contains_key(&host), host, last_seen };
    Ok(hosts(&all).into_iter().map(of).collect())
}

/// Mail servers and the last day of a failure at them; what is no host name is none.
fn hosts(groups: &[FailureGroup]) -> BTreeMap<Domain, Day> {
    let host = |group: &FailureGroup| Some((Domain::parse(group.group.get("receiving_mx")?.as_str()?).ok()?, group.last_seen));
    groups.iter().filter_map(host).collect()
}
