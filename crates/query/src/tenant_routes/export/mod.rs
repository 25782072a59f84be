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

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use tlsrpt_store::{ExportPlace, Filter};

use super::narrow::{filter, filter_names};
use crate::{
    auth::{self, TenantKey},
    config::QueryConfig,
    parameters::{Asked, Continuation, FromParameters, Parameters},
    problem::Problem,
};
use lines::Format;

const FORMATS: &[(&str, Format)] = &[("ndjson", Format::Ndjson), ("csv", Format::Csv)];

pub(crate) struct Export {
    filter: Filter,
    format: Format,
    continuation: Continuation,
    after: Option<ExportPlace>,
    max: std::time::Duration,
}

impl FromParameters for Export {
    const NAMES: &'static [&'static str] = filter_names!("format", "cursor");
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

pub(crate) async fn answer(key: TenantKey<auth::Export>, Asked(asked): Asked<Export>) -> Result<Response, Problem> {
    let slot = key.export_slot()?;
    let (media_type, disposition) = match asked.format {
        Format::Ndjson => ("application/x-ndjson", "attachment; filename=\"tlsrpt-export.ndjson\""),
        Format::Csv => ("text/csv; charset=utf-8; header=present", "attachment; filename=\"tlsrpt-export.csv\""),
    };
    let mut response = stream::start(key.queries, asked, slot).await?.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    Ok(response)
}
