//! `GET /v1/export`: every report of a filter with its failures, as a stream of lines.
//!
//! A report's way: the store reads a page → [`lines`] writes it as NDJSON or CSV → [`stream`] hands it on in chunks as fast as the
//! reader takes them. At most one page is held for each export, however slow its reader is.
//!
//! An export is whole when its response ends as HTTP has it: with the last chunk of a chunked body (RFC 9112 7.1). One that
//! fails or takes too long ends without it, and every line carries the cursor to go on from.

mod csv;
mod lines;
mod stream;

use tlsrpt_store::{ExportPlace, Filter};
use utoipa::openapi::Schema;

use super::narrow::{filter, filters};
use crate::{
    auth::{self, TenantKey},
    config::QueryConfig,
    description::{Media, NDJSON, Sent, schemas},
    parameters::{Asked, CURSOR, Continuation, FromParameters, Parameter, Parameters},
    problem::Problem,
};
use lines::Format;

const FORMATS: &[(&str, Format)] = &[("ndjson", Format::Ndjson), ("csv", Format::Csv)];

const FORMAT: Parameter = Parameter::new("format", "NDJSON when left out.", |_| schemas::words(FORMATS)).example("csv");

pub(crate) struct Export {
    filter: Filter,
    format: Format,
    continuation: Continuation,
    after: Option<ExportPlace>,
    max: std::time::Duration,
}

impl FromParameters for Export {
    const PARAMETERS: &'static [Parameter] = filters!(FORMAT, CURSOR);
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        let continuation = Continuation::read(parameters)?;
        Ok(Self {
            filter: filter(parameters, config)?,
            format: parameters.name("format", FORMATS)?.unwrap_or(Format::Ndjson),
            after: continuation.cursor().map(ExportPlace::parse).transpose()?,
            continuation,
            max: config.export_max(),
        })
    }
}

/// Lines of reports.
pub(crate) enum ReportLines {}

impl Media for ReportLines {
    const ABOUT: &'static str = "Every report of the filter with its failures, a line each; each line has the cursor to go on from. It is whole \
                                 when the chunked body ends.";
    fn types() -> Vec<(&'static str, Schema)> {
        vec![(NDJSON, schemas::lines()), ("text/csv", schemas::lines())]
    }
}

pub(crate) async fn answer(key: TenantKey<auth::Export>, Asked(asked): Asked<Export>) -> Result<Sent<ReportLines>, Problem> {
    let slot = key.export_slot()?;
    let (media_type, file) = match asked.format {
        Format::Ndjson => (NDJSON, "tlsrpt-export.ndjson"),
        Format::Csv => ("text/csv; charset=utf-8; header=present", "tlsrpt-export.csv"),
    };
    Ok(Sent::new(media_type, stream::start(key.queries, asked, slot).await?).named(file))
}
