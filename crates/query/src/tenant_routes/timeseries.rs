//! `GET /v1/timeseries`.

use axum::Json;
use serde::Serialize;
use tlsrpt_store::{Point, SeriesDimension, Step};
use utoipa::ToSchema;

use super::narrow::{Counted, filters};
use crate::{
    auth::TenantKey,
    config::QueryConfig,
    description::schemas,
    parameters::{Asked, FromParameters, Parameter, Parameters, Takes},
    problem::Problem,
};

const STEPS: &[(&str, Step)] = &[("day", Step::Day), ("week", Step::Week), ("month", Step::Month)];
const DIMENSIONS: &[(&str, SeriesDimension)] = &[
    ("reporter", SeriesDimension::Reporter),
    ("result_type", SeriesDimension::ResultType),
    ("policy_type", SeriesDimension::PolicyType),
    ("domain", SeriesDimension::Domain),
];

const STEP: Parameter = Parameter::new("step", "The length of a step; `day` when left out.", |_| schemas::words(STEPS)).example("week");
const GROUP_BY: Parameter = Parameter::new("group_by", "A series for each value of these.", |_| schemas::words(DIMENSIONS))
    .takes(Takes::Listed)
    .example("reporter,result_type");

pub(crate) struct Series {
    counted: Counted,
    step: Step,
    by: Vec<SeriesDimension>,
    points_max: usize,
}

impl FromParameters for Series {
    const PARAMETERS: &'static [Parameter] = filters!(STEP, GROUP_BY);
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        Ok(Self {
            counted: Counted::read(parameters, config)?,
            step: parameters.name("step", STEPS)?.unwrap_or(Step::Day),
            by: parameters.names("group_by", DIMENSIONS)?,
            points_max: config.series_max_points,
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Series)]
pub(crate) struct Answer {
    points: Vec<Point>,
}

pub(crate) async fn answer(key: TenantKey, Asked(series): Asked<Series>) -> Result<Json<Answer>, Problem> {
    let filter = series.counted.by(&key);
    Ok(Json(Answer { points: key.queries.timeseries(&filter, series.step, &series.by, series.points_max).await? }))
}
