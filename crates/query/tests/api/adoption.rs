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
