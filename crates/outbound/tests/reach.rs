//! Requests against real servers on loopback, which is out of reach unless allowed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, response::Redirect, routing::get};
use tlsrpt_outbound::{BodyError, Client, ClientOptions, Forbidden, Reach, ResolverOptions, bounded, resolver};

/// A server that counts its requests.
async fn server() -> (SocketAddr, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let counted = move || {
        count.fetch_add(1, Relaxed);
        async { "x".repeat(100) }
    };
    let router = Router::new().route("/", get(counted)).route("/away", get(async || Redirect::to("/")));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (addr, requests)
}

fn client(allowed: &[&str]) -> Client {
    let options = ResolverOptions { timeout: Duration::from_secs(2), cache_entries_max: 10, active_requests_max: 10 };
    // Nobody answers there: a test that needs a name is one of a suite with a name server.
    let resolver = resolver(&["127.0.0.1:9".parse().unwrap()], &options).unwrap();
    let options = ClientOptions {
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(20),
        user_agent: "tlsrpt",
        authorities: Vec::new(),
    };
    Client::new(Reach::new(allowed.iter().map(|net| net.parse().unwrap()).collect()), resolver, options).unwrap()
}

#[tokio::test]
async fn an_address_out_of_reach_is_refused_before_anything_is_sent_however_it_is_written() {
    let (addr, requests) = server().await;
    let port = addr.port();
    for host in ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "[::]"] {
        let url = format!("http://{host}:{port}/").parse().unwrap();
        let refused = client(&[]).get(url);
        assert!(matches!(refused, Err(Forbidden::Private { .. })), "{host}: {refused:?}");
    }
    assert_eq!(requests.load(Relaxed), 0);
    let url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let answer = client(&["127.0.0.0/8"]).get(url).unwrap().send().await.unwrap();
    assert_eq!(bounded(answer, 100).await.unwrap(), vec![b'x'; 100]);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (addr, requests) = server().await;
    let answer = client(&["127.0.0.0/8"]).get(format!("http://{addr}/away").parse().unwrap()).unwrap().send().await.unwrap();
    assert_eq!((answer.status().as_u16(), requests.load(Relaxed)), (303, 0));
}

#[tokio::test]
async fn of_an_answer_no_more_than_its_limit_is_read() {
    let (addr, _) = server().await;
    let answer = client(&["127.0.0.0/8"]).get(format!("http://{addr}/").parse().unwrap()).unwrap().send().await.unwrap();
    assert!(matches!(bounded(answer, 99).await, Err(BodyError::TooLarge { max_bytes: 99 })));
}
