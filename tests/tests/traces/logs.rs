//! Log lines name the trace that they belong to.

use serde_json::Value;
use tlsrpt_tests::{OtlpReceiver, Setup};

use crate::traced;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_a_request_that_is_traced_has_the_ids_of_its_span_and_other_lines_have_none() {
    let receiver = OtlpReceiver::start().await;
    let setup = Setup::new().flag("--log-filter", "info,tlsrpt_edge=debug");
    let mut service = traced(setup, &receiver).variable("TLSRPT_OTLP__HEADERS__X_API_KEY", "hunter2").start().await;
    service.sender().post("nothing").await.is(415);
    let line = service.await_line("request refused").await;
    let is_it = |span: &tlsrpt_tests::SeenSpan| span.get("error.type").as_deref() == Some("unknown-form");
    let span = receiver.span("the refused request's span", is_it).await;
    assert!(span.is_failed() && span.get("http.response.status_code").as_deref() == Some("415"), "{span:?}");
    assert_eq!((&line["trace_id"], &line["span_id"]), (&Value::from(span.trace_id()), &Value::from(span.span_id())));
    assert_eq!(line["reason"], "unknown-form");
    assert_eq!(service.await_line("query API is up").await["trace_id"], Value::Null);
    assert!(receiver.headers().iter().all(|headers| headers["x-api-key"] == "hunter2") && !receiver.headers().is_empty());
    assert!(!service.log().all().iter().any(|line| line.contains("hunter2")));
    service.finish().await;
}
