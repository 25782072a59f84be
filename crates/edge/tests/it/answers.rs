//! What each request is answered, and what is on the log then.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use reqwest::{Method, StatusCode};
use tlsrpt_record::Channel;
use tlsrpt_report::Trust;

use crate::harness::{Edge, REPORT, Setup, check_problem, client, submission_id};

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

#[tokio::test]
async fn an_acknowledged_body_is_on_the_log_byte_for_byte() {
    let edge = Edge::plain(|_| {}).await;
    let big = format!(r#"{{"policies":[],"x":"{}"}}"#, "é".repeat(300_000));
    let bodies = [REPORT.as_bytes().to_vec(), gzip(REPORT), [gzip(REPORT), b"\r\n".to_vec()].concat(), big.into_bytes()];
    let mut ids = Vec::new();
    for body in &bodies {
        ids.push(submission_id(edge.post(body.clone()).await).await);
    }
    let submissions = edge.submissions().await;
    assert_eq!(submissions.iter().map(|submission| submission.id.to_string()).collect::<Vec<_>>(), ids);
    for (submission, body) in submissions.iter().zip(&bodies) {
        assert_eq!(submission.payload, *body);
        assert_eq!(submission.address.as_deref(), Some(edge.address.as_str()));
        assert_eq!((submission.channel, submission.trust, submission.replay), (Channel::Https, Trust::None, false));
        assert_eq!(submission.remote_ip, Some("127.0.0.1".parse().unwrap()));
    }
    assert_eq!(edge.metric("tlsrpt_edge_acknowledged_total", &[("channel", "https")]), 4.0);
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    assert_eq!(edge.metric("tlsrpt_edge_received_bytes_total", &[("channel", "https")]), bytes as f64);
    // What came in whole counts as received, whatever it is then.
    assert_eq!(edge.post("neither JSON nor gzip").await.status(), 415);
    let counted = |name| edge.metric(name, &[("channel", "https")]);
    let refused = edge.metric("tlsrpt_edge_refused_total", &[("channel", "https"), ("reason", "unknown-form")]);
    assert_eq!((counted("tlsrpt_edge_received_total"), counted("tlsrpt_edge_acknowledged_total"), refused), (5.0, 4.0, 1.0));
}

#[tokio::test]
async fn an_acknowledged_submission_survives_a_restart() {
    let edge = Edge::plain(|_| {}).await;
    let id = submission_id(edge.post(REPORT).await).await;
    edge.shutdown.cancel();
    let Edge { dir, log, serving, .. } = edge;
    serving.await.unwrap();
    log.close();
    drop(log);
    let edge = Edge::start_in(dir, Setup { tls: crate::harness::TlsMode::Off, ..Setup::default() }).await;
    let submissions = edge.submissions().await;
    assert_eq!(submissions.len(), 1);
    assert_eq!(submissions[0].id.to_string(), id);
}

#[tokio::test]
async fn a_report_may_come_without_an_address_and_to_one_in_any_case() {
    let edge = Edge::plain(|_| {}).await;
    submission_id(client().post(edge.url("/v1/tlsrpt")).body(REPORT).send().await.unwrap()).await;
    submission_id(
        client()
            .post(edge.rua().to_uppercase().replace("HTTP://LOCALHOST", "http://localhost").replace("/V1/TLSRPT", "/v1/tlsrpt"))
            .body(REPORT)
            .send()
            .await
            .unwrap(),
    )
    .await;
    submission_id(client().post(format!("{}?x=1", edge.rua())).body(REPORT).send().await.unwrap()).await;
    let addresses: Vec<Option<String>> = edge.submissions().await.into_iter().map(|submission| submission.address).collect();
    assert_eq!(addresses, [None, Some(edge.address.clone()), Some(edge.address.clone())]);
}

#[tokio::test]
async fn media_type_and_encoding_are_the_senders_claims_and_the_bytes_decide() {
    let edge = Edge::plain(|_| {}).await;
    for (media_type, encoding) in [("application/tlsrpt+json", "gzip"), ("text/html", "br"), ("application/tlsrpt+gzip", "identity")] {
        let request = client().post(edge.rua()).header("content-type", media_type).header("content-encoding", encoding);
        submission_id(request.body(gzip(REPORT)).send().await.unwrap()).await;
    }
    let long = format!("application/json; x={}", "y".repeat(1_000));
    submission_id(client().post(edge.rua()).header("content-type", &long).body(REPORT).send().await.unwrap()).await;
    let kept: Vec<String> = edge.submissions().await.into_iter().filter_map(|submission| submission.content_type).collect();
    assert_eq!(kept, ["application/tlsrpt+json", "text/html", "application/tlsrpt+gzip", &long[..256]]);
}

#[tokio::test]
async fn each_refusal_is_a_problem_document_that_says_what_to_do() {
    let edge = Edge::plain(|config| config.intake.submission_max_bytes = 1_000).await;
    let post = |path: &str, body: &'static str| client().post(edge.url(path)).body(body).send();

    let unknown = check_problem(post("/v1/tlsrpt/nosuchaddress", REPORT).await.unwrap(), 404, "unknown-address").await;
    assert!(unknown["detail"].as_str().unwrap().contains("nosuchaddress"), "{unknown}");
    for path in ["/", "/v1/tlsrpt/", "/v1/tlsrpt/a/b", "/v1/other"] {
        check_problem(post(path, REPORT).await.unwrap(), 404, "no-such-path").await;
    }
    check_problem(post("/v1/tlsrpt", "").await.unwrap(), 400, "empty").await;
    check_problem(post("/v1/tlsrpt", "hello").await.unwrap(), 415, "unknown-form").await;
    let large = check_problem(edge.post("{".repeat(1_001)).await, 413, "too-large").await;
    assert!(large["detail"].as_str().unwrap().contains("1001"), "{large}");
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = client().request(method, edge.rua()).send().await.unwrap();
        assert_eq!(response.headers()["allow"], "POST");
        check_problem(response, 405, "method").await;
    }
    assert_eq!(edge.submissions().await, []);
    for (reason, count) in
        [("unknown-address", 1.0), ("no-such-path", 4.0), ("empty", 1.0), ("unknown-form", 1.0), ("too-large", 1.0), ("method", 4.0)]
    {
        assert_eq!(edge.metric("tlsrpt_edge_refused_total", &[("channel", "https"), ("reason", reason)]), count, "{reason}");
    }
    assert_eq!(edge.post("{}".to_owned() + &" ".repeat(998)).await.status(), StatusCode::CREATED, "as large as is allowed");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_cut_off_at_the_limit() {
    let edge = Edge::plain(|config| config.intake.submission_max_bytes = 1_000).await;
    let mut peer = edge.connect().await;
    let chunk = format!("{:x}\r\n{}\r\n", 600, "{".repeat(600));
    peer.send(edge.head("Transfer-Encoding: chunked\r\n") + &chunk + &chunk + "0\r\n\r\n").await;
    let answer = peer.read_until("}").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let empty = edge.head("Transfer-Encoding: chunked\r\n") + "0\r\n\r\n";
    let mut peer = edge.connect().await;
    peer.send(empty).await;
    assert!(peer.read_until("}").await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn while_the_log_takes_nothing_senders_are_told_when_to_come_back() {
    let edge = Edge::plain(|config| config.intake.retry_after_seconds = 17).await;
    edge.log.close();
    let response = edge.post(REPORT).await;
    assert_eq!(response.headers()["retry-after"], "17");
    check_problem(response, 503, "log-unavailable").await;
    assert_eq!(edge.metric("tlsrpt_edge_acknowledged_total", &[]), 0.0);
}

#[tokio::test]
async fn a_log_that_is_full_of_what_is_in_flight_turns_senders_away_for_a_while() {
    // The log takes one record at a time: whoever comes while it is being made durable is one too many.
    let edge = Edge::start(Setup { tls: crate::harness::TlsMode::Off, log_in_flight_max_bytes: Some(1), ..Setup::default() }).await;
    let client = client();
    let (mut taken, mut turned_away) = (0, 0);
    while turned_away == 0 {
        let at_once: Vec<_> = (0..32).map(|_| tokio::spawn(client.post(edge.rua()).body("{".repeat(100_000)).send())).collect();
        for response in at_once {
            let response = response.await.unwrap().unwrap();
            if response.status() == StatusCode::CREATED {
                taken += 1;
            } else {
                assert!(response.headers().contains_key("retry-after"));
                check_problem(response, 503, "no-room").await;
                turned_away += 1;
            }
        }
    }
    assert_eq!(edge.submissions().await.len(), taken);
    submission_id(edge.post(REPORT).await).await;
}

#[tokio::test]
async fn the_listener_is_ready_when_it_listens_and_not_when_it_stops() {
    let edge = Edge::plain(|_| {}).await;
    submission_id(edge.post(REPORT).await).await;
    assert!(edge.health.missing().is_empty());
    edge.shutdown.cancel();
    edge.serving.await.unwrap();
    assert!(edge.health.missing().contains_key("https"));
}
