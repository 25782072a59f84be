//! What the API says to requests that are not right.

use serde_json::json;
use tlsrpt_tests::{Setup, today};

#[tokio::test]
async fn tenants_domains_and_keys_that_cannot_be_are_refused_with_a_reason() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    operator.tenant("acme", &["example.com"]).await;
    operator.tenant("other", &[]).await;
    let tenants = "/admin/v1/tenants";

    let long = "a".repeat(64);
    for id in ["", "UPPER", "sp ace", "-dash", "dash-", "ünï", "a/b", "..", &long] {
        let problem = operator.post(tenants, &json!({"id": id, "name": "x"})).await.problem(400, "invalid-body");
        assert_eq!(problem["name"], "id", "{id:?}");
    }
    for name in ["", " ", "\u{7}", &"n".repeat(10_000)] {
        operator.post(tenants, &json!({"id": "fresh", "name": name})).await.problem(400, "invalid-body");
    }
    operator.post(tenants, &json!({"id": "acme", "name": "x"})).await.problem(409, "tenant-taken");
    operator.post(tenants, &json!({"id": "fresh"})).await.problem(400, "invalid-body");
    operator.post(tenants, &json!({"id": 7, "name": "x"})).await.problem(400, "invalid-body");
    let problem = operator.post(tenants, &json!({"id": "fresh", "nmae": "x"})).await.problem(400, "unknown-field");
    assert_eq!(problem["did_you_mean"], "name");
    for body in ["", "{", "[]", "7", "\"text\"", "{\"id\":\"a\"", "\u{0}"] {
        operator.request("POST", tenants, Some(body.as_bytes().to_vec())).await.problem(400, "invalid-body");
    }
    let refused = operator.request("POST", tenants, Some(vec![b' '; 200_000])).await;
    // The rest of the body stays unread: a client that is not told so sends its next request into a closed connection.
    assert_eq!(refused.header("connection"), "close");
    refused.problem(413, "body-too-large");

    let domains = "/admin/v1/tenants/other/domains";
    for domain in ["", "no dots here", "-x.example", "a..example", "exa_mple!.com", &format!("{long}.example"), "192.0.2.1:25"] {
        let problem = operator.post(domains, &json!({"domain": domain})).await.problem(400, "invalid-body");
        assert_eq!(problem["name"], "domain", "{domain:?}");
    }
    for suffix in ["co.uk", "com", "github.io", "localhost"] {
        operator.post(domains, &json!({"domain": suffix})).await.problem(422, "public-suffix");
    }
    operator.post(domains, &json!({"domain": "example.com"})).await.problem(409, "domain-taken");
    operator.post(domains, &json!({"domain": " EXAMPLE.com. "})).await.problem(409, "domain-taken");
    // One's own again is no conflict.
    operator.post("/admin/v1/tenants/acme/domains", &json!({"domain": "Example.COM"})).await.is(200);

    for path in ["nobody", "UPPER", "%00", "a%2Fb"] {
        operator.get(&format!("{tenants}/{path}")).await.problem(404, "not-found");
        operator.post(&format!("{tenants}/{path}/domains"), &json!({"domain": "x.example"})).await.problem(404, "not-found");
        operator.post(&format!("{tenants}/{path}/keys"), &json!({"name": "x"})).await.problem(404, "not-found");
        operator.delete(&format!("{tenants}/{path}")).await.problem(404, "not-found");
    }
    operator.delete("/admin/v1/tenants/other/domains/example.com").await.problem(404, "not-found");
    operator.delete("/admin/v1/tenants/acme/keys/nothing").await.problem(404, "not-found");
    operator.request("PUT", tenants, Some(b"{}".to_vec())).await.problem(405, "method-not-allowed");
    operator.get("/admin/v2/tenants").await.problem(404, "not-found");

    // Nothing of all this left a trace, and a deleted tenant's id stays reserved.
    let listed = operator.json(tenants).await;
    let ids: Vec<&str> = listed["tenants"].as_array().unwrap().iter().map(|tenant| tenant["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["acme", "other"]);
    assert_eq!(operator.json(domains).await["domains"], json!([]));
    operator.delete("/admin/v1/tenants/other").await.is(204);
    operator.post(tenants, &json!({"id": "other", "name": "x"})).await.problem(409, "tenant-taken");
    service.finish().await;
}

#[tokio::test]
async fn parameters_that_are_not_understood_are_refused_and_name_the_nearest() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &["example.com"]).await;
    let tenant = service.tenant(&access.key);
    for (path, meant) in [
        ("/v1/summary?form=2026-01-01", "from"),
        ("/v1/summary?domains=example.com", "domain"),
        ("/v1/reports?lmit=5", "limit"),
        ("/v1/timeseries?groupby=domain", "group_by"),
        ("/v1/failures?subdomain=true", "subdomains"),
    ] {
        let problem = tenant.get(path).await.problem(400, "unknown-parameter");
        assert_eq!(problem["did_you_mean"], meant, "{path}");
    }
    for (path, meant) in
        [("/v1/timeseries?group_by=reporters", "reporter"), ("/v1/timeseries?step=days", "day"), ("/v1/summary?policy_type=stss", "sts")]
    {
        let problem = tenant.get(path).await.problem(400, "invalid-parameter");
        assert_eq!(problem["did_you_mean"], meant, "{path}");
    }
    for path in [
        "/v1/summary?from=yesterday",
        "/v1/summary?from=2026-02-30",
        "/v1/summary?from=2026-02-02&to=2026-02-01",
        "/v1/summary?from=1900-01-01",
        "/v1/summary?subdomains=maybe",
        "/v1/summary?sending_net=everything",
        "/v1/summary?domain=",
        "/v1/reports?limit=0",
        "/v1/reports?limit=-1",
        "/v1/reports?limit=1000000",
        "/v1/summary?trust=blind",
    ] {
        tenant.get(path).await.problem(400, "invalid-parameter");
    }
    tenant.get("/v1/reports?cursor=%27").await.problem(400, "invalid-cursor");
    tenant.get("/v1/reports/nothing").await.problem(404, "not-found");
    tenant.get(&format!("/v1/reports/{}", "f".repeat(32))).await.problem(404, "not-found");
    tenant.get("/v1/nothing").await.problem(404, "not-found");

    operator.get("/admin/v1/submissions?fate=lost").await.problem(400, "invalid-parameter");
    operator.get("/admin/v1/submissions?cursor=x").await.problem(400, "invalid-cursor");
    operator.get("/admin/v1/ledger?from=x").await.problem(400, "invalid-parameter");
    operator.get("/admin/v1/submissions/nothing").await.problem(404, "not-found");
    let unknown = format!("/admin/v1/submissions/{}", uuid::Uuid::now_v7());
    operator.get(&unknown).await.problem(404, "not-found");
    operator.get(&format!("{unknown}/raw")).await.problem(404, "not-found");
    operator.post(&format!("{unknown}/replay"), &json!({})).await.problem(404, "not-found");

    // A filter that names nothing of the tenant's gives zeros and empty lists.
    let summary = tenant.json("/v1/summary?domain=elsewhere.example").await;
    assert_eq!((&summary["reports"], &summary["failed_sessions"]), (&json!(0), &json!(0)), "{summary}");
    let ledger = operator.json(&format!("/admin/v1/ledger?from={}&to={0}", today())).await;
    assert_eq!(ledger["accepted"], json!(0), "{ledger}");
    service.finish().await;
}
