//! What the operations endpoint tells of the process.

use std::net::TcpListener;

use tlsrpt_tests::{Encoding, Generator, Sender, Setup, Size, settled, until};

#[tokio::test]
async fn ready_means_that_a_report_is_taken_and_not_before() {
    // A port that is known beforehand: the first moment of readiness is what counts, not what the log says by then.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut service = Setup::new().flag("--https-listen", &port.to_string()).launch().await;
    let sender = Sender::new(service.http(), format!("https://{port}"));
    let payload = Generator::new(80).report("example.com", Size::Small).encode(Encoding::Gzip);
    until("/readyz answers 200", async || {
        let (status, body) = service.readyz().await;
        if status == 200 { Ok(()) } else { Err(format!("{status}: {body}")) }
    })
    .await;
    let answer = sender.try_post(None, payload).await;
    assert_eq!(answer.expect("a service that is ready takes reports").status, 201);
    service.ready().await;
    settled(&service.operator(), 1).await;
    service.finish().await;
}

#[tokio::test]
async fn metrics_count_what_came_and_hold_no_secret_and_no_name_of_a_tenant() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let access = operator.tenant("very-private-tenant", &["very-private.example"]).await;
    let payload = Generator::new(81).report("very-private.example", Size::Small).encode(Encoding::Gzip);
    sender.send_to(&access.address, payload.clone()).await;
    sender.send(payload).await;
    sender.post("{}").await.is(201);
    sender.post("nothing").await.is(415);
    settled(&operator, 3).await;
    let metrics = service.operations().get("/metrics").await.is(200);
    assert!(metrics.header("content-type").starts_with("text/plain"), "{}", metrics.header("content-type"));
    let text = metrics.text();
    for secret in ["very-private", &access.address, &access.key, &service.admin_key()] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let names: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next()).collect();
    for role in ["tlsrpt_edge_", "tlsrpt_normalizer_", "tlsrpt_writer_", "tlsrpt_query_", "tlsrpt_log_"] {
        assert!(names.iter().any(|name| name.starts_with(role)), "{role}: {names:?}");
    }
    let acknowledged: f64 = text
        .lines()
        .filter(|line| line.starts_with("tlsrpt_edge_") && line.contains("acknowledged") && line.contains("https"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum();
    assert_eq!(acknowledged.to_string(), "3", "{text}");
    service.operations().get("/healthz").await.is(200);
    service.finish().await;
}
