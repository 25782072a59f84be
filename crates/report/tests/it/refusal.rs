//! What is refused, and that nothing else is.

use std::collections::HashSet;

use serde_json::json;
use tlsrpt_report::Reject;

use crate::sample::{read_text, set, sound, unset, with, without};

fn refused(text: &str, reject: Reject) {
    assert_eq!(read_text(text).map(|report| report.report_id.into_owned()), Err(reject), "{}", &text[..text.len().min(300)]);
}

#[test]
fn what_is_no_json_object_is_refused() {
    refused("[]", Reject::NotAnObject);
    refused(&format!("[{}]", sound()), Reject::NotAnObject);
    refused("{\"a\":", Reject::NotJson);
    refused("{]}", Reject::NotJson);
    let text = sound().to_string();
    refused(&text[..text.len() - 1], Reject::NotJson);
}

#[test]
fn a_report_without_anything_to_count_is_refused() {
    refused("{}", Reject::NoPolicies);
    for policies in [json!([]), json!(null), json!("none"), json!([1, "x", null, []])] {
        refused(&with("/policies", policies).to_string(), Reject::NoPolicies);
    }
    let mut nothing = without("/policies/0/summary");
    unset(&mut nothing, "/policies/0/failure-details");
    refused(&nothing.to_string(), Reject::NoCounts);
    set(&mut nothing, "/policies/0/failure-details", json!([{"result-type": "certificate-expired"}]));
    refused(&nothing.to_string(), Reject::NoCounts);
}

#[test]
fn a_known_key_that_stands_twice_is_refused_by_name() {
    for key in
        ["organization-name", "policies", "start-datetime", "policy-domain", "summary", "total-failure-session-count", "failure-details"]
    {
        let twice = sound().to_string().replacen(&format!("\"{key}\":"), &format!("\"{key}\":null,\"{key}\":"), 1);
        refused(&twice, Reject::DuplicateKey { key });
    }
    let unknown = sound().to_string().replacen('{', "{\"x\":1,\"x\":2,\"summary\":1,\"summary\":2,", 1);
    read_text(&unknown).unwrap();
}

#[test]
fn nesting_beyond_the_limit_is_refused_wherever_it_stands() {
    for at in ["/x", "/organization-name", "/policies/0/policy/mx-host", "/policies/0/failure-details/0/x", "/policies/0/summary"] {
        let text = |levels: usize| with(at, json!("@")).to_string().replace("\"@\"", &("[".repeat(levels) + &"]".repeat(levels)));
        read_text(&text(64)).unwrap();
        refused(&text(70), Reject::TooDeep);
        refused(&text(100_000), Reject::TooDeep);
    }
}

#[test]
fn a_string_or_key_beyond_the_limit_is_refused() {
    let long = "x".repeat((1 << 20) + 1);
    for at in ["/x", "/organization-name", "/policies/0/policy/policy-string", "/policies/0/failure-details/0/result-type"] {
        refused(&with(at, json!(long)).to_string(), Reject::StringTooLong);
        refused(&with(at, json!(format!("\n{long}"))).to_string(), Reject::StringTooLong);
    }
    refused(&with(&format!("/{long}"), json!(1)).to_string(), Reject::StringTooLong);
    refused(&with(&format!("/policies/0/summary/{long}"), json!(1)).to_string(), Reject::StringTooLong);
}

#[test]
fn more_policies_or_details_than_the_limit_are_refused() {
    let policies = |count: usize| {
        let list: Vec<_> = (0..count).map(|n| json!({"summary": {"total-successful-session-count": n}})).collect();
        with("/policies", json!(list)).to_string()
    };
    assert_eq!(read_text(&policies(10_000)).unwrap().policies.len(), 10_000);
    refused(&policies(10_001), Reject::TooManyPolicies);
    refused(&with("/policies", json!(vec![0; 10_001])).to_string(), Reject::TooManyPolicies);
    let details = |count: usize| with("/policies/0/failure-details", json!(vec![json!({}); count])).to_string();
    assert_eq!(read_text(&details(100_000)).unwrap().policies[0].failures.len(), 100_000);
    refused(&details(100_001), Reject::TooManyFailures);
}

#[test]
fn every_reject_has_a_code_of_its_own_and_a_sentence() {
    let codes: HashSet<&str> = Reject::CODES.into_iter().collect();
    assert_eq!(codes.len(), Reject::CODES.len());
    let every = [
        Reject::UnknownForm,
        Reject::CorruptGzip,
        Reject::CorruptZip,
        Reject::NoDocument,
        Reject::TooManyLayers,
        Reject::TooLarge,
        Reject::CompressionRatio,
        Reject::TooManyMembers,
        Reject::TooManyDocuments,
        Reject::TooManyEntries,
        Reject::NoReport,
        Reject::DmarcReport,
        Reject::Bounce,
        Reject::AutoReply,
        Reject::TooManyParts,
        Reject::PartsTooDeep,
        Reject::HeadersTooLarge,
        Reject::NotJson,
        Reject::NotAnObject,
        Reject::DuplicateKey { key: "summary" },
        Reject::TooDeep,
        Reject::StringTooLong,
        Reject::TooManyPolicies,
        Reject::TooManyFailures,
        Reject::NoPolicies,
        Reject::NoCounts,
    ];
    assert_eq!(every.iter().map(Reject::code).collect::<Vec<_>>(), Reject::CODES);
    assert!(every.iter().all(|reject| reject.to_string().len() > 20));
}
