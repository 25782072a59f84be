//! Who reports, and when.

use std::collections::BTreeMap;

use tlsrpt_record::PolicyRecord;
use tlsrpt_report::{PolicyClass, ResultType, Trust};
use tlsrpt_store::{Filter, Reporter, Store};

use crate::support::{DAY, PolicyExt as _, all, insert, noon, policy, sent, store, tenant};

async fn reporters(store: &Store, filter: &Filter, days_before: i32) -> Vec<Reporter> {
    store.tenant(tenant("acme")).reporters(filter, filter.from.plus(-days_before)).await.unwrap()
}

fn names(reporters: &[Reporter]) -> Vec<&str> {
    reporters.iter().map(|one| one.name.as_str()).collect()
}

#[tokio::test]
async fn a_reporters_figures_follow_the_counting_rule_and_its_days_are_listed_once() {
    let store = store().await;
    let google = |n, domain| policy("acme", domain, n).from("Google Inc.").sessions(100, 2);
    let warned = PolicyRecord { warnings: vec!["details-mismatch", "zip-archive"], ..google(1, "example.com") };
    let warned_too = PolicyRecord { warnings: vec!["zip-archive"], ..google(2, "example.org") };
    // Both policies of one report, of the same sessions; the warning of the document stands in each of its rows.
    let tlsa = PolicyRecord { warnings: vec!["zip-archive"], ..google(1, "example.com").class(PolicyClass::Tlsa).sessions(90, 12) };
    let verified = google(3, "example.com").day(DAY.plus(1)).sessions(10, 0);
    insert(
        &store,
        &[
            sent(noon(0), 1, vec![warned, tlsa]),
            sent(noon(0), 2, vec![warned_too]),
            sent(noon(1), 3, vec![verified]).trust(Trust::DkimAligned),
            sent(noon(1), 4, vec![policy("acme", "example.com", 4).from("Microsoft")]),
            sent(noon(1), 5, vec![policy("beta", "example.net", 5).from("Foreign")]),
        ],
    )
    .await;
    let found = reporters(&store, &all(), 0).await;
    assert_eq!(names(&found), ["Google Inc.", "Microsoft"]);
    let expected = Reporter {
        name: "Google Inc.".to_owned(),
        days: vec![DAY, DAY.plus(1)],
        reports: 3,
        successful_sessions: 100 + 100 + 10,
        failed_sessions: 12 + 2,
        verified_sessions: 10,
        warnings: BTreeMap::from([("details-mismatch".to_owned(), 1), ("zip-archive".to_owned(), 2)]),
        domains: vec!["example.com".to_owned(), "example.org".to_owned()],
        domains_total: 2,
    };
    assert_eq!(found[0], expected);
}

#[tokio::test]
async fn who_stopped_before_the_period_is_there_with_zeros_and_with_its_days() {
    let store = store().await;
    let from = |n, name, days| policy("acme", "example.com", n).from(name).day(DAY.plus(days));
    let failing = from(1, "Goes on", 0).failure(ResultType::CertificateExpired, 3);
    let policies = vec![from(2, "Goes on", -1), failing, from(3, "Stopped", -20), from(4, "Stopped", -19), from(5, "Long gone", -40)];
    insert(&store, &[sent(noon(0), 1, policies)]).await;
    let mut filter = Filter { from: DAY.plus(-6), to: DAY, ..all() };
    let found = reporters(&store, &filter, 30).await;
    assert_eq!(names(&found), ["Goes on", "Stopped"]);
    assert_eq!((found[0].reports, &found[0].days[..]), (2, &[DAY.plus(-1), DAY][..]));
    assert_eq!((found[1].reports, &found[1].days[..]), (0, &[DAY.plus(-20), DAY.plus(-19)][..]));

    // Who has no such failure is not asked for; of who has, all days are told.
    filter.result_types = vec!["certificate-expired".to_owned()];
    let found = reporters(&store, &filter, 30).await;
    assert_eq!(names(&found), ["Goes on"]);
    assert_eq!((found[0].reports, found[0].failed_sessions, found[0].days.len()), (1, 3, 2));
}

#[tokio::test]
async fn what_is_below_a_trust_counts_in_nothing() {
    let store = store().await;
    let from = |n, name, days| vec![policy("acme", "example.com", n).from(name).day(DAY.plus(days))];
    let signed = sent(noon(0), 1, from(1, "Google", -1)).trust(Trust::DkimAligned);
    insert(&store, &[signed, sent(noon(0), 2, from(2, "Google", 0)), sent(noon(0), 3, from(3, "Forger", 0))]).await;
    let filter = Filter { trust: vec![Trust::DkimAligned], ..all() };
    let found = reporters(&store, &filter, 0).await;
    assert_eq!(names(&found), ["Google"]);
    assert_eq!((found[0].reports, found[0].verified_sessions, &found[0].days[..]), (1, 10, &[DAY.plus(-1)][..]));
}

#[tokio::test]
async fn of_a_reporter_on_very_many_domains_the_first_hundred_are_named_and_all_are_counted() {
    let store = store().await;
    let domain = |n: u128| crate::support::leak(format!("d{n:03}.example.com"));
    insert(&store, &[sent(noon(0), 1, (0..130).map(|n| policy("acme", domain(n), 1)).collect())]).await;
    let found = reporters(&store, &all(), 0).await;
    assert_eq!((found[0].domains_total, found[0].domains.len(), found[0].domains[99].as_str()), (130, 100, "d099.example.com"));
}

#[tokio::test]
async fn sums_beyond_64_bits_stay_at_their_greatest_value() {
    let store = store().await;
    let huge = |n| sent(noon(0), n, vec![policy("acme", "example.com", n).sessions(u64::MAX, u64::MAX)]).trust(Trust::DkimAligned);
    insert(&store, &[huge(1), huge(2)]).await;
    let found = reporters(&store, &all(), 0).await;
    let sums = (found[0].successful_sessions, found[0].failed_sessions, found[0].verified_sessions);
    assert_eq!(sums, (u64::MAX, u64::MAX, u64::MAX));
}
