//! The end: what was begun is finished, and nothing is waited for for ever.

use tokio::net::TcpStream;

use crate::harness::{Edge, REPORT, Setup, client, soon, submission_id, until};

#[tokio::test]
async fn a_request_that_was_begun_is_finished_and_no_new_connection_is_taken() {
    let edge = Edge::plain(|_| {}).await;
    let mut idle = edge.connect().await;
    idle.send(edge.request(REPORT)).await;
    idle.read_until("}").await;
    let mut begun = edge.connect().await;
    begun.send(edge.head(&format!("Content-Length: {}\r\n", REPORT.len())) + &REPORT[..10]).await;
    until("the request is begun", || edge.metric("tlsrpt_edge_in_flight_bytes", &[]) == 10.0).await;

    edge.shutdown.cancel();
    assert_eq!(idle.read_to_close().await, "", "an idle connection is closed at once");
    soon("connections are refused", async { while TcpStream::connect(edge.addr).await.is_ok() {} }).await;
    assert!(!edge.serving.is_finished());
    begun.send(&REPORT[10..]).await;
    assert!(begun.read_to_close().await.starts_with("HTTP/1.1 201 "));
    soon("the edge has stopped", edge.serving).await.unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_end_holds_the_end_up_for_the_grace_only() {
    let edge = Edge::plain(|config| config.https.shutdown_grace_ms = 200).await;
    let mut stuck = edge.connect().await;
    stuck.send(edge.head("Content-Length: 1000\r\n") + "{").await;
    until("the request is begun", || edge.metric("tlsrpt_edge_in_flight_bytes", &[]) == 1.0).await;
    edge.shutdown.cancel();
    soon("the edge has stopped", edge.serving).await.unwrap();
    assert_eq!(stuck.read_to_close().await, "");
}

#[tokio::test]
async fn every_201_before_during_and_after_the_order_to_stop_is_on_the_log() {
    let edge = Edge::start(Setup::default()).await;
    let client = client();
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let (client, url) = (client.clone(), edge.rua());
            tokio::spawn(async move {
                let mut ids = Vec::new();
                // Until the edge is gone.
                while let Ok(response) = client.post(&url).body(REPORT).send().await {
                    ids.push(submission_id(response).await);
                }
                ids
            })
        })
        .collect();
    until("reports come in", || edge.metric("tlsrpt_edge_acknowledged_total", &[]) >= 50.0).await;
    edge.shutdown.cancel();
    let mut acknowledged = Vec::new();
    for sender in senders {
        acknowledged.extend(soon("a sender ends", sender).await.unwrap());
    }
    let stored: std::collections::HashSet<String> =
        edge.submissions().await.into_iter().map(|submission| submission.id.to_string()).collect();
    assert!(acknowledged.len() >= 50);
    for id in acknowledged {
        assert!(stored.contains(&id), "{id} was acknowledged and is not on the log");
    }
}
