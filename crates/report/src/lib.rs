//! RFC 8460 reports: payload bytes plus context in, normal form or reject reason out.
//!
//! A payload's way: [`detect`] by its first bytes → [`open`] takes off gzip and zip layers and fixes the text's encoding →
//! [`parse`] reads the JSON in one pass into a [`Report`] that borrows from the opened document. A mail's way begins with
//! [`open_mail`], which gives the documents of all its parts, each with the [`Context`] that the mail is to it.
//!
//! Invariants: no I/O, no clock, no async; no input panics, and none takes memory beyond a multiple of its limit
//! ([`limits`]).

mod bounded;
mod count;
mod date;
mod domain;
mod explanation;
mod form;
mod identity;
mod json;
pub mod limits;
mod mail;
mod normal;
mod normalize;
mod open;
mod origin;
mod policy_text;
mod redact;
mod reject;
mod time;
mod trust;
mod vocabulary;
mod warning;

pub use domain::{DOMAIN_MAX_BYTES, Domain, DomainError, LABEL_MAX_BYTES};
pub use explanation::{Explanation, Fixer};
pub use form::{Form, detect};
pub use identity::{ReportKey, ReportKeyError};
pub use mail::{Mail, MailDocument, open_mail};
pub use normal::{Failure, Period, Policy, Report};
pub use normalize::parse;
pub use open::{Document, open};
pub use origin::Context;
pub use redact::redact;
pub use reject::Reject;
pub use time::{Day, DayError, UnixMillis, UnixMillisError, UnixSeconds};
pub use trust::Trust;
pub use vocabulary::{PolicyClass, PolicyMode, ResultType};
pub use warning::WarningCode;
