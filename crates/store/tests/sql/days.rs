//! What each reporter says of each day, and the failures that stop mail under `enforce`.

use serde_json::json;
use tlsrpt_record::{FailureRecord, PolicyRecord};
use tlsrpt_report::{PolicyClass, PolicyMode, ResultType, Trust};
use tlsrpt_store::ReporterDay;

use crate::support::{DAY, PolicyExt as _, all, failure, insert, noon, policy, sent, store, tenant};

/// What is said of these reports: day, reporter, modes, no policy, then successful, failed, blocked, unexplained, policy errors, verified.
type Said = (i32, String, [u64; 3], u64, [u64; 6]);

fn said(day: ReporterDay) -> Said {
    let numbers = [
        day.successful_sessions,
        day.failed_sessions,
        day.blocked_sessions,
        day.unexplained_sessions,
        day.policy_errors,
        day.verified_sessions,
    ];
    (day.day.0 - DAY.0, day.reporter, day.seen_modes, day.seen_no_policy, numbers)
}

/// One report of these policies, as the tenant's days show it.
async fn check(policies: Vec<PolicyRecord<'static>>, expected: &[Said]) {
    let store = store().await;
    insert(&store, &[sent(noon(0), 1, policies)]).await;
    let found: Vec<Said> = store.tenant(tenant("acme")).reporter_days(&all()).await.unwrap().into_iter().map(said).collect();
    assert_eq!(found, expected);
}

fn one(modes: [u64; 3], no_policy: u64, numbers: [u64; 6]) -> Vec<Said> {
    vec![(0, "Example Mail".to_owned(), modes, no_policy, numbers)]
}

fn with_mode(report: u128, mode: PolicyMode) -> PolicyRecord<'static> {
    PolicyRecord { mode: Some(mode), ..policy("acme", "example.com", report) }
}

#[tokio::test]
async fn a_day_of_a_reporter_has_the_modes_that_it_saw_and_its_sessions() {
    let enforce = with_mode(2, PolicyMode::Enforce).sessions(7, 2).failure(ResultType::CertificateExpired, 2);
    check(vec![with_mode(1, PolicyMode::Testing), enforce], &one([0, 1, 1], 0, [17, 2, 2, 0, 0, 0])).await;
}

#[tokio::test]
async fn what_cannot_be_fetched_or_is_about_dane_blocks_nothing_and_no_starttls_always_does() {
    let sts = policy("acme", "example.com", 1).sessions(0, 9).failure(ResultType::StsPolicyFetchError, 9);
    check(vec![PolicyRecord { mode: None, ..sts }], &one([0, 0, 0], 0, [0, 9, 0, 0, 9, 0])).await;
    let dane = |result| policy("acme", "example.com", 1).class(PolicyClass::Tlsa).sessions(0, 4).failure(result, 4);
    check(vec![dane(ResultType::CertificateExpired)], &one([0; 3], 0, [0, 4, 0, 0, 0, 0])).await;
    check(vec![dane(ResultType::TlsaInvalid)], &one([0; 3], 0, [0, 4, 0, 0, 0, 0])).await;
    check(vec![dane(ResultType::StarttlsNotSupported)], &one([0; 3], 0, [0, 4, 4, 0, 0, 0])).await;
}

#[tokio::test]
async fn the_same_sessions_under_sts_and_tlsa_are_counted_once() {
    let both = |class| policy("acme", "example.com", 1).class(class).sessions(10, 3).failure(ResultType::StarttlsNotSupported, 3);
    check(vec![both(PolicyClass::Sts), both(PolicyClass::Tlsa)], &one([0, 1, 0], 0, [10, 3, 3, 0, 0, 0])).await;
}

#[tokio::test]
async fn failures_without_details_or_numbers_are_not_passed_over() {
    check(vec![policy("acme", "example.com", 1).sessions(5, 6)], &one([0, 1, 0], 0, [5, 6, 6, 6, 0, 0])).await;
    let unknown = FailureRecord { sessions: None, ..failure() };
    check(vec![policy("acme", "example.com", 1).sessions(5, 6).detail(unknown)], &one([0, 1, 0], 0, [5, 6, 1, 0, 0, 0])).await;
}

#[tokio::test]
async fn a_reporter_that_found_no_policy_says_so_unless_it_could_not_fetch_one() {
    let none = || PolicyRecord { mode: None, ..policy("acme", "example.com", 1) }.class(PolicyClass::NoPolicyFound);
    check(vec![none()], &one([0; 3], 1, [10, 0, 0, 0, 0, 0])).await;
    let fetch = none().sessions(10, 1).failure(ResultType::StsPolicyFetchError, 1);
    check(vec![fetch], &one([0; 3], 0, [10, 1, 0, 0, 1, 0])).await;
}

#[tokio::test]
async fn a_report_without_a_day_is_of_no_day() {
    let store = store().await;
    let undated = policy("acme", "example.com", 1).undated().sessions(1, 1).failure(ResultType::CertificateExpired, 1);
    insert(&store, &[sent(noon(0), 1, vec![undated])]).await;
    let queries = store.tenant(tenant("acme"));
    assert_eq!(queries.reporter_days(&all()).await.unwrap(), []);
    assert_eq!(queries.blocking(&all()).await.unwrap(), []);
}

#[tokio::test]
async fn days_stand_by_domain_day_and_reporter_whose_spellings_are_one() {
    let store = store().await;
    let at = |n, domain, day, from| policy("acme", domain, n).day(DAY.plus(day)).from(from);
    let first = sent(noon(0), 1, vec![at(1, "b.example", 0, "Zeta"), at(2, "b.example", -1, "example mail ")]).trust(Trust::DkimAligned);
    let second = sent(noon(1), 2, vec![at(3, "a.example", 0, "Example Mail"), at(4, "b.example", -1, "Example Mail")]);
    insert(&store, &[first, second, sent(noon(1), 3, vec![policy("other", "c.example", 5)])]).await;
    let found: Vec<_> = store
        .tenant(tenant("acme"))
        .reporter_days(&all())
        .await
        .unwrap()
        .into_iter()
        .map(|day| (day.domain, day.day.0 - DAY.0, day.reporter, day.successful_sessions, day.verified_sessions))
        .collect();
    let row = |domain: &str, day, reporter: &str, all, verified| (domain.to_owned(), day, reporter.to_owned(), all, verified);
    assert_eq!(
        found,
        [row("a.example", 0, "Example Mail", 10, 0), row("b.example", -1, "Example Mail", 20, 10), row("b.example", 0, "Zeta", 10, 10)]
    );
}

#[tokio::test]
async fn blocking_failures_are_by_type_and_mail_server_with_addresses_and_days() {
    let store = store().await;
    let v6 = FailureRecord { sending_ip: Some("2001:db8::9".parse().unwrap()), sessions: Some(5), ..failure() };
    let elsewhere = FailureRecord { receiving_mx: "", sessions: None, ..failure() };
    let harmless = FailureRecord { result: ResultType::StsPolicyFetchError, sessions: Some(99), ..failure() };
    let early = policy("acme", "example.com", 1).day(DAY.plus(-3)).sessions(1, 7).detail(failure()).detail(v6);
    let late = policy("acme", "example.com", 2).sessions(1, 7).detail(failure()).detail(elsewhere).detail(harmless);
    insert(&store, &[sent(noon(0), 1, vec![early, late])]).await;
    let found = store.tenant(tenant("acme")).blocking(&all()).await.unwrap();
    assert_eq!(
        serde_json::to_value(&found).unwrap(),
        json!([
            {"result_type": "certificate-expired", "receiving_mx": "mx1.example.com", "sending_ips": ["192.0.2.1", "2001:db8::9"],
             "failed_sessions": 7, "first_seen": "2026-05-10", "last_seen": "2026-05-13"},
            {"result_type": "certificate-expired", "receiving_mx": null, "sending_ips": ["192.0.2.1"],
             "failed_sessions": 1, "first_seen": "2026-05-13", "last_seen": "2026-05-13"},
        ])
    );
}
