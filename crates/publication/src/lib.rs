//! What a domain publishes for TLS-RPT (RFC 8460 3), MTA-STS (RFC 8461) and DANE (RFC 7672), what is wrong with it, and what to
//! publish instead.
//!
//! A domain's way: [`Checker::check`] asks DNS and the policy's host, and remembers the [`Look`], which is facts → [`judge`] reads
//! them and says what is in force and what is wrong, as [`Finding`]s of one table of [`Code`]s → [`Advice`] shows all of it.
//! [`Receiver::records`] are the records that a tenant is to publish, [`draft()`] is the policy.
//!
//! Invariants: but for the checker there is no I/O and no clock here; no text of others makes it panic; what DNS did not answer is
//! never taken for what is not there; a look ends in time, asks a bounded number of questions, and connects to nothing but the
//! policy's host, within [`Reach`](tlsrpt_outbound::Reach).

mod advice;
mod checker;
mod compare;
mod config;
mod dns;
mod draft;
mod fetch;
mod finding;
mod judge;
mod policy;
mod published;
mod receiver;
mod shown;
mod sts_record;
mod tlsrpt_record;
mod txt;

pub use advice::Advice;
pub use checker::{Checked, Checker};
pub use compare::SeenPolicy;
pub use config::{PublicationConfig, PublicationError};
pub use draft::{Draft, DraftInput, ReportedMx, draft};
pub use finding::{Code, Finding, Severity};
pub use judge::{Expected, Judgement, judge};
pub use policy::{MAX_AGE_MAX_SECONDS, MxPattern, POLICY_MAX_BYTES, Policy};
pub use published::{
    Answer, Dnssec, Fetched, Look, MxHost, MxRecords, PolicyFile, State, Texts, Tlsa, Trouble, Unfetched, mta_sts_name, policy_url,
    tlsrpt_name,
};
pub use receiver::{Receiver, Record};
pub use shown::{Published, ShownHost, ShownMtaSts, ShownMx, ShownPolicy, ShownTexts, ShownTlsrpt};
pub use sts_record::StsRecord;
pub use tlsrpt_record::TlsrptRecord;
