//! What an operator sets for one tenant.

use serde::{Deserialize, Serialize};
use tlsrpt_report::Trust;
use utoipa::ToSchema;

/// Longest time that a tenant's reports may be kept for, in days.
pub const RETENTION_MAX_DAYS: u16 = 3_650;

/// How long a tenant's reports are kept: 1 to 3,650 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u64", into = "u16")]
#[schema(value_type = u16, minimum = 1, maximum = 3650)]
pub struct RetentionDays(u16);

/// Not a number of days to keep reports for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reports are kept for 1 to {RETENTION_MAX_DAYS} days, not {found}")]
pub struct RetentionError {
    /// Days found.
    pub found: u64,
}

impl RetentionDays {
    /// The days.
    #[must_use]
    pub fn days(self) -> u16 {
        self.0
    }
}

impl TryFrom<u64> for RetentionDays {
    type Error = RetentionError;
    fn try_from(days: u64) -> Result<Self, RetentionError> {
        match u16::try_from(days) {
            Ok(days @ 1..=RETENTION_MAX_DAYS) => Ok(Self(days)),
            _ => Err(RetentionError { found: days }),
        }
    }
}

impl From<RetentionDays> for u16 {
    fn from(retention: RetentionDays) -> Self {
        retention.0
    }
}

/// The numbers of the rule by which domains get ready for MTA-STS; what is not set follows the service's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleSettings {
    /// Days of reports without a policy before `testing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_days: Option<u16>,
    /// Days of `testing` without a blocking failure before `enforce`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub testing_days: Option<u16>,
    /// Days without a blocking failure after which `enforce` is no longer at risk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_days: Option<u16>,
    /// Days without a report that a stage survives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap_max_days: Option<u16>,
    /// Fewest sessions on which a step may rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions_min: Option<u64>,
}

impl RuleSettings {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A tenant's settings; what is not set follows the service's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSettings {
    /// How long its reports are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<RetentionDays>,
    /// The least trust with which a report counts for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_trust: Option<Trust>,
    /// By which numbers its domains get ready.
    #[serde(default, skip_serializing_if = "RuleSettings::is_default")]
    pub rule: RuleSettings,
}

impl TenantSettings {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A change of settings: what is none stays as it is, what is some of none is unset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// See [`TenantSettings::retention_days`].
    pub retention_days: Option<Option<RetentionDays>>,
    /// See [`TenantSettings::minimum_trust`].
    pub minimum_trust: Option<Option<Trust>>,
    /// See [`RuleSettings::baseline_days`].
    pub baseline_days: Option<Option<u16>>,
    /// See [`RuleSettings::testing_days`].
    pub testing_days: Option<Option<u16>>,
    /// See [`RuleSettings::quiet_days`].
    pub quiet_days: Option<Option<u16>>,
    /// See [`RuleSettings::gap_max_days`].
    pub gap_max_days: Option<Option<u16>>,
    /// See [`RuleSettings::sessions_min`].
    pub sessions_min: Option<Option<u64>>,
}

impl SettingsChange {
    pub(crate) fn of(self, settings: TenantSettings) -> TenantSettings {
        TenantSettings {
            retention_days: self.retention_days.unwrap_or(settings.retention_days),
            minimum_trust: self.minimum_trust.unwrap_or(settings.minimum_trust),
            rule: RuleSettings {
                baseline_days: self.baseline_days.unwrap_or(settings.rule.baseline_days),
                testing_days: self.testing_days.unwrap_or(settings.rule.testing_days),
                quiet_days: self.quiet_days.unwrap_or(settings.rule.quiet_days),
                gap_max_days: self.gap_max_days.unwrap_or(settings.rule.gap_max_days),
                sessions_min: self.sessions_min.unwrap_or(settings.rule.sessions_min),
            },
        }
    }
}
