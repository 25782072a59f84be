//! `GET /v1/failures`: failures by group, each with what its result type means.

use axum::Json;
use serde::Serialize;
use tlsrpt_store::{FailureDimension, FailureGroup, FailureOrder, FailureSort};
use utoipa::ToSchema;

use super::narrow::{Counted, filters};
use crate::{
    auth::TenantKey,
    config::QueryConfig,
    description::schemas,
    explained::Explained,
    parameters::{Asked, FromParameters, LIMIT, Parameter, Parameters, Takes},
    problem::Problem,
};

const DIMENSIONS: &[(&str, FailureDimension)] = &[
    ("result_type", FailureDimension::ResultType),
    ("receiving_mx", FailureDimension::ReceivingMx),
    ("reporter", FailureDimension::Reporter),
    ("sending_ip", FailureDimension::SendingIp),
    ("receiving_ip", FailureDimension::ReceivingIp),
    ("reason", FailureDimension::Reason),
    ("domain", FailureDimension::Domain),
    ("policy_type", FailureDimension::PolicyType),
];

const SORTS: [(&str, FailureSort); 3] =
    [("failed_sessions", FailureSort::FailedSessions), ("first_seen", FailureSort::FirstSeen), ("last_seen", FailureSort::LastSeen)];

const GROUP_BY: Parameter =
    Parameter::new("group_by", "A group for each combination of these; `result_type` when left out.", |_| schemas::words(DIMENSIONS))
        .takes(Takes::Listed)
        .example("result_type,receiving_mx");
const SORT: Parameter =
    Parameter::new("sort", "What to sort by, also a dimension that is grouped by; with a `-` before it the greatest first.", |_| {
        schemas::sorts(SORTS.iter().map(|&(name, _)| name).chain(DIMENSIONS.iter().map(|&(name, _)| name)))
    })
    .example("-failed_sessions");

pub(crate) struct Groups {
    counted: Counted,
    by: Vec<FailureDimension>,
    order: FailureOrder,
}

impl FromParameters for Groups {
    const PARAMETERS: &'static [Parameter] = filters!(GROUP_BY, SORT, LIMIT);
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        let by = parameters.names("group_by", DIMENSIONS)?;
        let by = if by.is_empty() { vec![FailureDimension::ResultType] } else { by };
        // A dimension that is not grouped by has no value to sort by.
        let grouped = DIMENSIONS.iter().filter(|(_, dimension)| by.contains(dimension));
        let sorts: Vec<_> = SORTS.into_iter().chain(grouped.map(|&(name, one)| (name, FailureSort::Dimension(one)))).collect();
        let mut order = FailureOrder { limit: parameters.limit_if_any(config)?, ..FailureOrder::default() };
        if let Some((by, descending)) = parameters.sort(&sorts)? {
            (order.by, order.descending) = (by, descending);
        }
        Ok(Self { counted: Counted::read(parameters, config)?, by, order })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = FailureList)]
pub(crate) struct Answer {
    groups: Vec<Group>,
}

/// A group; explained when it is of one result type.
#[derive(Serialize, ToSchema)]
#[schema(as = ExplainedFailureGroup)]
struct Group {
    #[serde(flatten)]
    group: FailureGroup,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explained>,
}

fn explained(group: FailureGroup) -> Group {
    Group { explanation: Explained::of(&group.group), group }
}

pub(crate) async fn answer(key: TenantKey, Asked(asked): Asked<Groups>) -> Result<Json<Answer>, Problem> {
    let groups = key.queries.failures(&asked.counted.by(&key), &asked.by, asked.order).await?;
    Ok(Json(Answer { groups: groups.into_iter().map(explained).collect() }))
}
