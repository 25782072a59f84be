//! Series and failures by group.

use serde_json::json;
use tlsrpt_record::FailureRecord;
use tlsrpt_report::ResultType;
use tlsrpt_store::{FailureDimension as By, FailureOrder, FailureSort, SeriesDimension, Step, StoreError};

use crate::support::{DAY, POINTS_MAX, PolicyExt as _, all, day, failure, insert, noon, policy, sent, store, tenant};

#[tokio::test]
async fn a_series_without_groups_has_a_point_for_every_step() {
    let store = store().await;
    let at = |n, days| policy("acme", "example.com", n).day(DAY.plus(days));
    insert(&store, &[sent(noon(0), 1, vec![at(1, 0), at(2, -2), at(3, -2)])]).await;
    let queries = store.tenant(tenant("acme"));
    let series = async |from: &str, to: &str, step| {
        let mut filter = all();
        (filter.from, filter.to) = (from.parse().unwrap(), to.parse().unwrap());
        let points = queries.timeseries(&filter, step, &[], POINTS_MAX).await.unwrap();
        assert!(points.iter().all(|point| point.group.is_null()));
        points.iter().map(|point| (point.t.to_string(), point.successful_sessions)).collect::<Vec<_>>()
    };
    let expected = |points: &[(&str, u64)]| points.iter().map(|&(t, n)| (t.to_owned(), n)).collect::<Vec<_>>();
    // 2026-05-13 is a Wednesday.
    let days = expected(&[("2026-05-10", 0), ("2026-05-11", 20), ("2026-05-12", 0), ("2026-05-13", 10), ("2026-05-14", 0)]);
    assert_eq!(series("2026-05-10", "2026-05-14", Step::Day).await, days);
    let weeks = expected(&[("2026-05-04", 0), ("2026-05-11", 30), ("2026-05-18", 0)]);
    assert_eq!(series("2026-05-10", "2026-05-18", Step::Week).await, weeks);
    let months = expected(&[("2026-04-01", 0), ("2026-05-01", 30), ("2026-06-01", 0)]);
    assert_eq!(series("2026-04-30", "2026-06-01", Step::Month).await, months);
    assert!(series("2026-05-14", "2026-05-10", Step::Day).await.is_empty());
}

#[tokio::test]
async fn a_series_by_several_dimensions_names_each_in_its_group() {
    let store = store().await;
    let policy = policy("acme", "example.com", 1).sessions(10, 3).failure(ResultType::CertificateExpired, 3);
    insert(&store, &[sent(noon(0), 1, vec![policy])]).await;
    let queries = store.tenant(tenant("acme"));
    let points = queries.timeseries(&day(), Step::Day, &[SeriesDimension::Reporter, SeriesDimension::Domain], POINTS_MAX).await.unwrap();
    assert_eq!(
        serde_json::to_value(&points).unwrap(),
        json!([{"t": "2026-05-13", "group": {"reporter": "Example Mail", "domain": "example.com"}, "successful_sessions": 10, "failed_sessions": 3}])
    );
    let points = queries.timeseries(&day(), Step::Day, &[SeriesDimension::ResultType], POINTS_MAX).await.unwrap();
    assert_eq!(
        serde_json::to_value(&points).unwrap(),
        json!([{"t": "2026-05-13", "group": "certificate-expired", "successful_sessions": 0, "failed_sessions": 3}])
    );
}

#[tokio::test]
async fn failures_by_every_dimension_show_addresses_as_written_and_the_unknown_as_null() {
    let store = store().await;
    let known = FailureRecord { reason: "expired on May 1", sessions: Some(5), ..failure() };
    let unknown = FailureRecord {
        sending_ip: None,
        sending_ip_sent: "mail.example.net",
        receiving_ip: None,
        receiving_mx: "",
        sessions: Some(2),
        ..failure()
    };
    let early = policy("acme", "example.com", 1).day(DAY.plus(-3)).detail(known.clone()).detail(unknown);
    let late = policy("acme", "example.com", 2).detail(known);
    insert(&store, &[sent(noon(0), 1, vec![early, late])]).await;
    let by = [By::ResultType, By::ReceivingMx, By::Reporter, By::SendingIp, By::ReceivingIp, By::Reason];
    let groups = store.tenant(tenant("acme")).failures(&all(), &by, FailureOrder::default()).await.unwrap();
    assert_eq!(
        serde_json::to_value(&groups).unwrap(),
        json!([
            {"result_type": "certificate-expired", "receiving_mx": "mx1.example.com", "reporter": "Example Mail", "sending_ip": "192.0.2.1",
             "receiving_ip": "2001:db8::25", "reason": "expired on May 1", "failed_sessions": 10,
             "first_seen": "2026-05-10", "last_seen": "2026-05-13"},
            {"result_type": "certificate-expired", "receiving_mx": null, "reporter": "Example Mail", "sending_ip": "mail.example.net",
             "receiving_ip": null, "reason": null, "failed_sessions": 2, "first_seen": "2026-05-10", "last_seen": "2026-05-10"},
        ])
    );
    let total = store.tenant(tenant("acme")).failures(&all(), &[], FailureOrder::default()).await.unwrap();
    assert_eq!(total[0].failed_sessions, 12);
    assert!(store.tenant(tenant("beta")).failures(&all(), &[], FailureOrder::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_series_by_group_has_a_point_for_every_step_of_every_group_that_occurs() {
    let store = store().await;
    let at = |n, domain, days| policy("acme", domain, n).day(DAY.plus(days));
    let policies = vec![at(1, "example.com", -2), at(2, "example.com", 0), at(3, "example.net", -1), at(4, "example.org", -9)];
    insert(&store, &[sent(noon(0), 1, policies)]).await;
    let queries = store.tenant(tenant("acme"));
    let mut filter = all();
    (filter.from, filter.to) = (DAY.plus(-2), DAY);
    let points = queries.timeseries(&filter, Step::Day, &[SeriesDimension::Domain], 6).await.unwrap();
    let shown: Vec<_> =
        points.iter().map(|point| (point.t.to_string(), point.group.as_str().unwrap(), point.successful_sessions)).collect();
    let expected = [
        ("2026-05-11", "example.com", 10),
        ("2026-05-11", "example.net", 0),
        ("2026-05-12", "example.com", 0),
        ("2026-05-12", "example.net", 10),
        ("2026-05-13", "example.com", 10),
        ("2026-05-13", "example.net", 0),
    ];
    assert_eq!(shown, expected.map(|(t, group, n)| (t.to_owned(), group, n)));
    let error = queries.timeseries(&filter, Step::Day, &[SeriesDimension::Domain], 5).await.unwrap_err();
    assert!(matches!(error, StoreError::TooManyPoints { steps: 3, groups: 2, points_max: 5 }), "{error:?}");
    let error = queries.timeseries(&all(), Step::Day, &[], 100).await.unwrap_err();
    assert!(matches!(error, StoreError::TooManyPoints { groups: 1, .. }), "{error:?}");
}

#[tokio::test]
async fn failures_come_in_the_order_and_number_that_was_asked_for() {
    let store = store().await;
    let of = |n, result, sessions, days| policy("acme", "example.com", n).day(DAY.plus(days)).failure(result, sessions);
    let policies = vec![
        of(1, ResultType::CertificateExpired, 5, -4),
        of(2, ResultType::DnssecInvalid, 9, -1),
        of(3, ResultType::CertificateExpired, 2, 0),
        of(4, ResultType::TlsaInvalid, 1, -2),
    ];
    insert(&store, &[sent(noon(0), 1, policies)]).await;
    let queries = store.tenant(tenant("acme"));
    let check = async |by, descending, limit, expected: &[&str]| {
        let groups = queries.failures(&all(), &[By::ResultType], FailureOrder { by, descending, limit }).await.unwrap();
        let shown: Vec<_> = groups.iter().map(|group| group.group["result_type"].as_str().unwrap()).collect();
        assert_eq!(shown, expected, "{by:?} {descending}");
    };
    check(FailureSort::FailedSessions, true, None, &["dnssec-invalid", "certificate-expired", "tlsa-invalid"]).await;
    check(FailureSort::FailedSessions, false, Some(2), &["tlsa-invalid", "certificate-expired"]).await;
    check(FailureSort::FirstSeen, false, None, &["certificate-expired", "tlsa-invalid", "dnssec-invalid"]).await;
    check(FailureSort::LastSeen, true, Some(1), &["certificate-expired"]).await;
    check(FailureSort::Dimension(By::ResultType), true, None, &["tlsa-invalid", "dnssec-invalid", "certificate-expired"]).await;
    check(FailureSort::Dimension(By::ResultType), false, Some(1), &["certificate-expired"]).await;

    let groups = queries.failures(&all(), &[By::Domain, By::PolicyType], FailureOrder::default()).await.unwrap();
    let group = &groups[0];
    assert_eq!((&group.group["domain"], &group.group["policy_type"], group.failed_sessions), (&json!("example.com"), &json!("sts"), 17));
}
