//! Failures across tenants.

use serde_json::json;
use tlsrpt_record::{FailureRecord, PolicyRecord};
use tlsrpt_report::{PolicyClass, ResultType, Trust};
use tlsrpt_store::{Incident, IncidentDimension as By, IncidentFilter, IncidentSort, Store};

use crate::support::{DAY, PolicyExt as _, failure, insert, leak, noon, policy, sent, store};

/// The week up to [`DAY`], most tenants first.
fn week() -> IncidentFilter {
    let (from, to) = (DAY.plus(-6), DAY);
    IncidentFilter { from, to, trust: Vec::new(), tenants_min: 1, sort: IncidentSort::Tenants, descending: true, limit: 100 }
}

async fn incidents(store: &Store, filter: &IncidentFilter, by: &[By]) -> Vec<Incident> {
    store.incidents(filter, by).await.unwrap()
}

/// A report on a domain of this tenant's that failed at this host so often.
fn failed(tenant: &'static str, n: u128, mx: &'static str, sessions: u64) -> PolicyRecord<'static> {
    let domain = leak(format!("{}{n}.example", if tenant.is_empty() { "nobody" } else { tenant }));
    let detail = FailureRecord { receiving_mx: mx, sessions: Some(sessions), ..failure() };
    policy(tenant, domain, n).sessions(1, sessions).detail(detail)
}

#[tokio::test]
async fn many_tenants_trouble_with_one_host_is_one_line() {
    let store = store().await;
    let tenants: Vec<&'static str> = (0..40).map(|n| leak(format!("t{n:02}"))).collect();
    let mut policies: Vec<_> = tenants
        .iter()
        .zip(1..)
        .map(|(&tenant, n)| failed(tenant, n, "mx.host.example", 10).from(["Google", "Microsoft"][n as usize % 2]))
        .collect();
    policies.push(failed("t00", 100, "mx.host.example", 5).from("google").day(DAY.plus(-2)));
    policies.push(failed("t00", 101, "mx.of-its-own.example", 900));
    // Nobody's domain counts as a domain, and is no tenant's.
    policies.push(failed("", 102, "mx.host.example", 7));
    policies.push(failed("", 103, "mx.of-nobodys.example", 7));
    insert(&store, &[sent(noon(0), 1, policies)]).await;
    let found = incidents(&store, &week(), &[By::ReceivingMx, By::ResultType]).await;
    assert_eq!(
        serde_json::to_value(&found).unwrap(),
        json!([
            {"receiving_mx": "mx.host.example", "result_type": "certificate-expired", "since": "2026-05-11", "last_seen": "2026-05-13",
             "tenants": 40, "domains": 42, "reporters": 3, "failed_sessions": 412, "example_tenants": ["t00", "t01", "t02", "t03", "t04"],
             "example_domains": ["nobody102.example", "t001.example", "t00100.example", "t012.example", "t023.example"]},
            {"receiving_mx": "mx.of-its-own.example", "result_type": "certificate-expired", "since": "2026-05-13", "last_seen": "2026-05-13",
             "tenants": 1, "domains": 1, "reporters": 1, "failed_sessions": 900, "example_tenants": ["t00"],
             "example_domains": ["t00101.example"]},
        ])
    );
    let several = incidents(&store, &IncidentFilter { tenants_min: 2, ..week() }, &[By::ReceivingMx]).await;
    assert_eq!(several.len(), 1);
    let with_nobodys = incidents(&store, &IncidentFilter { tenants_min: 0, ..week() }, &[By::ReceivingMx]).await;
    assert_eq!((with_nobodys.len(), with_nobodys[2].tenants, with_nobodys[2].domains), (3, 0, 1));
}

#[tokio::test]
async fn failures_are_grouped_by_the_networks_of_their_addresses() {
    let store = store().await;
    let at = |n, sending: Option<&str>, receiving: Option<&str>| {
        let parse = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        let detail = FailureRecord { sending_ip: parse(sending), receiving_ip: parse(receiving), sessions: Some(1), ..failure() };
        policy("acme", "example.com", n).detail(detail)
    };
    let policies = vec![
        at(1, Some("192.0.2.1"), Some("2001:db8:7:1::25")),
        at(2, Some("192.0.2.200"), Some("2001:db8:7:2::25")),
        at(3, Some("192.0.3.1"), Some("203.0.113.25")),
        at(4, None, None),
    ];
    insert(&store, &[sent(noon(0), 1, policies)]).await;
    let groups = async |by, name: &str| -> Vec<_> {
        let found = incidents(&store, &IncidentFilter { sort: IncidentSort::FailedSessions, ..week() }, &[by]).await;
        found.iter().map(|one| (one.group[name].clone(), one.failed_sessions)).collect()
    };
    assert_eq!(groups(By::SendingNet, "sending_net").await, [(json!("192.0.2.0/24"), 2), (json!(null), 1), (json!("192.0.3.0/24"), 1)]);
    let receiving = [(json!("2001:db8:7::/48"), 2), (json!(null), 1), (json!("203.0.113.0/24"), 1)];
    assert_eq!(groups(By::ReceivingNet, "receiving_net").await, receiving);
}

#[tokio::test]
async fn an_incident_is_as_old_as_the_run_of_its_failures_also_before_the_period() {
    let store = store().await;
    let on = |n, days| failed("acme", n, "mx.example", 1).day(DAY.plus(days));
    let once = |n, days| failed("acme", n, "mx.once.example", 1).day(DAY.plus(days));
    // The run goes back 17 days; before it were other failures.
    let policies = vec![on(1, -30), on(2, -17), on(3, -13), on(4, -9), on(5, -5), on(6, -1), on(7, 1), once(8, -60), once(9, -3)];
    insert(&store, &[sent(noon(0), 1, policies)]).await;
    let found = incidents(&store, &week(), &[By::ReceivingMx]).await;
    let shown: Vec<_> =
        found.iter().map(|one| (one.group["receiving_mx"].clone(), one.since, one.last_seen, one.failed_sessions)).collect();
    let expected = [(json!("mx.example"), DAY.plus(-17), DAY.plus(-1), 2), (json!("mx.once.example"), DAY.plus(-3), DAY.plus(-3), 1)];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn what_was_taken_back_or_moved_or_told_twice_counts_once() {
    let store = store().await;
    let both = vec![failed("acme", 1, "mx.example", 10), failed("acme", 1, "mx.example", 12).class(PolicyClass::Tlsa)];
    let first = sent(noon(0), 1, vec![failed("acme", 2, "mx.example", 100)]);
    // The same identity better verified, and one whose failure is gone.
    let better = sent(noon(0), 3, vec![failed("acme", 2, "mx.example", 200)]).trust(Trust::DkimAligned);
    let wrong = sent(noon(0), 4, vec![failed("acme", 3, "mx.example", 1_000)]);
    let right = wrong.clone().replayed(5, vec![policy("acme", "acme3.example", 3)]);
    insert(&store, &[sent(noon(0), 2, both), first, better, wrong]).await;
    insert(&store, &[right]).await;
    assert_eq!(incidents(&store, &week(), &[By::ReceivingMx]).await[0].failed_sessions, 12 + 200);
    let trusted = IncidentFilter { trust: vec![Trust::DkimAligned], ..week() };
    assert_eq!(incidents(&store, &trusted, &[By::ReceivingMx]).await[0].failed_sessions, 200);
}

#[tokio::test]
async fn incidents_come_in_the_order_and_number_that_was_asked_for() {
    let store = store().await;
    let of = |tenant, n, result, sessions, days| policy(tenant, "example.com", n).day(DAY.plus(days)).failure(result, sessions);
    let policies = vec![
        of("a", 1, ResultType::CertificateExpired, 5, -4),
        of("b", 2, ResultType::CertificateExpired, 2, -3),
        of("a", 3, ResultType::DnssecInvalid, u64::MAX, -1),
        of("a", 4, ResultType::DnssecInvalid, u64::MAX, -1),
        of("a", 5, ResultType::TlsaInvalid, 1, 0),
    ];
    insert(&store, &[sent(noon(0), 1, policies)]).await;
    let check = async |sort, descending, limit, expected: &[&str]| {
        let found = incidents(&store, &IncidentFilter { sort, descending, limit, ..week() }, &[By::ResultType]).await;
        let shown: Vec<_> = found.iter().map(|one| one.group["result_type"].as_str().unwrap()).collect();
        assert_eq!(shown, expected, "{sort:?} {descending}");
    };
    check(IncidentSort::Tenants, true, 10, &["certificate-expired", "dnssec-invalid", "tlsa-invalid"]).await;
    check(IncidentSort::FailedSessions, true, 10, &["dnssec-invalid", "certificate-expired", "tlsa-invalid"]).await;
    check(IncidentSort::LastSeen, false, 2, &["certificate-expired", "dnssec-invalid"]).await;
    let whole = incidents(&store, &IncidentFilter { sort: IncidentSort::FailedSessions, ..week() }, &[]).await;
    assert_eq!((whole.len(), whole[0].tenants, whole[0].failed_sessions), (1, 2, u64::MAX));
}
