//! A request's body as bytes, within its limit.

use std::error::Error;

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, Request},
};
use http_body_util::LengthLimitError;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    auth::App,
    description::{Argument, Draft, schemas},
    problem::{Kind, Problem},
};

/// Reads the whole body.
///
/// # Errors
/// 413 beyond `max_bytes`; 400 for one that is cut short.
pub(crate) async fn read_body(request: Request, max_bytes: usize) -> Result<Bytes, Problem> {
    to_bytes(request.into_body(), max_bytes).await.map_err(|error| {
        if error.source().is_some_and(|source| source.is::<LengthLimitError>()) {
            Problem::new(Kind::BodyTooLarge, format!("The body is longer than {max_bytes} bytes."))
        } else {
            Problem::new(Kind::InvalidBody, "The body ended before it was whole.")
        }
    })
}

/// A submission's payload, as it is, whatever media type it was sent under. It holds its place among those at one time until
/// it is dropped.
pub(crate) struct Payload {
    pub(crate) bytes: Bytes,
    _place: OwnedSemaphorePermit,
}

/// As RFC 8460 4.4 has it.
const REPORT: &str = r#"{"organization-name":"Sender Inc.","date-range":{"start-datetime":"2026-05-13T00:00:00Z",
"end-datetime":"2026-05-13T23:59:59Z"},"contact-info":"tls@sender.example","report-id":"2026-05-13-1","policies":[{"policy":{
"policy-type":"sts","policy-domain":"acme.example","mx-host":["mx.acme.example"]},"summary":{"total-successful-session-count":90,
"total-failure-session-count":10},"failure-details":[{"result-type":"certificate-expired","sending-mta-ip":"198.51.100.7",
"receiving-mx-hostname":"mx.acme.example","failed-session-count":10}]}]}"#;

impl Argument for Payload {
    fn describe(draft: &mut Draft<'_>) {
        // By content and never by the media type, which is why JSON is not named: what is none is taken in all the same.
        draft.bytes(
            [
                ("application/octet-stream", schemas::payload_such_as(REPORT)),
                ("application/tlsrpt+gzip", schemas::payload()),
                ("message/rfc822", schemas::payload()),
            ],
            true,
        );
        draft.may_fail(&[Kind::EmptyPayload, Kind::Overloaded]);
    }
}

impl FromRequest<App> for Payload {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let place = app
            .place_for_submission()
            .ok_or_else(|| Problem::new(Kind::Overloaded, "As many submissions as may be are being taken in. Try again in a second."))?;
        let bytes = read_body(request, app.config().submission_max_bytes).await?;
        if bytes.is_empty() {
            return Err(Problem::new(Kind::EmptyPayload, "The body is empty: send the report or the mail as it is."));
        }
        Ok(Self { bytes, _place: place })
    }
}
