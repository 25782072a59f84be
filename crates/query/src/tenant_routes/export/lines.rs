//! Reports as lines.
//!
//! NDJSON: one object a report, as `GET /v1/reports/{report_key}` shows it without `authentication`, and with its `cursor`. CSV: one line
//! a failure, and one for a report without failures; the cursor of a line is the place behind it, also inside a report.

use serde::Serialize;
use tlsrpt_store::{Exported, FailureItem, WholeReport};

use super::csv::write_line;
use crate::parameters::Continuation;

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Ndjson,
    Csv,
}

const HEADER: [&str; 26] = [
    "report_key",
    "reporter",
    "report_id",
    "domain",
    "policy_type",
    "policy_mode",
    "period_from",
    "period_to",
    "day",
    "report_successful_sessions",
    "report_failed_sessions",
    "trust",
    "signer",
    "warnings",
    "contact",
    "received_at",
    "result_type",
    "result_type_sent",
    "sending_ip",
    "receiving_mx",
    "receiving_mx_helo",
    "receiving_ip",
    "failed_sessions",
    "reason",
    "additional_information",
    "cursor",
];

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    report: &'a WholeReport,
    cursor: String,
}

impl Format {
    /// What stands before the first line.
    pub(super) fn head(self) -> String {
        let mut out = String::new();
        if self == Self::Csv {
            write_line(&mut out, HEADER);
        }
        out
    }

    /// Puts the lines of a report behind `out`.
    pub(super) fn write(self, out: &mut String, exported: &Exported, query: &Continuation) -> serde_json::Result<()> {
        let Exported { report, had, place } = exported;
        match self {
            Self::Ndjson => {
                out.push_str(&serde_json::to_string(&Line { report, cursor: query.bind(&place.cursor()) })?);
                out.push('\n');
            }
            Self::Csv if report.failures.is_empty() => write_failure(out, report, None, &query.bind(&place.cursor())),
            Self::Csv => {
                for (at, failure) in report.failures.iter().enumerate() {
                    let is_last = at + 1 == report.failures.len();
                    let behind = if is_last { place.cursor() } else { place.inside(had + at + 1).cursor() };
                    write_failure(out, report, Some(failure), &query.bind(&behind));
                }
            }
        }
        Ok(())
    }
}

fn write_failure(out: &mut String, report: &WholeReport, failure: Option<&FailureItem>, cursor: &str) {
    let item = &report.item;
    let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    let (key, day) = (item.report_key.to_string(), report.day.to_string());
    let (successful, failed) = (number(item.successful_sessions), number(item.failed_sessions));
    let (warnings, of_failure) = (item.warnings.join(" "), number(failure.and_then(|failure| failure.failed_sessions)));
    let text = |field: fn(&FailureItem) -> &Option<String>| failure.and_then(|failure| field(failure).as_deref()).unwrap_or_default();
    let or_empty = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    let (mode, from, to) = (or_empty(&item.policy_mode), or_empty(&item.period.from), or_empty(&item.period.to));
    let (signer, contact) = (or_empty(&report.signer), or_empty(&report.contact));
    // In the order of the header.
    let cells: [&str; HEADER.len()] = [
        &key,
        &item.reporter,
        &item.report_id,
        &item.domain,
        &item.policy_type,
        &mode,
        &from,
        &to,
        &day,
        &successful,
        &failed,
        &item.trust,
        &signer,
        &warnings,
        &contact,
        &report.received_at,
        failure.map_or("", |failure| &failure.result_type),
        text(|failure| &failure.result_type_sent),
        text(|failure| &failure.sending_ip),
        text(|failure| &failure.receiving_mx),
        text(|failure| &failure.receiving_mx_helo),
        text(|failure| &failure.receiving_ip),
        &of_failure,
        text(|failure| &failure.reason),
        text(|failure| &failure.additional_information),
        cursor,
    ];
    write_line(out, cells);
}
