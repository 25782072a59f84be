//! `GET /admin/v1/audit`: who changed what, and who read which raw payload, newest first.

use axum::Json;
use serde::Serialize;
use tlsrpt_store::{AuditFilter, AuditItem};

use super::ledger::period;
use utoipa::ToSchema;

use crate::{
    auth::Support,
    config::QueryConfig,
    description::schemas,
    parameters::{Asked, CURSOR, FROM, FromParameters, LIMIT, Page, Parameter, Parameters, TO},
    problem::Problem,
};

pub(crate) struct Listing {
    filter: AuditFilter,
    page: Page,
}

impl FromParameters for Listing {
    const PARAMETERS: &'static [Parameter] = &[
        FROM,
        TO,
        Parameter::new("actor", "Only by the key with this id.", schemas::text).example("admin"),
        Parameter::new("tenant", "Only what concerns this tenant.", schemas::text).example("acme"),
        Parameter::new("action", "Only this action.", schemas::text).example("domain.claim"),
        LIMIT,
        CURSOR,
    ];
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        let (from, to) = period(parameters)?;
        let text = |name| parameters.one(name).map(|value| value.map(str::to_owned));
        let filter = AuditFilter { from, to, actor: text("actor")?, tenant: text("tenant")?, action: text("action")? };
        Ok(Self { filter, page: Page::read(parameters, config)? })
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Entries {
    entries: Vec<AuditItem>,
    next_cursor: Option<String>,
}

pub(crate) async fn list(support: Support, Asked(Listing { filter, page }): Asked<Listing>) -> Result<Json<Entries>, Problem> {
    let (entries, next_cursor) = support.store().audit(&filter, page.limit, page.cursor.as_deref()).await?;
    Ok(Json(Entries { entries, next_cursor }))
}
