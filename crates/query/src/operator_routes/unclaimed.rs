//! `GET /admin/v1/unclaimed`: domains with reports that nobody owns, most reports first.

use axum::Json;
use serde::Serialize;
use tlsrpt_store::UnclaimedDomain;

use crate::{
    auth::Support,
    config::QueryConfig,
    parameters::{Asked, FromParameters, Parameters},
    problem::Problem,
};

pub(crate) struct Most(usize);

impl FromParameters for Most {
    const NAMES: &'static [&'static str] = &["limit"];
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        parameters.limit(config).map(Self)
    }
}

#[derive(Serialize)]
pub(crate) struct Unclaimed {
    domains: Vec<UnclaimedDomain>,
}

pub(crate) async fn list(support: Support, Asked(Most(limit)): Asked<Most>) -> Result<Json<Unclaimed>, Problem> {
    Ok(Json(Unclaimed { domains: support.store().unclaimed(limit).await? }))
}
