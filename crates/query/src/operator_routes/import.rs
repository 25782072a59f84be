//! `POST /admin/v1/submissions`: a report or a mail of the past, with the time at which it was received then.

use serde::Serialize;
use tlsrpt_log::ProduceError;
use tlsrpt_record::Submission;
use tlsrpt_report::UnixMillis;
use utoipa::ToSchema;

use crate::{
    audit::Note,
    auth::Operator,
    body_bytes::Payload,
    clock::now,
    config::QueryConfig,
    description::{Created, schemas},
    parameters::{Asked, FromParameters, Parameter, Parameters, invalid},
    problem::{Kind, Problem, echo, sentence},
};

/// 2015-01-01: nothing that is imported is older than the first draft of RFC 8460.
const RECEIVED_MIN: UnixMillis = UnixMillis(1_420_070_400_000);
/// How far the clock of whoever imports may be ahead of this one.
const AHEAD_MAX_MS: i64 = 3_600_000;

/// When and where the payload was received. The operator is trusted with the time: nobody else reaches this route.
pub(crate) struct Receipt {
    received_at: UnixMillis,
    address: Option<String>,
}

impl FromParameters for Receipt {
    const PARAMETERS: &'static [Parameter] = &[
        Parameter::new("received_at", "When it was received then, from 2015 to now.", schemas::moment)
            .required()
            .example("2026-05-13T08:30:00Z"),
        Parameter::new("address", "The reporting address that it was sent to, one that a tenant has.", schemas::text),
    ];
    fn read(parameters: &Parameters, _: &QueryConfig) -> Result<Self, Problem> {
        let Some(text) = parameters.one("received_at")? else {
            let detail = "`received_at` is missing: give the time of receipt, for example `received_at=2026-05-13T08:30:00Z`. The same \
                          payload with the same time counts as one submission, however often it is sent.";
            return Err(invalid("received_at", detail.to_owned()));
        };
        let received_at: UnixMillis =
            text.parse().map_err(|error| invalid("received_at", format!("`received_at={}`: {}", echo(text), sentence(&error))))?;
        if received_at < RECEIVED_MIN || received_at.0 > now().0.saturating_add(AHEAD_MAX_MS) {
            return Err(invalid("received_at", format!("`received_at={}`: It must lie between 2015 and now.", echo(text))));
        }
        // Addresses have no case, as at the receivers.
        Ok(Self { received_at, address: parameters.one("address")?.map(str::to_ascii_lowercase) })
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Taken {
    #[schema(format = Uuid)]
    submission_id: String,
}

/// 201 once the log holds it.
pub(crate) async fn take(
    operator: Operator,
    note: Note,
    Asked(Receipt { received_at, address }): Asked<Receipt>,
    payload: Payload,
) -> Result<Created<Taken>, Problem> {
    if let Some(unknown) = address.as_deref().filter(|address| operator.registry().tenant_by_address(address).is_none()) {
        return Err(
            Problem::not_found("No tenant has this address: leave it out, or give one that `/admin/v1/tenants` shows.").naming(unknown)
        );
    }
    let submission = Submission::imported(received_at, address, payload.bytes.clone());
    let id = submission.id;
    note.target(&id.to_string());
    operator.pipeline().submit(submission).await.map_err(|error| match error {
        ProduceError::TooLarge { bytes, bytes_max } => {
            Problem::new(Kind::BodyTooLarge, format!("The submission has {bytes} bytes, and the log takes {bytes_max}."))
        }
        ProduceError::Full => Problem::new(Kind::Overloaded, "As much as may be is on its way to the log. Try again in a second."),
        error => Problem::log("take in a submission", &error),
    })?;
    Ok(Created(Taken { submission_id: id.to_string() }))
}
