//! The numbers of the rule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long a domain has to wait between the steps, in days, and on how much a step may rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Days of reports without a policy before `testing`.
    pub baseline_days: u16,
    /// Days of `testing` without a blocking failure before `enforce`.
    pub testing_days: u16,
    /// Days without a blocking failure after which `enforce` is no longer at risk.
    pub quiet_days: u16,
    /// Longest time without a report that a stage survives, days.
    pub gap_max_days: u16,
    /// Fewest sessions of a stage on which a step may rest.
    pub sessions_min: u64,
    /// Days without a report after which there are none.
    pub silent_days: u16,
}

impl Default for Rule {
    fn default() -> Self {
        Self { baseline_days: 14, testing_days: 14, quiet_days: 7, gap_max_days: 3, sessions_min: 1, silent_days: 30 }
    }
}
