//! `GET /admin/v1/top`: which tenants, domains and reporters weigh most.

use axum::Json;
use serde::Serialize;
use tlsrpt_report::Day;
use tlsrpt_store::{Heavy, TopBy, Weight};
use utoipa::ToSchema;

use crate::{
    auth::Support,
    clock::today,
    config::QueryConfig,
    description::schemas,
    parameters::{Asked, FROM, FromParameters, LIMIT, Parameter, Parameters, TO},
    period::period,
    problem::Problem,
};

/// Days of the default period, today included.
const DEFAULT_DAYS: i32 = 7;

const BY: &[(&str, TopBy)] = &[("tenants", TopBy::Tenants), ("domains", TopBy::Domains), ("reporters", TopBy::Reporters)];
const WEIGHTS: &[(&str, Weight)] = &[("reports", Weight::Reports), ("sessions", Weight::Sessions), ("payload_bytes", Weight::PayloadBytes)];

pub(crate) struct Weighing {
    by: TopBy,
    weight: Weight,
    from: Day,
    to: Day,
    limit: usize,
}

impl FromParameters for Weighing {
    const PARAMETERS: &'static [Parameter] = &[
        FROM,
        TO,
        Parameter::new("by", "Who is weighed; `tenants` when left out.", |_| schemas::words(BY)).example("domains"),
        Parameter::new("weight", "What the greatest have most of; `reports` when left out.", |_| schemas::words(WEIGHTS))
            .example("payload_bytes"),
        LIMIT,
    ];
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        let (from, to) = period(parameters, config, today(), DEFAULT_DAYS)?;
        Ok(Self {
            by: parameters.name("by", BY)?.unwrap_or(TopBy::Tenants),
            weight: parameters.name("weight", WEIGHTS)?.unwrap_or(Weight::Reports),
            from,
            to,
            limit: parameters.limit(config)?,
        })
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Top {
    top: Vec<Heavy>,
}

pub(crate) async fn list(support: Support, Asked(asked): Asked<Weighing>) -> Result<Json<Top>, Problem> {
    Ok(Json(Top { top: support.store().top(asked.by, asked.weight, asked.from, asked.to, asked.limit).await? }))
}
