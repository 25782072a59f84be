//! The verdict: the state as of a day, since when, and what is missing before the next step.

use serde::Serialize;
use tlsrpt_report::Day;
use utoipa::ToSchema;

use crate::{
    facts::{Facts, Kind},
    rule::Rule,
    stage::Stage,
    state::State,
};

/// How far a domain is, and what it may do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Readiness {
    /// How far it is.
    pub state: State,
    /// The first day of it, without another state between; null when no report was ever of a day up to this one.
    pub since: Option<Day>,
    /// The next step; null in `enforce`, after which there is none.
    pub next: Option<NextStep>,
    /// The first day of those that the verdict rests on: of the stage and of the quiet that it asks for, but of a long stage no more
    /// than 28, or what the rule asks for; the last is the day itself.
    #[serde(skip)]
    #[schema(ignore)]
    pub rests_from: Day,
}

/// The next state, and what is missing before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextStep {
    /// The state that comes next.
    pub state: State,
    /// The earliest day on which it can come, should nothing blocking be reported until then; null when it waits for something that has
    /// no day.
    pub earliest: Option<Day>,
    /// What is missing.
    pub missing: Vec<Missing>,
}

/// One thing that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Missing {
    /// By which a program tells it.
    pub code: MissingCode,
    /// In a sentence.
    pub text: String,
}

/// What can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MissingCode {
    /// A report.
    Reports,
    /// A report of the last days.
    RecentReports,
    /// Days of reports before `testing`.
    BaselineDays,
    /// Days of `testing`.
    TestingDays,
    /// Days without a blocking failure.
    QuietDays,
    /// Sessions to rest on.
    Sessions,
    /// A policy that every reporter could fetch and read. It holds no step back.
    ReadablePolicy,
    /// A published policy in mode `testing`.
    PolicyTesting,
    /// A published policy in mode `enforce`.
    PolicyEnforce,
}

/// Days of a long stage that evidence is shown of.
const SHOWN_DAYS: u16 = 28;

impl Readiness {
    /// The verdict as of `day`, from what was reported of days up to it.
    #[must_use]
    pub fn at(facts: &Facts, rule: &Rule, day: Day) -> Self {
        let (mut stage, mut stands) = (None, None);
        let mut days = facts.until(day).peekable();
        while let Some((reported, facts)) = days.next() {
            stage = Some(Stage::with(stage, reported, facts, rule));
            // Each day until the next report has a state of its own; after that many nothing changes any more.
            let silent = reported.plus(i32::from(rule.silent_days));
            let until = days.peek().map_or(day, |&(next, _)| next.plus(-1)).min(silent);
            for day in (reported.0..=until.0).map(Day) {
                let state = state(stage.as_ref(), rule, day);
                stands = Some(stands.filter(|&(before, _)| before == state).unwrap_or((state, day)));
            }
        }
        let (state, since) = stands.map_or((State::NoReports, None), |(state, since)| (state, Some(since)));
        Self { state, since, next: next(state, stage.as_ref(), rule, day), rests_from: rests_from(stage.as_ref(), rule, day) }
    }
}

fn rests_from(stage: Option<&Stage>, rule: &Rule, day: Day) -> Day {
    let Some(stage) = stage.filter(|stage| is_known(stage, rule, day)) else { return last_days(rule.silent_days, day) };
    let quiet_days = match stage.kind {
        Kind::Baseline => 1,
        Kind::Testing => rule.testing_days,
        Kind::Enforce => rule.quiet_days,
    };
    let most_days = SHOWN_DAYS.max(rule.baseline_days).max(rule.testing_days).max(rule.quiet_days);
    stage.first.min(last_days(quiet_days, day)).max(last_days(most_days, day))
}

/// The first of the last `days` days up to `day`.
fn last_days(days: u16, day: Day) -> Day {
    day.plus(1 - i32::from(days.max(1)))
}

/// Whether it was reported of lately.
fn is_known(stage: &Stage, rule: &Rule, day: Day) -> bool {
    days_since(stage.last, day) < i64::from(rule.silent_days)
}

/// The state of a domain whose newest days make this stage.
fn state(stage: Option<&Stage>, rule: &Rule, day: Day) -> State {
    let Some(stage) = stage.filter(|stage| is_known(stage, rule, day)) else { return State::NoReports };
    match stage.kind {
        Kind::Baseline if is_long_enough(stage, rule, rule.baseline_days, day) => State::ReadyForTesting,
        Kind::Baseline => State::Baseline,
        Kind::Testing if is_long_enough(stage, rule, rule.testing_days, day) && is_quiet(stage, rule.testing_days, day) => {
            State::ReadyForEnforce
        }
        Kind::Testing => State::Testing,
        Kind::Enforce if is_quiet(stage, rule.quiet_days, day) => State::Enforce,
        Kind::Enforce => State::AtRisk,
    }
}

fn is_long_enough(stage: &Stage, rule: &Rule, days: u16, day: Day) -> bool {
    days_since(stage.first, day) >= i64::from(days) && stage.lasts_until(day, rule) && stage.sessions >= rule.sessions_min
}

/// Whether none of the last `days` days, the day itself included, has a blocking failure.
fn is_quiet(stage: &Stage, days: u16, day: Day) -> bool {
    stage.last_blocked.is_none_or(|blocked| days_since(blocked, day) >= i64::from(days))
}

fn next(state: State, stage: Option<&Stage>, rule: &Rule, day: Day) -> Option<NextStep> {
    let step = |state: State, missing: Vec<(Missing, Option<Day>)>| {
        // What has no day makes the whole without one.
        let earliest = missing.iter().map(|(_, at)| *at).try_fold(day, |latest, at| at.map(|at| latest.max(at)));
        Some(NextStep { state, earliest, missing: missing.into_iter().map(|(missing, _)| missing).collect() })
    };
    let reports = || (missing(MissingCode::Reports, format!("No report came for the last {} days.", rule.silent_days)), None);
    match (state, stage) {
        (State::NoReports, _) | (_, None) => step(State::Baseline, vec![reports()]),
        (State::Baseline, Some(stage)) => {
            step(State::ReadyForTesting, waits(stage, rule, MissingCode::BaselineDays, rule.baseline_days, day))
        }
        (State::ReadyForTesting, Some(stage)) => {
            let text = "Publish a policy in mode `testing`: reporters do not see one.".to_owned();
            step(
                State::Testing,
                [(missing(MissingCode::PolicyTesting, text), Some(day))].into_iter().chain(unread(stage, rule, day)).collect(),
            )
        }
        (State::Testing, Some(stage)) => {
            let mut waits = waits(stage, rule, MissingCode::TestingDays, rule.testing_days, day);
            waits.extend(quiet(stage, rule.testing_days, day));
            waits.extend(unread(stage, rule, day));
            step(State::ReadyForEnforce, waits)
        }
        (State::ReadyForEnforce, Some(stage)) => {
            let text = "Publish the policy in mode `enforce`.".to_owned();
            step(
                State::Enforce,
                [(missing(MissingCode::PolicyEnforce, text), Some(day))].into_iter().chain(unread(stage, rule, day)).collect(),
            )
        }
        (State::AtRisk, Some(stage)) => {
            step(State::Enforce, quiet(stage, rule.quiet_days, day).into_iter().chain(unread(stage, rule, day)).collect())
        }
        (State::Enforce, _) => None,
    }
}

/// What a stage has to wait for.
fn waits(stage: &Stage, rule: &Rule, code: MissingCode, days: u16, day: Day) -> Vec<(Missing, Option<Day>)> {
    let mut waits = Vec::new();
    if !stage.lasts_until(day, rule) {
        // The stage begins anew with the next report.
        let text = format!(
            "The last report is of {}: with more than {} days between, the days count from the next one.",
            stage.last, rule.gap_max_days
        );
        waits.push((missing(MissingCode::RecentReports, text), None));
    }
    let due = stage.first.plus(i32::from(days));
    if due > day {
        waits.push((missing(code, format!("{days} days from {} on: the last of them is {due}.", stage.first)), Some(due)));
    }
    if stage.sessions < rule.sessions_min {
        let text = format!("{} sessions were reported: {} are needed.", stage.sessions, rule.sessions_min);
        waits.push((missing(MissingCode::Sessions, text), None));
    }
    waits
}

/// The quiet that is missing, if any.
fn quiet(stage: &Stage, days: u16, day: Day) -> Option<(Missing, Option<Day>)> {
    let blocked = stage.last_blocked.filter(|_| !is_quiet(stage, days, day))?;
    let text = format!("{days} days without a failure that stops mail under `enforce`: the last one is of {blocked}.");
    Some((missing(MissingCode::QuietDays, text), Some(blocked.plus(i32::from(days)))))
}

/// That a policy could lately not be fetched or read, if so. Such a failure refuses no mail (RFC 8461 5.1), so it waits for no day; but it
/// is a sender without the policy's protection.
fn unread(stage: &Stage, rule: &Rule, day: Day) -> Option<(Missing, Option<Day>)> {
    let unread = stage.last_unread.filter(|&unread| days_since(unread, day) < i64::from(rule.quiet_days))?;
    let text = format!("Reporters could not fetch or read the policy, last on {unread}: this stops no mail and protects none.");
    Some((missing(MissingCode::ReadablePolicy, text), Some(day)))
}

fn missing(code: MissingCode, text: String) -> Missing {
    Missing { code, text }
}

/// Days from `earlier` to `later`.
fn days_since(earlier: Day, later: Day) -> i64 {
    i64::from(later.0) - i64::from(earlier.0)
}
