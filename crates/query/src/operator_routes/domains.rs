//! `/admin/v1/tenants/{id}/domains`.

use axum::Json;
use serde::Serialize;
use tlsrpt_record::TenantId;
use tlsrpt_registry::ClaimedDomain;
use tlsrpt_report::Domain;

use super::tenants::existing;
use utoipa::ToSchema;

use crate::{
    audit::Note,
    auth::{Operator, Support},
    body_fields::{Fields, FromFields, Given},
    description::{Claimed, Done},
    parameters::{Asked, Nothing},
    path_segments::Segments,
    problem::Problem,
};

#[derive(Serialize, ToSchema)]
pub(crate) struct DomainEntry {
    domain: Domain,
    #[schema(format = DateTime)]
    claimed_at: String,
}

impl From<ClaimedDomain> for DomainEntry {
    fn from(claimed: ClaimedDomain) -> Self {
        Self { domain: claimed.domain, claimed_at: claimed.claimed_at.rfc3339() }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = ClaimList)]
pub(crate) struct Domains {
    domains: Vec<DomainEntry>,
}

/// A domain to claim.
#[derive(ToSchema)]
#[schema(example = json!({"domain": "acme.example"}))]
pub(crate) struct Claim {
    domain: Domain,
}

impl FromFields for Claim {
    const NAMES: &'static [&'static str] = &["domain"];
    fn read(fields: &Fields) -> Result<Self, Problem> {
        Ok(Self { domain: fields.read("domain", Domain::parse)? })
    }
}

/// 201 for a new claim, 200 for one's own again.
pub(crate) async fn claim(
    operator: Operator,
    note: Note,
    path: Segments,
    _: Asked<Nothing>,
    given: Given<Claim>,
) -> Result<Claimed<DomainEntry>, Problem> {
    let id = path.read("id", TenantId::parse)?;
    let Claim { domain } = given.read()?;
    note.target(domain.as_str());
    let (claim, is_new) = operator.command(|registry| async move { registry.claim_domain(&id, domain).await }).await?;
    operator.claims().claimed();
    Ok(Claimed { is_new, claim: claim.into() })
}

pub(crate) async fn list(support: Support, path: Segments, _: Asked<Nothing>) -> Result<Json<Domains>, Problem> {
    let tenant = existing(&support, &path)?;
    Ok(Json(Domains { domains: support.registry().domains(&tenant.id).into_iter().map(DomainEntry::from).collect() }))
}

pub(crate) async fn release(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<Done, Problem> {
    let id = path.read("id", TenantId::parse)?;
    let domain = path.read("domain", Domain::parse)?;
    operator.command(|registry| async move { registry.release_domain(&id, &domain).await }).await?;
    Ok(Done)
}

/// What becomes of the reports that the tenant before has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum History {
    /// They go with the domain.
    Move,
    /// They stay.
    Leave,
}

const HISTORIES: &[(&str, History)] = &[("move", History::Move), ("leave", History::Leave)];

/// A domain that was given to another tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct Moved {
    #[serde(flatten)]
    entry: DomainEntry,
    from: TenantId,
    to: TenantId,
    history: History,
    /// Rows of reports that went with it now.
    moved_rows: u64,
}

/// Where a domain is to go.
#[derive(ToSchema)]
#[schema(example = json!({"to": "other", "history": "move"}))]
pub(crate) struct Transfer {
    /// The tenant that it is given to.
    to: TenantId,
    history: History,
}

impl FromFields for Transfer {
    const NAMES: &'static [&'static str] = &["to", "history"];
    fn read(fields: &Fields) -> Result<Self, Problem> {
        Ok(Self { to: fields.read("to", TenantId::parse)?, history: fields.word("history", HISTORIES)? })
    }
}

/// Gives a domain to another tenant, with its history or without. Repeating it moves what is left, so a call that was cut short, or
/// rows that a normalizer with an older view wrote in between, are mended by the next.
pub(crate) async fn transfer(
    operator: Operator,
    note: Note,
    path: Segments,
    _: Asked<Nothing>,
    given: Given<Transfer>,
) -> Result<Json<Moved>, Problem> {
    let from = path.read("id", TenantId::parse)?;
    let domain = path.read("domain", Domain::parse)?;
    note.target(domain.as_str());
    let Transfer { to, history } = given.read()?;
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
