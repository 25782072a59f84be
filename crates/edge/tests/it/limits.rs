//! Rates, connections, bytes in flight.

use std::num::NonZeroU32;

use reqwest::StatusCode;

use crate::harness::{Edge, REPORT, check_problem, client, submission_id, until};

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

#[tokio::test]
async fn a_peer_above_its_rate_gets_429_and_when_to_come_back() {
    let edge = Edge::plain(|config| {
        config.intake.rate.exempt_networks.clear();
        config.intake.rate.per_ip_per_second = number(1);
        config.intake.rate.per_ip_burst = number(3);
    })
    .await;
    let mut refused = None;
    for _ in 0..50 {
        let response = edge.post(REPORT).await;
        if response.status() != StatusCode::CREATED {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    let problem = check_problem(refused, 429, "peer-rate").await;
    assert!(problem["detail"].as_str().unwrap().contains("127.0.0.1"), "{problem}");
}

#[tokio::test]
async fn an_address_above_its_rate_gets_429_and_reports_without_address_go_on() {
    let edge = Edge::plain(|config| {
        config.intake.rate.exempt_networks.clear();
        config.intake.rate.per_address_per_second = number(1);
        config.intake.rate.per_address_burst = number(1);
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let response = edge.post(REPORT).await;
        statuses.push(response.status());
        if response.status() != StatusCode::CREATED {
            assert!(response.headers().contains_key("retry-after"));
            check_problem(response, 429, "address-rate").await;
        }
    }
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
    submission_id(client().post(edge.url("/v1/tlsrpt")).body(REPORT).send().await.unwrap()).await;
}

#[tokio::test]
async fn peers_of_exempt_networks_have_no_rate_and_no_limit_on_connections() {
    let edge = Edge::plain(|config| {
        config.intake.rate.per_ip_per_second = number(1);
        config.intake.rate.per_ip_burst = number(1);
        config.intake.rate.per_address_per_second = number(1);
        config.intake.rate.per_address_burst = number(1);
        config.https.connections_per_ip_max = 1;
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut peer = edge.connect().await;
        peer.send(edge.request(REPORT)).await;
        assert!(peer.read_until("}").await.starts_with("HTTP/1.1 201 "));
        open.push(peer);
    }
    assert_eq!(edge.submissions().await.len(), open.len());
}

#[tokio::test]
async fn beyond_the_bytes_in_flight_senders_are_told_to_come_back_and_then_are_taken() {
    let edge = Edge::plain(|config| config.intake.in_flight_max_bytes = 1_000).await;
    let mut slow = edge.connect().await;
    slow.send(edge.head("Content-Length: 900\r\n") + &"{".repeat(800)).await;
    until("800 bytes are in flight", || edge.metric("tlsrpt_edge_in_flight_bytes", &[]) == 800.0).await;

    let response = edge.post("{".repeat(300)).await;
    assert!(response.headers().contains_key("retry-after"));
    check_problem(response, 503, "no-room").await;
    submission_id(edge.post("{".repeat(50)).await).await;

    slow.send("{".repeat(100)).await;
    assert!(slow.read_until("}").await.starts_with("HTTP/1.1 201 "));
    until("nothing is in flight", || edge.metric("tlsrpt_edge_in_flight_bytes", &[]) == 0.0).await;
    submission_id(edge.post("{".repeat(300)).await).await;
}

#[tokio::test]
async fn one_peer_has_so_many_connections_and_no_more() {
    let edge = Edge::plain(|config| {
        config.intake.rate.exempt_networks.clear();
        config.https.connections_per_ip_max = 2;
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut peer = edge.connect().await;
        peer.send(edge.request(REPORT)).await;
        peer.read_until("}").await;
        open.push(peer);
    }
    assert_eq!(edge.connect().await.read_to_close().await, "");
    assert_eq!(edge.metric("tlsrpt_edge_refused_total", &[("reason", "peer-connections")]), 1.0);
    open.pop();
    until("a place is free", || edge.metric("tlsrpt_edge_open_connections", &[]) == 1.0).await;
    let mut peer = edge.connect().await;
    peer.send(edge.request(REPORT)).await;
    assert!(peer.read_until("}").await.starts_with("HTTP/1.1 201 "));
}

#[tokio::test]
async fn beyond_all_connections_a_peer_is_closed_at_once() {
    let edge = Edge::plain(|config| config.https.connections_max = 1).await;
    let mut first = edge.connect().await;
    first.send(edge.request(REPORT)).await;
    first.read_until("}").await;
    assert_eq!(edge.connect().await.read_to_close().await, "");
    assert_eq!(edge.metric("tlsrpt_edge_refused_total", &[("reason", "connections")]), 1.0);
}
