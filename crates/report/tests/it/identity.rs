//! What makes two reports the same report, and what does not.

use serde_json::{Value, json};
use tlsrpt_report::{Report, ReportKey};

use crate::{
    encoding::utf16,
    layers::{gzip, zip},
    sample::{read, read_payload, set, sound, with, without},
};

/// Every way in which one report may be written: bytes of the same meaning.
pub(crate) fn encodings(report: &Value) -> Vec<(&'static str, Vec<u8>)> {
    let text = report.to_string();
    let marked = format!("\u{feff}{text}");
    vec![
        ("plain", text.clone().into_bytes()),
        ("pretty", serde_json::to_vec_pretty(report).unwrap()),
        ("keys in reverse", reversed(report).to_string().into_bytes()),
        ("gzip", gzip(text.as_bytes())),
        ("gzip in gzip", gzip(&gzip(text.as_bytes()))),
        ("gzip and a line end", [gzip(text.as_bytes()), b"\r\n".to_vec()].concat()),
        ("zip", zip(&[("report.json", text.as_bytes())])),
        ("byte-order mark", marked.clone().into_bytes()),
        ("UTF-16", utf16(&marked, u16::to_le_bytes)),
        ("UTF-16 without a mark", utf16(&text, u16::to_be_bytes)),
        ("NUL padding", [text.as_bytes(), &[0; 7]].concat()),
        ("escapes", escaped(&text).into_bytes()),
        ("counts as text", numbers_as_text(report).to_string().into_bytes()),
        ("repaired", format!("{},}}junk", text.strip_suffix('}').unwrap()).into_bytes()),
    ]
}

fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().rev().map(|(key, value)| (key.clone(), reversed(value))).collect(),
        Value::Array(elements) => elements.iter().map(reversed).collect(),
        other => other.clone(),
    }
}

fn numbers_as_text(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), numbers_as_text(value))).collect(),
        Value::Array(elements) => elements.iter().map(numbers_as_text).collect(),
        Value::Number(number) => json!(number.to_string()),
        other => other.clone(),
    }
}

/// Every letter of the JSON as an escape where JSON allows one.
fn escaped(text: &str) -> String {
    text.chars().map(|c| if c == 'e' || c == '-' { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
}

/// Every key of a report.
pub(crate) fn keys(report: &Report<'_>) -> (ReportKey, ReportKey, Vec<ReportKey>) {
    (report.document, report.group, report.policies.iter().map(|policy| policy.key).collect())
}

#[test]
fn every_encoding_of_a_report_has_its_identity() {
    for report in [sound(), without("/report-id"), without("/date-range"), without("/policies/0/policy")] {
        let expected = keys(&read(&report));
        for (name, payload) in encodings(&report) {
            assert_eq!(keys(&read_payload(&payload).unwrap()), expected, "{name}: {report}");
        }
    }
}

#[test]
fn spelling_makes_no_other_report() {
    let expected = keys(&read(&sound()));
    for (at, value) in [
        ("/organization-name", json!("  COMPANY-x ")),
        ("/report-id", json!(" 5065427c-23d3@company-x.example\n")),
        ("/date-range/start-datetime", json!("2026-05-13T02:00:00+02:00")),
        ("/date-range/start-datetime", json!("2026-05-13 00:00:00")),
        ("/date-range/end-datetime", json!(1_778_716_799)),
        ("/policies/0/policy/policy-domain", json!(" Company-Y.Example. ")),
        ("/policies/0/policy/policy-type", json!("STS")),
        ("/policies/0/policy/policy-string", json!("version:STSv1\nmode :testing\nmx:  *.mail.company-y.example\nmax_age: 86400\n")),
        ("/contact-info", json!("someone else")),
    ] {
        assert_eq!(keys(&read(&with(at, value.clone()))), expected, "{at} {value}");
    }
}

#[test]
fn each_part_of_an_identity_makes_another_report() {
    let expected = read(&sound());
    for (at, value) in [
        ("/organization-name", json!("Company-Z")),
        ("/report-id", json!("another")),
        ("/date-range/start-datetime", json!("2026-05-12T00:00:00Z")),
        ("/date-range/end-datetime", json!("2026-05-14T00:00:00Z")),
    ] {
        let other = read(&with(at, value));
        assert_ne!((other.group, other.document), (expected.group, expected.document), "{at}");
        assert!(other.group != expected.group && other.document != expected.document, "{at}");
        assert_ne!(other.policies[0].key, expected.policies[0].key, "{at}");
    }
    for (at, value) in [
        ("/policies/0/policy/policy-type", json!("tlsa")),
        ("/policies/0/policy/policy-type", json!("made-up")),
        ("/policies/0/policy/policy-string", json!(["version: STSv1", "mode: enforce"])),
    ] {
        let other = read(&with(at, value));
        assert_eq!((other.group, other.document), (expected.group, expected.document), "{at}");
        assert_ne!(other.policies[0].key, expected.policies[0].key, "{at}");
    }
    let other = read(&with("/policies/0/policy/policy-domain", json!("company-z.example")));
    assert_eq!(other.group, expected.group);
    assert!(other.document != expected.document && other.policies[0].key != expected.policies[0].key);
}

#[test]
fn fields_never_run_together() {
    let ids = |organization: &str, id: &str| {
        let mut report = sound();
        set(&mut report, "/organization-name", json!(organization));
        set(&mut report, "/report-id", json!(id));
        read(&report).group
    };
    assert_ne!(ids("ab", "c"), ids("a", "bc"));
    let lines = |lines: &[&str]| read(&with("/policies/0/policy/policy-string", json!(lines))).policies[0].key;
    assert_ne!(lines(&["a", "b"]), lines(&["a b"]));
    assert_ne!(lines(&["a", "b"]), lines(&["b", "a"]));
}

#[test]
fn a_document_is_known_by_its_domains_in_any_order() {
    let with_domains = |domains: &[&str]| {
        let policy = |domain: &&str| {
            let mut policy = sound()["policies"][0].clone();
            set(&mut policy, "/policy/policy-domain", json!(domain));
            policy
        };
        read(&with("/policies", domains.iter().map(policy).collect())).document
    };
    assert_eq!(with_domains(&["a.example", "b.example"]), with_domains(&["B.example", "a.example", "b.example."]));
    assert_ne!(with_domains(&["a.example"]), with_domains(&["a.example", "b.example"]));
}

#[test]
fn a_stored_identity_stays_what_it_is() {
    // Changing any of these makes every stored report count a second time when it is sent again.
    let report = read(&sound());
    let stored = [report.group, report.document, report.policies[0].key].map(|key| key.to_string());
    assert_eq!(stored, ["36d7fa2a231d074ae00bd4419ac2055b", "0e13f5981605b10c470401c6865c3528", "83880d6908a262e62175a45052bf06e0"]);
    assert_eq!(read(&without("/report-id")).report_id, "content-94bbd33d51a410102957d1a5c2c1c0ef");
}
