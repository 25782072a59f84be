//! The stage that the newest reported days make.

use tlsrpt_report::Day;

use crate::{
    facts::{Facts, Kind, Reported},
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
    /// The stage as of `day`; none when nothing was reported up to it.
    pub(crate) fn at(facts: &Facts, rule: &Rule, day: Day) -> Option<Self> {
        let mut days = facts.until(day);
        let (last, newest) = days.next()?;
        let last_with = |count: fn(&Reported) -> u64| facts.until(day).find(|(_, facts)| count(&facts.reported) > 0).map(|(day, _)| day);
        let mut stage = Self {
            kind: newest.kind,
            first: last,
            last,
            sessions: newest.reported.sessions,
            last_blocked: last_with(|reported| reported.blocked_sessions),
            last_unread: last_with(|reported| reported.policy_errors),
        };
        for (day, facts) in days {
            if facts.kind != stage.kind || days_between(day, stage.first) > i64::from(rule.gap_max_days) {
                break;
            }
            stage.first = day;
            stage.sessions = stage.sessions.saturating_add(facts.reported.sessions);
        }
        Some(stage)
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
