//! Submissions of the past.

use reqwest::{Method, StatusCode};
use serde_json::json;
use tlsrpt_query::QueryConfig;
use tlsrpt_record::SubmissionId;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{ADMIN, Api, report};

const PATH: &str = "/admin/v1/submissions?received_at=2024-03-02T08:30:00.250Z";

#[tokio::test]
async fn an_imported_report_counts_once_under_its_receipt_however_often_it_is_imported() {
    let api = Api::start().await;
    let key = api.tenant("a", &["a.example"]).await;
    let payload = report("Alpha", "1", "2024-03-01", &[("sts", "a.example", 5, 2)]);
    let mut ids = Vec::new();
    // The last time with an address and another spelling of the same moment.
    let address = api.admin("/admin/v1/tenants/a").await["address"].as_str().unwrap().to_ascii_uppercase();
    let elsewhere = format!("/admin/v1/submissions?received_at=2024-03-02T09:30:00.25%2B01:00&address={address}");
    for path in [PATH, PATH, &elsewhere] {
        let answer = api.post_bytes(path, payload.clone()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        ids.push(answer.json()["submission_id"].as_str().unwrap().to_owned());
    }
    let id = SubmissionId::of_import("2024-03-02T08:30:00.250Z".parse().unwrap(), payload.as_bytes()).to_string();
    assert_eq!(ids, [id.as_str(); 3]);

    let settled = json!({"accepted": 1, "stored": 1, "duplicate": 0, "unclaimed": 0, "rejected": 0, "pending": 0});
    assert_eq!(api.settled().await, settled);
    assert_eq!(api.admin("/admin/v1/ledger?from=2024-03-02&to=2024-03-02").await, settled);
    let submission = api.admin(&format!("/admin/v1/submissions/{id}")).await;
    assert_eq!((&submission["channel"], &submission["received_at"]), (&json!("import"), &json!("2024-03-02T08:30:00.250Z")));
    let summary = api.get("/v1/summary?from=2024-03-01&to=2024-03-01", &key).await.json();
    assert_eq!((&summary["reports"], &summary["successful_sessions"], &summary["failed_sessions"]), (&json!(1), &json!(5), &json!(2)));
    // A record that comes in now is another submission, and a duplicate of that one.
    api.submit(payload).await;
    assert_eq!(api.until("/admin/v1/ledger", |ledger| ledger["duplicate"] == 1 && ledger["pending"] == 0).await["accepted"], 2);
}

#[tokio::test]
async fn history_of_a_domain_that_is_claimed_later_becomes_its_owners() {
    let api = Api::start().await;
    for year in 2019..2026 {
        let payload = report("Alpha", "1", &format!("{year}-03-01"), &[("sts", "late.example", 5, 2)]);
        let path = format!("/admin/v1/submissions?received_at={year}-03-02T08:30:00Z");
        assert_eq!(api.post_bytes(&path, payload).await.status, StatusCode::CREATED);
    }
    assert_eq!(api.settled().await["unclaimed"], 7);
    let key = api.tenant("a", &["late.example"]).await;
    let path = "/v1/summary?from=2019-01-01&to=2026-01-01";
    assert_eq!(api.until_as(&key, path, |summary| summary["reports"] == 7).await["successful_sessions"], 35);
    assert_eq!(api.until("/admin/v1/ledger", |ledger| ledger["stored"] == 7).await["unclaimed"], 0);
}

#[tokio::test]
async fn what_cannot_be_taken_is_a_problem_that_says_why() {
    let config = QueryConfig { submission_max_bytes: 1000, ..QueryConfig::default() };
    let api = Api::start_without_pipeline(config).await;
    let key = api.tenant("a", &["a.example"]).await;
    let refused = async |path: &str, body: &[u8], status: u16, kind: &str, name: Option<&str>| {
        let problem = api.post_bytes(path, body).await.is_problem(status, kind);
        assert_eq!(problem["name"].as_str(), name, "{path}: {problem}");
    };
    refused(PATH, b"", 415, "empty-payload", None).await;
    refused(PATH, &[b'x'; 1001], 413, "body-too-large", None).await;
    refused(&format!("{PATH}&address=nobody"), b"x", 404, "not-found", Some("nobody")).await;
    let received_at = |text: &str| format!("/admin/v1/submissions?received_at={text}");
    for text in ["", "yesterday", "2024-03-02", "2024-03-02T08:30:00", "2014-12-31T23:59:59Z", "2199-01-01T00:00:00Z", "1709368200"] {
        refused(&received_at(text), b"x", 400, "invalid-parameter", Some("received_at")).await;
    }
    refused("/admin/v1/submissions", b"x", 400, "invalid-parameter", Some("received_at")).await;
    refused("/admin/v1/submissions?recieved_at=2024-03-02T08:30:00Z", b"x", 400, "unknown-parameter", Some("recieved_at")).await;
    for key in [None, Some("no-key"), Some(key.as_str())] {
        let answer = api.call(Method::POST, PATH, key, Some(&json!({}))).await;
        answer.is_problem(401, if key.is_some() { "key-unknown" } else { "key-missing" });
    }
    assert_eq!(api.admin("/admin/v1/ledger").await["accepted"], 0, "nothing of it was taken");
    assert_eq!(api.post_bytes(PATH, [b'x'; 1000]).await.status, StatusCode::CREATED, "the limit itself may be");
    assert_eq!(api.admin("/admin/v1/ledger").await["pending"], 1);
}

#[tokio::test]
async fn submissions_beyond_the_places_are_told_to_come_back() {
    let config = QueryConfig { submissions_in_flight_max: 1, ..QueryConfig::default() };
    let api = Api::start_without_pipeline(config).await;
    let head =
        format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{");
    let mut slow = TcpStream::connect(api.addr).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut refused = None;
    for _ in 0..1_000 {
        // Until the slow one has its place.
        let answer = api.post_bytes(PATH, "{}").await;
        if answer.status != StatusCode::CREATED {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("one submission has the only place");
    refused.is_problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    slow.write_all(b"}").await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(api.post_bytes(PATH, "{}").await.status, StatusCode::CREATED, "the place is free again");
}
