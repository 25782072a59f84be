//! `GET /v1/domains/{domain}/dns`: what a domain publishes, what is wrong with it, and what to publish.

use axum::Json;
use tlsrpt_publication::{Advice, Expected, SeenPolicy};
use tlsrpt_report::Domain;
use tlsrpt_store::{Filter, PolicyKind};

use super::narrow::Counted;
use crate::{
    auth::TenantKey,
    clock::today,
    config::QueryConfig,
    description::schemas,
    parameters::{Asked, FromParameters, Parameter, Parameters},
    path_segments::Segments,
    problem::Problem,
};

/// Days of reports that the published policy is compared with, today included: as long as the usual reporters take to come again.
const SEEN_DAYS: i32 = 14;

const FRESH: Parameter =
    Parameter::new("fresh", "Look now, unless it was done a moment ago, instead of showing what is remembered.", schemas::flag)
        .example("true");

pub(crate) struct Look {
    is_fresh: bool,
}

impl FromParameters for Look {
    const PARAMETERS: &'static [Parameter] = &[FRESH];
    fn read(parameters: &Parameters, _: &QueryConfig) -> Result<Self, Problem> {
        Ok(Self { is_fresh: parameters.flag(FRESH.name)? })
    }
}

pub(crate) async fn answer(key: TenantKey, path: Segments, Asked(asked): Asked<Look>) -> Result<Json<Advice>, Problem> {
    let domain = path.read("domain", Domain::parse)?;
    key.must_own(&domain)?;
    let seen = async { key.queries.seen_policies(&lately(&key, &domain)).await.map(last_seen) };
    let (checked, seen) = tokio::join!(key.checker().check(&domain, asked.is_fresh), seen);
    let address = key.address();
    let expected = Expected { receiver: key.receiver(), address: address.as_deref(), seen: &seen? };
    Ok(Json(Advice::new(&checked, expected)))
}

/// What was reported of a domain lately, as far as it counts.
pub(super) fn lately(key: &TenantKey, domain: &Domain) -> Filter {
    let today = today();
    Filter { domains: vec![domain.clone()], ..Counted::of(Filter::period(today.plus(1 - SEEN_DAYS), today)).by(key) }
}

/// The policy that each reporter saw last; who saw none, or cannot show it, says nothing of the published one.
fn last_seen(mut seen: Vec<tlsrpt_store::SeenPolicy>) -> Vec<SeenPolicy> {
    seen.retain(|one| one.kind == PolicyKind::Sts);
    seen.sort_by(|a, b| (&a.reporter, b.last_seen, b.first_seen).cmp(&(&b.reporter, a.last_seen, a.first_seen)));
    seen.dedup_by(|a, b| a.reporter == b.reporter);
    let of = |one: tlsrpt_store::SeenPolicy| SeenPolicy { reporter: one.reporter, mode: one.mode, mx: one.mx, last_seen: one.last_seen };
    seen.into_iter().map(of).collect()
}
