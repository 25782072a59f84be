//! What is traced is decided here, and by nobody outside.

use serde_json::Value;
use tlsrpt_tests::{Encoding, Generator, OtlpReceiver, Service, Setup, Size, settled};

use crate::traced;

/// The trace that an outsider would like to be in.
const OUTSIDE_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const OUTSIDE_SPAN: &str = "00f067aa0ba902b7";

/// Sends a report with a `traceparent` that asks for being traced, and asks the API with the same.
async fn ask_from_outside(service: &Service) {
    let header = ("traceparent", format!("00-{OUTSIDE_TRACE}-{OUTSIDE_SPAN}-01"));
    let payload = Generator::new(3).report("example.com", Size::Small).encode(Encoding::Gzip);
    let sent =
        service.http().post(format!("https://{}/v1/tlsrpt", service.edge_address())).header(header.0, &header.1).body(payload).send();
    assert_eq!(sent.await.unwrap().status(), 201);
    let asked = service.http().get(format!("http://{}/openapi.json", service.query_address())).header(header.0, &header.1).send();
    assert!(asked.await.unwrap().json::<Value>().await.unwrap().is_object());
    settled(&service.operator(), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_traced_at_a_ratio_of_0_whatever_an_outsider_asks_for() {
    let receiver = OtlpReceiver::start().await;
    let setup = traced(Setup::new(), &receiver).variable("TLSRPT_OTLP__SAMPLE_RATIO", "0");
    // The metrics show that the receiver is reached.
    let service = setup.variable("TLSRPT_OTLP__METRICS", "true").start().await;
    ask_from_outside(&service).await;
    service.finish().await;
    assert!(!receiver.metrics().is_empty());
    assert!(receiver.spans().is_empty(), "{:?}", receiver.spans());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_from_outside_is_linked_and_not_gone_on_with() {
    let receiver = OtlpReceiver::start().await;
    let service = traced(Setup::new(), &receiver).start().await;
    ask_from_outside(&service).await;
    for name in ["POST /v1/tlsrpt", "GET /openapi.json"] {
        let first = receiver.span(name, |span| span.name() == name).await;
        assert!(first.is_first(), "{first:?}");
        assert_eq!(first.links(), [(OUTSIDE_TRACE.to_owned(), OUTSIDE_SPAN.to_owned())]);
    }
    service.finish().await;
    assert!(receiver.spans().iter().all(|span| span.trace_id() != OUTSIDE_TRACE));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_endpoint_there_is_no_header_and_no_span_and_none_is_lost() {
    let service = Setup::new().variable("TLSRPT_OTLP__SAMPLE_RATIO", "1.0").start().await;
    ask_from_outside(&service).await;
    assert!(service.operations().get("/metrics").await.text().contains("tlsrpt_otlp_dropped_spans_total 0\n"));
    let loud = |line: &String| line.contains("OTLP") || line.contains("trace_id");
    assert!(!service.log().all().iter().any(loud), "{:?}", service.log().all());
    service.finish().await;
}
