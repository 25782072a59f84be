//! The ledger entries of an insert, which borrow from the normalized record as report rows do.

use std::net::Ipv6Addr;

use clickhouse::Row;
use serde::{Serialize, Serializer, ser::SerializeSeq as _};
use tlsrpt_record::{MailRecord, Normalized, Outcome, PolicyRecord};
use tlsrpt_report::{ReportKey, UnixMillis};
use uuid::Uuid;

use crate::rows::{RECEIPT_RANGE, month, policies, received_at, v6};

/// A row of `submissions`.
#[derive(Row, Serialize)]
pub(crate) struct SubmissionRow<'a> {
    #[serde(with = "clickhouse::serde::uuid")]
    submission_id: Uuid,
    received_at: i64,
    normalized_at: i64,
    channel: i8,
    address: &'a str,
    remote_ip: Option<Ipv6Addr>,
    content_type: &'a str,
    trust: i8,
    reason: &'a str,
    detail: &'a str,
    report_keys: Keys<'a>,
    payload_bytes: u64,
    payload: Bytes<'a>,
    sender: &'a str,
    subject: &'a str,
    helo: &'a str,
    mail_from: Option<&'a str>,
    recipients: &'a [&'a str],
    tls: &'a str,
    authentication: &'a str,
    signer: &'a str,
    deferred: u8,
}

/// What is known of a submission that is no mail.
static NO_MAIL: MailRecord<'static> = MailRecord {
    sender: "",
    subject: "",
    helo: "",
    mail_from: None,
    recipients: Vec::new(),
    tls: "",
    authentication: "",
    signer: "",
    deferred: false,
};

struct Keys<'a>(&'a [PolicyRecord<'a>]);

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.0.len()))?;
        for ReportKey(key) in self.0.iter().map(|policy| policy.key) {
            array.serialize_element(&key)?;
        }
        array.end()
    }
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'a> SubmissionRow<'a> {
    pub(crate) fn new(outcome: &'a Normalized<'a>, payload: &'a [u8]) -> Self {
        let (reason, detail) = match outcome.outcome {
            Outcome::Stored(_) => ("", ""),
            Outcome::Rejected { reason, detail } => (reason, detail),
        };
        let mail: &'a MailRecord<'a> = outcome.mail.as_ref().unwrap_or(&NO_MAIL);
        Self {
            submission_id: outcome.submission_id.0,
            received_at: received_at(outcome.submission_id).0,
            normalized_at: outcome.normalized_at.0.clamp(0, *RECEIPT_RANGE.end()),
            channel: outcome.channel as i8,
            address: outcome.address.unwrap_or_default(),
            remote_ip: outcome.remote_ip.map(v6),
            content_type: outcome.content_type.unwrap_or_default(),
            trust: outcome.trust as i8,
            reason,
            detail,
            report_keys: Keys(policies(outcome)),
            payload_bytes: payload.len() as u64,
            payload: Bytes(payload),
            sender: mail.sender,
            subject: mail.subject,
            helo: mail.helo,
            mail_from: mail.mail_from,
            recipients: &mail.recipients,
            tls: mail.tls,
            authentication: mail.authentication,
            signer: mail.signer,
            deferred: u8::from(mail.deferred),
        }
    }
}

impl SubmissionRow<'_> {
    pub(crate) fn month(&self) -> i32 {
        month(UnixMillis(self.received_at).day())
    }
}
