//! The export, page by page.

use tlsrpt_record::FailureRecord;
use tlsrpt_report::{ResultType, Trust};
use tlsrpt_store::{ExportPlace, Filter, StoreError, TenantQueries, WholeReport};

use crate::support::{DAY, PolicyExt as _, all, failure, insert, noon, policy, sent, store, tenant};

/// Everything, in pages of so many rows and bytes; each place goes through its text.
async fn exported(queries: &TenantQueries, filter: &Filter, rows_max: usize, bytes_max: usize) -> Vec<WholeReport> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = queries.export(filter, after.as_ref(), rows_max, bytes_max).await.unwrap();
        assert!(page.reports.len() <= rows_max);
        all.extend(page.reports.into_iter().map(|one| one.report));
        let Some(next) = page.next else { return all };
        after = Some(ExportPlace::parse(&next.cursor()).unwrap());
    }
}

#[tokio::test]
async fn an_export_has_every_report_once_whatever_its_pages_are_and_nothing_of_others() {
    let store = store().await;
    let domains = ["example.co", "example.com", "mail.example.com", "xn--bcher-kva.example"];
    let report = |n: u128| {
        let policy = policy("acme", domains[usize::try_from(n % 4).unwrap()], n).failure(ResultType::CertificateExpired, 1);
        let policy = if n.is_multiple_of(7) { policy.undated() } else { policy.day(DAY.plus(-i32::try_from(n % 90).unwrap())) };
        sent(noon(0), n, vec![policy, super::support::policy("beta", "example.org", n)])
    };
    let reports: Vec<_> = (0..60).map(report).collect();
    insert(&store, &reports).await;
    let queries = store.tenant(tenant("acme"));
    let whole = exported(&queries, &all(), 1_000, 1 << 30).await;
    assert_eq!(whole.len(), 60);
    assert!(whole.iter().all(|report| domains.contains(&&*report.item.domain)));
    for (rows_max, bytes_max) in [(1, 1 << 30), (7, 1 << 30), (60, 1 << 30), (1_000, 1), (9, 3_000)] {
        assert_eq!(exported(&queries, &all(), rows_max, bytes_max).await, whole, "{rows_max} rows, {bytes_max} bytes");
    }
    // The same as one by one.
    for report in &whole {
        assert_eq!(queries.report(report.item.report_key).await.unwrap().unwrap().report, *report);
    }
}

#[tokio::test]
async fn what_arrives_during_an_export_neither_repeats_nor_skips_a_report() {
    let store = store().await;
    let report = |n: u128| sent(noon(0), n, vec![policy("acme", "example.com", n).day(DAY.plus(-i32::try_from(n % 60).unwrap()))]);
    let first: Vec<_> = (0..40).map(report).collect();
    insert(&store, &first).await;
    let queries = store.tenant(tenant("acme"));
    let (mut seen, mut after, mut n) = (Vec::new(), None, 40);
    loop {
        let page = queries.export(&all(), after.as_ref(), 6, 1 << 30).await.unwrap();
        seen.extend(page.reports.iter().map(|one| one.report.item.report_id.clone()));
        // New ones before and behind, and the same better verified.
        let again = first[usize::try_from(n % 40).unwrap()].clone().trust(Trust::DkimAligned);
        insert(&store, &[report(n), report(n + 1), again]).await;
        n += 2;
        after = page.next;
        if after.is_none() || seen.len() > 400 {
            break;
        }
    }
    for one in 0..40 {
        let id = format!("report-{one}");
        assert_eq!(seen.iter().filter(|seen| **seen == id).count(), 1, "{id}");
    }
}

#[tokio::test]
async fn an_export_by_a_condition_on_failures_holds_the_failures_that_match() {
    let store = store().await;
    let detail = |result, mx| FailureRecord { result, receiving_mx: mx, ..failure() };
    let both = policy("acme", "example.com", 1)
        .detail(detail(ResultType::CertificateExpired, "mx1.example.com"))
        .detail(detail(ResultType::TlsaInvalid, "mx2.example.com"));
    let neither = policy("acme", "example.com", 2);
    insert(&store, &[sent(noon(0), 1, vec![both, neither])]).await;
    let queries = store.tenant(tenant("acme"));
    let failures = async |filter: &Filter| {
        let reports = exported(&queries, filter, 10, 1 << 20).await;
        reports.into_iter().map(|one| one.failures.into_iter().map(|failure| failure.result_type).collect()).collect::<Vec<Vec<String>>>()
    };
    assert_eq!(failures(&all()).await, [vec!["certificate-expired", "tlsa-invalid"], vec![]]);
    let mut filter = all();
    filter.result_types = vec!["tlsa-invalid".to_owned()];
    assert_eq!(failures(&filter).await, [["tlsa-invalid"]]);
    filter = all();
    filter.receiving_mx = vec!["mx1.example.com".to_owned()];
    filter.sending_nets = vec!["192.0.2.0/24".to_owned()];
    assert_eq!(failures(&filter).await, [["certificate-expired"]]);
}

#[tokio::test]
async fn an_export_goes_on_inside_a_report_behind_the_failures_that_were_had() {
    let store = store().await;
    let reason = |reason| FailureRecord { reason, ..failure() };
    let three = policy("acme", "example.com", 1).detail(reason("a")).detail(reason("b")).detail(reason("c"));
    insert(&store, &[sent(noon(0), 1, vec![three, policy("acme", "example.net", 2)])]).await;
    let queries = store.tenant(tenant("acme"));
    let place = queries.export(&all(), None, 10, 1 << 20).await.unwrap().reports.remove(0).place;
    for (had, rest) in [(0, vec!["a", "b", "c"]), (1, vec!["b", "c"]), (2, vec!["c"])] {
        let page = queries.export(&all(), Some(&place.inside(had)), 10, 1 << 20).await.unwrap();
        let reasons: Vec<_> = page.reports[0].report.failures.iter().map(|failure| failure.reason.clone().unwrap()).collect();
        assert_eq!((reasons, page.reports[0].had, page.reports.len()), (rest.into_iter().map(str::to_owned).collect(), had, 2));
    }
    for behind in [place.inside(3), place] {
        let page = queries.export(&all(), Some(&behind), 10, 1 << 20).await.unwrap();
        assert_eq!(page.reports[0].report.item.domain, "example.net");
    }
    for wrong in ["", "x", "AAAA", "MjAyNi0wNS0xMw"] {
        assert!(matches!(ExportPlace::parse(wrong), Err(StoreError::Cursor)), "{wrong}");
    }
}
