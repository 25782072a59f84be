//! `GET /admin/v1/unclaimed`: domains with reports that nobody owns, most reports first.

use axum::Json;
use serde::Serialize;
use tlsrpt_store::UnclaimedDomain;
use utoipa::ToSchema;

use crate::{
    auth::Support,
    config::QueryConfig,
    parameters::{Asked, FromParameters, LIMIT, Parameter, Parameters},
    problem::Problem,
};

pub(crate) struct Most(usize);

impl FromParameters for Most {
    const PARAMETERS: &'static [Parameter] = &[LIMIT];
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        parameters.limit(config).map(Self)
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Unclaimed {
    domains: Vec<UnclaimedDomain>,
}

pub(crate) async fn list(support: Support, Asked(Most(limit)): Asked<Most>) -> Result<Json<Unclaimed>, Problem> {
    Ok(Json(Unclaimed { domains: support.store().unclaimed(limit).await? }))
}
