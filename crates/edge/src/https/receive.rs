//! One request: admit, read, look at its form, hand over, answer.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    http::request::Parts,
};
use tlsrpt_record::{Channel, SubmissionId};
use tlsrpt_report::Trust;

use crate::{
    https::{
        body::{Body, BodyTimes},
        problem::Problem,
    },
    intake::{Intake, Received},
    metrics::{ChannelMetrics, Counted},
    peer::Peer,
    refusal::Refusal,
    spans,
};

/// The path of RFC 8460's `https:` reporting addresses here.
pub(crate) const PATH: &str = "/v1/tlsrpt";

/// Most that is kept of a `Content-Type`.
const CONTENT_TYPE_MAX_BYTES: usize = 256;
/// Most that an answer repeats of a path or a method.
const SHOWN_MAX_CHARS: usize = 120;

/// Answers requests.
pub(crate) struct Receiver {
    pub(crate) intake: std::sync::Arc<Intake>,
    pub(crate) counters: ChannelMetrics,
    pub(crate) times: BodyTimes,
}

impl Receiver {
    /// The answer to one request, a problem document included.
    pub(crate) async fn answer(&self, peer: Peer, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let _counted = Counted::new(&self.intake.metrics.in_flight_requests);
        let (head, incoming) = request.into_parts();
        let mut body = Body::new(&head.headers, incoming);
        let span = spans::request(&self.intake.tracer, &head);
        match span.cover(self.receive(peer, &head, &mut body)).await {
            Ok(id) => {
                spans::answered(&span, StatusCode::CREATED);
                created(id)
            }
            Err(problem) => {
                self.counters.refused(problem.reason());
                span.within(|| tracing::debug!(peer = %peer.ip, reason = problem.reason(), "request refused"));
                spans::answered(&span, problem.status());
                span.fail(problem.reason());
                span.end();
                body.discard().await;
                problem.response()
            }
        }
    }

    async fn receive(&self, peer: Peer, head: &Parts, body: &mut Body) -> Result<SubmissionId, Problem> {
        self.intake.admit_peer(peer)?;
        let address = address_in(&head.method, head.uri.path())?;
        if let Some(address) = address {
            self.intake.admit_address(peer, address)?;
        }
        let mut share = self.intake.bytes.share();
        let payload = body.read(self.times, &self.intake, &mut share).await?;
        self.counters.received(payload.len());
        // The bytes decide, not Content-Type and not Content-Encoding: senders get both wrong.
        if tlsrpt_report::detect(&payload).is_none() {
            return Err(Refusal::UnknownForm.into());
        }
        let received = Received {
            address: address.map(str::to_ascii_lowercase),
            remote_ip: Some(peer.ip),
            content_type: content_type(&head.headers),
            trust: Trust::None,
            mail: None,
            payload,
        };
        Ok(self.intake.take(Channel::Https, &self.counters, received).await?)
    }
}

/// The reporting address in a path, if it has one.
fn address_in<'p>(method: &Method, path: &'p str) -> Result<Option<&'p str>, Problem> {
    let address = match path.strip_prefix(PATH) {
        Some("") => None,
        Some(rest) => match rest.strip_prefix('/') {
            Some(address) if !address.is_empty() && !address.contains('/') => Some(address),
            _ => return Err(Problem::NoSuchPath { path: shown(path) }),
        },
        None => return Err(Problem::NoSuchPath { path: shown(path) }),
    };
    if method == Method::POST { Ok(address) } else { Err(Problem::Method { method: shown(method.as_str()) }) }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_MAX_CHARS).collect()
}

/// The media type that the sender claims: bounded, and printable ASCII only, for it ends up in headers and tables.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let claimed = headers.get(CONTENT_TYPE)?.as_bytes();
    let printable = |&byte: &u8| if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { '?' };
    Some(claimed.iter().take(CONTENT_TYPE_MAX_BYTES).map(printable).collect())
}

fn created(id: SubmissionId) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(format!(r#"{{"submission_id":"{id}"}}"#).into()));
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn the_two_paths_are_told_from_all_others() {
        let address = |path| address_in(&Method::POST, path).ok();
        assert_eq!(address("/v1/tlsrpt"), Some(None));
        assert_eq!(address("/v1/tlsrpt/abc"), Some(Some("abc")));
        for path in ["/", "/v1", "/v1/tlsrpt/", "/v1/tlsrptabc", "/v1/tlsrpt/abc/", "/v1/tlsrpt/a/b", "/v2/tlsrpt/abc", ""] {
            assert_eq!(address(path), None, "{path}");
        }
    }

    #[test]
    fn a_content_type_is_cut_and_made_printable() {
        let of = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_bytes(value).unwrap());
            content_type(&headers).unwrap()
        };
        assert_eq!(of(b"application/tlsrpt+gzip; charset=x"), "application/tlsrpt+gzip; charset=x");
        assert_eq!(of(b"a\tb\xff"), "a?b?");
        assert_eq!(of(&[b'a'; 1000]).len(), CONTENT_TYPE_MAX_BYTES);
    }
}
