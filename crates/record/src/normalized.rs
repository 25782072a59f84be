//! `tlsrpt.normalized`: one record a submission, which holds the whole outcome: the ledger's entry, the raw payload, and the
//! report rows or the reject reason.
//!
//! Layout of the value: one byte of format version, the [`Normalized`] in postcard, then the payload to the end. Strings
//! borrow from the record on both sides, so neither end copies them.

use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tlsrpt_log::Record;
use tlsrpt_report::{Day, Period, PolicyClass, PolicyMode, ReportKey, ResultType, Trust, UnixMillis};

use crate::{id::SubmissionId, submission::Channel};

/// The format that [`Normalized::encode`] writes. A reader knows this one and every one before it.
pub const NORMALIZED_FORMAT: u8 = 2;

/// The outcome of one submission, without its payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalized<'a> {
    /// The submission.
    pub submission_id: SubmissionId,
    /// The way it came in.
    pub channel: Channel,
    /// The reporting address that it was sent to.
    pub address: Option<&'a str>,
    /// The peer.
    pub remote_ip: Option<IpAddr>,
    /// The media type that the sender claimed.
    pub content_type: Option<&'a str>,
    /// How its origin was verified.
    pub trust: Trust,
    /// Whether an operator sent it through again.
    pub replay: bool,
    /// When the normalizer worked on it; of two outcomes of one submission the later counts.
    pub normalized_at: UnixMillis,
    /// Rows, or why there are none.
    #[serde(borrow)]
    pub outcome: Outcome<'a>,
    /// What is known of a mail; none of what came by HTTPS. Since format 2.
    #[serde(borrow)]
    pub mail: Option<MailRecord<'a>>,
}

/// What is known of a mail. Texts that are missing are empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailRecord<'a> {
    /// The `From` header, decoded.
    pub sender: &'a str,
    /// The `Subject` header, decoded.
    pub subject: &'a str,
    /// The host name that the client gave.
    pub helo: &'a str,
    /// The reverse-path; none when it is not known, empty when it is the null reverse-path.
    pub mail_from: Option<&'a str>,
    /// The addresses here that it was sent to.
    pub recipients: Vec<&'a str>,
    /// The TLS version that it came in over; empty in plain text.
    pub tls: &'a str,
    /// The results of DKIM, SPF and the connecting host's name (RFC 8601 2.2).
    pub authentication: &'a str,
    /// The domain whose signature verified.
    pub signer: &'a str,
    /// Whether DNS was away, so that the trust is not the last word.
    pub deferred: bool,
}

/// [`Normalized`] as format 1 had it.
#[derive(Deserialize)]
struct Format1<'a> {
    submission_id: SubmissionId,
    channel: Channel,
    address: Option<&'a str>,
    remote_ip: Option<IpAddr>,
    content_type: Option<&'a str>,
    trust: Trust,
    replay: bool,
    normalized_at: UnixMillis,
    #[serde(borrow)]
    outcome: Outcome<'a>,
}

impl<'a> From<Format1<'a>> for Normalized<'a> {
    fn from(old: Format1<'a>) -> Self {
        Self {
            submission_id: old.submission_id,
            channel: old.channel,
            address: old.address,
            remote_ip: old.remote_ip,
            content_type: old.content_type,
            trust: old.trust,
            replay: old.replay,
            normalized_at: old.normalized_at,
            outcome: old.outcome,
            mail: None,
        }
    }
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome<'a> {
    /// At least one policy could be counted.
    #[serde(borrow)]
    Stored(Vec<PolicyRecord<'a>>),
    /// Nothing countable.
    Rejected {
        /// The stable code of the reason.
        reason: &'a str,
        /// A sentence for the operator.
        detail: &'a str,
    },
}

/// One policy of one report, assigned to its owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord<'a> {
    /// The owner of the policy domain; empty when nobody owns it.
    pub tenant: &'a str,
    /// Identity of this block.
    pub key: ReportKey,
    /// Identity of the document.
    pub document: ReportKey,
    /// Identity of the report, for the counting rule.
    pub group: ReportKey,
    /// `organization-name`.
    pub organization: &'a str,
    /// `report-id`.
    pub report_id: &'a str,
    /// `contact-info`; empty when there is none.
    pub contact: &'a str,
    /// `date-range`.
    pub period: Period,
    /// The day that the row is filed under, the same at every receipt; none when the report has no date.
    pub key_day: Option<Day>,
    /// The reported day, as far as it is believed; none when the report has no date.
    pub day: Option<Day>,
    /// The policy domain, normalised; empty when unknown.
    pub domain: &'a str,
    /// `policy-domain` as sent, when it differs; else empty.
    pub domain_sent: &'a str,
    /// Kind of policy.
    pub class: PolicyClass,
    /// `policy-type` as sent, when it differs; else empty.
    pub type_sent: &'a str,
    /// `policy-string`, line by line.
    pub strings: Vec<&'a str>,
    /// MTA-STS mode.
    pub mode: Option<PolicyMode>,
    /// MTA-STS `max_age` in seconds.
    pub max_age: Option<u64>,
    /// `mx-host`.
    pub mx_hosts: Vec<&'a str>,
    /// Successful sessions; none when unknown.
    pub successful: Option<u64>,
    /// Failed sessions; none when unknown.
    pub failed: Option<u64>,
    /// `failure-details`.
    pub failures: Vec<FailureRecord<'a>>,
    /// Warning codes of the document and of this block.
    pub warnings: Vec<&'a str>,
}

/// One element of `failure-details`. Texts that are missing are empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureRecord<'a> {
    /// The registry's name.
    pub result: ResultType,
    /// `result-type` as sent, when it differs.
    pub result_sent: &'a str,
    /// `sending-mta-ip`, when it is an IP.
    pub sending_ip: Option<IpAddr>,
    /// `sending-mta-ip` as sent, when it is not an IP.
    pub sending_ip_sent: &'a str,
    /// `receiving-mx-hostname`.
    pub receiving_mx: &'a str,
    /// `receiving-mx-helo`.
    pub receiving_helo: &'a str,
    /// `receiving-ip`, when it is an IP.
    pub receiving_ip: Option<IpAddr>,
    /// `receiving-ip` as sent, when it is not an IP.
    pub receiving_ip_sent: &'a str,
    /// `failed-session-count`; none when unknown.
    pub sessions: Option<u64>,
    /// `failure-reason-code`.
    pub reason: &'a str,
    /// `additional-information`.
    pub additional: &'a str,
}

/// A record that is no outcome of a submission.
#[derive(Debug, thiserror::Error)]
pub enum NormalizedError {
    /// Written by a newer version of this program.
    #[error("decode a normalized record: format {found} is newer than {NORMALIZED_FORMAT}; update this role")]
    Newer {
        /// The record's format.
        found: u8,
    },
    /// Not written by this program, or damaged.
    #[error("decode a normalized record")]
    Damaged(#[source] postcard::Error),
    /// Nothing in it.
    #[error("decode a normalized record: it is empty")]
    Empty,
}

impl<'a> Normalized<'a> {
    /// The record to append: this outcome and the payload that it came from.
    ///
    /// # Errors
    /// [`NormalizedError::Damaged`] when postcard cannot write it, which a value of this type never causes.
    pub fn encode(&self, payload: &[u8]) -> Result<Record, NormalizedError> {
        let mut value = Vec::with_capacity(payload.len() + 512);
        value.push(NORMALIZED_FORMAT);
        let mut value = postcard::to_extend(self, value).map_err(NormalizedError::Damaged)?;
        value.extend_from_slice(payload);
        Ok(Record { key: None, value: Bytes::from(value), headers: Vec::new() })
    }

    /// The outcome in a record's value, and the payload.
    ///
    /// # Errors
    /// [`NormalizedError`] when the value is not one that [`Normalized::encode`] wrote.
    pub fn decode(value: &'a [u8]) -> Result<(Self, &'a [u8]), NormalizedError> {
        let (&format, rest) = value.split_first().ok_or(NormalizedError::Empty)?;
        match format {
            ..2 => postcard::take_from_bytes::<Format1<'a>>(rest).map(|(old, payload)| (old.into(), payload)),
            NORMALIZED_FORMAT => postcard::take_from_bytes(rest),
            found => return Err(NormalizedError::Newer { found }),
        }
        .map_err(NormalizedError::Damaged)
    }
}
