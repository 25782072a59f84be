//! What is not understood.

use serde_json::json;

use crate::harness::{ADMIN, Api};

#[tokio::test]
async fn a_query_that_is_not_understood_is_answered_with_what_was_probably_meant() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let key = api.tenant("a", &["a.example"]).await;
    let check = async |path: &str, kind: &str, name: &str, meant: Option<&str>| {
        let key = if path.starts_with("/admin") { ADMIN } else { &key };
        let problem = api.get(path, key).await.is_problem(400, kind);
        assert_eq!((problem["name"].as_str(), problem["did_you_mean"].as_str()), (Some(name), meant), "{path}: {problem}");
        if let Some(meant) = meant {
            assert!(problem["detail"].as_str().unwrap().contains(meant), "{path}: {problem}");
        }
    };
    check("/v1/summary?domains=a.example", "unknown-parameter", "domains", Some("domain")).await;
    check("/v1/summary?form=2026-01-01", "unknown-parameter", "form", Some("from")).await;
    check("/v1/timeseries?groupby=reporter", "unknown-parameter", "groupby", Some("group_by")).await;
    check("/v1/timeseries?step=days", "invalid-parameter", "step", Some("day")).await;
    check("/v1/timeseries?group_by=reporter,domains", "invalid-parameter", "group_by", Some("domain")).await;
    check("/v1/failures?group_by=result-type", "invalid-parameter", "group_by", Some("result_type")).await;
    check("/v1/summary?policy_type=STS", "invalid-parameter", "policy_type", Some("sts")).await;
    check("/v1/summary?result_type=certificate_expired", "invalid-parameter", "result_type", Some("certificate-expired")).await;
    check("/v1/summary?trust=dkim", "invalid-parameter", "trust", Some("dkim-fail")).await;
    check("/v1/summary?subdomains=ture", "invalid-parameter", "subdomains", Some("true")).await;
    check("/v1/summary?from=yesterday", "invalid-parameter", "from", None).await;
    check("/v1/summary?from=2026-02-02&to=2026-02-01", "invalid-parameter", "from", None).await;
    check("/v1/summary?from=2000-01-01&to=2026-02-01", "invalid-parameter", "from", None).await;
    check("/v1/summary?to=2026-02-01&to=2026-02-02", "invalid-parameter", "to", None).await;
    check("/v1/summary?domain=-", "invalid-parameter", "domain", None).await;
    check("/v1/summary?domain=", "invalid-parameter", "domain", None).await;
    check("/v1/summary?sending_net=192.0.2.0/40", "invalid-parameter", "sending_net", None).await;
    check("/v1/reports?limit=0", "invalid-parameter", "limit", None).await;
    check("/v1/reports?limit=1001", "invalid-parameter", "limit", None).await;
    check("/v1/reports?limit=7&sort=day", "unknown-parameter", "sort", Some("trust")).await;
    check("/v1/failures?limit=1001", "invalid-parameter", "limit", None).await;
    check("/v1/failures?sort=failed", "invalid-parameter", "sort", Some("failed_sessions")).await;
    // A dimension that is not grouped by has no value to sort by.
    check("/v1/failures?sort=-last_sen&group_by=reason", "invalid-parameter", "sort", Some("last_seen")).await;
    check("/v1/failures?group_by=reason&sort=reasons", "invalid-parameter", "sort", Some("reason")).await;
    check("/v1/domains?sort=-report", "invalid-parameter", "sort", Some("reports")).await;
    check("/v1/domains?limit=0", "invalid-parameter", "limit", None).await;
    check("/v1/reporters?sort=silent", "invalid-parameter", "sort", Some("is_silent")).await;
    check("/v1/domains/a.example/policies?form=2026-01-01", "unknown-parameter", "form", Some("from")).await;
    check("/v1/domains/a.example/policies?from=2026-02-02&to=2026-02-01", "invalid-parameter", "from", None).await;
    check("/v1/export?format=json", "invalid-parameter", "format", Some("ndjson")).await;
    check("/v1/export?fromat=csv", "unknown-parameter", "fromat", Some("format")).await;
    check("/v1/export?cursor=made-up", "invalid-cursor", "cursor", None).await;
    check("/v1/result-types?domain=a.example", "unknown-parameter", "domain", None).await;
    check("/v1/domains?reporters=x", "unknown-parameter", "reporters", Some("reporter")).await;
    check("/admin/v1/submissions?fate=reject", "invalid-parameter", "fate", Some("rejected")).await;
    check("/admin/v1/submissions?fat=rejected", "unknown-parameter", "fat", Some("fate")).await;
    check("/admin/v1/ledger?from=2026-02-02&to=2026-02-01", "invalid-parameter", "from", None).await;
    check("/admin/v1/incidents?group_by=recieving_mx", "invalid-parameter", "group_by", Some("receiving_mx")).await;
    check("/admin/v1/incidents?sort=-last_sen", "invalid-parameter", "sort", Some("last_seen")).await;
    check("/admin/v1/incidents?min_tenants=-1", "invalid-parameter", "min_tenants", None).await;
    check("/admin/v1/incidents?min_tenants=1000001", "invalid-parameter", "min_tenants", None).await;
    check("/admin/v1/top?by=tenant", "invalid-parameter", "by", Some("tenants")).await;
    check("/admin/v1/top?weight=payload-bytes", "invalid-parameter", "weight", Some("payload_bytes")).await;
    check("/admin/v1/tenants?cursor=NO%20SUCH", "invalid-cursor", "cursor", None).await;
    check("/admin/v1/tenants/a?verbose=1", "unknown-parameter", "verbose", None).await;
}

#[tokio::test]
async fn a_body_that_is_not_understood_is_answered_with_what_is_wrong_with_it() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let path = "/admin/v1/tenants";
    let unknown = api.post(path, json!({"id": "a", "nmae": "A"})).await.is_problem(400, "unknown-field");
    assert_eq!((&unknown["name"], &unknown["did_you_mean"]), (&json!("nmae"), &json!("name")));
    for (body, name) in [
        (json!({"id": "a"}), Some("name")),
        (json!({"id": 7, "name": "A"}), Some("id")),
        (json!({"id": "Not An Id", "name": "A"}), Some("id")),
        (json!({"id": "a", "name": " "}), Some("name")),
        (json!({"id": "a", "name": "x".repeat(10_000)}), Some("name")),
        (json!(["a"]), None),
    ] {
        let problem = api.post(path, body).await.is_problem(400, "invalid-body");
        assert_eq!(problem["name"].as_str(), name, "{problem}");
    }
    api.post(path, json!({"id": "a", "name": "x".repeat(70_000)})).await.is_problem(413, "body-too-large");
    assert_eq!(api.admin(path).await["tenants"], json!([]));
}
