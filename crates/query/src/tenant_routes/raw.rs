//! `GET /v1/reports/{report_key}/raw`: the JSON document behind a report, with the asking tenant's policies only. Of a mail that
//! document too, and never the mail: its text, its recipients and its other attachments are not the tenant's.

use std::{cell::Cell, collections::BTreeSet};

use tlsrpt_record::Content;
use tlsrpt_report::{Reject, ReportKey};
use tlsrpt_store::RawReport;
use utoipa::openapi::Schema;

use crate::{
    auth::TenantKey,
    description::{Media, Sent, schemas},
    parameters::{Asked, Nothing},
    path_segments::Segments,
    problem::{Kind, Problem},
};

const JSON_REPORT: &str = "application/tlsrpt+json";

/// A report (RFC 8460 4.4).
pub(crate) enum Document {}

impl Media for Document {
    const ABOUT: &'static str = "The sender's document (RFC 8460 4.4), with the tenant's own policies only.";
    fn types() -> Vec<(&'static str, Schema)> {
        vec![(JSON_REPORT, schemas::object())]
    }
}

pub(crate) async fn document(key: TenantKey, path: Segments, _: Asked<Nothing>) -> Result<Sent<Document>, Problem> {
    let report_key = path.read("report_key", str::parse::<ReportKey>)?;
    let raw =
        key.queries.raw(report_key).await?.ok_or_else(|| {
            Problem::not_found(format!("There is no report {report_key}, or its payload is older than payloads are kept."))
        })?;
    // Opening takes up to a whole payload's worth of inflating and parsing: not on the threads that serve everybody.
    let place = key.place();
    let document = tokio::task::spawn_blocking(move || {
        let document = own_document(&raw, report_key);
        // It goes on when the asker is gone: until it is done, it counts.
        drop(place);
        document
    })
    .await
    .map_err(|error| Problem::internal("open a payload", &error))?
    .map_err(|error| Problem::internal("open a payload that was stored", &error))?;
    let document = document.ok_or_else(|| {
        // Identities of this version differ from those of the version that stored the row.
        tracing::warn!(report = %report_key, "no document of the payload has the report's identity");
        Problem::new(
            Kind::NotFound,
            format!("The document of report {report_key} can no longer be told apart in its payload; the report itself is there."),
        )
    })?;
    Ok(Sent::new(JSON_REPORT, document).named(&format!("{report_key}.json")))
}

/// The document that holds the report `key`, redacted to the tenant's own policies; none when no document of the payload
/// holds it.
fn own_document(raw: &RawReport, key: ReportKey) -> Result<Option<String>, Reject> {
    let own: BTreeSet<ReportKey> = raw.own_keys.iter().copied().collect();
    let content = Content::open(raw.channel, &raw.payload);
    // The context that the normalizer had: it decides identities.
    for (document, context) in content.documents(raw.submission_id.received_at()).map_err(Clone::clone)? {
        let Ok(report) = tlsrpt_report::parse(document, &context) else { continue };
        if !report.policies.iter().any(|policy| policy.key == key) {
            continue;
        }
        // A block that could not be counted belongs to nobody, so nobody but the operator sees it.
        let shown: BTreeSet<usize> =
            report.policies.iter().filter(|policy| own.contains(&policy.key)).map(|policy| policy.index as usize).collect();
        let hidden = Cell::new(false);
        let redacted = tlsrpt_report::redact(document, |index| {
            let keep = shown.contains(&index);
            hidden.set(hidden.get() || !keep);
            keep
        })?;
        drop(report);
        // With nothing to hide the sender's own text is the better answer.
        return Ok(Some(if hidden.get() { redacted } else { document.text.clone().into_owned() }));
    }
    Ok(None)
}
