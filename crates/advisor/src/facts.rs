//! What was reported of a domain, by day.

use std::collections::{BTreeMap, BTreeSet};

use tlsrpt_report::{Day, PolicyMode};

/// What one reporter says of one UTC day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// What it saw of an MTA-STS policy.
    pub policy: Seen,
    /// Sessions of both kinds.
    pub sessions: u64,
    /// Failed sessions whose mail a sender does not deliver under `enforce` (RFC 8461 5).
    pub blocked_sessions: u64,
    /// Failed sessions, or attempts, in which a policy could not be fetched or read (RFC 8460 4.3.2.2).
    pub policy_errors: u64,
}

/// What a reporter saw of an MTA-STS policy; of two views of one day the later one here counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// It says nothing of one: it reports on DANE alone, or could not fetch or read the policy.
    #[default]
    Nothing,
    /// It found none.
    NoPolicy,
    /// It saw one of this mode. The strictest of a day counts, since a single sender that sees `enforce` refuses mail.
    Mode(PolicyMode),
}

impl Reported {
    /// Both together, in whatever order.
    #[must_use]
    fn and(self, other: Self) -> Self {
        Self {
            policy: self.policy.max(other.policy),
            sessions: self.sessions.saturating_add(other.sessions),
            blocked_sessions: self.blocked_sessions.saturating_add(other.blocked_sessions),
            policy_errors: self.policy_errors.saturating_add(other.policy_errors),
        }
    }
}

/// What senders do with the policy that they see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// There is none, or one in mode `none`.
    Baseline,
    Testing,
    Enforce,
}

impl Kind {
    /// None when what was seen says nothing.
    fn of(seen: Seen) -> Option<Self> {
        match seen {
            Seen::Nothing => None,
            Seen::NoPolicy | Seen::Mode(PolicyMode::None) => Some(Self::Baseline),
            Seen::Mode(PolicyMode::Testing) => Some(Self::Testing),
            Seen::Mode(PolicyMode::Enforce) => Some(Self::Enforce),
        }
    }
}

/// What all reports of one day say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DayFacts {
    pub(crate) kind: Kind,
    pub(crate) reported: Reported,
}

/// Reported days, each with what it holds; a day without a report is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(BTreeMap<Day, DayFacts>);

impl Facts {
    /// The facts that reports make, each with its day and reporter.
    ///
    /// That a reporter finds no policy says something only when it has seen one before: many senders do not look for one, and a day on
    /// which nobody but these report must not look like a policy that was taken back. A day that says nothing of a policy is as the day
    /// before.
    pub fn of<R: Ord + Clone>(reports: impl IntoIterator<Item = (Day, R, Reported)>) -> Self {
        let mut days: BTreeMap<Day, BTreeMap<R, Reported>> = BTreeMap::new();
        for (day, reporter, reported) in reports {
            let sum = days.entry(day).or_default().entry(reporter).or_default();
            *sum = sum.and(reported);
        }
        let mut have_seen = BTreeSet::new();
        let mut kind = Kind::Baseline;
        let mut facts = BTreeMap::new();
        for (day, reporters) in days {
            let mut all = Reported::default();
            for (reporter, mut reported) in reporters {
                match reported.policy {
                    Seen::Mode(_) => _ = have_seen.insert(reporter),
                    Seen::NoPolicy if !have_seen.contains(&reporter) => reported.policy = Seen::Nothing,
                    Seen::NoPolicy | Seen::Nothing => {}
                }
                all = all.and(reported);
            }
            kind = Kind::of(all.policy).unwrap_or(kind);
            facts.insert(day, DayFacts { kind, reported: all });
        }
        Self(facts)
    }

    /// The days up to and with `day`, in their order.
    pub(crate) fn until(&self, day: Day) -> impl Iterator<Item = (Day, &DayFacts)> {
        self.0.range(..=day).map(|(&day, facts)| (day, facts))
    }
}
