//! The ledger, the list of submissions, and replay.

use reqwest::StatusCode;
use serde_json::json;
use tlsrpt_query::QueryConfig;

use crate::harness::{ADMIN, Api, report};

#[tokio::test]
async fn what_was_acknowledged_is_pending_until_the_pipeline_works_and_then_in_exactly_one_fate() {
    let api = Api::start_without_pipeline(QueryConfig::default()).await;
    api.tenant("a", &["a.example"]).await;
    let sent = report("Alpha", "1", "2026-03-02", &[("sts", "a.example", 1, 0)]);
    let first = api.submit(sent.clone()).await;
    let second = api.submit(sent).await;
    api.submit(report("Alpha", "2", "2026-03-02", &[("sts", "nobody.example", 1, 0)])).await;
    let rejected = api.submit(r#"{"policies": 7}"#).await;

    assert_eq!(
        api.admin("/admin/v1/ledger").await,
        json!({"accepted": 4, "stored": 0, "duplicate": 0, "unclaimed": 0, "rejected": 0, "pending": 4})
    );
    assert_eq!(api.admin("/admin/v1/ledger?to=2026-01-01").await["pending"], 0);
    let problem = api.get(&format!("/admin/v1/submissions/{first}"), ADMIN).await.is_problem(404, "not-found");
    assert!(problem["detail"].as_str().unwrap().contains("may still be pending"));

    api.start_pipeline();
    let settled = json!({"accepted": 4, "stored": 1, "duplicate": 1, "unclaimed": 1, "rejected": 1, "pending": 0});
    assert_eq!(api.settled().await, settled);
    let today = first.received_at().day();
    assert_eq!(api.admin(&format!("/admin/v1/ledger?from={}&to={}", today, today.plus(1))).await, settled);
    assert_eq!(api.admin(&format!("/admin/v1/ledger?to={}", today.plus(-1))).await["accepted"], 0);

    // Received within one millisecond, either of the two may be the one that counts; never both, never neither.
    let mut fates = Vec::new();
    for id in [first, second] {
        let submission = api.admin(&format!("/admin/v1/submissions/{id}")).await;
        assert_eq!(submission["channel"], "https");
        fates.push(submission["fate"].as_str().unwrap().to_owned());
    }
    fates.sort();
    assert_eq!(fates, ["duplicate", "stored"]);
    let rejects = api.admin("/admin/v1/submissions?fate=rejected").await;
    assert_eq!(rejects["submissions"].as_array().unwrap().len(), 1);
    assert_eq!(rejects["submissions"][0]["submission_id"], rejected.to_string());
    let reason = rejects["submissions"][0]["reason"].as_str().unwrap();
    assert_eq!(api.admin(&format!("/admin/v1/submissions?reason={reason}")).await["submissions"].as_array().unwrap().len(), 1);
    assert_eq!(api.admin("/admin/v1/submissions?reason=no-such-reason").await, json!({"submissions": [], "next_cursor": null}));

    let page = api.admin("/admin/v1/submissions?limit=3").await;
    let rest = api.admin(&format!("/admin/v1/submissions?limit=3&cursor={}", page["next_cursor"].as_str().unwrap())).await;
    assert_eq!((page["submissions"].as_array().unwrap().len(), rest["submissions"].as_array().unwrap().len()), (3, 1));
    assert_eq!(page["submissions"][0]["submission_id"], rejected.to_string(), "newest first");
}

#[tokio::test]
async fn a_replayed_submission_goes_through_again_and_counts_once() {
    let api = Api::start().await;
    let key = api.tenant("a", &["a.example"]).await;
    let id = api.submit(report("Alpha", "1", "2026-03-02", &[("sts", "a.example", 5, 2)])).await;
    let before = api.settled().await;

    let answer = api.post(&format!("/admin/v1/submissions/{id}/replay"), json!({})).await;
    assert_eq!((answer.status, &answer.json()["submission_id"]), (StatusCode::ACCEPTED, &json!(id.to_string())));
    assert_eq!(api.settled().await, before);
    let summary = api.get("/v1/summary?from=2026-03-01&to=2026-03-31", &key).await.json();
    assert_eq!((&summary["reports"], &summary["successful_sessions"]), (&json!(1), &json!(5)));

    let unknown = tlsrpt_record::SubmissionId::now();
    for path in [format!("{unknown}/replay"), "no-id/replay".to_owned()] {
        api.post(&format!("/admin/v1/submissions/{path}"), json!({})).await.is_problem(404, "not-found");
    }
    api.get(&format!("/admin/v1/submissions/{unknown}/raw"), ADMIN).await.is_problem(404, "not-found");
}
