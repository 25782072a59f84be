//! The document's own fields and the policy domain's fallbacks.

use serde_json::json;
use tlsrpt_report::{Context, Domain, PolicyClass, PolicyMode, ResultType, WarningCode as W};

use crate::sample::{RECEIVED, context, policy_with, read, read_in, read_text, read_with, set, sound, unset, warnings, with, without};

#[test]
fn a_sound_report_is_read_as_sent_without_a_warning() {
    let report = read_with(&sound(), &[]);
    assert_eq!(report.organization, "Company-X");
    assert_eq!(report.report_id, "5065427c-23d3@company-x.example");
    assert_eq!(report.contact.as_deref(), Some("sts-reporting@company-x.example"));
    assert_eq!(report.period.day().unwrap().to_string(), "2026-05-13");
    let policy = &report.policies[0];
    assert_eq!(policy.index, 0);
    assert_eq!(policy.domain.as_ref().map(Domain::as_str), Some("company-y.example"));
    assert_eq!((&policy.domain_sent, &policy.type_sent), (&None, &None));
    assert_eq!((policy.class, policy.mode, policy.max_age), (PolicyClass::Sts, Some(PolicyMode::Testing), Some(86_400)));
    assert_eq!(policy.mx_hosts, ["*.mail.company-y.example"]);
    assert_eq!((policy.successful, policy.failed), (Some(5326), Some(303)));
    let [expired, plain] = policy.failures.as_slice() else { panic!("two failures") };
    assert_eq!((expired.result, expired.sessions), (ResultType::CertificateExpired, Some(100)));
    assert_eq!(expired.sending_ip, Some("2001:db8:abcd:12::1".parse().unwrap()));
    assert_eq!((plain.result, plain.sessions), (ResultType::StarttlsNotSupported, Some(203)));
    assert_eq!(plain.receiving_ip, Some("203.0.113.56".parse().unwrap()));
    assert_eq!(plain.receiving_mx.as_deref(), Some("mx2.mail.company-y.example"));
    assert_eq!(plain.receiving_helo.as_deref(), Some("mx2"));
    assert_eq!(plain.reason.as_deref(), Some("no STARTTLS"));
    assert!(plain.additional.as_deref().unwrap().starts_with("https://"));
}

#[test]
fn contact_info_may_be_null_or_missing() {
    assert_eq!(read_with(&with("/contact-info", json!(null)), &[]).contact, None);
    assert_eq!(read_with(&without("/contact-info"), &[]).contact, None);
}

#[test]
fn a_field_of_the_wrong_type_costs_itself_only() {
    for (at, code) in [
        ("/contact-info", W::InvalidContact),
        ("/organization-name", W::InvalidOrganization),
        ("/date-range", W::InvalidDate),
        ("/date-range/start-datetime", W::InvalidDate),
        ("/policies/0/policy/policy-string", W::InvalidPolicyString),
        ("/policies/0/failure-details/0/receiving-mx-hostname", W::InvalidReceivingMx),
        ("/policies/0/failure-details/1/receiving-mx-helo", W::InvalidReceivingHelo),
        ("/policies/0/failure-details/1/failure-reason-code", W::InvalidReason),
        ("/policies/0/failure-details/1/additional-information", W::InvalidAdditional),
    ] {
        let report = read_with(&with(at, json!([{"deep": [[1, {"x": null}]]}, true])), &[code]);
        assert_eq!((report.policies[0].successful, report.policies[0].failed), (Some(5326), Some(303)), "{at}");
    }
}

#[test]
fn a_missing_report_id_is_derived_from_the_content_and_told() {
    let report = read_with(&without("/report-id"), &[W::MissingReportId]);
    assert!(report.report_id.starts_with("content-"));
    assert_eq!(read(&without("/report-id")).report_id, report.report_id);
    let mut other = without("/report-id");
    set(&mut other, "/policies/0/failure-details/0/failed-session-count", json!(101));
    assert_ne!(read(&other).report_id, report.report_id);
    let numeric = read_with(&with("/report-id", json!(123)), &[]);
    assert_eq!(numeric.report_id, "123");
}

#[test]
fn a_missing_organization_is_told() {
    assert_eq!(read_with(&without("/organization-name"), &[W::MissingOrganization]).organization, "");
    assert_eq!(read_with(&with("/organization-name", json!("  ")), &[W::MissingOrganization]).organization, "");
}

#[test]
fn unknown_keys_are_passed_over() {
    let mut report = sound();
    set(&mut report, "/x-extension", json!({"policies": [{"summary": 1}], "report-id": 2}));
    set(&mut report, "/policies/0/x-extension", json!([[[1]]]));
    assert_eq!(read_with(&report, &[]), read(&sound()));
}

#[test]
fn long_texts_are_cut_and_told() {
    let report = read_with(&with("/organization-name", json!("ö".repeat(4000))), &[W::TextTruncated]);
    assert_eq!(report.organization.len(), 4096);
}

fn without_domain(report_id: &str) -> serde_json::Value {
    let mut report = without("/policies/0/policy/policy-domain");
    set(&mut report, "/report-id", json!(report_id));
    report
}

#[test]
fn a_missing_policy_domain_comes_from_header_subject_file_name_or_report_id_in_this_order() {
    let mut around = Context {
        report_domain: Some(" Header.example. "),
        subject: Some("Report Domain: subject.example Submitter: google.com Report-ID: <x>"),
        file_name: Some("google.com!file.example!1778630400!1778716799!001.json.gz"),
        received_at: RECEIVED,
    };
    let report = without_domain("2026-05-13T00:00:00Z_id.example");
    let check = |around: &Context<'_>, expected: Option<&str>| {
        let read = read_in(&report, around);
        assert_eq!(read.policies[0].domain.as_ref().map(Domain::as_str), expected);
        assert_eq!(read.policies[0].domain_sent, None);
        assert_eq!(warnings(&read), [W::MissingPolicyDomain]);
    };
    check(&around, Some("header.example"));
    around.report_domain = Some("not a domain");
    check(&around, Some("subject.example"));
    around.subject = Some("Your weekly report");
    check(&around, Some("file.example"));
    around.file_name = None;
    check(&around, Some("id.example"));
    let nowhere = read_in(&without_domain("b28254de@mail.ru"), &context());
    assert_eq!(nowhere.policies[0].domain, None);
    assert_eq!(nowhere.policies[0].successful, Some(5326));
}

#[test]
fn a_policy_without_domain_takes_the_only_other_one_of_the_report() {
    let mut report = sound();
    let mut second = report["policies"][0].clone();
    unset(&mut second, "/policy/policy-domain");
    set(&mut second, "/policy/policy-type", json!("tlsa"));
    report["policies"].as_array_mut().unwrap().push(second.clone());
    let around = Context { report_domain: Some("header.example"), ..context() };
    let read_two = read_in(&report, &around);
    assert_eq!(read_two.policies[1].domain, read_two.policies[0].domain);
    assert_eq!(warnings(&read_two), [W::DomainMismatch, W::MissingPolicyDomain]);

    let mut third = second;
    set(&mut third, "/policy/policy-domain", json!("third.example"));
    report["policies"].as_array_mut().unwrap().push(third);
    let read_three = read_in(&report, &around);
    assert_eq!(read_three.policies[1].domain.as_ref().map(Domain::as_str), Some("header.example"));
    assert_eq!(read_three.policies.len(), 3);
}

#[test]
fn the_json_wins_over_its_surroundings_and_the_difference_is_told() {
    for around in [
        Context { report_domain: Some("other.example"), ..context() },
        Context { subject: Some("Report Domain: other.example Submitter: x"), ..context() },
        Context { file_name: Some("x!other.example!1778630400!1778716799.json"), ..context() },
    ] {
        let report = read_in(&sound(), &around);
        assert_eq!(report.policies[0].domain.as_ref().map(Domain::as_str), Some("company-y.example"));
        assert_eq!(warnings(&report), [W::DomainMismatch]);
    }
    let same = Context {
        report_domain: Some("Company-Y.example."),
        subject: Some("Report Domain: COMPANY-Y.EXAMPLE Submitter: x"),
        file_name: Some("x!company-y.example!1778630400!1778716800.json"),
        received_at: RECEIVED,
    };
    assert_eq!(warnings(&read_in(&sound(), &same)), []);
}

#[test]
fn the_file_names_period_is_evidence_only() {
    let around = Context { file_name: Some("x!company-y.example!1778544000!1778630399.json"), ..context() };
    let report = read_in(&sound(), &around);
    assert_eq!(report.period, read(&sound()).period);
    assert_eq!(warnings(&report), [W::PeriodMismatch]);
}

#[test]
fn domains_are_kept_as_a_labels_beside_what_was_sent() {
    for (sent, domain) in [
        ("Company-Y.Example", "company-y.example"),
        ("company-y.example.", "company-y.example"),
        (" company-y.example ", "company-y.example"),
        ("Bücher.example", "xn--bcher-kva.example"),
    ] {
        let policy = policy_with(&with("/policies/0/policy/policy-domain", json!(sent)), &[]);
        assert_eq!(policy.domain.as_ref().map(Domain::as_str), Some(domain));
        assert_eq!(policy.domain_sent.as_deref(), Some(sent));
    }
    let policy = policy_with(&with("/policies/0/policy/policy-domain", json!("no domain!")), &[W::InvalidPolicyDomain]);
    assert_eq!((policy.domain, policy.domain_sent.as_deref()), (None, Some("no domain!")));
}

#[test]
fn text_that_is_almost_json_is_repaired_and_told() {
    let broken = sound().to_string().replace("Company-X", "Comp\n\\ud800any-X").replace("5326", "05326,");
    let report = read_text(&broken).unwrap();
    assert_eq!(report.organization, "Comp\n\u{fffd}any-X");
    assert_eq!(report.policies[0].successful, Some(5326));
    assert_eq!(warnings(&report), [W::RepairedJson]);
    let huge = read_text(&sound().to_string().replace("5326", "1e999")).unwrap();
    assert_eq!((huge.policies[0].successful, huge.policies[0].failed), (None, Some(303)));
    let followed = read_text(&format!("{}\r\n-- \r\nsent by a gateway", sound())).unwrap();
    assert_eq!(followed.policies, read(&sound()).policies);
    assert_eq!(warnings(&followed), [W::TrailingData]);
}
