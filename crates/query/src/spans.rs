//! Every span of the API: one a request that is traced. What a request asks the database, and what it puts on the log, is below it.

use axum::http::{HeaderMap, StatusCode};
use tlsrpt_log::Position;
use tlsrpt_record::{ATTRIBUTE_SUBMISSION, SUBMISSIONS, SubmissionId};
use tlsrpt_telemetry::otlp::{Span, SpanKind, TRACEPARENT, Tracer, messaging};

/// A request, by the pattern of its route: neither its path nor its query is told, nor whose key it has.
pub(crate) fn request(tracer: &Tracer, method: &'static str, route: &str, id: &str, headers: &HeaderMap) -> Span {
    let Some(beginning) = tracer.choose() else { return Span::none() };
    let outside = headers.get(TRACEPARENT).map(|value| value.as_bytes());
    let span = beginning.coming_from(outside).span(format!("{method} {route}"), SpanKind::Server);
    span.set("http.request.method", method);
    span.set("http.route", route.to_owned());
    span.set("tlsrpt.request.id", id.to_owned());
    span
}

/// A request is answered; what goes on for it, such as the lines of an export, is below it all the same.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    span.count("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.fail("server-error");
    }
    span.end();
}

/// A submission on its way to the log, below the current span.
pub(crate) fn send(id: SubmissionId) -> Span {
    let sending = Span::current().child("send tlsrpt.submissions", SpanKind::Producer);
    if sending.is_recorded() {
        messaging::sends(&sending, SUBMISSIONS.name);
        sending.set(ATTRIBUTE_SUBMISSION, id.to_string());
    }
    sending
}

/// The log holds it.
pub(crate) fn logged(span: &Span, position: Position) {
    messaging::stands_at(span, position.partition, position.offset);
}
