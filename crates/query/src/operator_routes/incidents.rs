//! `GET /admin/v1/incidents`: failures across tenants, each group with what its result type means.

use axum::Json;
use serde::Serialize;
use tlsrpt_report::Trust;
use tlsrpt_store::{Incident, IncidentDimension, IncidentFilter, IncidentSort};
use utoipa::ToSchema;

use crate::{
    auth::Support,
    clock::today,
    config::QueryConfig,
    description::{inline, schemas},
    explained::Explained,
    parameters::{Asked, FROM, FromParameters, LIMIT, Parameter, Parameters, TO, Takes, invalid},
    period::period,
    problem::{Problem, echo},
};

/// Days of the default period, today included.
const DEFAULT_DAYS: i32 = 7;
/// Most that `min_tenants` may be.
const TENANTS_MIN_MAX: usize = 1_000_000;

const DIMENSIONS: &[(&str, IncidentDimension)] = &[
    ("receiving_mx", IncidentDimension::ReceivingMx),
    ("receiving_net", IncidentDimension::ReceivingNet),
    ("sending_net", IncidentDimension::SendingNet),
    ("result_type", IncidentDimension::ResultType),
];

const SORTS: &[(&str, IncidentSort)] = &[
    ("tenants", IncidentSort::Tenants),
    ("domains", IncidentSort::Domains),
    ("reporters", IncidentSort::Reporters),
    ("failed_sessions", IncidentSort::FailedSessions),
    ("last_seen", IncidentSort::LastSeen),
];

const GROUP_BY: Parameter =
    Parameter::new("group_by", "An incident for each combination of these; `receiving_mx,result_type` when left out.", |_| {
        schemas::words(DIMENSIONS)
    })
    .takes(Takes::Listed)
    .example("receiving_net,result_type");
const MIN_TENANTS: Parameter =
    Parameter::new("min_tenants", "Only what so many tenants have at least; 1 when left out, and with 0 also what no tenant has.", |_| {
        schemas::whole_or_none(TENANTS_MIN_MAX)
    })
    .example("2");
const TRUST: Parameter = Parameter::new("trust", "Only reports whose origin was verified like this.", |_| inline::<Trust>())
    .takes(Takes::Listed)
    .example("dkim-aligned");
const SORT: Parameter =
    Parameter::new("sort", "What to sort by; with a `-` before it the greatest first. `-tenants` when left out.", |_| {
        schemas::sorts(SORTS.iter().map(|&(name, _)| name))
    })
    .example("-failed_sessions");

pub(crate) struct Groups {
    filter: IncidentFilter,
    by: Vec<IncidentDimension>,
}

impl FromParameters for Groups {
    const PARAMETERS: &'static [Parameter] = &[FROM, TO, GROUP_BY, MIN_TENANTS, TRUST, SORT, LIMIT];
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        let by = parameters.names("group_by", DIMENSIONS)?;
        let by = if by.is_empty() { vec![IncidentDimension::ReceivingMx, IncidentDimension::ResultType] } else { by };
        let (from, to) = period(parameters, config, today(), DEFAULT_DAYS)?;
        let (sort, descending) = parameters.sort(SORTS)?.unwrap_or((IncidentSort::Tenants, true));
        let filter = IncidentFilter {
            from,
            to,
            trust: parameters.names("trust", &Trust::ALL.map(|trust| (trust.as_str(), trust)))?,
            tenants_min: tenants_min(parameters)?,
            sort,
            descending,
            limit: parameters.limit(config)?,
        };
        Ok(Self { filter, by })
    }
}

fn tenants_min(parameters: &Parameters) -> Result<usize, Problem> {
    let Some(text) = parameters.one("min_tenants")? else { return Ok(1) };
    match text.parse() {
        Ok(number) if number <= TENANTS_MIN_MAX => Ok(number),
        _ => {
            let detail = format!("`min_tenants={}`: write a whole number from 0 to {TENANTS_MIN_MAX}.", echo(text));
            Err(invalid("min_tenants", detail))
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Incidents {
    incidents: Vec<Entry>,
}

/// An incident; explained when it is of one result type.
#[derive(Serialize, ToSchema)]
#[schema(as = ExplainedIncident)]
struct Entry {
    #[serde(flatten)]
    incident: Incident,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explained>,
}

pub(crate) async fn list(support: Support, Asked(asked): Asked<Groups>) -> Result<Json<Incidents>, Problem> {
    let incidents = support.store().incidents(&asked.filter, &asked.by).await?;
    let explained = |incident: Incident| Entry { explanation: Explained::of(&incident.group), incident };
    Ok(Json(Incidents { incidents: incidents.into_iter().map(explained).collect() }))
}
