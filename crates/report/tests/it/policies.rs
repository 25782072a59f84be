//! `policy` and `summary`.

use serde_json::{Value, json};
use tlsrpt_report::{PolicyClass, PolicyMode, Report, WarningCode as W};

use crate::sample::{policy_with, read, read_text, read_with, set, sound, unset, with, without};

const TYPE: &str = "/policies/0/policy/policy-type";
const STRING: &str = "/policies/0/policy/policy-string";
const MX: &str = "/policies/0/policy/mx-host";
const SUCCESSFUL: &str = "/policies/0/summary/total-successful-session-count";
const FAILED: &str = "/policies/0/summary/total-failure-session-count";

#[test]
fn a_policy_type_finds_its_class_and_other_spellings_are_told() {
    for (sent, class, code) in [
        (json!("STS"), PolicyClass::Sts, W::PolicyTypeSpelling),
        (json!("dane"), PolicyClass::Tlsa, W::PolicyTypeSpelling),
        (json!("DANE-only"), PolicyClass::Tlsa, W::PolicyTypeSpelling),
        (json!("no_policy_found"), PolicyClass::NoPolicyFound, W::PolicyTypeSpelling),
        (json!("invalid-policy-type"), PolicyClass::Other, W::UnknownPolicyType),
    ] {
        let policy = policy_with(&with(TYPE, sent.clone()), &[code]);
        assert_eq!((policy.class, policy.type_sent.as_deref()), (class, sent.as_str()));
    }
    let policy = policy_with(&without(TYPE), &[W::MissingPolicyType]);
    assert_eq!((policy.class, policy.type_sent), (PolicyClass::Other, None));
    policy_with(&with(TYPE, json!(["sts"])), &[W::InvalidPolicyType, W::MissingPolicyType]);
}

#[test]
fn a_policy_string_is_read_line_by_line_in_every_form() {
    let lines = ["version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"];
    let forms = [
        (json!(lines), vec![]),
        (json!(lines.join("\n")), vec![W::PolicyStringForm]),
        (json!(lines.join("\r\n") + "\r\n"), vec![W::PolicyStringForm]),
        (json!([lines.join("\r\n")]), vec![W::PolicyStringForm]),
        (json!(json!(lines).to_string()), vec![W::PolicyStringForm]),
        (json!([json!(lines).to_string()]), vec![W::PolicyStringForm]),
        (json!([lines[0], 5, lines[1], null, lines[2], " ", lines[3]]), vec![W::InvalidPolicyString]),
    ];
    let key = read(&sound()).policies[0].key;
    for (sent, codes) in forms {
        let policy = policy_with(&with(STRING, sent), &codes);
        assert_eq!(policy.strings, lines);
        assert_eq!((policy.mode, policy.max_age), (Some(PolicyMode::Testing), Some(86_400)));
        assert_eq!(policy.key, key);
    }
    let odd = policy_with(&with(STRING, json!(["version:STSv1", "mode :enforce", "max_age:\t7"])), &[]);
    assert_eq!((odd.mode, odd.max_age), (Some(PolicyMode::Enforce), Some(7)));
    let one = policy_with(&with(STRING, json!("mode: none")), &[W::PolicyStringForm]);
    assert_eq!((one.strings.len(), one.mode), (1, Some(PolicyMode::None)));
    assert_eq!(policy_with(&with(STRING, json!(null)), &[]).strings.len(), 0);
}

#[test]
fn only_an_sts_policy_has_a_mode() {
    let policy = policy_with(&with(TYPE, json!("tlsa")), &[]);
    assert_eq!((policy.mode, policy.max_age), (None, None));
}

#[test]
fn mx_hosts_are_read_in_every_form() {
    let check = |sent: Value, expected: &[&str], codes: &[W]| {
        assert_eq!(policy_with(&with(MX, sent), codes).mx_hosts, expected);
    };
    check(json!(["a.example", "*.b.example"]), &["a.example", "*.b.example"], &[]);
    check(json!("a.example"), &["a.example"], &[W::MxHostForm]);
    check(json!(["mx: a.example", "MX:b.example"]), &["a.example", "b.example"], &[W::MxHostPrefix]);
    check(json!([7, "a.example"]), &["a.example"], &[W::InvalidMxHost]);
    check(json!({}), &["*.mail.company-y.example"], &[W::InvalidMxHost]);
    // Null is empty, and then the policy's own lines tell.
    check(json!(null), &["*.mail.company-y.example"], &[W::MxHostForm]);
    let mut pattern = without(MX);
    set(&mut pattern, "/policies/0/policy/mx-host-pattern", json!(["a.example"]));
    assert_eq!(policy_with(&pattern, &[W::MxHostForm]).mx_hosts, ["a.example"]);
}

#[test]
fn lists_beyond_the_limit_are_cut_and_told() {
    let lines: Vec<String> = (0..300).map(|n| format!("mx{n}.example")).collect();
    assert_eq!(policy_with(&with(MX, json!(lines)), &[W::ListTruncated]).mx_hosts.len(), 256);
}

#[test]
fn a_count_is_a_whole_number_or_unknown_and_never_zero_by_default() {
    for sent in [json!(7), json!("7"), json!(7.0)] {
        assert_eq!(policy_with(&with(SUCCESSFUL, sent), &[]).successful, Some(7));
    }
    for sent in [json!(-1), json!(1.5), json!("many"), json!(true), json!([1]), json!({})] {
        let policy = policy_with(&with(SUCCESSFUL, sent), &[W::InvalidSuccessfulCount]);
        assert_eq!((policy.successful, policy.failed), (None, Some(303)));
    }
    assert_eq!(policy_with(&with(SUCCESSFUL, json!(null)), &[W::MissingSuccessfulCount]).successful, None);
    assert_eq!(policy_with(&without(SUCCESSFUL), &[W::MissingSuccessfulCount]).successful, None);
}

#[test]
fn counts_wider_than_32_bits_are_exact_and_wider_than_64_bits_are_told() {
    assert_eq!(policy_with(&with(SUCCESSFUL, json!(u64::MAX)), &[]).successful, Some(u64::MAX));
    for wide in ["18446744073709551616", "\"99999999999999999999999\""] {
        let report = read_text(&sound().to_string().replace("5326", wide)).unwrap();
        assert_eq!(report.policies[0].successful, Some(u64::MAX));
        assert_eq!(report.policies[0].warnings, [W::CountSaturated]);
    }
}

#[test]
fn an_unknown_number_of_failures_is_the_sum_of_the_details() {
    let policy = policy_with(&without(FAILED), &[W::MissingFailedCount, W::FailedCountFromDetails]);
    assert_eq!(policy.failed, Some(303));
    let policy = policy_with(&with(FAILED, json!("x")), &[W::InvalidFailedCount, W::FailedCountFromDetails]);
    assert_eq!(policy.failed, Some(303));
    let mut no_summary = without("/policies/0/summary");
    let policy = policy_with(&no_summary, &[W::MissingSuccessfulCount, W::MissingFailedCount, W::FailedCountFromDetails]);
    assert_eq!((policy.successful, policy.failed), (None, Some(303)));
    for detail in [0, 1] {
        set(&mut no_summary, &format!("/policies/0/failure-details/{detail}/failed-session-count"), json!(u64::MAX));
    }
    let codes = [W::MissingSuccessfulCount, W::MissingFailedCount, W::FailedCountFromDetails, W::CountSaturated];
    assert_eq!(policy_with(&no_summary, &codes).failed, Some(u64::MAX));
}

#[test]
fn details_that_do_not_add_up_stay_as_sent() {
    let policy = policy_with(&with(FAILED, json!(1)), &[W::DetailsMismatch]);
    assert_eq!((policy.failed, policy.failures[0].sessions, policy.failures[1].sessions), (Some(1), Some(100), Some(203)));
}

#[test]
fn an_element_that_counts_nothing_costs_only_itself() {
    let mut report = sound();
    let policies = report["policies"].as_array_mut().unwrap();
    policies.insert(0, json!({"policy": {"policy-type": "sts", "policy-domain": "x.example"}}));
    policies.insert(0, json!("policy"));
    let report = read_with(&report, &[W::InvalidPolicies, W::UncountablePolicy]);
    assert_eq!(report.policies.len(), 1);
    assert_eq!((report.policies[0].index, report.policies[0].successful), (2, Some(5326)));
}

#[test]
fn a_lone_policy_in_place_of_the_array_is_read() {
    let report = read_with(&with("/policies", sound()["policies"][0].clone()), &[W::InvalidPolicies]);
    assert_eq!(report.policies[0].failed, Some(303));
}

#[test]
fn a_missing_or_odd_policy_still_counts() {
    let codes = [W::InvalidPolicy, W::MissingPolicyDomain, W::MissingPolicyType];
    for report in [without("/policies/0/policy"), with("/policies/0/policy", json!("sts")), with("/policies/0/policy", json!([1]))] {
        let policy = policy_with(&report, &codes);
        assert_eq!((policy.successful, policy.failed), (Some(5326), Some(303)));
    }
    policy_with(
        &with("/policies/0/summary", json!(5)),
        &[W::InvalidSummary, W::MissingSuccessfulCount, W::MissingFailedCount, W::FailedCountFromDetails],
    );
}

fn twice(change: impl FnOnce(&mut Value)) -> Report<'static> {
    let mut report = sound();
    let mut second = report["policies"][0].clone();
    change(&mut second);
    report["policies"].as_array_mut().unwrap().push(second);
    read(&report)
}

#[test]
fn an_exact_repeat_inside_a_report_counts_once() {
    let report = twice(|_| {});
    assert_eq!((report.policies.len(), report.warnings.as_slice()), (1, [W::DuplicatePolicy].as_slice()));
    let respelled = twice(|second| {
        set(second, "/summary/total-successful-session-count", json!("5326"));
        set(second, "/policy/policy-domain", json!("COMPANY-Y.example."));
        unset(second, "/policy/mx-host");
    });
    assert_eq!(respelled.policies.len(), 1);
}

#[test]
fn the_same_policy_with_other_numbers_counts_beside_the_first() {
    let report = twice(|second| set(second, "/summary/total-successful-session-count", json!(1)));
    let [first, second] = report.policies.as_slice() else { panic!("both stay") };
    assert_ne!(first.key, second.key);
    assert_eq!(first.key, read(&sound()).policies[0].key);
    assert_eq!((first.warnings.as_slice(), second.warnings.as_slice()), ([].as_slice(), [W::RepeatedPolicy].as_slice()));
}

#[test]
fn one_report_about_sts_and_tlsa_of_a_domain_has_two_policies_of_one_group() {
    let report = twice(|second| set(second, "/policy/policy-type", json!("tlsa")));
    assert_eq!(report.policies.len(), 2);
    assert_ne!(report.policies[0].key, report.policies[1].key);
    assert_eq!(report.group, read(&sound()).group);
    assert_eq!(report.document, read(&sound()).document);
}
