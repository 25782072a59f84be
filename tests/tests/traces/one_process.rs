//! All roles in one process, over the embedded log and database.

use tlsrpt_tests::{Encoding, Generator, MailClient, OtlpReceiver, Setup, Size, settled, taken};

use crate::{chain::Chain, traced};

const MAIL: &str = "From: reports@client.example\r\nSubject: private words\r\n\r\nNothing to count.\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_and_a_mail_are_one_trace_each_from_the_socket_to_the_row_and_nothing_private_is_in_it() {
    let receiver = OtlpReceiver::start().await;
    let setup = Setup::new().flag("--mail-host", "mx.example").variable("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test");
    let service = traced(setup, &receiver).start().await;
    let operator = service.operator();
    let access = operator.tenant("very-private-tenant", &["very-private.example"]).await;
    let payload = Generator::new(1).report("very-private.example", Size::Small).encode(Encoding::Gzip);
    let report = service.sender().send_to(&access.address, payload.clone()).await;
    let mut client = MailClient::connect(&service.smtp_address()).await.unwrap();
    let reply = client.send(&format!("{}@mx.example", access.address), MAIL).await.unwrap();
    let mail = taken(&reply).unwrap();
    settled(&operator, 2).await;

    let chain = Chain::of(&receiver, &report).await;
    assert_eq!(chain.received.name(), "POST /v1/tlsrpt");
    for (name, value) in
        [("http.response.status_code", "201"), ("tlsrpt.channel", "https"), ("tlsrpt.payload.size", &*payload.len().to_string())]
    {
        assert_eq!(chain.received.get(name).as_deref(), Some(value), "{:?}", chain.received);
    }
    assert_eq!(
        (chain.normalized.get("tlsrpt.outcome").as_deref(), chain.normalized.get("tlsrpt.rows").as_deref()),
        (Some("stored"), Some("1"))
    );
    for span in chain.spans() {
        assert_eq!(span.resource("service.name").as_deref(), Some("tlsrpt-all-in-one"));
        assert_eq!(span.resource("deployment.environment.name").as_deref(), Some("test"));
        assert!(span.resource("service.version").is_some() && span.resource("service.instance.id").is_some());
    }

    let chain = Chain::of(&receiver, mail).await;
    assert_eq!((chain.received.name(), chain.received.get("network.protocol.name").as_deref()), ("receive mail", Some("smtp")));
    assert_eq!(chain.written.get("tlsrpt.outcome").as_deref(), Some("rejected"));
    assert!(chain.normalized.get("tlsrpt.reject.reason").is_some(), "{:?}", chain.normalized);

    let asked = service.tenant(&access.key).get("/v1/summary?domain=very-private.example").await.is(200);
    let request_id = asked.header("x-request-id").to_owned();
    let request = receiver.span("the request's span", |span| span.get("tlsrpt.request.id").as_deref() == Some(&*request_id)).await;
    assert_eq!((request.name(), request.get("http.response.status_code").as_deref()), ("GET /v1/summary", Some("200")));
    let statement = receiver.below(&request, "sum up reports").await;
    assert!(statement.get("db.query.text").is_some_and(|sql| sql.contains("FROM reports") && sql.contains('?')), "{statement:?}");

    let admin_key = service.admin_key();
    service.finish().await;
    let all = format!("{:?}", receiver.spans());
    for private in ["very-private", "private words", "client.example", &access.address, &access.key, &admin_key] {
        assert!(!all.contains(private), "{private} in {all}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_sends_through_again_is_a_trace_from_the_request_to_the_row() {
    let receiver = OtlpReceiver::start().await;
    let service = traced(Setup::new(), &receiver).variable("TLSRPT_OTLP__PROTOCOL", "http").start().await;
    let operator = service.operator();
    operator.tenant("acme", &["acme.example"]).await;
    let report = service.sender().send(Generator::new(2).report("acme.example", Size::Small).encode(Encoding::Plain)).await;
    settled(&operator, 1).await;
    let first = Chain::of(&receiver, &report).await;
    operator.post(&format!("/admin/v1/submissions/{report}/replay"), &serde_json::json!({})).await.is(202);
    let replayed = receiver.span("the replay's span", |span| span.name() == "POST /admin/v1/submissions/{id}/replay").await;
    let sent = receiver.below(&replayed, "send tlsrpt.submissions").await;
    let normalized = receiver.below(&sent, "process tlsrpt.submissions").await;
    let handed_on = receiver.below(&normalized, "send tlsrpt.normalized").await;
    let written = receiver.below(&handed_on, "process tlsrpt.normalized").await;
    receiver.below(&written, "INSERT reports, submissions").await;
    assert_ne!(sent.trace_id(), first.sent.trace_id());
    service.finish().await;
}
