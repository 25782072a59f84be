//! `date-range`.

use serde_json::{Value, json};
use tlsrpt_report::{Context, Period, UnixMillis, UnixSeconds, WarningCode as W};

use crate::sample::{RECEIVED, read, read_in, read_with, set, sound, warnings, with, without};

const START: &str = "/date-range/start-datetime";
const END: &str = "/date-range/end-datetime";
const MIDNIGHT: i64 = 1_778_630_400;

fn check(start: Value, expected: Option<i64>, codes: &[W]) {
    let report = read_with(&with(START, start), codes);
    assert_eq!(report.period, Period { begin: expected.map(UnixSeconds), end: Some(UnixSeconds(MIDNIGHT + 86_399)) });
}

#[test]
fn a_start_is_read_in_every_form_that_senders_write() {
    check(json!("2026-05-13T00:00:00+00:00"), Some(MIDNIGHT), &[]);
    check(json!("2026-05-13T02:00:00.25+02:00"), Some(MIDNIGHT), &[]);
    check(json!("2026-05-13T00:00:00"), Some(MIDNIGHT), &[W::DateFormat]);
    check(json!("2026-05-13 00:00:00"), Some(MIDNIGHT), &[W::DateFormat]);
    check(json!("2026-05-13"), Some(MIDNIGHT), &[W::DateFormat]);
    check(json!(MIDNIGHT), Some(MIDNIGHT), &[W::DateFormat]);
    check(json!(MIDNIGHT as f64 + 0.5), Some(MIDNIGHT), &[W::DateFormat]);
    check(json!(MIDNIGHT.to_string()), Some(MIDNIGHT), &[W::DateFormat]);
}

#[test]
fn a_date_is_never_invented() {
    check(json!("soon"), None, &[W::InvalidDate]);
    check(json!(0), None, &[W::InvalidDate]);
    check(json!({"$date": 5}), None, &[W::InvalidDate]);
    check(json!(null), None, &[W::MissingDate]);
    check(json!(" "), None, &[W::MissingDate]);
    let report = read_with(&without("/date-range"), &[W::MissingDate]);
    assert_eq!((report.period, report.period.day()), (Period::default(), None));
    assert_eq!(read_with(&with("/date-range", json!(null)), &[W::MissingDate]).period, Period::default());
}

#[test]
fn dates_before_2015_or_more_than_two_days_ahead_count_as_none() {
    check(json!("1970-01-01T00:00:00Z"), None, &[W::DateOutOfRange]);
    check(json!("2014-12-31T23:59:59Z"), None, &[W::DateOutOfRange]);
    check(json!("2015-01-01T00:00:00Z"), Some(1_420_070_400), &[]);
    check(json!("2026-05-17T12:00:01Z"), None, &[W::DateOutOfRange]);
    check(json!("9999-12-31T23:59:59Z"), None, &[W::DateOutOfRange]);
    check(json!("2026-05-17T12:00:00Z"), Some(MIDNIGHT + 4 * 86_400 + 43_200), &[W::PeriodReversed]);
}

#[test]
fn a_report_over_several_days_is_sound_and_one_that_ends_before_it_starts_is_told() {
    read_with(&with(START, json!("2026-05-07T00:00:00Z")), &[]);
    read_with(&with(END, json!("2026-05-14T00:00:00Z")), &[]);
    let reversed = read_with(&with(END, json!("2026-05-12T00:00:00Z")), &[W::PeriodReversed]);
    assert_eq!(reversed.period.end, Some(UnixSeconds(MIDNIGHT - 86_400)));
}

#[test]
fn the_day_of_receipt_never_enters_an_identity() {
    let later = Context::received(UnixMillis(RECEIVED.0 + 86_400_000 * 400));
    let mut reports = vec![sound(), without("/date-range")];
    for at in [START, END] {
        reports.push(with(at, json!("2026-08-01T00:00:00Z")));
        reports.push(with(at, json!("1999-08-01T00:00:00Z")));
    }
    let mut derived = without("/report-id");
    set(&mut derived, START, json!("2026-08-01T00:00:00Z"));
    reports.push(derived);
    for report in reports {
        let (now, then) = (read(&report), read_in(&report, &later));
        assert_eq!((now.group, now.document, now.policies[0].key), (then.group, then.document, then.policies[0].key), "{report}");
    }
    assert_eq!(warnings(&read_in(&sound(), &later)), []);
}
