//! `/admin/v1/tenants/{id}/settings`.

use axum::Json;
use serde::Serialize;
use tlsrpt_record::TenantId;
use tlsrpt_registry::{RETENTION_MAX_DAYS, RetentionDays, RuleSettings, SettingsChange, TenantSettings};
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

/// Longest time in days that a rule may ask for.
const RULE_MAX_DAYS: u16 = 365;

/// All settings; null for one that follows the service's.
#[derive(Serialize, ToSchema)]
pub(crate) struct Settings {
    retention_days: Option<RetentionDays>,
    minimum_trust: Option<Trust>,
    #[serde(flatten)]
    rule: Rule,
}

/// The numbers by which domains get ready for MTA-STS.
#[derive(Serialize, ToSchema)]
#[schema(as = ReadinessSettings)]
struct Rule {
    baseline_days: Option<u16>,
    testing_days: Option<u16>,
    quiet_days: Option<u16>,
    gap_max_days: Option<u16>,
    sessions_min: Option<u64>,
}

impl From<TenantSettings> for Settings {
    fn from(TenantSettings { retention_days, minimum_trust, rule }: TenantSettings) -> Self {
        let RuleSettings { baseline_days, testing_days, quiet_days, gap_max_days, sessions_min } = rule;
        Self { retention_days, minimum_trust, rule: Rule { baseline_days, testing_days, quiet_days, gap_max_days, sessions_min } }
    }
}

pub(crate) async fn show(support: Support, path: Segments, _: Asked<Nothing>) -> Result<Json<Settings>, Problem> {
    Ok(Json(existing(&support, &path)?.settings.into()))
}

/// Settings to change: what is null is unset, what is left out stays.
#[derive(ToSchema)]
#[schema(example = json!({
    "retention_days": 400, "minimum_trust": "none",
    "baseline_days": 14, "testing_days": 21, "quiet_days": 7, "gap_max_days": 3, "sessions_min": 1000
}))]
pub(crate) struct ChangedSettings {
    /// Days for which reports are kept.
    #[schema(value_type = Option<RetentionDays>, required = false)]
    retention_days: Option<Option<RetentionDays>>,
    /// The least trust with which a report counts.
    #[schema(value_type = Option<Trust>, required = false)]
    minimum_trust: Option<Option<Trust>>,
    /// Days of reports without a policy before `testing`.
    #[schema(value_type = Option<u16>, required = false, minimum = 1, maximum = 365)]
    baseline_days: Option<Option<u16>>,
    /// Days of `testing` without a blocking failure before `enforce`.
    #[schema(value_type = Option<u16>, required = false, minimum = 1, maximum = 365)]
    testing_days: Option<Option<u16>>,
    /// Days without a blocking failure after which `enforce` is no longer at risk.
    #[schema(value_type = Option<u16>, required = false, minimum = 1, maximum = 365)]
    quiet_days: Option<Option<u16>>,
    /// Days without a report that a stage survives.
    #[schema(value_type = Option<u16>, required = false, minimum = 0, maximum = 365)]
    gap_max_days: Option<Option<u16>>,
    /// Fewest sessions on which a step may rest.
    #[schema(value_type = Option<u32>, required = false, minimum = 0, maximum = 4_294_967_295_u32)]
    sessions_min: Option<Option<u64>>,
}

impl FromFields for ChangedSettings {
    const NAMES: &'static [&'static str] =
        &["retention_days", "minimum_trust", "baseline_days", "testing_days", "quiet_days", "gap_max_days", "sessions_min"];
    const IS_OPTIONAL: bool = true;
    fn read(fields: &Fields) -> Result<Self, Problem> {
        let days = |name, least: u64| -> Result<Option<Option<u16>>, Problem> {
            let days = fields.nullable_whole(name, least..=RULE_MAX_DAYS.into())?;
            Ok(days.map(|days| days.map(|days| u16::try_from(days).unwrap_or(RULE_MAX_DAYS))))
        };
        let retention = |days: u64| RetentionDays::try_from(days).map_err(|error| invalid("retention_days", sentence(&error)));
        Ok(Self {
            retention_days: fields
                .nullable_whole("retention_days", 1..=RETENTION_MAX_DAYS.into())?
                .map(|days| days.map(retention).transpose())
                .transpose()?,
            minimum_trust: fields.nullable_word("minimum_trust", &Trust::ALL.map(|trust| (trust.as_str(), trust)))?,
            baseline_days: days("baseline_days", 1)?,
            testing_days: days("testing_days", 1)?,
            quiet_days: days("quiet_days", 1)?,
            gap_max_days: days("gap_max_days", 0)?,
            sessions_min: fields.nullable_whole("sessions_min", 0..=u32::MAX.into())?,
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
    let ChangedSettings { retention_days, minimum_trust, baseline_days, testing_days, quiet_days, gap_max_days, sessions_min } =
        given.read()?;
    let change = SettingsChange { retention_days, minimum_trust, baseline_days, testing_days, quiet_days, gap_max_days, sessions_min };
    let tenant = operator.command(|registry| async move { registry.change_settings(&id, change).await }).await?;
    Ok(Json(tenant.settings.into()))
}
