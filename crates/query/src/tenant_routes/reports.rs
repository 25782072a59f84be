//! `GET /v1/reports` and `GET /v1/reports/{report_key}`.

use axum::Json;
use serde::Serialize;
use tlsrpt_report::ReportKey;
use tlsrpt_store::{Filter, ReportDetail, ReportItem};

use super::narrow::{filter, filters};
use utoipa::ToSchema;

use crate::{
    auth::TenantKey,
    config::QueryConfig,
    parameters::{Asked, CURSOR, Continuation, FromParameters, LIMIT, Nothing, Parameter, Parameters},
    path_segments::Segments,
    problem::Problem,
};

pub(crate) struct Listing {
    filter: Filter,
    limit: usize,
    continuation: Continuation,
}

impl FromParameters for Listing {
    const PARAMETERS: &'static [Parameter] = filters!(LIMIT, CURSOR);
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        Ok(Self { filter: filter(parameters, config)?, limit: parameters.limit(config)?, continuation: Continuation::read(parameters)? })
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Reports {
    reports: Vec<ReportItem>,
    next_cursor: Option<String>,
}

pub(crate) async fn list(key: TenantKey, Asked(asked): Asked<Listing>) -> Result<Json<Reports>, Problem> {
    let Listing { filter, limit, continuation } = asked;
    let (reports, next) = key.queries.reports(&filter, limit, continuation.cursor()).await?;
    Ok(Json(Reports { reports, next_cursor: next.map(|cursor| continuation.bind(&cursor)) }))
}

pub(crate) async fn one(key: TenantKey, path: Segments, _: Asked<Nothing>) -> Result<Json<ReportDetail>, Problem> {
    let report_key = path.read("report_key", str::parse::<ReportKey>)?;
    key.queries.report(report_key).await?.map(Json).ok_or_else(|| Problem::not_found(format!("There is no report {report_key}.")))
}
