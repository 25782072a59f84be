//! `GET /v1/domains/{domain}/dns`: what a domain publishes, what is wrong with it, and what to publish.

use axum::Json;
use tlsrpt_publication::{Advice, Expected, SeenPolicy};
use tlsrpt_report::Domain;

use crate::{
    auth::TenantKey,
    config::QueryConfig,
    description::schemas,
    parameters::{Asked, FromParameters, Parameter, Parameters},
    path_segments::Segments,
    problem::Problem,
};

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
    if !key.owns(&domain) {
        return Err(Problem::not_found(format!("{domain} is not a domain of yours.")));
    }
    let checked = key.checker().check(&domain, asked.is_fresh).await;
    let address = key.address();
    let expected = Expected { receiver: key.receiver(), address: address.as_deref(), seen: &seen_policies(&key, &domain) };
    Ok(Json(Advice::new(&checked, expected)))
}

/// The policies that reporters saw in the last days. The store does not tell them yet, so none are compared.
fn seen_policies(_: &TenantKey, _: &Domain) -> Vec<SeenPolicy> {
    Vec::new()
}
