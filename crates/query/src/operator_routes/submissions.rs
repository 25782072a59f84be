//! `/admin/v1/submissions`: what was accepted, what became of it, its payload, and sending it through again.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tlsrpt_log::ProduceError;
use tlsrpt_record::{Channel, SubmissionId};
use tlsrpt_store::{Fate, SubmissionFilter, SubmissionItem};

use crate::{
    auth::{Operator, Support},
    config::QueryConfig,
    parameters::{Asked, FromParameters, Nothing, Page, Parameters},
    path_segments::Segments,
    problem::{Kind, Problem},
};

const FATES: &[(&str, Fate)] =
    &[("stored", Fate::Stored), ("duplicate", Fate::Duplicate), ("unclaimed", Fate::Unclaimed), ("rejected", Fate::Rejected)];

pub(crate) struct Listing {
    filter: SubmissionFilter,
    page: Page,
}

impl FromParameters for Listing {
    const NAMES: &'static [&'static str] = &["fate", "reason", "channel", "limit", "cursor"];
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        let filter = SubmissionFilter {
            fate: parameters.name("fate", FATES)?,
            reason: parameters.one("reason")?.map(str::to_owned),
            channel: parameters.name("channel", &Channel::ALL.map(|channel| (channel.as_str(), channel)))?,
        };
        Ok(Self { filter, page: Page::read(parameters, config)? })
    }
}

#[derive(Serialize)]
pub(crate) struct Submissions {
    submissions: Vec<SubmissionItem>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Replayed {
    submission_id: String,
}

pub(crate) async fn list(support: Support, Asked(Listing { filter, page }): Asked<Listing>) -> Result<Json<Submissions>, Problem> {
    let (submissions, next_cursor) = support.store().submissions(&filter, page.limit, page.cursor.as_deref()).await?;
    Ok(Json(Submissions { submissions, next_cursor }))
}

pub(crate) async fn one(support: Support, path: Segments, _: Asked<Nothing>) -> Result<Json<SubmissionItem>, Problem> {
    let id = path.read("id", str::parse::<SubmissionId>)?;
    support.store().submission(id).await?.map(Json).ok_or_else(|| not_in_the_ledger(id))
}

/// The payload as received. Whoever sent it chose its bytes, so to a browser it is a file to save; a mail is one that a mail program
/// opens.
pub(crate) async fn raw(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<Response, Problem> {
    let id = path.read("id", str::parse::<SubmissionId>)?;
    let submission = operator.store().submission_raw(id).await?.ok_or_else(|| not_in_the_ledger(id))?;
    let (media_type, extension) =
        if submission.channel.is_mail(&submission.payload) { ("message/rfc822", "eml") } else { ("application/octet-stream", "bin") };
    let mut response = submission.payload.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{id}.{extension}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// 202 once the log holds it; the ledger counts it as pending until its outcome replaced the one before.
pub(crate) async fn replay(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<(StatusCode, Json<Replayed>), Problem> {
    let id = path.read("id", str::parse::<SubmissionId>)?;
    let submission = operator.store().submission_raw(id).await?.ok_or_else(|| not_in_the_ledger(id))?;
    operator.pipeline().replay(submission).await.map_err(|error| match error {
        ProduceError::TooLarge { bytes, bytes_max } => Problem::new(
            Kind::PayloadTooLarge,
            format!("The submission has {bytes} bytes and the log takes {bytes_max} now: raise the log's limit to replay it."),
        ),
        error => Problem::log("replay a submission", &error),
    })?;
    Ok((StatusCode::ACCEPTED, Json(Replayed { submission_id: id.to_string() })))
}

fn not_in_the_ledger(id: SubmissionId) -> Problem {
    Problem::not_found(format!(
        "Submission {id} is not in the ledger. If it was acknowledged a moment ago it may still be pending: ask again in some seconds."
    ))
}
