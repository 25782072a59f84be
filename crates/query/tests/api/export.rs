//! The export.

use std::time::Duration;

use serde_json::{Value, json};
use tlsrpt_query::QueryConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Api, report};

const PERIOD: &str = "from=2026-03-01&to=2026-03-31";

/// A report about one domain with as many failures, each with this reason.
fn failing(id: &str, domain: &str, failures: usize, reason: &str) -> String {
    let details: Vec<Value> = (0..failures)
        .map(|n| {
            json!({
                "result-type": "starttls-not-supported", "sending-mta-ip": format!("198.51.100.{}", n % 250), "receiving-mx-hostname": format!("mx{n}.{domain}"),
                "failed-session-count": 1, "failure-reason-code": reason
            })
        })
        .collect();
    let mut report: Value = serde_json::from_str(&report("=Alpha, \"Inc\"", id, "2026-03-02", &[("sts", domain, 5, 1)])).unwrap();
    report["policies"][0]["summary"]["total-failure-session-count"] = json!(failures);
    report["policies"][0]["failure-details"] = json!(details);
    report.to_string()
}

async fn api(config: QueryConfig) -> (Api, String) {
    let api = Api::start_without_pipeline(config).await;
    api.start_pipeline();
    let key = api.tenant("a", &["a.example"]).await;
    api.tenant("b", &["b.example"]).await;
    api.submit(failing("1", "a.example", 3, "a,b")).await;
    api.submit(report("Beta", "2", "2026-03-05", &[("sts", "mail.a.example", 7, 0), ("sts", "b.example", 3, 3)])).await;
    api.submit(report("Gamma", "3", "2026-03-04", &[("tlsa", "a.example", 1, 2)])).await;
    api.settled().await;
    (api, key)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn an_export_in_ndjson_has_each_report_as_it_is_shown_one_by_one_and_goes_on_from_any_line() {
    let (api, key) = api(QueryConfig::default()).await;
    let answer = api.get(&format!("/v1/export?{PERIOD}"), &key).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/x-ndjson"));
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"tlsrpt-export.ndjson\"");
    assert!(answer.text().ends_with('\n'));
    let all = lines(&answer.text());
    assert_eq!(all.len(), 3);
    for line in &all {
        let mut one = api.get(&format!("/v1/reports/{}", line["report_key"].as_str().unwrap()), &key).await.json();
        one.as_object_mut().unwrap().remove("authentication");
        let mut line = line.clone();
        line.as_object_mut().unwrap().remove("cursor");
        assert_eq!(line, one);
    }
    for (at, line) in all.iter().enumerate() {
        let rest = api.get(&format!("/v1/export?{PERIOD}&cursor={}", line["cursor"].as_str().unwrap()), &key).await;
        assert_eq!(lines(&rest.text()), all[at + 1..], "after line {at}");
    }
    let filtered = api.get(&format!("/v1/export?{PERIOD}&result_type=certificate-expired"), &key).await;
    assert_eq!(lines(&filtered.text()).iter().map(|line| line["report_id"].as_str().unwrap()).collect::<Vec<_>>(), ["3"]);
    let nothing = api.get("/v1/export?from=2025-01-01&to=2025-01-31", &key).await;
    assert_eq!((nothing.status.as_u16(), nothing.body.len()), (200, 0));
}

/// Splits a line whose quoted cells hold no line ends.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    cells.push(cell);
    cells
}

#[tokio::test]
async fn an_export_in_csv_has_a_line_a_failure_and_goes_on_inside_a_report_without_losing_one() {
    let (api, key) = api(QueryConfig::default()).await;
    let path = format!("/v1/export?{PERIOD}&format=csv");
    let answer = api.get(&path, &key).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/csv; charset=utf-8; header=present"));
    let text = answer.text();
    assert!(text.ends_with("\r\n"));
    let all: Vec<Vec<String>> = text.trim_end().split("\r\n").map(cells).collect();
    // The header, three failures, one failure, and the report without any.
    assert_eq!(all.len(), 1 + 3 + 1 + 1, "{text}");
    assert!(all.iter().all(|line| line.len() == all[0].len()), "{text}");
    let column = |line: usize, name: &str| all[line][all[0].iter().position(|cell| cell == name).unwrap()].as_str();
    assert_eq!(all[0].last().unwrap(), "cursor");
    let of = |line| ["domain", "report_id", "receiving_mx", "failed_sessions", "reason"].map(|name| column(line, name));
    assert_eq!(of(1), ["a.example", "1", "mx0.a.example", "1", "a,b"]);
    assert_eq!(of(3), ["a.example", "1", "mx2.a.example", "1", "a,b"]);
    assert_eq!(of(4), ["a.example", "3", "mx.a.example", "2", "X509_V_ERR"]);
    assert_eq!(of(5), ["mail.a.example", "2", "", "", ""]);
    assert_eq!(column(5, "report_successful_sessions"), "7");
    assert_eq!(column(1, "reporter"), "'=Alpha, \"Inc\"", "no formula for a spreadsheet");
    for (at, line) in all.iter().enumerate().skip(1) {
        let rest = api.get(&format!("{path}&cursor={}", line.last().unwrap()), &key).await.text();
        let rest: Vec<Vec<String>> = rest.trim_end().split("\r\n").map(cells).collect();
        assert_eq!((&rest[0], &rest[1..]), (&all[0], &all[at + 1..]), "after line {at}");
    }
    // A cursor of the other format is of another query.
    api.get(&format!("/v1/export?{PERIOD}&format=ndjson&cursor={}", column(1, "cursor")), &key).await.is_problem(400, "invalid-cursor");
}

/// Asks by a connection of its own, which tells how the answer ended.
async fn connect(api: &Api, key: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(api.addr).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is one of the ways in which an answer ends too early.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

const LAST_CHUNK: &str = "\r\n0\r\n\r\n";

#[tokio::test]
async fn an_export_that_takes_longer_than_it_may_never_looks_whole() {
    let (api, key) = api(QueryConfig { export_max_seconds: 0, ..QueryConfig::default() }).await;
    let cut = rest(connect(&api, &key, &format!("/v1/export?{PERIOD}")).await).await;
    assert!(cut.starts_with("HTTP/1.1 200 ") && cut.contains("transfer-encoding: chunked"), "{cut}");
    assert!(!cut.ends_with(LAST_CHUNK), "{cut}");
    let (api, key) = self::api(QueryConfig::default()).await;
    let whole = rest(connect(&api, &key, &format!("/v1/export?{PERIOD}")).await).await;
    assert!(whole.ends_with(LAST_CHUNK), "{whole}");
}

#[tokio::test]
async fn exports_beyond_their_bounds_are_told_when_to_come_back() {
    let (api, key) = api(QueryConfig { exports_per_tenant_max: 0, ..QueryConfig::default() }).await;
    let refused = api.get("/v1/export", &key).await;
    refused.is_problem(429, "too-many-exports");
    assert_eq!(refused.header("retry-after"), "30");
    let (api, key) = self::api(QueryConfig { exports_in_flight_max: 0, ..QueryConfig::default() }).await;
    let refused = api.get("/v1/export", &key).await;
    refused.is_problem(503, "overloaded");
    assert!(!refused.header("retry-after").is_empty());
}

/// Some megabytes of one domain's reports: more than the sockets between hold.
async fn submit_much(api: &Api) {
    let reason = "x".repeat(200);
    for n in 0..24 {
        api.submit(failing(&format!("big-{n}"), "a.example", 900, &reason)).await;
    }
    api.settled().await;
}

#[tokio::test]
async fn a_slow_reader_gets_everything_though_it_takes_longer_than_a_request_may() {
    let (api, key) = api(QueryConfig { request_timeout_ms: 8_000, ..QueryConfig::default() }).await;
    submit_much(&api).await;
    let slow = connect(&api, &key, &format!("/v1/export?{PERIOD}")).await;
    tokio::time::sleep(Duration::from_millis(8_500)).await;
    let whole = rest(slow).await;
    assert!(whole.ends_with(LAST_CHUNK), "{} bytes, ending {:?}", whole.len(), &whole[whole.len().saturating_sub(80)..]);
    assert!(whole.len() > 24 * 900 * 200, "{}", whole.len());
}

#[tokio::test]
async fn a_reader_that_reads_nothing_gives_its_place_back_when_its_time_is_up() {
    let (api, key) = api(QueryConfig { export_max_seconds: 10, exports_per_tenant_max: 1, ..QueryConfig::default() }).await;
    submit_much(&api).await;
    let mut stalled = connect(&api, &key, &format!("/v1/export?{PERIOD}&domain=a.example")).await;
    // It has its place once there is a first byte.
    stalled.read_exact(&mut [0; 12]).await.unwrap();
    let mut answers = Vec::new();
    while answers.last() != Some(&200) && answers.len() < 150 {
        answers.push(api.get(&format!("/v1/export?{PERIOD}&domain=mail.a.example"), &key).await.status.as_u16());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(answers.first() == Some(&429) && answers.last() == Some(&200), "{answers:?}");
    assert!(!rest(stalled).await.ends_with(LAST_CHUNK));
}
