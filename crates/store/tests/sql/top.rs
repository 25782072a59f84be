//! Who weighs most.

use tlsrpt_report::{Day, PolicyClass};
use tlsrpt_store::{Store, TopBy, Weight};

use crate::support::{DAY, PolicyExt as _, Sent, insert, noon, policy, sent, store};

/// Name, reports, sessions, bytes.
type Shown = (Option<String>, u64, u64, u64);

async fn top(store: &Store, by: TopBy, weight: Weight, days: (Day, Day), limit: usize) -> Vec<Shown> {
    let heavy = store.top(by, weight, days.0, days.1, limit).await.unwrap();
    heavy.into_iter().map(|one| (one.name, one.reports, one.sessions, one.payload_bytes)).collect()
}

fn named(name: &str, reports: u64, sessions: u64, bytes: u64) -> Shown {
    (Some(name.to_owned()), reports, sessions, bytes)
}

fn bytes(mut sent: Sent, bytes: usize) -> Sent {
    sent.payload = vec![b'x'; bytes];
    sent
}

/// Three of acme's reports with few sessions in small payloads, one of beta's in a large one, one of nobody's, and one of both.
async fn weighed() -> Store {
    let store = store().await;
    let small = |n| bytes(sent(noon(0), n, vec![policy("acme", "example.com", n).from("Many")]), 10);
    let large = vec![policy("beta", "example.net", 4).sessions(5_000, 500).from("Few")];
    let tlsa = policy("beta", "example.net", 4).class(PolicyClass::Tlsa).sessions(4_000, 700).from("Few");
    let shared = [policy("acme", "example.com", 5), policy("beta", "example.net", 5)].map(|one| one.from("few ").day(DAY.plus(1)));
    let nobodys = sent(noon(0), 6, vec![policy("", "nobody.example", 6).sessions(1, 0)]);
    insert(
        &store,
        &[
            small(1),
            small(2),
            small(3),
            bytes(sent(noon(0), 4, [large, vec![tlsa]].concat()), 100_000),
            bytes(sent(noon(9), 5, shared.to_vec()), 1_000),
            bytes(nobodys, 3),
            // What was told already adds nothing, its payload included.
            bytes(sent(noon(9), 7, vec![policy("acme", "example.com", 1).from("Many")]), 7_000_000),
        ],
    )
    .await;
    store
}

#[tokio::test]
async fn tenants_domains_and_reporters_are_weighed_by_reports_sessions_and_bytes() {
    let store = weighed().await;
    let days = (DAY, DAY.plus(1));
    let (acme, beta, nobody) = (named("acme", 4, 40, 1_030), named("beta", 2, 5_710, 101_000), (None, 1, 1, 3));
    let tenants = [beta.clone(), acme.clone(), nobody.clone()];
    assert_eq!(top(&store, TopBy::Tenants, Weight::Sessions, days, 10).await, tenants);
    assert_eq!(top(&store, TopBy::Tenants, Weight::PayloadBytes, days, 10).await, tenants);
    assert_eq!(top(&store, TopBy::Tenants, Weight::Reports, days, 10).await, [acme, beta, nobody]);
    let domains = [named("example.com", 4, 40, 1_030), named("example.net", 2, 5_710, 101_000), named("nobody.example", 1, 1, 3)];
    assert_eq!(top(&store, TopBy::Domains, Weight::Reports, days, 10).await, domains);
    // One reporter however it spells itself, by its newest spelling.
    let reporters = [named("few", 2, 5_720, 101_000), named("Many", 3, 30, 30), named("Example Mail", 1, 1, 3)];
    assert_eq!(top(&store, TopBy::Reporters, Weight::PayloadBytes, days, 10).await, reporters);
    assert_eq!(top(&store, TopBy::Reporters, Weight::Sessions, days, 2).await, reporters[..2]);
    assert_eq!(top(&store, TopBy::Reporters, Weight::PayloadBytes, days, 1).await, reporters[..1]);
}

#[tokio::test]
async fn days_are_the_reported_ones_whenever_the_report_came() {
    let store = weighed().await;
    let later = [named("acme", 1, 10, 1_000), named("beta", 1, 10, 1_000)];
    assert_eq!(top(&store, TopBy::Tenants, Weight::Reports, (DAY.plus(1), DAY.plus(1)), 10).await, later);
    assert!(top(&store, TopBy::Tenants, Weight::PayloadBytes, (DAY.plus(2), DAY.plus(9)), 10).await.is_empty());
}
