//! HTTP/1.1 and HTTP/2 as peers speak them.

use reqwest::{Client, StatusCode, Version};

use crate::harness::{Edge, REPORT, Setup, client, submission_id};

#[tokio::test]
async fn tls_peers_get_http_2_when_they_ask_for_it_and_http_1_otherwise() {
    let edge = Edge::start(Setup::default()).await;
    let response = client().post(edge.rua()).body(REPORT).send().await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::CREATED, Version::HTTP_2));
    let old = Client::builder().tls_danger_accept_invalid_certs(true).http1_only().build().unwrap();
    let response = old.post(edge.rua()).body(REPORT).send().await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::CREATED, Version::HTTP_11));
    assert_eq!(edge.submissions().await.len(), 2);
}

#[tokio::test]
async fn http_2_without_tls_works_with_many_requests_on_one_connection() {
    let edge = Edge::plain(|_| {}).await;
    let client = Client::builder().http2_prior_knowledge().build().unwrap();
    let requests: Vec<_> = (0..200).map(|_| tokio::spawn(client.post(edge.rua()).body(REPORT).send())).collect();
    let mut ids = std::collections::BTreeSet::new();
    for request in requests {
        ids.insert(submission_id(request.await.unwrap().unwrap()).await);
    }
    let stored: std::collections::BTreeSet<String> =
        edge.submissions().await.into_iter().map(|submission| submission.id.to_string()).collect();
    assert_eq!((ids.len(), &stored), (200, &ids));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let edge = Edge::plain(|_| {}).await;
    let mut peer = edge.connect().await;
    peer.send(edge.request(REPORT) + &edge.request("hello") + &edge.request(REPORT)).await;
    for expected in ["HTTP/1.1 201 ", "HTTP/1.1 415 ", "HTTP/1.1 201 "] {
        let answer = peer.read_until("}").await;
        assert!(answer.starts_with(expected), "{answer}");
    }
    assert_eq!(edge.submissions().await.len(), 2);
}

#[tokio::test]
async fn who_expects_100_continue_gets_it_or_the_refusal_at_once() {
    let edge = Edge::plain(|config| config.intake.submission_max_bytes = 1_000).await;
    let mut peer = edge.connect().await;
    peer.send(edge.head(&format!("Content-Length: {}\r\nExpect: 100-continue\r\n", REPORT.len()))).await;
    peer.read_until("HTTP/1.1 100 Continue\r\n\r\n").await;
    peer.send(REPORT).await;
    assert!(peer.read_until("}").await.starts_with("HTTP/1.1 201 "));

    let mut peer = edge.connect().await;
    peer.send(edge.head("Content-Length: 1001\r\nExpect: 100-continue\r\n")).await;
    assert!(peer.read_until("}").await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_peer_that_closes_its_sending_half_still_gets_its_answer() {
    use tokio::io::AsyncWriteExt;
    let edge = Edge::plain(|_| {}).await;
    let mut peer = edge.connect().await;
    peer.send(edge.request(REPORT)).await;
    peer.stream.shutdown().await.unwrap();
    let answer = peer.read_to_close().await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_the_edge_goes_on() {
    let edge = Edge::plain(|_| {}).await;
    for garbage in ["EHLO example.com\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense that is no frame"] {
        let mut peer = edge.connect().await;
        peer.send(garbage).await;
        let answer = peer.read_to_close().await;
        assert!(!answer.contains("201"), "{answer}");
    }
    let long = format!("X-Long: {}\r\n", "x".repeat(64 << 10));
    let mut peer = edge.connect().await;
    peer.send(edge.head(&long)).await;
    let answer = peer.read_to_close().await;
    // The rest of the head is never read, so the close may overtake the answer.
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    submission_id(edge.post(REPORT).await).await;
    assert_eq!(edge.submissions().await.len(), 1);
}
