//! `/admin/v1/tenants/{id}/domains`.

use axum::{Json, http::StatusCode};
use serde::Serialize;
use tlsrpt_record::TenantId;
use tlsrpt_registry::ClaimedDomain;
use tlsrpt_report::Domain;

use super::tenants::existing;
use crate::{
    audit::Note,
    auth::{Operator, Support},
    body_fields::Fields,
    parameters::{Asked, Nothing},
    path_segments::Segments,
    problem::{Kind, Problem, sentence},
};

#[derive(Serialize)]
pub(crate) struct DomainEntry {
    domain: Domain,
    claimed_at: String,
}

impl From<ClaimedDomain> for DomainEntry {
    fn from(claimed: ClaimedDomain) -> Self {
        Self { domain: claimed.domain, claimed_at: claimed.claimed_at.rfc3339() }
    }
}

#[derive(Serialize)]
pub(crate) struct Domains {
    domains: Vec<DomainEntry>,
}

/// 201 for a new claim, 200 for one's own again.
pub(crate) async fn claim(
    operator: Operator,
    note: Note,
    path: Segments,
    _: Asked<Nothing>,
    fields: Fields,
) -> Result<(StatusCode, Json<DomainEntry>), Problem> {
    let id = path.read("id", TenantId::parse)?;
    let fields = fields.known(&["domain"])?;
    let domain =
        Domain::parse(fields.text("domain")?).map_err(|error| Problem::new(Kind::InvalidBody, sentence(&error)).naming("domain"))?;
    note.target(domain.as_str());
    let (claimed, new) = operator.command(|registry| async move { registry.claim_domain(&id, domain).await }).await?;
    operator.claims().claimed();
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, Json(claimed.into())))
}

pub(crate) async fn list(support: Support, path: Segments, _: Asked<Nothing>) -> Result<Json<Domains>, Problem> {
    let tenant = existing(&support, &path)?;
    Ok(Json(Domains { domains: support.registry().domains(&tenant.id).into_iter().map(DomainEntry::from).collect() }))
}

pub(crate) async fn release(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<StatusCode, Problem> {
    let id = path.read("id", TenantId::parse)?;
    let domain = path.read("domain", Domain::parse)?;
    operator.command(|registry| async move { registry.release_domain(&id, &domain).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What becomes of the reports that the tenant before has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum History {
    /// They go with the domain.
    Move,
    /// They stay.
    Leave,
}

const HISTORIES: &[(&str, History)] = &[("move", History::Move), ("leave", History::Leave)];

/// A domain that was given to another tenant.
#[derive(Serialize)]
pub(crate) struct Moved {
    #[serde(flatten)]
    entry: DomainEntry,
    from: TenantId,
    to: TenantId,
    history: History,
    /// Rows of reports that went with it now.
    moved_rows: u64,
}

/// Gives a domain to another tenant, with its history or without. Repeating it moves what is left, so a call that was cut short, or
/// rows that a normalizer with an older view wrote in between, are mended by the next.
pub(crate) async fn transfer(
    operator: Operator,
    note: Note,
    path: Segments,
    _: Asked<Nothing>,
    fields: Fields,
) -> Result<Json<Moved>, Problem> {
    let from = path.read("id", TenantId::parse)?;
    let domain = path.read("domain", Domain::parse)?;
    note.target(domain.as_str());
    let fields = fields.known(&["to", "history"])?;
    let to = TenantId::parse(fields.text("to")?).map_err(|error| Problem::new(Kind::InvalidBody, sentence(&error)).naming("to"))?;
    let history = fields.word("history", HISTORIES)?;
    let claimed = {
        let (from, to, domain) = (from.clone(), to.clone(), domain.clone());
        operator.command(|registry| async move { registry.transfer_domain(&from, &to, &domain).await }).await?
    };
    operator.claims().claimed();
    let moved_rows = match history {
        History::Leave => 0,
        History::Move => {
            let mut domains = operator.store().policy_domains(&from, &domain).await?;
            // What lies below and is claimed by itself stays with its owner.
            domains.retain(|name| Domain::parse(name).is_ok_and(|name| operator.registry().owner_of(&name).as_ref() == Some(&to)));
            operator.store().move_history(&from, &to, &domains).await?
        }
    };
    Ok(Json(Moved { entry: claimed.into(), from, to, history, moved_rows }))
}
