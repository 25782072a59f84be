//! Nobody keeps the others out: rates, places, the operator's reserve, and what somebody without a key can cost.

use std::num::NonZeroU32;

use reqwest::Method;
use serde_json::json;
use tlsrpt_query::{QueryConfig, RateConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    harness::{ADMIN, Answer, Api},
    held_database::HeldDatabase,
};

/// Nothing here is decided by how long something takes.
fn patient() -> QueryConfig {
    QueryConfig { tenant_wait_ms: 3_600_000, request_timeout_ms: 3_600_000, ..QueryConfig::default() }
}

fn some(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

#[tokio::test]
async fn a_key_is_told_how_many_requests_it_has_left_and_one_too_many_when_to_come_back() {
    let rate = RateConfig { burst: some(3), requests_per_second: some(1), ..RateConfig::default() };
    let api = Api::start_without_pipeline(QueryConfig { rate, ..QueryConfig::default() }).await;
    let (key, other) = (api.tenant("a", &[]).await, api.tenant("b", &[]).await);
    let first = api.get("/v1/summary?no=such", &key).await;
    assert_eq!((first.header("ratelimit-policy"), first.header("ratelimit")), ("\"key\";q=3;w=3", "\"key\";r=2;t=1"));
    let mut last = first;
    // At most three come back while we ask.
    for _ in 0..20 {
        last = api.get("/v1/summary?no=such", &key).await;
        if last.status.as_u16() == 429 {
            break;
        }
    }
    last.is_problem(429, "rate-limited");
    assert_eq!((last.header("retry-after"), last.header("ratelimit")), ("1", "\"key\";r=0;t=1"));
    // Neither another tenant nor the operator is held up.
    assert_eq!(api.get("/v1/summary", &other).await.status.as_u16(), 200);
    let operators = api.get("/admin/v1/tenants", ADMIN).await;
    assert_eq!((operators.status.as_u16(), operators.header("ratelimit-policy")), (200, "\"key\";q=10000;w=5"));
}

#[tokio::test]
async fn an_address_that_tries_many_keys_is_held_off_before_a_key_is_looked_at() {
    let rate = RateConfig { failures_burst: some(5), exempt_networks: Vec::new(), ..RateConfig::default() };
    let api = Api::start_without_pipeline(QueryConfig { rate, ..QueryConfig::default() }).await;
    let key = api.tenant("a", &[]).await;
    let mut held_off = None;
    for n in 0..100 {
        let (path, guess) = if n % 2 == 0 { ("/v1/summary", "made-up") } else { ("/admin/v1/tenants", "made-up-too") };
        let answer = api.get(path, guess).await;
        if answer.status.as_u16() == 429 {
            held_off = Some(answer);
            break;
        }
        answer.is_problem(401, "key-unknown");
    }
    let held_off = held_off.expect("it is held off");
    held_off.is_problem(429, "rate-limited");
    assert!(held_off.header("retry-after").parse::<u64>().unwrap() >= 1 && held_off.header("ratelimit").is_empty());
    // A right guess tells nothing either, until the time is over.
    let answer = api.get("/v1/summary", &key).await;
    assert!([200, 429].contains(&answer.status.as_u16()));
    api.until_let_in("/v1/summary", &key).await;
}

/// Requests of one tenant that are under way.
fn spawn(requests: &mut JoinSet<Answer>, api: &Api, key: &str, count: usize) {
    for _ in 0..count {
        let asked = api.asked("/v1/summary", key);
        requests.spawn(asked);
    }
}

#[tokio::test]
async fn while_one_tenant_holds_all_its_places_every_request_of_another_is_answered() {
    const OF_THE_OTHER: usize = 40;
    let database = HeldDatabase::start("slow-tenant").await;
    let config = QueryConfig { tenant_in_flight_max: 3, tenant_waiting_max: 2, ..patient() };
    let api = Api::start_on(database.store().await, config).await;
    let (slow, quick) = (api.tenant("slow-tenant", &[]).await, api.tenant("quick", &[]).await);

    let mut requests = JoinSet::new();
    spawn(&mut requests, &api, &slow, 3);
    database.holds(3).await;
    // Two more may wait; of these six, four are sent away at once.
    spawn(&mut requests, &api, &slow, 6);
    for _ in 0..4 {
        let answer = requests.join_next().await.unwrap().unwrap();
        answer.is_problem(429, "tenant-busy");
        assert_eq!(answer.header("retry-after"), "1");
    }

    let mut answered = 0;
    for _ in 0..OF_THE_OTHER {
        answered += usize::from(api.get("/v1/reports", &quick).await.status.as_u16() == 200);
    }
    assert_eq!(answered, OF_THE_OTHER);
    assert_eq!(api.get("/admin/v1/ledger", ADMIN).await.status.as_u16(), 200);

    // And the slow ones are answered too, in the end.
    database.release();
    let answers = requests.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status.as_u16() == 200).count(), 5);
}

#[tokio::test]
async fn the_operator_gets_in_when_tenants_fill_everything() {
    let database = HeldDatabase::start("slow-tenant").await;
    let config = QueryConfig { requests_in_flight_max: 2, operator_reserve: 1, tenants_in_flight_max: 2, ..patient() };
    let api = Api::start_on(database.store().await, config).await;
    let (slow, other) = (api.tenant("slow-tenant", &[]).await, api.tenant("other", &[]).await);
    let mut requests = JoinSet::new();
    spawn(&mut requests, &api, &slow, 2);
    database.holds(2).await;
    api.get("/v1/summary", &other).await.is_problem(503, "overloaded");
    for _ in 0..20 {
        assert_eq!(api.get("/admin/v1/ledger", ADMIN).await.status.as_u16(), 200);
    }
    assert_eq!(api.post("/admin/v1/tenants", json!({"id": "new", "name": "n"})).await.status.as_u16(), 201);
    // Who has no key for it is sent away, and takes nothing with it.
    api.get("/admin/v1/ledger", &other).await.is_problem(401, "key-unknown");
    database.release();
    assert!(requests.join_all().await.iter().all(|answer| answer.status.as_u16() == 200));
}

#[tokio::test]
async fn nothing_of_a_body_is_waited_for_before_the_key_is_known() {
    let api = Api::start_without_pipeline(QueryConfig::default()).await;
    for (method, path) in [("POST", "/admin/v1/tenants"), ("POST", "/admin/v1/submissions"), ("GET", "/v1/summary")] {
        for authorization in ["", "Authorization: Bearer made-up\r\n"] {
            let mut stream = TcpStream::connect(api.addr).await.unwrap();
            // A body that is announced as large and never comes.
            let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{authorization}Content-Length: 10000000000\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 401", "{method} {path}");
        }
    }
    // With a key it is bounded.
    let large = vec![b' '; QueryConfig::default().body_max_bytes + 1];
    api.post_bytes("/admin/v1/tenants", large).await.is_problem(413, "body-too-large");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let api = Api::start_without_pipeline(QueryConfig::default()).await;
    let mut stream = TcpStream::connect(api.addr).await.unwrap();
    let head = format!("GET /v1/summary HTTP/1.1\r\nHost: x\r\nX-Filler: {}\r\n\r\n", "x".repeat(1 << 20));
    // It may be cut off while it is sent.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    api.call(Method::GET, "/v1/summary", None, None).await.is_problem(401, "key-missing");
}
