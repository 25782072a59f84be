//! Peers that are slow on purpose, and peers that say nothing.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::harness::{Edge, REPORT, Setup, TlsMode, check_document, soon, submission_id, until};

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_cut_off() {
    let edge = Edge::plain(|config| config.https.header_timeout_ms = 200).await;
    for begun in ["", "PRI * HTT", "POST /v1/tlsrpt HTTP/1.1\r\nHost: localhost\r\nX-Slow: "] {
        let mut peer = edge.connect().await;
        peer.send(begun).await;
        assert_eq!(peer.read_to_close().await, "");
    }
    until("no connection is left", || edge.metric("tlsrpt_edge_open_connections", &[]) == 0.0).await;
}

#[tokio::test]
async fn an_idle_connection_and_a_later_head_that_trickles_in_are_cut_off() {
    let edge = Edge::plain(|config| config.https.idle_timeout_ms = 200).await;
    let mut idle = edge.connect().await;
    let mut slow = edge.connect().await;
    for peer in [&mut idle, &mut slow] {
        peer.send(edge.request(REPORT)).await;
        assert!(peer.read_until("}").await.starts_with("HTTP/1.1 201 "));
    }
    slow.send("POST /v1/tlsrpt HTTP/1.1\r\nHost: ").await;
    assert_eq!(idle.read_to_close().await, "");
    assert_eq!(slow.read_to_close().await, "");
}

#[tokio::test]
async fn an_idle_http_2_connection_is_cut_off() {
    let edge = Edge::plain(|config| config.https.header_timeout_ms = 200).await;
    let mut peer = edge.connect().await;
    // The preface and an empty SETTINGS frame: a whole HTTP/2 connection that asks for nothing.
    peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    soon("the edge closes", async {
        use tokio::io::AsyncReadExt;
        let mut frames = Vec::new();
        let _ = peer.stream.read_to_end(&mut frames).await;
    })
    .await;
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_come_to_its_end_is_cut_off() {
    let mut setup = Setup { tls: TlsMode::SelfSigned, ..Setup::default() };
    setup.config.tls.handshake_timeout_ms = 200;
    let edge = Edge::start(setup).await;
    for begun in [&b""[..], &b"\x16\x03\x01\x02\x00\x01"[..]] {
        let mut peer = edge.connect().await;
        peer.send(begun).await;
        assert_eq!(peer.read_to_close().await, "");
    }
    submission_id(edge.post(REPORT).await).await;
}

#[tokio::test]
async fn a_body_that_stops_is_answered_408_and_leaves_nothing_on_the_log() {
    let edge = Edge::plain(|config| config.https.body_chunk_timeout_ms = 200).await;
    let mut peer = edge.connect().await;
    peer.send(edge.head("Content-Length: 1000\r\n") + "{").await;
    let answer = peer.read_to_close().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    check_document(&serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap(), 408, "body-timeout");
    assert_eq!(edge.submissions().await, []);
}

#[tokio::test]
async fn a_body_that_trickles_in_is_answered_408_once_its_whole_time_is_over() {
    let edge = Edge::plain(|config| config.https.body_timeout_ms = 400).await;
    let mut peer = edge.connect().await;
    peer.send(edge.head("Content-Length: 1000000\r\n")).await;
    let (mut reading, mut writing) = peer.stream.split();
    let trickle = async {
        // The pace of the attack: well within the time for one piece.
        while writing.write_all(b"{").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answer = async {
        use tokio::io::AsyncReadExt;
        let mut answer = [0; 12];
        reading.read_exact(&mut answer).await.unwrap();
        answer
    };
    let answer = soon("an answer", async {
        tokio::select! {
            answer = answer => answer,
            () = trickle => panic!("closed without an answer"),
        }
    });
    assert_eq!(&answer.await, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_peer_that_leaves_in_the_middle_of_a_body_gives_its_room_back() {
    let edge = Edge::plain(|_| {}).await;
    let mut peer = edge.connect().await;
    peer.send(edge.head("Content-Length: 1000\r\n") + &"{".repeat(500)).await;
    until("the bytes are in flight", || edge.metric("tlsrpt_edge_in_flight_bytes", &[]) == 500.0).await;
    drop(peer);
    until("the bytes are given back", || edge.metric("tlsrpt_edge_in_flight_bytes", &[]) == 0.0).await;
    until("the request is over", || edge.metric("tlsrpt_edge_in_flight_requests", &[]) == 0.0).await;
    assert_eq!(edge.submissions().await, []);
}
