//! RFC 8460 reports: payload bytes plus context in, normal form or reject reason out.
//!
//! A payload's way: [`detect`] by its first bytes → [`open`] takes off gzip and zip layers and fixes the text's encoding →
//! [`parse`] reads the JSON in one pass into a [`Report`] that borrows from the opened document.
//!
//! Invariants: no I/O, no clock, no async; no input panics, and none takes memory beyond a multiple of its limit
//! ([`limits`]).

mod domain;
mod identity;
mod normal;
mod reject;
mod time;
mod trust;
mod warning;

pub use domain::{DOMAIN_MAX_BYTES, Domain, DomainError, LABEL_MAX_BYTES};
pub use identity::{ReportKey, ReportKeyError};
pub use normal::{Failure, Period, Policy, PolicyClass, PolicyMode, Report, ResultType};
pub use reject::Reject;
pub use time::{Day, DayError, UnixMillis, UnixSeconds};
pub use trust::Trust;
pub use warning::WarningCode;

/// How a payload looks from its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON text in some encoding.
    Json,
    /// gzip (RFC 1952).
    Gzip,
    /// A zip archive.
    Zip,
}

/// The form of `payload` by its content, never by a name or a media type; none when it is no form that can hold a report.
#[must_use]
pub fn detect(payload: &[u8]) -> Option<Form> {
    let _ = payload;
    todo!()
}

/// What is known of a report beside its payload.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// When the submission was received; dates more than two days after it count as none.
    pub received_at: UnixMillis,
    /// The mail's `TLS-Report-Domain` header (RFC 8460 5.3).
    pub report_domain: Option<&'a str>,
    /// The mail's `Subject`.
    pub subject: Option<&'a str>,
    /// The attachment's file name.
    pub file_name: Option<&'a str>,
}

/// One JSON document taken out of a payload, as UTF-8 text.
#[derive(Clone, Debug)]
pub struct Document<'p> {
    /// The text, without a byte-order mark.
    pub text: std::borrow::Cow<'p, str>,
    /// What had to be mended to read it.
    pub warnings: Vec<WarningCode>,
}

/// Opens a payload: up to two layers of gzip or zip, then the text's encoding.
///
/// # Errors
/// A [`Reject`] when no text can be had within [`limits`].
pub fn open(payload: &[u8]) -> Result<Vec<Document<'_>>, Reject> {
    let _ = payload;
    todo!()
}

/// Reads one document into normal form.
///
/// # Errors
/// A [`Reject`] when the text is no JSON object or has no usable policy.
pub fn parse<'d>(document: &'d Document<'_>, context: &Context<'_>) -> Result<Report<'d>, Reject> {
    let _ = (document, context);
    todo!()
}

/// The document with only those elements of `policies` for which `keep` answers true (asked with the element's index),
/// everything else as sent: what one tenant may see of a report that several share.
///
/// # Errors
/// A [`Reject`] when the text is no JSON object.
pub fn redact(document: &Document<'_>, keep: impl Fn(usize) -> bool) -> Result<String, Reject> {
    let _ = (document, keep);
    todo!()
}
