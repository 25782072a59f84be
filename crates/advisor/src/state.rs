//! How far a domain is.

use serde::Serialize;
use utoipa::ToSchema;

/// How far a domain is with MTA-STS, from least to furthest; a domain at risk has gone furthest and stands worse than in `enforce`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ReadinessState)]
pub enum State {
    /// No report in the last 30 days.
    NoReports,
    /// Reports, and no policy that reporters see; not long enough yet.
    Baseline,
    /// Reports for long enough: a policy in mode `testing` may be published.
    ReadyForTesting,
    /// Reporters see mode `testing`; not long enough yet, or not without blocking failures.
    Testing,
    /// `testing` for long enough without a blocking failure: mode `enforce` may be published.
    ReadyForEnforce,
    /// Reporters see mode `enforce`, and a blocking failure was reported lately: mail is refused.
    AtRisk,
    /// Reporters see mode `enforce`.
    Enforce,
}

impl State {
    /// Every state, in its order.
    pub const ALL: [Self; 7] =
        [Self::NoReports, Self::Baseline, Self::ReadyForTesting, Self::Testing, Self::ReadyForEnforce, Self::AtRisk, Self::Enforce];

    /// The name that the API shows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoReports => "no-reports",
            Self::Baseline => "baseline",
            Self::ReadyForTesting => "ready-for-testing",
            Self::Testing => "testing",
            Self::ReadyForEnforce => "ready-for-enforce",
            Self::AtRisk => "at-risk",
            Self::Enforce => "enforce",
        }
    }
}
