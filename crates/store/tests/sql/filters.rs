//! Every filter, by what it leaves of one set of reports.

use tlsrpt_record::FailureRecord;
use tlsrpt_report::{Domain, PolicyClass, ResultType, Trust};
use tlsrpt_store::{FailureDimension, FailureOrder, Filter, SeriesDimension, Step, Store};

use crate::support::{DAY, POINTS_MAX, PolicyExt as _, all, failure, insert, noon, policy, sent, store, tenant};

/// Powers of two, so that a sum tells which reports are in it.
async fn reports() -> Store {
    let store = store().await;
    let detail = |result, mx, ip: &str, sessions| FailureRecord {
        result,
        receiving_mx: mx,
        sending_ip: Some(ip.parse().unwrap()),
        sessions: Some(sessions),
        ..failure()
    };
    let expired = ResultType::CertificateExpired;
    let mismatch = ResultType::CertificateHostMismatch;
    let one = policy("acme", "example.com", 1).sessions(1, 3).detail(detail(expired, "mx1.example.com", "192.0.2.1", 1)).detail(detail(
        mismatch,
        "mx2.example.com",
        "2001:db8::1",
        2,
    ));
    let two = policy("acme", "mail.example.com", 2).sessions(2, 4).from("Other Mail").detail(detail(
        expired,
        "mx2.example.com",
        "198.51.100.1",
        4,
    ));
    let three = policy("acme", "notexample.com", 3).sessions(4, 0).class(PolicyClass::Tlsa);
    let four = policy("acme", "example.co", 4).sessions(8, 0).day(DAY.plus(-40));
    let five = policy("acme", "example.com", 5).sessions(16, 0).undated();
    let mine = vec![one, two, three, four];
    insert(&store, &[sent(noon(0), 1, mine), sent(noon(1), 2, vec![five]).trust(Trust::DkimAligned)]).await;
    let foreign = policy("beta", "example.com", 6).sessions(1 << 20, 1 << 20).failure(expired, 1 << 20);
    insert(&store, &[sent(noon(0), 3, vec![foreign])]).await;
    store
}

async fn check(store: &Store, change: impl FnOnce(&mut Filter), successful: u64, failed: u64) {
    let mut filter = all();
    change(&mut filter);
    let queries = store.tenant(tenant("acme"));
    let summary = queries.summary(&filter).await.expect("summary");
    assert_eq!((summary.successful_sessions, summary.failed_sessions), (successful, failed), "{filter:?}");
    // Every other query understands the filter the same way.
    let (listed, _) = queries.reports(&filter, 100, None).await.expect("reports");
    assert_eq!(listed.iter().map(|report| report.successful_sessions.unwrap()).sum::<u64>(), successful, "{filter:?}");
    let points = queries.timeseries(&filter, Step::Month, &[SeriesDimension::Domain], POINTS_MAX).await.expect("series");
    let summed = points.iter().fold((0, 0), |(ok, bad), point| (ok + point.successful_sessions, bad + point.failed_sessions));
    assert_eq!(summed, (successful, failed), "{filter:?}");
    let domains = queries.domains(&filter).await.expect("domains");
    assert_eq!(domains.values().map(|figures| figures.failed_sessions).sum::<u64>(), failed, "{filter:?}");
    let failures = queries.failures(&filter, &[FailureDimension::ReceivingMx], FailureOrder::default()).await.expect("failures");
    assert_eq!(failures.iter().map(|group| group.failed_sessions).sum::<u64>(), failed, "{filter:?}");
    let by_result = queries.timeseries(&filter, Step::Day, &[SeriesDimension::ResultType], POINTS_MAX).await.expect("series by result");
    assert_eq!(by_result.iter().map(|point| point.failed_sessions).sum::<u64>(), failed, "{filter:?}");
}

fn domains(names: &[&str]) -> Vec<Domain> {
    names.iter().map(|name| Domain::parse(name).unwrap()).collect()
}

#[tokio::test]
async fn every_filter_leaves_just_what_it_names() {
    let store = reports().await;
    check(&store, |_| {}, 31, 7).await;
    check(&store, |filter| (filter.from, filter.to) = (DAY, DAY), 7, 7).await;
    check(&store, |filter| (filter.from, filter.to) = (DAY.plus(1), DAY.plus(1)), 16, 0).await;
    check(&store, |filter| filter.to = DAY.plus(-40), 8, 0).await;
    check(&store, |filter| (filter.from, filter.to) = (DAY.plus(1), DAY), 0, 0).await;

    check(&store, |filter| filter.domains = domains(&["example.com"]), 1 + 16, 3).await;
    check(&store, |filter| filter.domains = domains(&["example.com", "example.co"]), 1 + 16 + 8, 3).await;
    let below = |filter: &mut Filter| (filter.domains, filter.subdomains) = (domains(&["example.com"]), true);
    check(&store, below, 1 + 2 + 16, 7).await;
    check(&store, |filter| filter.domains = domains(&["example.test"]), 0, 0).await;

    check(&store, |filter| filter.reporters = vec![" other MAIL ".to_owned()], 2, 4).await;
    check(&store, |filter| filter.reporters = vec!["other".to_owned()], 0, 0).await;
    check(&store, |filter| filter.policy_types = vec![PolicyClass::Tlsa], 4, 0).await;
    check(&store, |filter| filter.policy_types = vec![PolicyClass::Tlsa, PolicyClass::Sts], 31, 7).await;
    check(&store, |filter| filter.trust = vec![Trust::DkimAligned], 16, 0).await;
    check(&store, |filter| filter.trust = vec![Trust::None], 15, 7).await;
}

#[tokio::test]
async fn a_filter_on_failure_details_counts_the_details_that_match() {
    let store = reports().await;
    check(&store, |filter| filter.result_types = vec!["certificate-expired".to_owned()], 1 + 2, 1 + 4).await;
    check(&store, |filter| filter.result_types = vec!["certificate-host-mismatch".to_owned()], 1, 2).await;
    check(&store, |filter| filter.result_types = vec!["no-such-type".to_owned()], 0, 0).await;
    check(&store, |filter| filter.receiving_mx = vec!["MX2.example.com.".to_owned()], 1 + 2, 2 + 4).await;
    let both = |filter: &mut Filter| {
        filter.receiving_mx = vec!["mx2.example.com".to_owned()];
        filter.result_types = vec!["certificate-expired".to_owned()];
    };
    check(&store, both, 2, 4).await;
    let nets =
        |nets: &'static [&'static str]| move |filter: &mut Filter| filter.sending_nets = nets.iter().map(|&net| net.to_owned()).collect();
    check(&store, nets(&["192.0.2.0/24"]), 1, 1).await;
    check(&store, nets(&["192.0.2.0/24", "198.51.100.0/24"]), 3, 5).await;
    check(&store, nets(&["2001:db8::/32"]), 1, 2).await;
    check(&store, nets(&["::/0"]), 1, 2).await;
    check(&store, nets(&["0.0.0.0/0"]), 3, 5).await;
    check(&store, nets(&["not a network"]), 0, 0).await;
}

#[tokio::test]
async fn text_from_outside_stays_text_in_every_statement() {
    let store = reports().await;
    for text in ["' OR 1=1 --", "\\' OR 1=1 --", "?", "??", "'; DROP TABLE reports; --", "\0", "{x:String}", "?fields"] {
        let text = || vec![text.to_owned()];
        check(&store, |filter| filter.reporters = text(), 0, 0).await;
        check(&store, |filter| filter.result_types = text(), 0, 0).await;
        check(&store, |filter| filter.receiving_mx = text(), 0, 0).await;
        check(&store, |filter| filter.sending_nets = text(), 0, 0).await;
    }
    check(&store, |_| {}, 31, 7).await;
}
