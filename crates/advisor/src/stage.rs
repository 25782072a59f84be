//! The stage that the newest reported days make.

use tlsrpt_report::Day;

use crate::{
    facts::{DayFacts, Kind},
    rule::Rule,
};

/// Reported days of one kind, up to a day, without too long a gap between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) kind: Kind,
    pub(crate) first: Day,
    pub(crate) last: Day,
    pub(crate) sessions: u64,
    /// The last day with a blocking failure, of this stage or before it.
    pub(crate) last_blocked: Option<Day>,
    /// The last day on which a policy could not be fetched or read, of this stage or before it.
    pub(crate) last_unread: Option<Day>,
}

impl Stage {
    /// The stage that a reported day makes after those before it.
    pub(crate) fn with(before: Option<Self>, day: Day, facts: &DayFacts, rule: &Rule) -> Self {
        let goes_on = before.filter(|stage| stage.kind == facts.kind && stage.lasts_until(day, rule));
        let last = |count: u64, of: fn(&Self) -> Option<Day>| if count > 0 { Some(day) } else { before.as_ref().and_then(of) };
        Self {
            kind: facts.kind,
            first: goes_on.map_or(day, |stage| stage.first),
            last: day,
            sessions: goes_on.map_or(0, |stage| stage.sessions).saturating_add(facts.reported.sessions),
            last_blocked: last(facts.reported.blocked_sessions, |stage| stage.last_blocked),
            last_unread: last(facts.reported.policy_errors, |stage| stage.last_unread),
        }
    }

    /// Whether it has not ended before `day` by too long a silence.
    pub(crate) fn lasts_until(&self, day: Day, rule: &Rule) -> bool {
        days_between(self.last, day) <= i64::from(rule.gap_max_days)
    }
}

/// Whole days between two, neither of them counted.
fn days_between(earlier: Day, later: Day) -> i64 {
    i64::from(later.0) - i64::from(earlier.0) - 1
}
