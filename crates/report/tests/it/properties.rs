//! What holds for every report and for every input.

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use tlsrpt_report::{Document, Report, detect, open, parse, redact};

use crate::{
    identity::{encodings, keys},
    model::report,
    sample::{context, read, read_payload, set, warnings},
};

/// Parses and redacts whatever comes out of `payload`; what comes in must not matter.
fn survive(payload: &[u8]) {
    let _ = detect(payload);
    for document in open(payload).unwrap_or_default() {
        let parsed = parse(&document, &context()).is_ok();
        let redacted = redact(&document, |index| index % 2 == 0);
        assert!(redacted.is_ok() || !parsed, "{:?}", document.text);
        if let Ok(text) = redacted {
            let _ = parse(&Document { text: text.into(), warnings: Vec::new() }, &context());
        }
    }
}

/// JSON pointers of all fields under `value` that are no object.
fn fields(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields_of) => fields_of.iter().for_each(|(key, value)| fields(value, &format!("{at}/{key}"), found)),
        Value::Array(elements) if elements.iter().all(Value::is_object) && !elements.is_empty() => {
            elements.iter().enumerate().for_each(|(n, value)| fields(value, &format!("{at}/{n}"), found));
        }
        _ => found.push(at.to_owned()),
    }
}

/// The parts of a report that a field of the JSON does not reach.
fn blank(report: &mut Report<'_>, at: &str) {
    let nowhere = || tlsrpt_report::ReportKey(0);
    (report.document, report.group) = (nowhere(), nowhere());
    report.warnings.clear();
    for policy in &mut report.policies {
        policy.key = nowhere();
        policy.warnings.clear();
    }
    let parts: Vec<&str> = at.split('/').skip(1).collect();
    match parts.as_slice() {
        ["organization-name"] => report.organization = "".into(),
        ["report-id"] => report.report_id = "".into(),
        ["contact-info"] => report.contact = None,
        // The day to file under follows from what is left of the dates.
        ["date-range", "start-datetime"] => (report.period.begin, report.key_day) = (None, None),
        ["date-range", "end-datetime"] => report.period.end = None,
        ["policies", n, rest @ ..] => {
            let policy = &mut report.policies[n.parse::<usize>().unwrap()];
            match rest {
                ["policy", "policy-type"] => {
                    policy.class = tlsrpt_report::PolicyClass::Other;
                    (policy.type_sent, policy.mode, policy.max_age) = (None, None, None);
                }
                ["policy", "policy-domain"] => (policy.domain, policy.domain_sent) = (None, None),
                ["policy", "policy-string"] => {
                    policy.strings.clear();
                    (policy.mode, policy.max_age) = (None, None);
                }
                ["policy", "mx-host"] => policy.mx_hosts.clear(),
                ["summary", "total-successful-session-count"] => policy.successful = None,
                ["summary", "total-failure-session-count"] => policy.failed = None,
                ["failure-details"] => policy.failures.clear(),
                ["failure-details", n, field] => {
                    let failure = &mut policy.failures[n.parse::<usize>().unwrap()];
                    match *field {
                        "result-type" => (failure.result, failure.result_sent) = (tlsrpt_report::ResultType::Other, None),
                        "failed-session-count" => failure.sessions = None,
                        "sending-mta-ip" => (failure.sending_ip, failure.sending_ip_sent) = (None, None),
                        "receiving-ip" => (failure.receiving_ip, failure.receiving_ip_sent) = (None, None),
                        "receiving-mx-hostname" => failure.receiving_mx = None,
                        "receiving-mx-helo" => failure.receiving_helo = None,
                        "failure-reason-code" => failure.reason = None,
                        "additional-information" => failure.additional = None,
                        other => panic!("no field {other}"),
                    }
                }
                other => panic!("no field {other:?}"),
            }
        }
        other => panic!("no field {other:?}"),
    }
}

fn junk() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![json!(true), json!([[]]), json!([{"x": 1}, [2]]), json!({"x": {"y": [null]}}), json!([false, 5])])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_report_comes_back_as_it_was_sent(meant in report()) {
        let read = read(&meant.json());
        meant.check(&read);
        prop_assert_eq!(warnings(&read), []);
    }

    #[test]
    fn every_encoding_of_any_report_has_its_identity(meant in report()) {
        let mut json = meant.json();
        for with_id in [true, false] {
            if !with_id {
                json.as_object_mut().unwrap().shift_remove("report-id");
            }
            let expected = keys(&read(&json));
            for (name, payload) in encodings(&json) {
                let read = read_payload(&payload).unwrap();
                prop_assert_eq!(keys(&read), expected.clone(), "{}", name);
            }
        }
    }

    #[test]
    fn damage_to_one_field_costs_that_field_only_and_is_told(meant in report(), which in any::<prop::sample::Index>(), junk in junk()) {
        let sent = meant.json();
        let mut all = Vec::new();
        fields(&sent, "", &mut all);
        let at = which.get(&all);
        let mut damaged = sent.clone();
        set(&mut damaged, at, junk);
        let (mut expected, mut read) = (read(&sent), read(&damaged));
        prop_assert_ne!(warnings(&read), [], "{}", at);
        // The missing numbers and domains have their own rules of where else to look.
        blank(&mut expected, at);
        blank(&mut read, at);
        if at.ends_with("mx-host") || at.ends_with("failure-details") {
            read.policies.iter_mut().zip(&expected.policies).for_each(|(read, expected)| read.failures.truncate(expected.failures.len()));
        }
        prop_assert_eq!(read, expected, "{}", at);
    }

    #[test]
    fn a_policys_rows_are_the_same_after_redaction(meant in report(), kept in 0_usize..4) {
        let sent = meant.json();
        let document = Document { text: sent.to_string().into(), warnings: Vec::new() };
        let text = redact(&document, |index| index == kept).unwrap();
        let redacted: Value = serde_json::from_str(&text).unwrap();
        let mut expected = sent;
        expected["policies"] = expected["policies"].as_array().unwrap().get(kept).cloned().into_iter().collect();
        prop_assert_eq!(redacted, expected);
    }

    #[test]
    fn no_bytes_panic(payload in vec(any::<u8>(), 0..600)) {
        survive(&payload);
    }

    #[test]
    fn no_text_that_looks_like_json_panics(text in "[{\\[][{}\\[\\]\",:\\\\a0-9eu.\u{0}\n -]{0,200}") {
        survive(text.as_bytes());
    }

    #[test]
    fn no_mutation_of_a_report_panics(meant in report(), edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..12)) {
        for (_, mut payload) in encodings(&meant.json()) {
            for (at, byte, kind) in &edits {
                let at = at.index(payload.len().max(1));
                match kind {
                    0 if at < payload.len() => payload[at] = *byte,
                    1 => payload.insert(at, *byte),
                    2 if at < payload.len() => drop(payload.remove(at)),
                    _ => payload.truncate(at.max(payload.len() / 2)),
                }
            }
            survive(&payload);
        }
    }
}
