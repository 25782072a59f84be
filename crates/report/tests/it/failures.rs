//! `failure-details`.

use serde_json::{Value, json};
use tlsrpt_report::{Failure, ResultType, WarningCode as W};

use crate::sample::{policy_with, set, sound, with, without};

const DETAILS: &str = "/policies/0/failure-details";

/// The first failure of the sample with `value` in its field `key`.
fn failure_with(key: &str, value: Value, codes: &[W]) -> Failure<'static> {
    policy_with(&with(&format!("{DETAILS}/0/{key}"), value), codes).failures.remove(0)
}

#[test]
fn a_result_type_finds_the_registrys_name_and_other_spellings_are_told() {
    for sent in ["CERTIFICATE-EXPIRED", "certificate_expired", " Certificate Expired"] {
        let failure = failure_with("result-type", json!(sent), &[W::ResultTypeSpelling]);
        assert_eq!((failure.result, failure.result_sent.as_deref()), (ResultType::CertificateExpired, Some(sent)));
    }
    let failure = failure_with("result-type", json!("tls-too-old"), &[W::UnknownResultType]);
    assert_eq!((failure.result, failure.result_sent.as_deref()), (ResultType::Other, Some("tls-too-old")));
    assert_eq!(failure_with("result-type", json!(null), &[W::MissingResultType]).result, ResultType::Other);
    failure_with("result-type", json!({}), &[W::InvalidResultType, W::MissingResultType]);
}

#[test]
fn what_is_no_ip_is_kept_as_text_and_told() {
    for sent in ["...", "mta.example", "192.0.2.1:25", "[2001:db8::1]"] {
        let failure = failure_with("sending-mta-ip", json!(sent), &[W::InvalidSendingIp]);
        assert_eq!((failure.sending_ip, failure.sending_ip_sent.as_deref()), (None, Some(sent)));
        let failure = failure_with("receiving-ip", json!(sent), &[W::InvalidReceivingIp]);
        assert_eq!((failure.receiving_ip, failure.receiving_ip_sent.as_deref()), (None, Some(sent)));
    }
    for sent in [json!(""), json!(null)] {
        let failure = failure_with("sending-mta-ip", sent, &[]);
        assert_eq!((failure.sending_ip, failure.sending_ip_sent), (None, None));
    }
}

#[test]
fn mx_names_are_lower_case_without_the_final_dot() {
    for sent in ["MX1.Example.", "mx1.example", " mx1.example "] {
        assert_eq!(failure_with("receiving-mx-hostname", json!(sent), &[]).receiving_mx.as_deref(), Some("mx1.example"));
    }
}

#[test]
fn reason_and_additional_information_are_text_whatever_their_form() {
    assert_eq!(failure_with("failure-reason-code", json!(404), &[]).reason.as_deref(), Some("404"));
    assert_eq!(failure_with("failure-reason-code", json!("bad code: 404"), &[]).reason.as_deref(), Some("bad code: 404"));
    assert_eq!(failure_with("additional-info-uri", json!("https://x.example"), &[]).additional.as_deref(), Some("https://x.example"));
    let long = failure_with("failure-reason-code", json!("x".repeat(9000)), &[W::TextTruncated]);
    assert_eq!(long.reason.unwrap().len(), 4096);
}

#[test]
fn null_details_are_none_and_a_lone_object_is_one() {
    assert_eq!(policy_with(&with(DETAILS, json!(null)), &[W::FailureDetailsForm]).failures.len(), 0);
    assert_eq!(policy_with(&without(DETAILS), &[]).failures.len(), 0);
    let mut lone = sound()["policies"][0]["failure-details"][0].clone();
    set(&mut lone, "/failed-session-count", json!(303));
    let policy = policy_with(&with(DETAILS, lone), &[W::FailureDetailsForm]);
    assert_eq!((policy.failures.len(), policy.failures[0].sessions), (1, Some(303)));
    assert_eq!(policy_with(&with(DETAILS, json!("none")), &[W::InvalidFailureDetails]).failures.len(), 0);
}

#[test]
fn a_detail_that_is_no_object_costs_only_itself() {
    let policy = policy_with(&with("/policies/0/failure-details/0", json!([1])), &[W::InvalidFailureDetails, W::DetailsMismatch]);
    assert_eq!((policy.failures.len(), policy.failed), (1, Some(303)));
}

#[test]
fn the_only_detail_without_a_count_takes_the_summarys() {
    let mut only = sound()["policies"][0]["failure-details"][0].clone();
    only.as_object_mut().unwrap().shift_remove("failed-session-count");
    let policy = policy_with(&with(DETAILS, json!([only])), &[W::DetailCountFromSummary]);
    assert_eq!(policy.failures[0].sessions, Some(303));
}

#[test]
fn one_of_several_details_without_a_count_is_unknown() {
    let failure = failure_with("failed-session-count", json!(null), &[W::MissingDetailCount]);
    assert_eq!(failure.sessions, None);
    for sent in [json!(-3), json!(0.5), json!("x"), json!([])] {
        assert_eq!(failure_with("failed-session-count", sent, &[W::InvalidDetailCount]).sessions, None);
    }
    assert_eq!(failure_with("failed-session-count", json!("100"), &[]).sessions, Some(100));
}
