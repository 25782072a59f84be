//! What a verdict rests on, for a mail administrator to believe it or not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tlsrpt_advisor::Rhythm;
use tlsrpt_report::{Day, PolicyMode, Trust};
use tlsrpt_store::{BlockingClass, ReporterDay};
use utoipa::ToSchema;

use super::Verdict;

/// Days that a rhythm is told from, up to the day that is asked for; after them a reporter that fell silent is no longer missed.
const RHYTHM_DAYS: i32 = 90;
/// Days of the longer of the two periods that are looked at for what `enforce` would have refused.
const REFUSED_DAYS: [i32; 2] = [14, 28];

/// What a verdict rests on: the days of the stage, and those of the quiet that is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ReadinessEvidence)]
pub(crate) struct Evidence {
    /// First UTC day.
    from: Day,
    /// Last UTC day.
    to: Day,
    /// Days of them with a report.
    days_covered: usize,
    /// Sessions of both kinds.
    sessions: u64,
    /// Share of the sessions that come from reports whose origin was verified (`dkim-aligned`), 0 to 1; null without sessions.
    verified_share: Option<f64>,
    /// Who reported, most sessions first.
    reporters: Vec<Reporter>,
    /// Reporters that usually report and stopped, whether or not they are among the above.
    silent_reporters: Vec<Silent>,
    /// Policies that reporters saw, by mode.
    modes: Modes,
    /// Failures that lose mail under `enforce` (RFC 8461 5), most sessions first.
    blocking: Vec<BlockingClass>,
    /// Failed sessions of reports without failure details: they count as blocking, since nobody knows what they were.
    unexplained_failed_sessions: u64,
    /// Failures to fetch or read the policy; they block nothing.
    policy_errors: u64,
    /// What `enforce` would have refused lately, whatever the policy was.
    refused: Refused,
    /// What is below the tenant's minimum trust, and so was not counted in any of the above; null where everything counts.
    not_counted: Option<Uncounted>,
}

/// One organisation's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReadinessReporter)]
struct Reporter {
    reporter: String,
    /// Days that it reported on.
    days: usize,
    successful_sessions: u64,
    failed_sessions: u64,
    /// Sessions of both kinds from reports whose origin was verified.
    verified_sessions: u64,
}

/// One that fell silent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SilentReporter)]
pub(crate) struct Silent {
    pub(crate) reporter: String,
    #[serde(flatten)]
    pub(crate) rhythm: Rhythm,
}

/// How many policies of each mode reporters saw, one a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SeenModes)]
struct Modes {
    none: u64,
    testing: u64,
    enforce: u64,
}

/// Failed sessions whose mail `enforce` would have refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RefusedSessions)]
struct Refused {
    last_14_days: RefusedOf,
    last_28_days: RefusedOf,
}

/// Those of one period, the day itself included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RefusedOfPeriod)]
struct RefusedOf {
    sessions: u64,
    /// By reporter, most sessions first.
    reporters: Vec<RefusedBy>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RefusedByReporter)]
struct RefusedBy {
    reporter: String,
    sessions: u64,
}

/// What was not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UncountedReports)]
pub(crate) struct Uncounted {
    /// The least trust with which a report counts for the tenant.
    minimum_trust: Trust,
    sessions: u64,
    /// Failed sessions among them whose mail `enforce` would have refused.
    blocked_sessions: u64,
    /// Who is named as their reporter.
    reporters: BTreeSet<String>,
}

impl Uncounted {
    /// From what was reported below the minimum.
    pub(crate) fn of(minimum_trust: Trust, days: &[ReporterDay]) -> Self {
        Self {
            minimum_trust,
            sessions: total(days.iter().map(sessions)),
            blocked_sessions: total(days.iter().map(|day| day.blocked_sessions)),
            reporters: days.iter().map(|day| day.reporter.clone()).collect(),
        }
    }
}

impl Evidence {
    /// Of a verdict as of a day. `blocking` is what blocks within the days that it rests on.
    pub(crate) fn of(verdict: &Verdict, as_of: Day, blocking: Vec<BlockingClass>, not_counted: Option<Uncounted>) -> Self {
        let from = verdict.readiness.rests_from;
        let days: Vec<&ReporterDay> = verdict.days.iter().filter(|day| (from..=as_of).contains(&day.day)).collect();
        let all = total(days.iter().map(|day| sessions(day)));
        let verified = total(days.iter().map(|day| day.verified_sessions));
        let seen = |mode: PolicyMode| total(days.iter().filter_map(|day| day.seen_modes.get(mode as usize).copied()));
        let [last_14_days, last_28_days] = REFUSED_DAYS.map(|length| refused(&verdict.days, as_of.plus(1 - length), as_of));
        Self {
            from,
            to: as_of,
            days_covered: days.iter().map(|day| day.day).collect::<BTreeSet<_>>().len(),
            sessions: all,
            verified_share: share(verified, all),
            reporters: reporters(&days),
            silent_reporters: silent(&verdict.days, as_of),
            modes: Modes { none: seen(PolicyMode::None), testing: seen(PolicyMode::Testing), enforce: seen(PolicyMode::Enforce) },
            blocking,
            unexplained_failed_sessions: total(days.iter().map(|day| day.unexplained_sessions)),
            policy_errors: total(days.iter().map(|day| day.policy_errors)),
            refused: Refused { last_14_days, last_28_days },
            not_counted,
        }
    }
}

/// Reporters of a domain that usually report and stopped, as of a day.
pub(crate) fn silent(days: &[ReporterDay], as_of: Day) -> Vec<Silent> {
    let mut reporters: BTreeMap<&str, Vec<Day>> = BTreeMap::new();
    for day in days.iter().filter(|day| (as_of.plus(1 - RHYTHM_DAYS)..=as_of).contains(&day.day)) {
        reporters.entry(&day.reporter).or_default().push(day.day);
    }
    let silent = |(reporter, days): (&str, Vec<Day>)| {
        let rhythm = Rhythm::of(days, as_of).filter(|rhythm| rhythm.is_silent)?;
        Some(Silent { reporter: reporter.to_owned(), rhythm })
    };
    reporters.into_iter().filter_map(silent).collect()
}

fn reporters(days: &[&ReporterDay]) -> Vec<Reporter> {
    let mut reporters: BTreeMap<&str, Reporter> = BTreeMap::new();
    for day in days {
        let sum = reporters.entry(&day.reporter).or_insert_with(|| Reporter {
            reporter: day.reporter.clone(),
            days: 0,
            successful_sessions: 0,
            failed_sessions: 0,
            verified_sessions: 0,
        });
        sum.days += 1;
        sum.successful_sessions = sum.successful_sessions.saturating_add(day.successful_sessions);
        sum.failed_sessions = sum.failed_sessions.saturating_add(day.failed_sessions);
        sum.verified_sessions = sum.verified_sessions.saturating_add(day.verified_sessions);
    }
    let mut reporters: Vec<_> = reporters.into_values().collect();
    reporters.sort_by_key(|sum| std::cmp::Reverse(u128::from(sum.successful_sessions) + u128::from(sum.failed_sessions)));
    reporters
}

fn refused(days: &[ReporterDay], from: Day, to: Day) -> RefusedOf {
    let mut reporters: BTreeMap<&str, u64> = BTreeMap::new();
    for day in days.iter().filter(|day| (from..=to).contains(&day.day) && day.blocked_sessions > 0) {
        let sum = reporters.entry(&day.reporter).or_default();
        *sum = sum.saturating_add(day.blocked_sessions);
    }
    let mut reporters: Vec<_> =
        reporters.into_iter().map(|(reporter, sessions)| RefusedBy { reporter: reporter.to_owned(), sessions }).collect();
    reporters.sort_by_key(|by| std::cmp::Reverse(by.sessions));
    RefusedOf { sessions: total(reporters.iter().map(|by| by.sessions)), reporters }
}

/// Sessions of both kinds.
pub(crate) fn sessions(day: &ReporterDay) -> u64 {
    day.successful_sessions.saturating_add(day.failed_sessions)
}

/// A sum that stays at its greatest value.
pub(crate) fn total(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// Part of a whole, 0 to 1; none when there is no whole.
#[expect(clippy::cast_precision_loss, reason = "a share is read to a few digits")]
pub(crate) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64).min(1.0))
}
