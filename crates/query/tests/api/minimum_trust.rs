//! The least trust with which a report counts for a tenant: what it leaves out, and where nothing is left out.

use serde_json::{Value, json};
use tlsrpt_record::SubmissionId;
use tlsrpt_report::Trust;

use crate::harness::{Api, report};

/// The routes of figures that take filters.
const FIGURES: [&str; 5] = ["/v1/summary", "/v1/timeseries", "/v1/failures", "/v1/domains", "/v1/reporters"];

/// A tenant with a report of each trust, of today: 1, 10, 100 and 1,000 failed sessions, worst trust first.
async fn api() -> (Api, String) {
    let api = Api::start().await;
    let key = api.tenant("a", &["a.example"]).await;
    let today = SubmissionId::now().received_at().day().to_string();
    for (sessions, trust) in [1, 10, 100, 1_000].into_iter().zip(Trust::ALL) {
        let block = ("sts", "a.example", 0, sessions);
        api.submit_with_trust(trust, report("Alpha", trust.as_str(), &today, &[block])).await;
    }
    api.settled().await;
    (api, key)
}

/// Failed sessions that a route of figures shows.
async fn failed(api: &Api, key: &str, path: &str) -> u64 {
    let answer = api.get(path, key).await.json();
    let number = |value: &Value| value["failed_sessions"].as_u64().unwrap();
    let list = ["points", "groups", "reporters", "domains"].into_iter().find_map(|name| answer[name].as_array());
    list.map_or_else(|| number(&answer), |list| list.iter().map(number).sum())
}

#[tokio::test]
async fn figures_count_what_has_the_tenants_minimum_trust_unless_the_request_says_which() {
    let (api, key) = api().await;
    for (minimum, counted) in [
        (None, 1_111),
        (Some(Trust::DkimFail), 1_111),
        (Some(Trust::None), 1_110),
        (Some(Trust::DkimOther), 1_100),
        (Some(Trust::DkimAligned), 1_000),
    ] {
        api.set_minimum_trust("a", minimum).await;
        for route in FIGURES {
            for (query, counted) in [("", counted), ("?trust=dkim-fail", 1), ("?trust=none,dkim-aligned", 1_010)] {
                assert_eq!(failed(&api, &key, &format!("{route}{query}")).await, counted, "{minimum:?}: {route}{query}");
            }
        }
        let policies = api.get("/v1/domains/a.example/policies", &key).await.json();
        assert_eq!(policies["policies"][0]["sessions"], counted, "{minimum:?}: {policies}");
        let metrics = api.get("/v1/metrics", &key).await.text();
        for line in [
            format!("tlsrpt_tenant_sessions{{domain=\"a.example\",outcome=\"failed\"}} {counted}\n"),
            format!("tlsrpt_tenant_failed_sessions{{domain=\"a.example\",result_type=\"certificate-expired\"}} {counted}\n"),
        ] {
            assert!(metrics.contains(&line), "{minimum:?}: {line}{metrics}");
        }
    }
}

#[tokio::test]
async fn reports_their_payloads_and_the_export_are_shown_with_their_trust_and_none_is_left_out() {
    let (api, key) = api().await;
    api.set_minimum_trust("a", Some(Trust::DkimAligned)).await;
    let page = api.get("/v1/reports", &key).await.json();
    let mut listed: Vec<_> = page["reports"].as_array().unwrap().iter().map(|one| one["trust"].as_str().unwrap()).collect();
    listed.sort_unstable();
    assert_eq!(listed, ["dkim-aligned", "dkim-fail", "dkim-other", "none"]);
    for one in page["reports"].as_array().unwrap() {
        let path = format!("/v1/reports/{}", one["report_key"].as_str().unwrap());
        assert_eq!(api.get(&path, &key).await.json()["trust"], one["trust"]);
        assert_eq!(api.get(&format!("{path}/raw"), &key).await.json()["report-id"], one["report_id"]);
    }
    let export = api.get("/v1/export", &key).await.text();
    let mut exported: Vec<Value> = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["trust"].clone()).collect();
    exported.sort_by_key(ToString::to_string);
    assert_eq!(exported, listed.iter().map(|trust| json!(trust)).collect::<Vec<_>>());
}

#[tokio::test]
async fn figures_that_a_new_minimum_changes_are_sent_again() {
    let (api, key) = api().await;
    for route in FIGURES {
        api.set_minimum_trust("a", None).await;
        let before = api.get(route, &key).await;
        let tag = [("if-none-match", before.header("etag"))];
        assert_eq!(api.get_with(route, &key, &tag).await.status.as_u16(), 304, "{route}");
        api.set_minimum_trust("a", Some(Trust::DkimOther)).await;
        let after = api.get_with(route, &key, &tag).await;
        assert_eq!(after.status.as_u16(), 200, "{route}");
        assert_ne!(after.header("etag"), before.header("etag"), "{route}");
    }
}
