//! The counting rule: the same sessions under two policy types are counted once.

use tlsrpt_report::{PolicyClass, ResultType};
use tlsrpt_store::{FailureDimension, FailureOrder, SeriesDimension, Step};

use crate::support::{POINTS_MAX, PolicyExt as _, all, day, figures, insert, noon, policy, sent, store, tenant};

#[tokio::test]
async fn sessions_under_sts_and_tlsa_of_one_report_are_the_same_sessions() {
    let store = store().await;
    let both = vec![
        policy("acme", "example.com", 1).sessions(100, 2).failure(ResultType::CertificateExpired, 2),
        policy("acme", "example.com", 1).class(PolicyClass::Tlsa).sessions(90, 12).failure(ResultType::CertificateExpired, 12),
        policy("acme", "example.com", 1).class(PolicyClass::NoPolicyFound).sessions(7, 1),
        policy("acme", "example.com", 1).class(PolicyClass::Other).sessions(3, 0),
        policy("acme", "example.org", 1).class(PolicyClass::Tlsa).sessions(5, 5),
    ];
    // Another report of the same domain adds up: its sessions are others.
    let other = vec![policy("acme", "example.com", 2).class(PolicyClass::Tlsa).sessions(1000, 0)];
    insert(&store, &[sent(noon(0), 1, both), sent(noon(0), 2, other)]).await;

    let queries = store.tenant(tenant("acme"));
    let summary = queries.summary(&all()).await.unwrap();
    assert_eq!((summary.successful_sessions, summary.failed_sessions), (100 + 7 + 3 + 5 + 1000, 12 + 1 + 5));
    assert_eq!((summary.reports, summary.reporters), (2, 1));
    let split = |name: &str| (summary.policies[name].successful_sessions, summary.policies[name].failed_sessions);
    assert_eq!([split("sts"), split("tlsa"), split("no-policy-found"), split("other")], [(100, 2), (1095, 17), (7, 1), (3, 0)]);
    assert!((summary.failure_rate - 18.0 / 1133.0).abs() < 1e-12);

    let domains = queries.domains(&all()).await.unwrap();
    assert_eq!((domains["example.com"].successful_sessions, domains["example.com"].failed_sessions), (1110, 13));
    assert_eq!((domains["example.org"].successful_sessions, domains["example.org"].reports), (5, 1));

    let failures = queries.failures(&all(), &[FailureDimension::ResultType], FailureOrder::default()).await.unwrap();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].failed_sessions, 12, "the same details under both types count once");

    let points = queries.timeseries(&day(), Step::Day, &[SeriesDimension::PolicyType], POINTS_MAX).await.unwrap();
    let split: Vec<_> = points.iter().map(|point| (point.group.as_str().unwrap(), point.successful_sessions)).collect();
    assert_eq!(split, [("no-policy-found", 7), ("other", 3), ("sts", 100), ("tlsa", 1095)], "the split is shown as reported");
}

#[tokio::test]
async fn a_sum_beyond_64_bits_stays_at_its_greatest_value() {
    let store = store().await;
    let huge = |n| {
        let policy = policy("acme", "example.com", n).sessions(u64::MAX, u64::MAX).failure(ResultType::CertificateExpired, u64::MAX);
        sent(noon(0), n, vec![policy.clone().failure(ResultType::CertificateExpired, u64::MAX), policy.class(PolicyClass::Other)])
    };
    insert(&store, &[huge(1), huge(2)]).await;
    assert_eq!(figures(&store, "acme").await, (u64::MAX, u64::MAX, 2));
    let queries = store.tenant(tenant("acme"));
    assert_eq!(queries.failures(&all(), &[], FailureOrder::default()).await.unwrap()[0].failed_sessions, u64::MAX);
    let mut expired = all();
    expired.result_types = vec!["certificate-expired".to_owned()];
    assert_eq!(queries.summary(&expired).await.unwrap().failed_sessions, u64::MAX);
    assert!((queries.summary(&all()).await.unwrap().failure_rate - 0.5).abs() < 1e-9);
}

#[tokio::test]
async fn an_unknown_count_adds_nothing_and_is_shown_as_unknown() {
    let store = store().await;
    let mut unknown = policy("acme", "example.com", 1);
    (unknown.successful, unknown.failed) = (None, None);
    insert(&store, &[sent(noon(0), 1, vec![unknown, policy("acme", "example.com", 2).sessions(4, 2)])]).await;
    assert_eq!(figures(&store, "acme").await, (4, 2, 2));
    let (reports, _) = store.tenant(tenant("acme")).reports(&all(), 10, None).await.unwrap();
    let shown: Vec<_> = reports.iter().map(|report| (report.successful_sessions, report.failed_sessions)).collect();
    assert_eq!(shown, [(None, None), (Some(4), Some(2))]);
}

#[tokio::test]
async fn a_reporter_is_one_however_it_is_spelled_and_shown_as_it_spells_itself_now() {
    let store = store().await;
    let from = |at, n, name| sent(noon(at), n, vec![policy("acme", "example.com", n).from(name)]);
    insert(&store, &[from(0, 1, "Google Inc."), from(1, 2, " GOOGLE inc. "), from(0, 3, "Microsoft")]).await;
    let queries = store.tenant(tenant("acme"));
    assert_eq!(queries.summary(&all()).await.unwrap().reporters, 2);
    let points = queries.timeseries(&day(), Step::Month, &[SeriesDimension::Reporter], POINTS_MAX).await.unwrap();
    let groups: Vec<_> = points.iter().map(|point| (point.group.as_str().unwrap(), point.successful_sessions)).collect();
    assert_eq!(groups, [("GOOGLE inc.", 20), ("Microsoft", 10)]);
}
