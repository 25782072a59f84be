//! Every span of the edge, of the submissions that are traced: one for the request or the mail, and one below it for the log.

use std::time::{Duration, SystemTime};

use hyper::{Method, StatusCode, http::request::Parts};
use tlsrpt_log::Position;
use tlsrpt_record::{ATTRIBUTE_CHANNEL, ATTRIBUTE_PAYLOAD_BYTES, ATTRIBUTE_SUBMISSION, Channel, SUBMISSIONS, SubmissionId};
use tlsrpt_telemetry::otlp::{Span, SpanKind, TRACEPARENT, Tracer, messaging};

use crate::{https::PATH, refusal::Refusal};

/// A request. Its path is not told, since it has the reporting address.
pub(crate) fn request(tracer: &Tracer, head: &Parts) -> Span {
    let Some(beginning) = tracer.choose() else { return Span::none() };
    let outside = head.headers.get(TRACEPARENT).map(|value| value.as_bytes());
    let is_submission = head.method == Method::POST && head.uri.path().starts_with(PATH);
    let span = beginning.coming_from(outside).span(if is_submission { "POST /v1/tlsrpt" } else { "HTTP" }, SpanKind::Server);
    if is_submission {
        span.set("http.request.method", "POST");
        span.set("http.route", PATH);
    }
    span.set(ATTRIBUTE_CHANNEL, Channel::Https.as_str());
    span
}

/// A request is answered.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    span.count("http.response.status_code", status.as_u16());
}

/// A mail that came in whole; `took` is how long its text was on its way, none when it came at once.
pub(crate) fn mail(tracer: &Tracer, protocol: &'static str, took: Option<Duration>) -> Span {
    let Some(beginning) = tracer.choose() else { return Span::none() };
    let since = SystemTime::now().checked_sub(took.unwrap_or_default());
    let span = beginning.since(since).span("receive mail", SpanKind::Server);
    span.set("network.protocol.name", protocol);
    span.set(ATTRIBUTE_CHANNEL, Channel::Smtp.as_str());
    span
}

/// A submission that came in whole, on its way to the log; below the current span, which is told of it too.
pub(crate) fn send(id: SubmissionId, payload_bytes: usize) -> Span {
    let received = Span::current();
    if !received.is_recorded() {
        return received;
    }
    let sending = received.child("send tlsrpt.submissions", SpanKind::Producer);
    messaging::sends(&sending, SUBMISSIONS.name);
    for span in [&received, &sending] {
        span.set(ATTRIBUTE_SUBMISSION, id.to_string());
    }
    received.count(ATTRIBUTE_PAYLOAD_BYTES, payload_bytes);
    sending
}

/// The log holds what the current span sends.
pub(crate) fn logged(position: Position) {
    messaging::stands_at(&Span::current(), position.partition, position.offset);
}

/// The spool holds what the current span sends.
pub(crate) fn spooled() {
    Span::current().event("spooled");
}

/// A submission was refused.
pub(crate) fn refused(span: &Span, refusal: &Refusal) {
    span.fail(refusal.reason());
}
