//! The rule as a mail administrator reads it, and what holds for whatever is reported.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::{collection::vec, prelude::*, sample::Index};
use tlsrpt_advisor::{Facts, MissingCode, Readiness, Reported, Rule, Seen, State};
use tlsrpt_report::{Day, PolicyMode};

const NO_POLICY: Seen = Seen::NoPolicy;
const TESTING: Seen = Seen::Mode(PolicyMode::Testing);
const ENFORCE: Seen = Seen::Mode(PolicyMode::Enforce);

/// A day, a reporter and what it says.
type Report = (Day, u8, Reported);

const REPORTER: u8 = 0;

/// Days of a stage, the last one included; clean.
fn days(days: std::ops::RangeInclusive<i32>, policy: Seen) -> impl Iterator<Item = Report> {
    days.map(move |day| (Day(day), REPORTER, Reported { policy, sessions: 100, ..Reported::default() }))
}

/// A failure that would have lost mail.
fn blocked(day: i32, policy: Seen) -> Report {
    (Day(day), REPORTER, Reported { policy, sessions: 3, blocked_sessions: 3, ..Reported::default() })
}

fn at(reports: &[Report], day: i32) -> Readiness {
    by(reports, &Rule::default(), day)
}

fn by(reports: &[Report], rule: &Rule, day: i32) -> Readiness {
    Readiness::at(&Facts::of(reports.iter().copied()), rule, Day(day))
}

#[track_caller]
fn check(facts: &[Report], day: i32, state: State, since: i32, earliest: Option<i32>, codes: &[MissingCode]) {
    let found = at(facts, day);
    assert_eq!((found.state, found.since), (state, Some(Day(since))), "day {day}: {found:?}");
    let next = found.next.clone();
    assert_eq!(next.as_ref().and_then(|next| next.earliest), earliest.map(Day), "day {day}: {found:?}");
    let missing: Vec<_> = next.into_iter().flat_map(|next| next.missing).map(|missing| missing.code).collect();
    assert_eq!(missing, codes, "day {day}");
}

#[test]
fn a_domain_goes_from_its_first_report_to_enforce_and_is_told_what_is_missing_on_each_day() {
    use MissingCode::{BaselineDays, PolicyEnforce, PolicyTesting, QuietDays, TestingDays};
    let mut facts: Vec<Report> = days(1..=20, NO_POLICY).collect();
    check(&facts, 1, State::Baseline, 1, Some(15), &[BaselineDays]);
    check(&facts, 14, State::Baseline, 1, Some(15), &[BaselineDays]);
    check(&facts, 15, State::ReadyForTesting, 15, Some(15), &[PolicyTesting]);
    facts.extend(days(21..=60, TESTING));
    check(&facts, 20, State::ReadyForTesting, 15, Some(20), &[PolicyTesting]);
    check(&facts, 21, State::Testing, 21, Some(35), &[TestingDays]);
    check(&facts, 35, State::ReadyForEnforce, 35, Some(35), &[PolicyEnforce]);
    // A failure holds it back for as long as testing takes.
    facts.extend([blocked(40, TESTING)]);
    check(&facts, 39, State::ReadyForEnforce, 35, Some(39), &[PolicyEnforce]);
    check(&facts, 40, State::Testing, 40, Some(54), &[QuietDays]);
    check(&facts, 53, State::Testing, 40, Some(54), &[QuietDays]);
    check(&facts, 54, State::ReadyForEnforce, 54, Some(54), &[PolicyEnforce]);
    facts.extend(days(61..=90, ENFORCE));
    check(&facts, 61, State::Enforce, 61, None, &[]);
    // With the first blocking failure it is at risk, and a week of quiet later it is not.
    facts.extend([blocked(70, ENFORCE)]);
    check(&facts, 69, State::Enforce, 61, None, &[]);
    check(&facts, 70, State::AtRisk, 70, Some(77), &[QuietDays]);
    check(&facts, 76, State::AtRisk, 70, Some(77), &[QuietDays]);
    check(&facts, 77, State::Enforce, 77, None, &[]);
}

#[test]
fn a_stage_survives_three_days_without_a_report_and_not_four() {
    let with_gap = |gap: i32| -> Vec<Report> { days(1..=5, TESTING).chain(days(6 + gap..=30, TESTING)).collect() };
    assert_eq!(at(&with_gap(3), 15).state, State::ReadyForEnforce);
    assert_eq!(at(&with_gap(4), 15).state, State::Testing);
    check(&with_gap(4), 15, State::Testing, 1, Some(24), &[MissingCode::TestingDays]);
}

#[test]
fn silence_is_no_evidence_and_after_thirty_days_nothing_is_known() {
    let facts: Vec<Report> = days(1..=13, TESTING).collect();
    check(&facts, 16, State::ReadyForEnforce, 15, Some(16), &[MissingCode::PolicyEnforce]);
    // Four whole days without one: the next report begins the stage anew.
    check(&facts, 18, State::Testing, 18, None, &[MissingCode::RecentReports]);
    check(&facts, 42, State::Testing, 18, None, &[MissingCode::RecentReports]);
    check(&facts, 43, State::NoReports, 43, None, &[MissingCode::Reports]);
    let nothing = at(&[], 43);
    assert_eq!((nothing.state, nothing.since), (State::NoReports, None));
}

#[test]
fn a_policy_of_mode_none_is_no_policy_and_the_strictest_mode_of_a_day_counts() {
    let none: Vec<Report> = days(1..=15, Seen::Mode(PolicyMode::None)).collect();
    assert_eq!(at(&none, 15).state, State::ReadyForTesting);
    let mut facts: Vec<Report> = days(1..=5, TESTING).collect();
    facts.extend(days(5..=5, ENFORCE));
    assert_eq!(at(&facts, 5).state, State::Enforce);
}

#[test]
fn a_blocking_failure_of_the_last_days_of_testing_puts_a_domain_at_risk_when_it_enforces() {
    let facts: Vec<Report> = days(1..=20, TESTING).chain([blocked(20, TESTING)]).chain(days(21..=21, ENFORCE)).collect();
    check(&facts, 21, State::AtRisk, 21, Some(27), &[MissingCode::QuietDays]);
}

#[test]
fn a_step_rests_on_as_many_sessions_as_are_asked_for() {
    let facts: Vec<Report> = days(1..=15, NO_POLICY).collect();
    let rule = Rule { sessions_min: 1_501, ..Rule::default() };
    let found = by(&facts, &rule, 15);
    assert_eq!(found.state, State::Baseline);
    assert_eq!(found.next.unwrap().missing[0].code, MissingCode::Sessions);
}

#[test]
fn a_day_that_says_nothing_of_a_policy_is_as_the_day_before() {
    // DANE alone, or a policy that could not be fetched: testing goes on.
    let facts: Vec<Report> = days(1..=9, TESTING).chain(days(10..=12, Seen::Nothing)).chain(days(13..=20, TESTING)).collect();
    check(&facts, 11, State::Testing, 1, Some(15), &[MissingCode::TestingDays]);
    check(&facts, 15, State::ReadyForEnforce, 15, Some(15), &[MissingCode::PolicyEnforce]);
    // Of a domain of which nobody saw a policy there is none.
    let nothing: Vec<Report> = days(1..=15, Seen::Nothing).collect();
    assert_eq!(at(&nothing, 15).state, State::ReadyForTesting);
}

#[test]
fn a_policy_is_gone_when_somebody_who_saw_it_finds_none_and_not_when_others_do() {
    let no_policy = |reporter: u8| (Day(10), reporter, Reported { policy: NO_POLICY, sessions: 1, ..Reported::default() });
    let by = |reporter| -> Vec<Report> { days(1..=9, TESTING).chain([no_policy(reporter)]).collect() };
    assert_eq!(at(&by(REPORTER + 1), 10).state, State::Testing);
    assert_eq!(at(&by(REPORTER), 10).state, State::Baseline);
}

#[test]
fn a_policy_that_cannot_be_fetched_holds_nothing_back_and_is_shown_for_a_week() {
    let error = (Day(20), REPORTER, Reported { policy_errors: 7, ..Reported::default() });
    let facts: Vec<Report> = days(1..=40, TESTING).chain([error]).collect();
    check(&facts, 20, State::ReadyForEnforce, 15, Some(20), &[MissingCode::PolicyEnforce, MissingCode::ReadablePolicy]);
    check(&facts, 26, State::ReadyForEnforce, 15, Some(26), &[MissingCode::PolicyEnforce, MissingCode::ReadablePolicy]);
    check(&facts, 27, State::ReadyForEnforce, 15, Some(27), &[MissingCode::PolicyEnforce]);
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![
        1 => Just(Seen::Nothing),
        2 => Just(NO_POLICY),
        1 => Just(Seen::Mode(PolicyMode::None)),
        2 => Just(TESTING),
        2 => Just(ENFORCE)
    ]
}

fn reported() -> impl Strategy<Value = Vec<Report>> {
    let facts = (seen(), 0_u64..50, prop_oneof![4 => Just(0_u64), 1 => 1_u64..5], prop_oneof![4 => Just(0_u64), 1 => 1_u64..5]);
    vec((0_i32..60, 0_u8..3, facts), 0..60).prop_map(|days| {
        let facts = |(policy, sessions, blocked, policy_errors)| Reported {
            policy,
            sessions: sessions + blocked,
            blocked_sessions: blocked,
            policy_errors,
        };
        days.into_iter().map(|(day, reporter, of)| (Day(day), reporter, facts(of))).collect()
    })
}

proptest! {
    #[test]
    fn the_order_of_arrival_changes_nothing(reports in reported().prop_shuffle(), day in 0_i32..100) {
        let mut sorted = reports.clone();
        sorted.sort_by_key(|(day, reporter, _)| (*day, *reporter));
        prop_assert_eq!(at(&reports, day), at(&sorted, day));
    }

    #[test]
    fn what_is_reported_of_later_days_changes_nothing(reports in reported(), day in 0_i32..60) {
        let until: Vec<Report> = reports.iter().copied().filter(|(of, ..)| of.0 <= day).collect();
        prop_assert_eq!(at(&until, day), at(&reports, day));
    }

    #[test]
    fn a_clean_day_more_never_lowers_a_state(reports in reported(), day in 0_i32..100, sessions in 1_u64..9) {
        // As of that day, by a reporter that says nothing else of the policy than the days before: another mode is another stage.
        let mut more = reports.clone();
        more.push((Day(day), 9, Reported { sessions, ..Reported::default() }));
        prop_assert!(at(&more, day).state >= at(&reports, day).state, "{:?} {:?}", at(&more, day), at(&reports, day));
    }

    #[test]
    fn a_blocking_failure_never_raises_a_state(reports in reported(), which in any::<Index>(), day in 0_i32..60) {
        prop_assume!(!reports.is_empty());
        let (of, reporter, _) = reports[which.index(reports.len())];
        let mut more = reports.clone();
        more.push((of, reporter, Reported { blocked_sessions: 1, ..Reported::default() }));
        prop_assert!(at(&more, day).state <= at(&reports, day).state, "{:?} {:?}", at(&more, day), at(&reports, day));
    }

    #[test]
    fn the_earliest_day_is_the_day_when_nothing_blocking_comes_and_reports_go_on(reports in reported(), day in 0_i32..60) {
        let mut reports: Vec<Report> = reports.into_iter().filter(|(of, ..)| of.0 <= day).collect();
        let found = at(&reports, day);
        let Some((next, earliest)) = found.next.and_then(|next| Some((next.state, next.earliest?))) else { return Ok(()) };
        prop_assume!(!matches!(found.state, State::ReadyForTesting | State::ReadyForEnforce));
        reports.extend(days(day..=earliest.0, Seen::Nothing));
        prop_assert_eq!(at(&reports, earliest.0).state, next);
        if earliest.0 > day {
            prop_assert_eq!(at(&reports, earliest.0 - 1).state, found.state);
        }
    }
}
