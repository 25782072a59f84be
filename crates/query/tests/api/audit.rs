//! Who changed what, and who read which raw payload.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN, Api, report};

/// The entries as soon as there are so many with an outcome and no others, oldest first.
async fn entries(api: &Api, count: usize) -> Vec<Value> {
    let is_done = |entries: &Vec<Value>| entries.len() == count && entries.iter().all(|entry| !entry["status"].is_null());
    let page = api.until("/admin/v1/audit?limit=1000", |page| is_done(page["entries"].as_array().unwrap())).await;
    page["entries"].as_array().unwrap().iter().rev().cloned().collect()
}

#[tokio::test]
async fn every_change_by_the_operator_is_listed_with_who_what_and_how_it_ended_and_never_a_secret() {
    let api = Api::start().await;
    let key = api.tenant("acme", &["acme.example"]).await;
    let keys = api.admin("/admin/v1/tenants/acme/keys").await;
    let key_id = keys["keys"][0]["id"].as_str().unwrap().to_owned();
    api.post("/admin/v1/tenants", json!({"id": "acme", "name": "again"})).await.is_problem(409, "tenant-taken");
    let received = "received_at=2026-05-13T08:30:00Z";
    let imported = api.post_bytes(&format!("/admin/v1/submissions?{received}"), report("A", "1", "2026-03-02", &[])).await.json();
    let submission = imported["submission_id"].as_str().unwrap().to_owned();
    api.settled().await;
    api.post(&format!("/admin/v1/submissions/{submission}/replay"), json!({})).await;
    api.delete("/admin/v1/tenants/acme/domains/acme.example").await;
    let deleted = api.delete(&format!("/admin/v1/tenants/acme/keys/{key_id}")).await;
    api.delete("/admin/v1/tenants/acme").await;
    // Neither a read of figures nor somebody without a key leaves anything.
    api.call(Method::POST, "/admin/v1/tenants", None, Some(&json!({"id": "x", "name": "x"}))).await.is_problem(401, "key-missing");
    api.call(Method::DELETE, "/admin/v1/tenants/acme", Some("made-up"), None).await.is_problem(401, "key-unknown");

    let entries = entries(&api, 9).await;
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or("");
            (text("action"), text("tenant"), text("target"), entry["status"].as_u64().unwrap_or(0))
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("tenant.create", "acme", "acme", 201),
            ("domain.claim", "acme", "acme.example", 201),
            ("key.create", "acme", &*key_id, 201),
            ("tenant.create", "acme", "acme", 409),
            ("submission.import", "", &*submission, 201),
            ("submission.replay", "", &*submission, 202),
            ("domain.release", "acme", "acme.example", 204),
            ("key.delete", "acme", &*key_id, 204),
            ("tenant.delete", "acme", "acme", 204),
        ]
    );
    for entry in &entries {
        assert_eq!((&entry["actor"], &entry["remote_ip"]), (&json!({"kind": "operator", "id": "admin"}), &json!("127.0.0.1")));
    }
    assert_eq!(entries[7]["request_id"], deleted.header("x-request-id"));
    let text = serde_json::to_string(&entries).unwrap();
    assert!(!text.contains(&key) && !text.contains(ADMIN));
}

#[tokio::test]
async fn every_read_of_a_raw_payload_is_listed_by_its_key_also_when_there_was_nothing_to_see() {
    let api = Api::start().await;
    let key = api.tenant("acme", &["acme.example"]).await;
    let key_id = api.admin("/admin/v1/tenants/acme/keys").await["keys"][0]["id"].as_str().unwrap().to_owned();
    let submission = api.submit(report("A", "1", "2026-03-02", &[("sts", "acme.example", 1, 0)])).await;
    api.settled().await;
    let page = api.get("/v1/reports?from=2026-03-01&to=2026-03-31", &key).await.json();
    let report_key = page["reports"][0]["report_key"].as_str().unwrap().to_owned();
    assert_eq!(api.get(&format!("/v1/reports/{report_key}/raw"), &key).await.status.as_u16(), 200);
    let nowhere = "0".repeat(32);
    api.get(&format!("/v1/reports/{nowhere}/raw"), &key).await.is_problem(404, "not-found");
    assert_eq!(api.get(&format!("/admin/v1/submissions/{submission}/raw"), ADMIN).await.status.as_u16(), 200);

    let entries = entries(&api, 6).await;
    let check = |entry: &Value, actor: Value, tenant: Value, action: &str, target: &str, status: u16| {
        assert_eq!((&entry["actor"], &entry["tenant"]), (&actor, &tenant), "{entry}");
        assert_eq!((&entry["action"], &entry["target"], &entry["status"]), (&json!(action), &json!(target), &json!(status)));
    };
    let tenant = json!({"kind": "tenant", "id": key_id});
    check(&entries[3], tenant.clone(), json!("acme"), "report.raw", &report_key, 200);
    check(&entries[4], tenant, json!("acme"), "report.raw", &nowhere, 404);
    check(&entries[5], json!({"kind": "operator", "id": "admin"}), Value::Null, "submission.raw", &submission.to_string(), 200);
}

#[tokio::test]
async fn the_list_is_paged_and_narrowed_and_says_what_it_does_not_understand() {
    let api = Api::start().await;
    for id in ["a", "b", "c"] {
        api.tenant(id, &[&format!("{id}.example")]).await;
    }
    let all = entries(&api, 9).await;
    let mut path = "/admin/v1/audit?limit=4".to_owned();
    let mut paged = Vec::new();
    loop {
        let page = api.admin(&path).await;
        paged.extend(page["entries"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/admin/v1/audit?limit=4&cursor={cursor}");
    }
    paged.reverse();
    assert_eq!(paged, all);
    let count = async |query: &str| api.admin(&format!("/admin/v1/audit?{query}")).await["entries"].as_array().unwrap().len();
    assert_eq!((count("tenant=b").await, count("action=domain.claim").await, count("tenant=b&action=key.create").await), (3, 3, 1));
    assert_eq!((count("actor=admin").await, count("actor=nobody").await, count("to=2020-01-01").await), (9, 0, 0));
    api.get("/admin/v1/audit?cursor=made-up", ADMIN).await.is_problem(400, "invalid-cursor");
    api.get("/admin/v1/audit?from=2026-02-02&to=2026-02-01", ADMIN).await.is_problem(400, "invalid-parameter");
    api.get("/admin/v1/audit?tenants=a", ADMIN).await.is_problem(400, "unknown-parameter");
}

#[tokio::test]
async fn without_an_entry_nothing_is_changed_and_no_payload_is_shown() {
    let api = Api::start().await;
    let key = api.tenant("acme", &["acme.example"]).await;
    let submission = api.submit(report("A", "1", "2026-03-02", &[("sts", "acme.example", 1, 0)])).await;
    api.settled().await;
    let page = api.get("/v1/reports?from=2026-03-01&to=2026-03-31", &key).await.json();
    let raw = format!("/v1/reports/{}/raw", page["reports"][0]["report_key"].as_str().unwrap());
    let raw_of_operator = format!("/admin/v1/submissions/{submission}/raw");

    let audit = api.audit_log();
    audit.refuse();
    for answer in [
        api.get(&raw, &key).await,
        api.get(&raw_of_operator, ADMIN).await,
        api.post("/admin/v1/tenants", json!({"id": "bolt", "name": "B"})).await,
        api.delete("/admin/v1/tenants/acme").await,
        api.post(&format!("/admin/v1/submissions/{submission}/replay"), json!({})).await,
    ] {
        answer.is_problem(503, "log-unavailable");
        assert_eq!(answer.header("retry-after"), "5");
    }
    // What is not audited goes on, and nothing was changed.
    let tenants = api.admin("/admin/v1/tenants").await;
    assert_eq!(tenants["tenants"].as_array().unwrap().iter().map(|tenant| &tenant["id"]).collect::<Vec<_>>(), ["acme"]);
    assert_eq!(api.get("/v1/summary", &key).await.status.as_u16(), 200);

    audit.take_again();
    assert_eq!(api.get(&raw, &key).await.status.as_u16(), 200);
    assert_eq!(api.delete("/admin/v1/tenants/acme").await.status.as_u16(), 204);
}

#[tokio::test]
async fn a_change_whose_outcome_could_not_be_written_is_answered_as_it_is_and_listed_as_tried() {
    let api = Api::start().await;
    api.audit_log().refuse_after(1);
    assert_eq!(api.post("/admin/v1/tenants", json!({"id": "acme", "name": "A"})).await.status.as_u16(), 201);
    let page = api.until("/admin/v1/audit", |page| page["entries"].as_array().unwrap().len() == 1).await;
    assert_eq!((&page["entries"][0]["action"], &page["entries"][0]["status"]), (&json!("tenant.create"), &Value::Null));
    assert_eq!(api.admin("/admin/v1/tenants/acme").await["id"], "acme");
}
