//! `/admin/v1/submissions`: what was accepted, what became of it, its payload, and sending it through again.

use axum::Json;
use serde::Serialize;
use tlsrpt_log::ProduceError;
use tlsrpt_record::{Channel, SubmissionId};
use tlsrpt_store::{Fate, SubmissionFilter, SubmissionItem};
use utoipa::{ToSchema, openapi::Schema};

use crate::{
    auth::{Operator, Support},
    config::QueryConfig,
    description::{Accepted, Media, Sent, inline, schemas},
    parameters::{Asked, CURSOR, FromParameters, LIMIT, Nothing, Page, Parameter, Parameters},
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
    const PARAMETERS: &'static [Parameter] = &[
        Parameter::new("fate", "Only of this fate.", |_| schemas::words(FATES)).example("rejected"),
        Parameter::new("reason", "Only rejects for this reason.", schemas::text).example("not-json"),
        Parameter::new("channel", "Only what came in this way.", |_| inline::<Channel>()).example("smtp"),
        LIMIT,
        CURSOR,
    ];
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        let filter = SubmissionFilter {
            fate: parameters.name("fate", FATES)?,
            reason: parameters.one("reason")?.map(str::to_owned),
            channel: parameters.name("channel", &Channel::ALL.map(|channel| (channel.as_str(), channel)))?,
        };
        Ok(Self { filter, page: Page::read(parameters, config)? })
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Submissions {
    submissions: Vec<SubmissionItem>,
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Replayed {
    #[schema(format = Uuid)]
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

const MAIL: &str = "message/rfc822";
const BYTES: &str = "application/octet-stream";

/// A payload.
pub(crate) enum AsReceived {}

impl Media for AsReceived {
    const ABOUT: &'static str = "The payload as it was received.";
    fn types() -> Vec<(&'static str, Schema)> {
        [MAIL, BYTES].map(|media_type| (media_type, schemas::bytes())).into()
    }
}

/// The payload as received. Whoever sent it chose its bytes, so to a browser it is a file to save; a mail is one that a mail program
/// opens.
pub(crate) async fn raw(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<Sent<AsReceived>, Problem> {
    let id = path.read("id", str::parse::<SubmissionId>)?;
    let submission = operator.store().submission_raw(id).await?.ok_or_else(|| not_in_the_ledger(id))?;
    let (media_type, extension) = if submission.channel.is_mail(&submission.payload) { (MAIL, "eml") } else { (BYTES, "bin") };
    Ok(Sent::new(media_type, submission.payload).named(&format!("{id}.{extension}")))
}

/// 202 once the log holds it; the ledger counts it as pending until its outcome replaced the one before.
pub(crate) async fn replay(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<Accepted<Replayed>, Problem> {
    let id = path.read("id", str::parse::<SubmissionId>)?;
    let submission = operator.store().submission_raw(id).await?.ok_or_else(|| not_in_the_ledger(id))?;
    operator.pipeline().replay(submission).await.map_err(|error| match error {
        ProduceError::TooLarge { bytes, bytes_max } => Problem::new(
            Kind::PayloadTooLarge,
            format!("The submission has {bytes} bytes and the log takes {bytes_max} now: raise the log's limit to replay it."),
        ),
        error => Problem::log("replay a submission", &error),
    })?;
    Ok(Accepted(Replayed { submission_id: id.to_string() }))
}

fn not_in_the_ledger(id: SubmissionId) -> Problem {
    Problem::not_found(format!(
        "Submission {id} is not in the ledger. If it was acknowledged a moment ago it may still be pending: ask again in some seconds."
    ))
}
