//! The server around the routes.

use reqwest::Method;
use serde_json::json;
use tlsrpt_query::QueryConfig;
use tlsrpt_store::{Store, StoreConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{ADMIN, Api};

/// A store at an address where nothing listens.
fn no_store() -> Store {
    Store::new(&StoreConfig {
        cluster: None,
        url: "http://127.0.0.1:9".to_owned(),
        user: "u".to_owned(),
        password: "p".to_owned(),
        database: "d".to_owned(),
    })
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too_and_every_answer_is_hardened() {
    let api = Api::start_on(no_store(), QueryConfig::default()).await;
    let unknown = api.get("/v1/nothing", ADMIN).await;
    unknown.is_problem(404, "not-found");
    let wrong = api.call(Method::PUT, "/admin/v1/tenants", Some(ADMIN), None).await;
    wrong.is_problem(405, "method-not-allowed");
    assert!(wrong.header("allow").contains("GET") && wrong.header("allow").contains("POST"), "{}", wrong.header("allow"));
    let listed = api.get("/admin/v1/tenants", ADMIN).await;
    assert_eq!(listed.status.as_u16(), 200);
    for answer in [&unknown, &wrong, &listed] {
        assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-store", "nosniff"));
        assert!(answer.header("content-security-policy").contains("default-src 'none'") && !answer.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn while_the_database_is_away_the_registry_answers_and_everything_else_says_when_to_try_again() {
    let api = Api::start_on(no_store(), QueryConfig::default()).await;
    let key = api.tenant("a", &["a.example"]).await;
    let answer = api.get("/v1/summary", &key).await;
    answer.is_problem(503, "store-unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    api.get("/admin/v1/ledger", ADMIN).await.is_problem(503, "store-unavailable");
}

#[tokio::test]
async fn requests_beyond_the_bound_are_shed_at_once() {
    let api = Api::start_on(no_store(), QueryConfig { requests_in_flight_max: 0, operator_reserve: 0, ..QueryConfig::default() }).await;
    let answer = api.get("/admin/v1/tenants", ADMIN).await;
    answer.is_problem(503, "overloaded");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let api = Api::start_on(no_store(), QueryConfig { request_timeout_ms: 200, ..QueryConfig::default() }).await;
    let mut stream = TcpStream::connect(api.addr).await.unwrap();
    let head = format!(
        "POST /admin/v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("/problems/timed-out"), "{answer}");
}

#[tokio::test]
async fn a_connection_that_never_sends_a_whole_head_is_closed() {
    let api = Api::start_on(no_store(), QueryConfig { header_timeout_ms: 200, ..QueryConfig::default() }).await;
    for start in ["", "GET /v1/summary HTTP/1.1\r\nHost:"] {
        let mut stream = TcpStream::connect(api.addr).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
    }
}

#[tokio::test]
async fn answers_are_counted_by_route_and_never_by_path() {
    let api = Api::start_on(no_store(), QueryConfig::default()).await;
    api.tenant("a", &[]).await;
    for id in ["a", "b", "c"] {
        api.get(&format!("/admin/v1/tenants/{id}"), ADMIN).await;
    }
    api.get("/made/up", ADMIN).await;
    let text = tlsrpt_telemetry::prometheus::TextEncoder::new().encode_to_string(&api.metrics.gather()).unwrap();
    for line in [
        r#"tlsrpt_query_requests_total{method="GET",route="/admin/v1/tenants/{id}",status="200"} 1"#,
        r#"tlsrpt_query_requests_total{method="GET",route="/admin/v1/tenants/{id}",status="404"} 2"#,
        r#"tlsrpt_query_requests_total{method="GET",route="unmatched",status="404"} 1"#,
        r#"tlsrpt_query_request_duration_seconds_count{method="POST",route="/admin/v1/tenants"} 1"#,
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("/made/up") && !text.contains(ADMIN));
}

#[tokio::test]
async fn a_client_that_takes_gzip_gets_it() {
    let api = Api::start_on(no_store(), QueryConfig::default()).await;
    for n in 0..20 {
        api.post("/admin/v1/tenants", json!({"id": format!("tenant-{n:02}"), "name": "the same name for all"})).await;
    }
    let mut stream = TcpStream::connect(api.addr).await.unwrap();
    let head = format!(
        "GET /admin/v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).to_ascii_lowercase().contains("content-encoding: gzip"));
}
