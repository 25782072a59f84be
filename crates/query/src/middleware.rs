//! What every request passes through, whatever its route.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use tlsrpt_telemetry::otlp::Tracer;
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    metrics::QueryMetrics,
    request_scope::{Peer, RequestScope},
    reuse, spans,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, traces it when chance has it, logs it, counts it, and sets the headers that every answer has. Neither keys nor query strings are
/// logged: the route's pattern is.
pub(crate) async fn observe(State((metrics, tracer)): State<(QueryMetrics, Tracer)>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = Uuid::now_v7().hyphenated().to_string();
    let method = method_name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let scope = RequestScope::new(id.clone(), request.extensions().get::<Peer>().copied());
    request.extensions_mut().insert(scope.clone());
    let traced = spans::request(&tracer, method, route, &id, request.headers());
    let span = tracing::error_span!("request", id, method, route);

    metrics.in_flight.inc();
    let in_flight = metrics.in_flight.clone();
    // Also when the client goes away and this future is dropped.
    let counted = Dropped(move || in_flight.dec());
    let mut response = traced.cover(next.run(request).instrument(span.clone())).await;
    drop(counted);

    let elapsed = started.elapsed();
    spans::answered(&traced, response.status());
    let status = response.status().as_u16();
    metrics.answered(method, route, status, elapsed.as_secs_f64());
    span.in_scope(|| tracing::debug!(status, elapsed_us = elapsed.as_micros(), "answered"));
    if let Some(standing) = scope.standing() {
        standing.tell(response.headers_mut());
    }
    harden(&mut response, &id);
    response
}

/// Everything here is somebody's private data, made for programs: no cache keeps it unless its route says how, no browser guesses at
/// it or runs it, but for the page of the description.
fn harden(response: &mut Response, id: &str) {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    reuse::tell_encodings_apart(headers);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.append(header::VARY, HeaderValue::from_static("authorization"));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// The methods that can be a label: the set is fixed, whatever clients send.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Runs when it is dropped.
struct Dropped<F: FnMut()>(F);

impl<F: FnMut()> Drop for Dropped<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
