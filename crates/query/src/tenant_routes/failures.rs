//! `GET /v1/failures`.

use axum::Json;
use serde::Serialize;
use tlsrpt_store::{FailureDimension, FailureGroup, Filter};

use super::narrow::{filter, filter_names};
use crate::{
    auth::TenantKey,
    config::QueryConfig,
    parameters::{Asked, FromParameters, Parameters},
    problem::Problem,
};

const DIMENSIONS: &[(&str, FailureDimension)] = &[
    ("result_type", FailureDimension::ResultType),
    ("receiving_mx", FailureDimension::ReceivingMx),
    ("reporter", FailureDimension::Reporter),
    ("sending_ip", FailureDimension::SendingIp),
    ("receiving_ip", FailureDimension::ReceivingIp),
    ("reason", FailureDimension::Reason),
];

pub(crate) struct Groups {
    filter: Filter,
    by: Vec<FailureDimension>,
}

impl FromParameters for Groups {
    const NAMES: &'static [&'static str] = filter_names!("group_by");
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        let by = parameters.names("group_by", DIMENSIONS)?;
        let by = if by.is_empty() { vec![FailureDimension::ResultType] } else { by };
        Ok(Self { filter: filter(parameters, config)?, by })
    }
}

#[derive(Serialize)]
pub(crate) struct Answer {
    groups: Vec<FailureGroup>,
}

pub(crate) async fn answer(key: TenantKey, Asked(asked): Asked<Groups>) -> Result<Json<Answer>, Problem> {
    Ok(Json(Answer { groups: key.queries.failures(&asked.filter, &asked.by).await? }))
}
