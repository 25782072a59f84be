//! Error answers: RFC 9457 problem documents.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER},
};
use serde::Serialize;

use crate::refusal::Refusal;

/// Why a request is not answered with 201.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// The submission is not taken.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("there is nothing at {path:?}: reports go to POST /v1/tlsrpt/{{address}} or POST /v1/tlsrpt")]
    NoSuchPath { path: String },
    #[error("{method} is not for this path: send the report with POST")]
    Method { method: String },
    #[error("the body did not arrive in time: send it again over a faster connection")]
    BodyTimeout,
    #[error("the body broke off: send it again")]
    BodyBroken,
}

/// The document (RFC 9457 3.1).
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Problem {
    /// Every code that [`Problem::reason`] gives, beside those of a [`Refusal`].
    pub(crate) const REASONS: [&'static str; 4] = ["no-such-path", "method", "body-timeout", "body-broken"];

    /// The stable code that metrics and the answer's `type` carry.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::NoSuchPath { .. } => "no-such-path",
            Self::Method { .. } => "method",
            Self::BodyTimeout => "body-timeout",
            Self::BodyBroken => "body-broken",
        }
    }

    /// The status that answers it.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => match refusal {
                Refusal::UnknownAddress { .. } => StatusCode::NOT_FOUND,
                Refusal::Empty => StatusCode::BAD_REQUEST,
                Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                Refusal::UnknownForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Refusal::PeerRate { .. } | Refusal::AddressRate { .. } => StatusCode::TOO_MANY_REQUESTS,
                Refusal::NoRoom { .. } | Refusal::LogUnavailable { .. } | Refusal::NoAck { .. } => StatusCode::SERVICE_UNAVAILABLE,
            },
            Self::NoSuchPath { .. } => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken => StatusCode::BAD_REQUEST,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => match refusal {
                Refusal::UnknownAddress { .. } => "Unknown reporting address",
                Refusal::Empty => "Empty submission",
                Refusal::TooLarge { .. } => "Submission too large",
                Refusal::UnknownForm => "Not a report",
                Refusal::PeerRate { .. } | Refusal::AddressRate { .. } => "Too many requests",
                Refusal::NoRoom { .. } => "Too much at once",
                Refusal::LogUnavailable { .. } => "Cannot store",
                Refusal::NoAck { .. } => "Storing not confirmed",
            },
            Self::NoSuchPath { .. } => "No such path",
            Self::Method { .. } => "Method not allowed",
            Self::BodyTimeout => "Body too slow",
            Self::BodyBroken => "Body incomplete",
        }
    }

    /// The answer.
    pub(crate) fn response(&self) -> Response<Full<Bytes>> {
        let status = self.status();
        let document = Document {
            r#type: &format!("/problems/{}", self.reason()),
            title: self.title(),
            status: status.as_u16(),
            detail: &self.to_string(),
        };
        // Four fields of text and a number: nothing that JSON cannot say.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Full::new(body.into()));
        *response.status_mut() = status;
        let mut header = |name: HeaderName, value: HeaderValue| response.headers_mut().insert(name, value);
        header(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self {
            Self::Method { .. } => drop(header(ALLOW, HeaderValue::from_static("POST"))),
            Self::Refused(refusal) => {
                if let Some(seconds) = refusal.retry_after_seconds() {
                    header(RETRY_AFTER, seconds.into());
                }
            }
            _ => {}
        }
        response
    }
}
