//! Tenants by the thousand.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tlsrpt_query::QueryConfig;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{ADMIN, Api, report};

const PATH: &str = "/admin/v1/import";

/// The answers to these lines.
async fn bring(api: &Api, lines: &[Value]) -> Vec<Value> {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    bring_text(api, &body).await
}

async fn bring_text(api: &Api, body: &str) -> Vec<Value> {
    let answer = api.post_bytes(PATH, body).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/x-ndjson"), "{}", answer.text());
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn outcomes(answers: &[Value]) -> Vec<&str> {
    answers.iter().map(|answer| answer["outcome"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_line_is_answered_in_order_and_the_same_lines_again_change_nothing() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let lines = [
        json!({"tenant": "acme", "name": "Acme"}),
        json!({"tenant": "acme", "domain": "Bücher.Example."}),
        json!({"tenant": "acme", "key": {"name": "ci", "scopes": ["read"], "expires_at": "2099-01-01T00:00:00Z"}}),
        json!({"tenant": "bolt", "name": "Bolt", "domains": ["bolt.example", "other.example"], "keys": [{"name": "a"}, {"name": "b"}]}),
    ];
    let answers = bring(&api, &lines).await;
    assert_eq!(outcomes(&answers), ["created"; 4]);
    assert_eq!(answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(answers[0]["address"], api.admin("/admin/v1/tenants/acme").await["address"]);
    let made = &answers[2]["new_keys"][0];
    assert_eq!((&made["name"], &made["scopes"]), (&json!("ci"), &json!(["read"])));
    assert_eq!(api.get("/v1/domains", made["key"].as_str().unwrap()).await.json()["domains"][0]["domain"], "xn--bcher-kva.example");
    assert_eq!((&answers[3]["new_domains"], answers[3]["new_keys"].as_array().unwrap().len()), (&json!(2), 2));

    let again = bring(&api, &lines).await;
    assert_eq!(outcomes(&again), ["unchanged"; 4]);
    assert!(again.iter().all(|answer| answer.get("new_keys").is_none() && answer.get("new_domains").is_none()), "{again:?}");
    assert_eq!(api.admin("/admin/v1/tenants/bolt").await["keys"], 2);
}

/// Status, kind, name and nearest known name of a problem.
type Refused<'a> = Option<(u16, &'a str, Option<&'a str>, Option<&'a str>)>;

#[tokio::test]
async fn a_bad_line_is_refused_with_its_reason_and_its_neighbours_are_brought_in() {
    let api = Api::start_without_pipeline(QueryConfig { import_line_max_bytes: 300, ..QueryConfig::default() }).await;
    api.tenant("old", &["old.example"]).await;
    let long = format!(r#"{{"tenant":"long","name":"{}"}}"#, "x".repeat(300));
    let cases: &[(&str, Refused<'_>)] = &[
        (r#"{"tenant":"a","name":"A","domain":"a.example"}"#, None),
        ("not json", Some((400, "invalid-body", None, None))),
        ("", Some((400, "invalid-body", None, None))),
        (r#"["tenant"]"#, Some((400, "invalid-body", None, None))),
        (r#"{"tenant":"b","nmae":"B"}"#, Some((400, "unknown-field", Some("nmae"), Some("name")))),
        (r#"{"name":"B"}"#, Some((400, "invalid-body", Some("tenant"), None))),
        (r#"{"tenant":"B!","name":"B"}"#, Some((400, "invalid-body", Some("tenant"), None))),
        (r#"{"tenant":"b"}"#, Some((400, "invalid-body", None, None))),
        (r#"{"tenant":"b","domain":"b.example"}"#, Some((404, "not-found", None, None))),
        (r#"{"tenant":"b","name":"B","domains":["b.example","old.example"]}"#, Some((409, "domain-taken", None, None))),
        (r#"{"tenant":"b","name":"B","domain":"co.uk"}"#, Some((422, "public-suffix", None, None))),
        (r#"{"tenant":"b","name":"B","domain":"two words"}"#, Some((400, "invalid-body", Some("domain"), None))),
        (r#"{"tenant":"b","name":"B","domain":"b.example","domains":[]}"#, Some((400, "invalid-body", Some("domain"), None))),
        (
            r#"{"tenant":"b","name":"B","key":{"name":"k","scopes":["exprot"]}}"#,
            Some((400, "invalid-body", Some("scopes"), Some("export"))),
        ),
        (r#"{"tenant":"b","name":"B","key":"k"}"#, Some((400, "invalid-body", Some("key"), None))),
        (r#"{"tenant":"old","name":"Another name"}"#, Some((409, "tenant-taken", None, None))),
        (&long, Some((413, "body-too-large", None, None))),
        (r#"{"tenant":"a","domain":"b.example"}"#, None),
    ];
    // The last line does not end.
    let body = cases.iter().map(|(line, _)| *line).collect::<Vec<_>>().join("\n");
    let answers = bring_text(&api, &body).await;
    assert_eq!(answers.len(), cases.len());
    for ((line, refused), answer) in cases.iter().zip(&answers) {
        let problem = &answer["problem"];
        let found = problem.is_object().then(|| {
            let kind = problem["type"].as_str().unwrap().strip_prefix("/problems/").unwrap();
            (problem["status"].as_u64().unwrap() as u16, kind, problem["name"].as_str(), problem["did_you_mean"].as_str())
        });
        assert_eq!(found, *refused, "{line}: {answer}");
        assert_eq!(answer["outcome"], if refused.is_some() { "refused" } else { "created" }, "{line}");
    }
    let tenants = api.admin("/admin/v1/tenants").await;
    assert_eq!(tenants["tenants"].as_array().unwrap().len(), 2, "{tenants}");
    assert_eq!(api.admin("/admin/v1/tenants/a").await["domains"], 2);
}

#[tokio::test]
async fn thousands_of_lines_are_brought_in_though_nothing_is_read_before_all_is_sent() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let lines: String =
        (0..3_500).map(|n| format!("{{\"tenant\":\"t{}\",\"name\":\"T\",\"domain\":\"d{n}.example\"}}\n", n % 100)).collect();
    let mut stream = TcpStream::connect(api.addr).await.unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        lines.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(lines.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer.matches("\"outcome\":\"created\"").count(), 3_500);
    assert_eq!(api.admin("/admin/v1/tenants/t99").await["domains"], 35);
}

#[tokio::test]
async fn a_claim_by_import_adopts_history_as_any_claim_does() {
    let api = Api::start().await;
    let today = tlsrpt_record::SubmissionId::now().received_at().day().to_string();
    api.submit(report("Alpha", "1", &today, &[("sts", "late.example", 5, 2)])).await;
    assert_eq!(api.settled().await["unclaimed"], 1);
    let lines = [json!({"tenant": "a", "name": "A", "domain": "late.example", "key": {"name": "ci"}})];
    let answers = bring(&api, &lines).await;
    let key = answers[0]["new_keys"][0]["key"].as_str().unwrap();
    api.until_as(key, "/v1/summary", |summary| summary["reports"] == 1).await;
}

#[tokio::test]
async fn what_is_beyond_a_limit_stops_the_import_there_and_says_so() {
    let config = QueryConfig { import_max_bytes: 10_000, import_max_lines: 3, ..QueryConfig::default() };
    let api = Api::start_without_pipeline(config).await;
    let lines: Vec<Value> = (0..5).map(|n| json!({"tenant": format!("t{n}"), "name": "T"})).collect();
    let answers = bring(&api, &lines).await;
    assert_eq!(outcomes(&answers), ["created", "created", "created", "stopped"]);
    assert_eq!((&answers[3]["line"], &answers[3]["problem"]["type"]), (&json!(4), &json!("/problems/body-too-large")));
    api.post_bytes(PATH, vec![b'x'; 10_001]).await.is_problem(413, "body-too-large");
    assert_eq!(outcomes(&bring(&api, &lines[..3]).await), ["unchanged"; 3], "what was answered is there");
    assert_eq!(bring_text(&api, "").await, Vec::<Value>::new());
}

#[tokio::test]
async fn imports_beyond_the_places_are_told_to_come_back() {
    let api = Api::start_without_pipeline(QueryConfig { imports_in_flight_max: 1, ..QueryConfig::default() }).await;
    let head =
        format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{");
    let mut slow = TcpStream::connect(api.addr).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0_u8; 15];
    // Its head is answered at once, so it has the place.
    slow.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    api.post_bytes(PATH, "").await.is_problem(503, "overloaded");
    slow.write_all(b"}").await.unwrap();
    let mut rest = String::new();
    slow.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("\"refused\""), "{rest}");
    for _ in 0..500 {
        if api.call(Method::POST, PATH, Some(ADMIN), None).await.status == StatusCode::OK {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the place was never free again");
}
