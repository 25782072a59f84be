//! Rows for domains that nobody owned.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{Api, report};

#[tokio::test]
async fn a_claim_brings_the_history_of_the_domain_and_of_the_names_below_it() {
    let api = Api::start().await;
    let (a, b) = (api.tenant("a", &[]).await, api.tenant("b", &["sub.late.example"]).await);
    for (id, domain) in [("1", "late.example"), ("2", "mail.late.example"), ("3", "notlate.example"), ("4", "x.sub.late.example")] {
        api.submit(report("Alpha", id, "2026-03-02", &[("sts", domain, 10, 1)])).await;
    }
    assert_eq!(api.settled().await["unclaimed"], 3);
    let unclaimed = api.admin("/admin/v1/unclaimed").await;
    assert_eq!(unclaimed["domains"].as_array().unwrap().len(), 3);
    assert_eq!(api.admin("/admin/v1/unclaimed?limit=1").await["domains"].as_array().unwrap().len(), 1);
    let summary = "/v1/summary?from=2026-03-01&to=2026-03-31";
    assert_eq!(api.get(summary, &a).await.json()["reports"], 0);

    let claimed = api.post("/admin/v1/tenants/a/domains", json!({"domain": "late.example"})).await;
    assert_eq!(claimed.status, StatusCode::CREATED);
    let seen = api.until_as(&a, summary, |summary| summary["reports"] == 2).await;
    assert_eq!(seen["successful_sessions"], 20);
    let left = api.until("/admin/v1/unclaimed", |unclaimed| unclaimed["domains"].as_array().unwrap().len() == 1).await;
    assert_eq!(left["domains"][0]["domain"], "notlate.example");
    assert_eq!(
        api.admin("/admin/v1/ledger").await,
        json!({"accepted": 4, "stored": 3, "duplicate": 0, "unclaimed": 1, "rejected": 0, "pending": 0})
    );
    assert_eq!(api.get(summary, &b).await.json()["reports"], 1);
}

/// Two tenants; `a` has reports on a domain, on a name below it, on one that `a` claimed by itself below it, and on another.
async fn before_a_move() -> (Api, String, String) {
    let api = Api::start().await;
    let (a, b) = (api.tenant("a", &["moving.example", "own.moving.example", "stays.example"]).await, api.tenant("b", &[]).await);
    let domains = ["moving.example", "mail.moving.example", "own.moving.example", "stays.example"];
    for (id, domain) in ["1", "2", "3", "4"].into_iter().zip(domains) {
        api.submit(report("Alpha", id, "2026-03-02", &[("sts", domain, 10, 1)])).await;
    }
    assert_eq!(api.settled().await["stored"], 4);
    (api, a, b)
}

const REPORTS: &str = "/v1/reports?from=2026-03-01&to=2026-03-31";

async fn domains_of(api: &Api, key: &str) -> Vec<String> {
    let listed = api.get(REPORTS, key).await.json();
    let mut domains: Vec<String> =
        listed["reports"].as_array().unwrap().iter().map(|report| report["domain"].as_str().unwrap().to_owned()).collect();
    domains.sort();
    domains
}

#[tokio::test]
async fn a_domain_moves_with_its_history_and_what_is_claimed_below_it_stays() {
    let (api, a, b) = before_a_move().await;
    let path = "/admin/v1/tenants/a/domains/moving.example/move";
    let moved = api.post(path, json!({"to": "b", "history": "move"})).await;
    assert_eq!(moved.status, StatusCode::OK, "{}", moved.text());
    assert_eq!((&moved.json()["moved_rows"], &moved.json()["to"]), (&json!(2), &json!("b")));
    assert_eq!(domains_of(&api, &a).await, ["own.moving.example", "stays.example"]);
    assert_eq!(domains_of(&api, &b).await, ["mail.moving.example", "moving.example"]);
    let key = api.get(REPORTS, &b).await.json()["reports"][0]["report_key"].as_str().unwrap().to_owned();
    assert_eq!(api.get(&format!("/v1/reports/{key}/raw"), &b).await.status, StatusCode::OK);
    assert_eq!(api.get(&format!("/v1/reports/{key}/raw"), &a).await.status, StatusCode::NOT_FOUND);

    // Again: nothing is left to move. And what comes in now is the new owner's.
    assert_eq!(api.post(path, json!({"to": "b", "history": "move"})).await.json()["moved_rows"], 0);
    api.submit(report("Alpha", "5", "2026-03-03", &[("sts", "moving.example", 10, 1)])).await;
    assert_eq!(api.settled().await["stored"], 5);
    assert_eq!(domains_of(&api, &b).await.len(), 3);
}

#[tokio::test]
async fn a_domain_moves_without_its_history_when_that_is_said() {
    let (api, a, b) = before_a_move().await;
    let moved = api.post("/admin/v1/tenants/a/domains/moving.example/move", json!({"to": "b", "history": "leave"})).await;
    assert_eq!(moved.json()["moved_rows"], 0);
    api.submit(report("Alpha", "5", "2026-03-03", &[("sts", "moving.example", 10, 1)])).await;
    assert_eq!(api.settled().await["stored"], 5);
    assert_eq!(domains_of(&api, &a).await.len(), 4);
    assert_eq!(domains_of(&api, &b).await, ["moving.example"]);
}

#[tokio::test]
async fn a_move_that_names_no_choice_no_tenant_or_no_domain_of_the_tenant_is_refused_and_changes_nothing() {
    let (api, a, _) = before_a_move().await;
    let path = "/admin/v1/tenants/a/domains/moving.example/move";
    api.post(path, json!({"to": "b"})).await.is_problem(400, "invalid-body");
    api.post(path, json!({"to": "b", "history": "mov"})).await.is_problem(400, "invalid-body");
    api.post(path, json!({"to": "nobody", "history": "move"})).await.is_problem(404, "not-found");
    api.post("/admin/v1/tenants/a/domains/elsewhere.example/move", json!({"to": "b", "history": "move"}))
        .await
        .is_problem(404, "not-found");
    api.post("/admin/v1/tenants/b/domains/moving.example/move", json!({"to": "b", "history": "move"})).await.is_problem(404, "not-found");
    assert_eq!(domains_of(&api, &a).await.len(), 4);
}
