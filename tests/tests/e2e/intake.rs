//! What the receiver refuses, and how it says so.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use tlsrpt_tests::{Encoding, Generator, Setup, Size, settled};

#[tokio::test]
async fn each_refusal_is_a_problem_document_with_its_own_status_and_code() {
    let service = Setup::new().config("[edge.intake]\nsubmission_max_bytes = 300000\n").start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let access = operator.tenant("acme", &["example.com"]).await;
    let report = Generator::new(60).report("example.com", Size::Small).encode(Encoding::Gzip);

    sender.post("").await.problem(400, "empty");
    for wrong in ["nobody", "x", &access.address[1..], &format!("{}x", access.address), "acme"] {
        sender.try_post(Some(wrong), report.clone()).await.unwrap().problem(404, "unknown-address");
    }
    for path in ["/", "/v1", "/v1/tlsrpt/", "/v1/tlsrpt/a/b", "/v2/tlsrpt", "/admin/v1/ledger", "/metrics"] {
        sender.request("POST", path, report.clone()).await.problem(404, "no-such-path");
    }
    for payload in [&b"hello"[..], b"<?xml version=\"1.0\"?><feedback/>", b"\"{}\"", b"\x89PNG\r\n", b"%PDF-1.7", b"\0\0\0\0", b"\x1f\x8b"]
    {
        sender.post(payload).await.problem(415, "unknown-form");
    }
    sender.post(vec![b' '; 300_001]).await.problem(413, "too-large");
    // What does not say its length beforehand is cut off at the limit all the same.
    sender.post([b"{".as_slice(), &vec![b' '; 5_000_000]].concat()).await.problem(413, "too-large");
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let answer = sender.request(method, "/v1/tlsrpt", report.clone()).await;
        assert_eq!(answer.header("allow"), "POST", "{method}");
        answer.problem(405, "method");
    }
    // Refused is refused: nothing of it is in the ledger, and a good report still gets through.
    sender.send_to(&access.address, report.clone()).await;
    sender.send_to(&access.address.to_uppercase(), report).await;
    let ledger = settled(&operator, 2).await;
    assert_eq!((ledger.stored, ledger.duplicate), (1, 1), "{ledger:?}");
    service.finish().await;
}

#[tokio::test]
async fn who_sends_too_often_is_told_when_to_come_back() {
    let config = "[edge.intake.rate]\nper_ip_per_second = 1\nper_ip_burst = 5\nexempt_networks = []\n";
    let service = Setup::new().config(config).start().await;
    let (operator, sender) = (service.operator(), service.sender());
    operator.tenant("acme", &["example.com"]).await;
    let mut reports = Generator::new(61);
    let mut taken = 0;
    let refused = loop {
        let answer = sender.post(reports.report("example.com", Size::Small).encode(Encoding::Gzip)).await;
        if answer.status == 429 {
            break answer;
        }
        let _ = answer.is(201);
        taken += 1;
        assert!(taken < 200, "a rate of one a second is never enforced");
    };
    assert!(taken >= 5, "the burst is let through: {taken}");
    let seconds: u64 = refused.header("retry-after").parse().expect("Retry-After in seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    refused.problem(429, "peer-rate");
    settled(&operator, taken).await;
    service.finish().await;
}

#[tokio::test]
async fn one_address_can_be_written_to_only_so_often() {
    let config = "[edge.intake.rate]\nper_address_per_second = 1\nper_address_burst = 3\nexempt_networks = []\n";
    let service = Setup::new().config(config).start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let (busy, other) = (operator.tenant("busy", &["busy.example"]).await, operator.tenant("other", &["other.example"]).await);
    let payload = Generator::new(62).report("busy.example", Size::Small).encode(Encoding::Gzip);
    let mut taken = 0;
    let refused = loop {
        let answer = sender.try_post(Some(&busy.address), payload.clone()).await.unwrap();
        if answer.status == 429 {
            break answer;
        }
        let _ = answer.is(201);
        taken += 1;
        assert!(taken < 200, "a rate of one a second is never enforced");
    };
    assert!(!refused.header("retry-after").is_empty());
    refused.problem(429, "address-rate");
    // Others are not held up by it.
    sender.send_to(&other.address, payload).await;
    settled(&operator, taken + 1).await;
    service.finish().await;
}

const SLOW: &str = "[edge.https]\nheader_timeout_ms = 300\nbody_chunk_timeout_ms = 300\nbody_timeout_ms = 1000\nidle_timeout_ms = 300\n";

/// Writes `start`, then nothing more, and reads until the service has closed the connection.
fn stall(address: &str, start: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // Only so that a service that never closes fails the test instead of holding it up.
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(start).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the service closes the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_client_that_stalls_is_cut_off() {
    let service = Setup::new().config(SLOW).flag("--https-tls", "off").start().await;
    let address = service.edge_address();
    let started: [&[u8]; 4] = [
        b"",
        b"POST /v1/tlsrpt HTTP/1.1\r\nHost: x\r\n",
        b"POST /v1/tlsrpt HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"organ",
        b"POST /v1/tlsrpt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n",
    ];
    let stalls = started.map(|start| {
        let address = address.clone();
        tokio::task::spawn_blocking(move || stall(&address, start))
    });
    for (number, stall) in stalls.into_iter().enumerate() {
        let answer = stall.await.unwrap();
        assert!(!answer.contains("201"), "{answer}");
        if number >= 2 {
            assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body-timeout"), "{answer}");
        }
    }
    // None of it took anything from those who behave.
    service.sender().send(Generator::new(63).report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    settled(&service.operator(), 1).await;
    service.finish().await;
}

#[tokio::test]
async fn a_client_of_the_api_that_stalls_is_cut_off() {
    let service = Setup::new().config("[query]\nheader_timeout_ms = 300\nrequest_timeout_ms = 500\n").start().await;
    let address = service.query_address();
    let key = service.admin_key();
    let body = format!("POST /admin/v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 100\r\n\r\n{{");
    for start in [Vec::new(), b"GET /v1/summary HTTP/1.1\r\nHost:".to_vec(), body.into_bytes()] {
        let address = address.clone();
        let answer = tokio::task::spawn_blocking(move || stall(&address, &start)).await.unwrap();
        assert!(!answer.contains("201 Created"), "{answer}");
    }
    service.operator().json("/admin/v1/ledger").await;
    service.finish().await;
}

#[tokio::test]
async fn a_sender_speaks_http_2_or_http_1_as_it_likes() {
    let service = Setup::new().start().await;
    let url = format!("https://{}/v1/tlsrpt", service.edge_address());
    let mut reports = Generator::new(64);
    for http1_only in [false, true] {
        let builder = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy();
        let client = if http1_only { builder.http1_only() } else { builder }.build().unwrap();
        let response = client.post(&url).body(reports.report("example.com", Size::Small).encode(Encoding::Gzip)).send().await.unwrap();
        let expected = if http1_only { reqwest::Version::HTTP_11 } else { reqwest::Version::HTTP_2 };
        assert_eq!((response.status().as_u16(), response.version()), (201, expected));
    }
    settled(&service.operator(), 2).await;
    service.finish().await;
}
