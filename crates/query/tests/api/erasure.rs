//! Erasing a deleted tenant, and the retention of one that is there.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tlsrpt_query::QueryConfig;
use tlsrpt_store::Store;

use crate::harness::{ADMIN, Api, fresh_database, mail, report};

const LOG_KEPT: Duration = Duration::from_secs(1);

/// Everything runs, looks often, and the log keeps what is done with for so long.
async fn start(log_kept: Duration) -> Api {
    let store = Store::new(&fresh_database().await);
    store.migrate().await.unwrap();
    let config = QueryConfig { erasure_interval_ms: 50, retention_interval_ms: 50, key_use_interval_ms: 50, ..QueryConfig::default() };
    let api = Api::start_keeping(store, config, Some(log_kept)).await;
    api.start_pipeline();
    api
}

async fn support_key(api: &Api) -> String {
    let answer = api.post("/admin/v1/keys", json!({"name": "night shift", "role": "support"})).await;
    answer.json()["key"].as_str().unwrap().to_owned()
}

async fn raw(api: &Api, key: &str) -> Vec<Vec<u8>> {
    let page = api.get("/v1/reports?from=2026-03-01&to=2026-03-31", key).await.json();
    let mut documents = Vec::new();
    for item in page["reports"].as_array().unwrap() {
        let answer = api.get(&format!("/v1/reports/{}/raw", item["report_key"].as_str().unwrap()), key).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        documents.push(answer.body);
    }
    documents
}

fn table<'v>(erasure: &'v Value, name: &str) -> &'v Value {
    erasure["tables"].as_array().unwrap().iter().find(|table| table["table"] == name).unwrap()
}

/// Waits for the state, and checks what must hold at any moment.
async fn until_state(api: &Api, key: &str, state: &str) -> Value {
    let began = std::time::Instant::now();
    loop {
        let erasure = api.get("/admin/v1/erasures/a", key).await.json();
        let ledger = api.admin("/admin/v1/ledger").await;
        let sum: u64 = ["stored", "duplicate", "unclaimed", "rejected", "pending"].iter().map(|name| ledger[name].as_u64().unwrap()).sum();
        assert_eq!(ledger["accepted"].as_u64(), Some(sum));
        if erasure["state"] == state {
            return erasure;
        }
        assert!(began.elapsed() < Duration::from_secs(180), "it never becomes {state}: {erasure}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_deleted_tenant_is_erased_with_a_proof_and_the_others_keep_all_they_had() {
    let api = start(LOG_KEPT).await;
    let (a, b) = (api.tenant("a", &["a.example"]).await, api.tenant("b", &["b.example"]).await);
    let support = support_key(&api).await;
    let address = api.admin("/admin/v1/tenants/a").await["address"].as_str().unwrap().to_owned();
    let day = "2026-03-02";
    let own = report("Alpha", "1", day, &[("sts", "a.example", 1, 2)]);
    let own = api.submit(own).await;
    let shared = report("Shared", "2", day, &[("sts", "a.example", 1, 2), ("sts", "b.example", 3, 4), ("sts", "nobody.example", 5, 6)]);
    let shared = api.submit(shared).await;
    let attached = report("Mail", "3", day, &[("sts", "b.example", 7, 8), ("tlsa", "a.example", 9, 10)]);
    let mailed =
        api.submit_mail(&[&format!("{address}@here.example"), "b@here.example"], mail("Report Domain: a.example", &[attached])).await;
    api.settled().await;
    let query = "/v1/summary?from=2026-03-01&to=2026-03-31";
    let (figures, documents) = (api.get(query, &b).await.json(), raw(&api, &b).await);
    assert_eq!((documents.len(), raw(&api, &a).await.len()), (2, 3));

    api.get("/admin/v1/erasures/a", ADMIN).await.is_problem(404, "not-found");
    let answer = api.delete("/admin/v1/tenants/a").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::NO_CONTENT, "/admin/v1/erasures/a"));
    assert_eq!(api.get(query, &a).await.status, StatusCode::UNAUTHORIZED, "its keys are closed at once");

    let done = until_state(&api, &support, "done").await;
    assert_eq!(table(&done, "notices")["left"], 0, "{done}");
    for name in ["reports", "submissions", "key_use"] {
        assert_eq!(table(&done, name)["left"], 0, "{done}");
        assert!(table(&done, name)["removed"].as_u64() > Some(0), "{done}");
    }
    assert_eq!(table(&done, "submissions")["narrowed"], 2);
    assert_eq!((&done["files_left"], &done["keys_left"]), (&json!(0), &json!(0)));
    assert!(done["finished_at"].as_str() > done["requested_at"].as_str());
    for topic in done["topics"].as_array().unwrap() {
        assert!(topic["oldest_record_at"].is_null() || topic["oldest_record_at"].as_str() > topic["has_to_pass"].as_str(), "{done}");
    }
    let listed = api.get("/admin/v1/erasures?limit=1", &support).await.json();
    assert_eq!((&listed["erasures"][0]["tenant"], &listed["next_cursor"]), (&json!("a"), &Value::Null));

    assert_eq!(api.get(query, &b).await.json(), figures);
    assert_eq!(raw(&api, &b).await, documents, "byte for byte");
    api.get(&format!("/admin/v1/submissions/{own}"), ADMIN).await.is_problem(404, "not-found");
    for id in [&shared, &mailed] {
        let raw = api.get(&format!("/admin/v1/submissions/{id}/raw"), ADMIN).await;
        assert!(raw.status == StatusCode::OK && !raw.text().contains("a.example"), "{}", raw.text());
        assert!(!api.admin(&format!("/admin/v1/submissions/{id}")).await.to_string().contains(&address));
        // What is left can go through the pipeline again, and means the same.
        assert!(api.post(&format!("/admin/v1/submissions/{id}/replay"), json!({})).await.status.is_success());
    }
    api.settled().await;
    assert_eq!(api.get(query, &b).await.json(), figures);
    assert_eq!(api.post("/admin/v1/tenants", json!({"id": "a", "name": "a"})).await.status, StatusCode::CONFLICT, "the id stays taken");
    let entries = api.until("/admin/v1/audit?action=tenant.erase", |page| !page["entries"].as_array().unwrap().is_empty()).await;
    let entry = &entries["entries"][0];
    assert_eq!((&entry["actor"]["kind"], &entry["tenant"], &entry["status"]), (&json!("service"), &json!("a"), &json!(200)));
    assert_eq!(entries["entries"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn while_the_log_keeps_what_was_received_before_an_erasure_waits_and_says_for_what() {
    let api = start(Duration::from_secs(3_600)).await;
    api.tenant("a", &["a.example"]).await;
    let b = api.tenant("b", &[]).await;
    api.submit(report("Alpha", "1", "2026-03-02", &[("sts", "a.example", 1, 2)])).await;
    api.settled().await;
    api.delete("/admin/v1/tenants/a").await;
    let waiting = until_state(&api, ADMIN, "waiting-for-log").await;
    assert_eq!((&table(&waiting, "reports")["left"], &waiting["finished_at"]), (&json!(0), &Value::Null));
    for topic in waiting["topics"].as_array().unwrap() {
        assert!(topic["oldest_record_at"].as_str().unwrap() <= topic["has_to_pass"].as_str().unwrap(), "{waiting}");
    }
    // A report on a domain that was the tenant's is nobody's now.
    api.submit(report("Alpha", "2", "2026-03-03", &[("sts", "a.example", 1, 2)])).await;
    assert_eq!(api.settled().await["unclaimed"], 1);
    for path in ["/admin/v1/erasures", "/admin/v1/erasures/a"] {
        api.get(path, &b).await.is_problem(401, "key-unknown");
    }
    api.get("/admin/v1/erasures/b", ADMIN).await.is_problem(404, "not-found");
    api.get("/admin/v1/erasures?cursor=..", ADMIN).await.is_problem(400, "invalid-cursor");
}

#[tokio::test]
async fn a_tenants_own_retention_removes_its_old_reports_and_nothing_of_others() {
    let api = start(LOG_KEPT).await;
    let (a, b) = (api.tenant("a", &["a.example"]).await, api.tenant("b", &["b.example"]).await);
    api.submit(report("Shared", "1", "2026-03-02", &[("sts", "a.example", 1, 2), ("sts", "b.example", 3, 4)])).await;
    api.settled().await;
    let query = "/v1/summary?from=2026-03-01&to=2026-03-31";
    let figures = api.get(query, &b).await.json();
    assert_eq!(api.get(query, &a).await.json()["reports"], 1);
    let settings = Some(json!({"retention_days": 1}));
    assert_eq!(api.call(Method::PATCH, "/admin/v1/tenants/a/settings", Some(ADMIN), settings.as_ref()).await.status, StatusCode::OK);
    api.until_as(&a, query, |summary| summary["reports"] == 0).await;
    assert_eq!(api.get(query, &b).await.json(), figures);
    let ledger = api.admin("/admin/v1/ledger").await;
    assert_eq!((&ledger["accepted"], &ledger["stored"]), (&json!(1), &json!(1)));
}
