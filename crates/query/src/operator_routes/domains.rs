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
