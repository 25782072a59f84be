//! One sound report and ways to change it.

use serde_json::{Value, json};
use tlsrpt_report::{Context, Document, Policy, Reject, Report, UnixMillis, WarningCode, open, parse};

/// 2026-05-15T12:00:00Z, a day and a half after the sample's period.
pub(crate) const RECEIVED: UnixMillis = UnixMillis(1_778_846_400_000);

pub(crate) fn context() -> Context<'static> {
    Context::received(RECEIVED)
}

/// A report that departs from RFC 8460 in nothing.
pub(crate) fn sound() -> Value {
    json!({
        "organization-name": "Company-X",
        "date-range": {"start-datetime": "2026-05-13T00:00:00Z", "end-datetime": "2026-05-13T23:59:59Z"},
        "contact-info": "sts-reporting@company-x.example",
        "report-id": "5065427c-23d3@company-x.example",
        "policies": [{
            "policy": {
                "policy-type": "sts",
                "policy-string": ["version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"],
                "policy-domain": "company-y.example",
                "mx-host": ["*.mail.company-y.example"]
            },
            "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
            "failure-details": [{
                "result-type": "certificate-expired",
                "sending-mta-ip": "2001:db8:abcd:12::1",
                "receiving-mx-hostname": "mx1.mail.company-y.example",
                "failed-session-count": 100
            }, {
                "result-type": "starttls-not-supported",
                "sending-mta-ip": "192.0.2.2",
                "receiving-mx-hostname": "mx2.mail.company-y.example",
                "receiving-mx-helo": "mx2",
                "receiving-ip": "203.0.113.56",
                "failed-session-count": 203,
                "additional-information": "https://reports.company-x.example/report_info?id=5065427c-23d3",
                "failure-reason-code": "no STARTTLS"
            }]
        }]
    })
}

/// The sample with `value` at the JSON pointer `at`, whose parent must exist.
pub(crate) fn with(at: &str, value: Value) -> Value {
    let mut report = sound();
    set(&mut report, at, value);
    report
}

pub(crate) fn set(report: &mut Value, at: &str, value: Value) {
    let (parent, key) = at.rsplit_once('/').unwrap();
    match report.pointer_mut(parent).unwrap() {
        Value::Array(elements) => elements[key.parse::<usize>().unwrap()] = value,
        object => object[key] = value,
    }
}

/// The sample without what the JSON pointer `at` names.
pub(crate) fn without(at: &str) -> Value {
    let mut report = sound();
    unset(&mut report, at);
    report
}

pub(crate) fn unset(report: &mut Value, at: &str) {
    let (parent, key) = at.rsplit_once('/').unwrap();
    report.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(key).unwrap();
}

pub(crate) fn read_text(text: &str) -> Result<Report<'static>, Reject> {
    read_payload(text.as_bytes())
}

pub(crate) fn read_payload(payload: &[u8]) -> Result<Report<'static>, Reject> {
    let documents = open(payload)?;
    assert_eq!(documents.len(), 1);
    parse(&documents[0], &context()).map(Report::into_owned)
}

pub(crate) fn read(report: &Value) -> Report<'static> {
    read_in(report, &context())
}

pub(crate) fn read_in(report: &Value, context: &Context<'_>) -> Report<'static> {
    let document = Document { text: report.to_string().into(), warnings: Vec::new() };
    parse(&document, context).map(Report::into_owned).unwrap()
}

/// Reads a report that gives exactly these warnings, in the document or a policy.
pub(crate) fn read_with(report: &Value, expected: &[WarningCode]) -> Report<'static> {
    let read = read(report);
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(warnings(&read), expected, "{report}");
    read
}

/// The only policy of a report that gives exactly these warnings.
pub(crate) fn policy_with(report: &Value, expected: &[WarningCode]) -> Policy<'static> {
    let mut read = read_with(report, expected);
    assert_eq!(read.policies.len(), 1);
    read.policies.remove(0)
}

/// Every warning of a report, its policies' included, in order and once.
pub(crate) fn warnings(report: &Report<'_>) -> Vec<WarningCode> {
    let mut all = report.warnings.clone();
    all.extend(report.policies.iter().flat_map(|policy| policy.warnings.iter().copied()));
    all.sort();
    all.dedup();
    all
}
