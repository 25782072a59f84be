//! `/admin/v1/tenants/{id}/settings`.

use axum::Json;
use serde::Serialize;
use tlsrpt_record::TenantId;
use tlsrpt_registry::{RETENTION_MAX_DAYS, RetentionDays, SettingsChange, TenantSettings};
use tlsrpt_report::Trust;

use super::tenants::existing;
use crate::{
    auth::{Operator, Support},
    body_fields::{Fields, invalid},
    parameters::{Asked, Nothing},
    path_segments::Segments,
    problem::{Problem, sentence},
};

/// All settings; null for one that follows the service's.
#[derive(Serialize)]
pub(crate) struct Settings {
    retention_days: Option<RetentionDays>,
    minimum_trust: Option<Trust>,
}

impl From<TenantSettings> for Settings {
    fn from(TenantSettings { retention_days, minimum_trust }: TenantSettings) -> Self {
        Self { retention_days, minimum_trust }
    }
}

pub(crate) async fn show(support: Support, path: Segments, _: Asked<Nothing>) -> Result<Json<Settings>, Problem> {
    Ok(Json(existing(&support, &path)?.settings.into()))
}

/// Changes what is given, unsets what is null, leaves the rest; answers all of them.
pub(crate) async fn change(operator: Operator, path: Segments, _: Asked<Nothing>, fields: Fields) -> Result<Json<Settings>, Problem> {
    let id = path.read("id", TenantId::parse)?;
    let fields = fields.known(&["retention_days", "minimum_trust"])?;
    let retention = |days: u64| RetentionDays::try_from(days).map_err(|error| invalid("retention_days", sentence(&error)));
    let change = SettingsChange {
        retention_days: fields
            .nullable_whole("retention_days", 1..=RETENTION_MAX_DAYS.into())?
            .map(|days| days.map(retention).transpose())
            .transpose()?,
        minimum_trust: fields.nullable_word("minimum_trust", &Trust::ALL.map(|trust| (trust.as_str(), trust)))?,
    };
    let tenant = operator.command(|registry| async move { registry.change_settings(&id, change).await }).await?;
    Ok(Json(tenant.settings.into()))
}
