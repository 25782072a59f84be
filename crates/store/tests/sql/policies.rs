//! The policies that reporters saw.

use tlsrpt_record::PolicyRecord;
use tlsrpt_report::{Domain, PolicyClass, PolicyMode};
use tlsrpt_store::{Filter, PolicyKind, SeenPolicy, Store};

use crate::support::{DAY, PolicyExt as _, all, insert, noon, policy, sent, store, tenant};

/// A report on this policy of example.com's.
fn saw(n: u128, mode: Option<PolicyMode>, mx: &[&'static str], max_age: Option<u64>) -> PolicyRecord<'static> {
    PolicyRecord { mode, mx_hosts: mx.to_vec(), max_age, ..policy("acme", "example.com", n) }
}

async fn seen(store: &Store, filter: &Filter) -> Vec<SeenPolicy> {
    store.tenant(tenant("acme")).seen_policies(filter).await.unwrap()
}

#[tokio::test]
async fn a_policy_is_one_however_its_mx_lines_are_ordered_and_spelled() {
    let store = store().await;
    let testing = Some(PolicyMode::Testing);
    let policies = vec![
        saw(1, testing, &["mx1.example.com", "*.example.net"], Some(86_400)).sessions(7, 1),
        saw(2, testing, &["*.Example.NET.", "MX1.example.com", "mx1.example.com"], Some(86_400)).day(DAY.plus(2)),
        saw(3, testing, &["mx1.example.com"], Some(86_400)).day(DAY.plus(3)),
    ];
    insert(&store, &[sent(noon(3), 1, policies)]).await;
    let both = SeenPolicy {
        reporter: "Example Mail".to_owned(),
        kind: PolicyKind::Sts,
        mode: testing,
        mx: vec!["*.example.net".to_owned(), "mx1.example.com".to_owned()],
        max_age: Some(86_400),
        first_seen: DAY,
        last_seen: DAY.plus(2),
        reports: 2,
        sessions: 18,
    };
    let other = SeenPolicy {
        mx: vec!["mx1.example.com".to_owned()],
        first_seen: DAY.plus(3),
        last_seen: DAY.plus(3),
        reports: 1,
        sessions: 10,
        ..both.clone()
    };
    assert_eq!(seen(&store, &all()).await, [other, both]);
}

#[tokio::test]
async fn policies_that_differ_in_mode_or_max_age_and_those_that_cannot_be_read_stand_apart() {
    let store = store().await;
    let mx = ["mx.example.com"];
    let none_found = PolicyRecord { mode: None, max_age: None, ..policy("acme", "example.com", 6).class(PolicyClass::NoPolicyFound) };
    let policies = vec![
        saw(1, Some(PolicyMode::Testing), &mx, Some(86_400)).day(DAY.plus(5)),
        saw(2, Some(PolicyMode::Enforce), &mx, Some(86_400)).day(DAY.plus(4)),
        saw(3, Some(PolicyMode::Enforce), &mx, Some(604_800)).day(DAY.plus(3)),
        saw(4, None, &mx, None).day(DAY.plus(2)),
        saw(5, None, &[], None).day(DAY.plus(1)),
        none_found,
        // TLSA records are no MTA-STS policy.
        policy("acme", "example.com", 7).class(PolicyClass::Tlsa),
    ];
    insert(&store, &[sent(noon(5), 1, policies)]).await;
    let shown: Vec<_> = seen(&store, &all()).await.into_iter().map(|one| (one.kind, one.mode, one.mx.len(), one.max_age)).collect();
    let expected = [
        (PolicyKind::Sts, Some(PolicyMode::Testing), 1, Some(86_400)),
        (PolicyKind::Sts, Some(PolicyMode::Enforce), 1, Some(86_400)),
        (PolicyKind::Sts, Some(PolicyMode::Enforce), 1, Some(604_800)),
        (PolicyKind::Sts, None, 1, None),
        (PolicyKind::StsWithoutText, None, 0, None),
        // The MX hosts of a report that found no policy are of none.
        (PolicyKind::NoPolicyFound, None, 0, None),
    ];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn each_reporters_sight_is_its_own_by_its_newest_name_and_of_the_domains_asked_for() {
    let store = store().await;
    let from = |n, domain, name, days| policy("acme", domain, n).from(name).day(DAY.plus(days));
    let sent_then = |at, n, domain, name, days| sent(noon(at), n, vec![from(n, domain, name, days)]);
    let foreign = sent(noon(0), 9, vec![policy("beta", "example.com", 9).from("Foreign")]);
    insert(
        &store,
        &[
            sent_then(1, 1, "example.com", "Google Inc.", 0),
            sent_then(2, 2, "example.com", "google inc.", 1),
            sent_then(1, 3, "example.com", "Microsoft", 0),
            sent_then(1, 4, "www.example.com", "Yahoo", 0),
            foreign,
        ],
    )
    .await;
    let names = async |filter: &Filter| -> Vec<_> {
        seen(&store, filter).await.into_iter().map(|one| (one.reporter, one.first_seen, one.last_seen)).collect()
    };
    let mut filter = all();
    filter.domains = vec![Domain::parse("example.com").unwrap()];
    assert_eq!(names(&filter).await, [("google inc.".to_owned(), DAY, DAY.plus(1)), ("Microsoft".to_owned(), DAY, DAY)]);
    filter.from = DAY.plus(1);
    assert_eq!(names(&filter).await, [("google inc.".to_owned(), DAY.plus(1), DAY.plus(1))]);
}
