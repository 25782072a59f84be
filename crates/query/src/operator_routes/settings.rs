//! `/admin/v1/tenants/{id}/settings`.

use axum::Json;
use serde::Serialize;
use tlsrpt_record::TenantId;
use tlsrpt_registry::{RETENTION_MAX_DAYS, RetentionDays, SettingsChange, TenantSettings};
use tlsrpt_report::Trust;

use super::tenants::existing;
use utoipa::ToSchema;

use crate::{
    auth::{Operator, Support},
    body_fields::{Fields, FromFields, Given, invalid},
    parameters::{Asked, Nothing},
    path_segments::Segments,
    problem::{Problem, sentence},
};

/// All settings; null for one that follows the service's.
#[derive(Serialize, ToSchema)]
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

/// Settings to change: what is null is unset, what is left out stays.
#[derive(ToSchema)]
#[schema(example = json!({"retention_days": 400, "minimum_trust": "none"}))]
pub(crate) struct ChangedSettings {
    /// Days for which reports are kept.
    #[schema(value_type = Option<RetentionDays>, required = false)]
    retention_days: Option<Option<RetentionDays>>,
    /// The least trust with which a report counts.
    #[schema(value_type = Option<Trust>, required = false)]
    minimum_trust: Option<Option<Trust>>,
}

impl FromFields for ChangedSettings {
    const NAMES: &'static [&'static str] = &["retention_days", "minimum_trust"];
    const IS_OPTIONAL: bool = true;
    fn read(fields: &Fields) -> Result<Self, Problem> {
        let retention = |days: u64| RetentionDays::try_from(days).map_err(|error| invalid("retention_days", sentence(&error)));
        Ok(Self {
            retention_days: fields
                .nullable_whole("retention_days", 1..=RETENTION_MAX_DAYS.into())?
                .map(|days| days.map(retention).transpose())
                .transpose()?,
            minimum_trust: fields.nullable_word("minimum_trust", &Trust::ALL.map(|trust| (trust.as_str(), trust)))?,
        })
    }
}

/// Changes what is given, unsets what is null, leaves the rest; answers all of them.
pub(crate) async fn change(
    operator: Operator,
    path: Segments,
    _: Asked<Nothing>,
    given: Given<ChangedSettings>,
) -> Result<Json<Settings>, Problem> {
    let id = path.read("id", TenantId::parse)?;
    let ChangedSettings { retention_days, minimum_trust } = given.read()?;
    let change = SettingsChange { retention_days, minimum_trust };
    let tenant = operator.command(|registry| async move { registry.change_settings(&id, change).await }).await?;
    Ok(Json(tenant.settings.into()))
}
