//! The day that a report is filed under does not hang on when it is received.

use tlsrpt_report::{Context, Day, UnixMillis};

const DAY_MILLIS: i64 = 86_400_000;

/// The day filed under, the day shown, and the key, of a report on `date` received on `receipt`.
fn check(date: &str, receipt: Day) -> (Option<Day>, Option<Day>, tlsrpt_report::ReportKey) {
    let text = format!(
        r#"{{"organization-name":"Sender","report-id":"1","date-range":{{"start-datetime":"{date}T00:00:00Z","end-datetime":"{date}T23:59:59Z"}},
        "policies":[{{"policy":{{"policy-type":"sts","policy-domain":"a.example"}},"summary":{{"total-successful-session-count":1,"total-failure-session-count":0}}}}]}}"#
    );
    let documents = tlsrpt_report::open(text.as_bytes()).unwrap();
    let report = tlsrpt_report::parse(&documents[0], &Context::received(UnixMillis(i64::from(receipt.0) * DAY_MILLIS))).unwrap();
    (report.key_day, report.period.day(), report.policies[0].key)
}

#[test]
fn a_report_dated_too_far_ahead_is_filed_under_the_same_day_when_it_is_sent_again_later() {
    let day: Day = "2026-05-13".parse().unwrap();
    let (early_filed, early_shown, early_key) = check("2026-05-13", day.plus(-10));
    let (late_filed, late_shown, late_key) = check("2026-05-13", day.plus(1));
    assert_eq!(early_shown, None, "a date ten days ahead is not believed");
    assert_eq!(late_shown, Some(day));
    assert_eq!((early_filed, early_key), (late_filed, late_key));
    assert_eq!(early_filed, Some(day));
}

#[test]
fn a_date_outside_the_years_that_are_filed_by_is_no_day_to_file_under() {
    let receipt: Day = "2026-05-13".parse().unwrap();
    for date in ["1970-01-01", "2014-12-31", "2070-01-01", "9999-12-31"] {
        assert_eq!(check(date, receipt).0, None, "{date}");
    }
}
