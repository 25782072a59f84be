//! `tlsrpt.submissions`: one record a submission, the payload as received, what is known beside it in headers.

use std::{borrow::Cow, net::IpAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tlsrpt_log::Record;
use tlsrpt_report::{Trust, UnixMillis};
use utoipa::ToSchema;

use crate::id::SubmissionId;

/// The way a submission came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// HTTPS POST (RFC 8460 5.4).
    Https,
    /// Mail (RFC 8460 5.3).
    Smtp,
    /// Loaded by the operator.
    Import,
}

impl Channel {
    /// Every way in.
    pub const ALL: [Self; 3] = [Self::Https, Self::Smtp, Self::Import];

    /// The name that headers, the API and the database use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Smtp => "smtp",
            Self::Import => "import",
        }
    }

    /// The channel with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == name)
    }

    /// Whether a payload that came in this way is read as a mail: what is imported may be a report by itself, by its first bytes.
    #[must_use]
    pub fn is_mail(self, payload: &[u8]) -> bool {
        match self {
            Self::Https => false,
            Self::Smtp => true,
            Self::Import => tlsrpt_report::detect(payload).is_none(),
        }
    }
}

/// What is known of a mail beside its text. Evidence, not authority: the client chose the envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailFacts {
    /// The host name that the client gave (RFC 5321 4.1.1.1).
    pub helo: Option<String>,
    /// The reverse-path (RFC 5321 4.1.1.2); the empty text is the null reverse-path.
    pub mail_from: Option<String>,
    /// The addresses here that it was sent to, in the order given.
    pub recipients: Vec<String>,
    /// The TLS version that it came in over, such as `TLSv1.3`; none in plain text.
    pub tls: Option<String>,
    /// What was found of its origin; none before that was looked at.
    pub origin: Option<Origin>,
}

/// What was found of a mail's origin, beside the [`Trust`] that follows from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// The results of DKIM, SPF and the connecting host's name, as RFC 8601 2.2 writes them (`resinfo`s, with `; ` between).
    pub authentication: String,
    /// The domain whose signature verified, the aligned one first; empty when none did.
    pub signer: String,
    /// Whether DNS was away, so that the trust is not the last word.
    pub deferred: bool,
}

/// What the edge took in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Its id, which carries the receipt time.
    pub id: SubmissionId,
    /// The way it came in.
    pub channel: Channel,
    /// The reporting address that it was sent to; evidence, not authority.
    pub address: Option<String>,
    /// The peer.
    pub remote_ip: Option<IpAddr>,
    /// The media type that the sender claimed, bounded by the edge.
    pub content_type: Option<String>,
    /// How its origin was verified.
    pub trust: Trust,
    /// What else is known of a mail; none of what came by HTTPS.
    pub mail: Option<MailFacts>,
    /// Whether an operator sent it through again: it may then replace what the same submission led to before.
    pub replay: bool,
    /// The payload as received.
    pub payload: Bytes,
}

/// A record that is no submission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("decode a submission: header {header} is missing or not understood")]
pub struct SubmissionError {
    /// The header.
    pub header: &'static str,
}

const ID: &str = "id";
const CHANNEL: &str = "channel";
const ADDRESS: &str = "address";
const REMOTE_IP: &str = "remote-ip";
const CONTENT_TYPE: &str = "content-type";
const TRUST: &str = "trust";
const REPLAY: &str = "replay";
const MAIL: &str = "mail";

impl Submission {
    /// What an operator imports: a report as a file, or a mail, told apart by content. The same receipt and content make the
    /// same submission, however often it is imported.
    #[must_use]
    pub fn imported(received_at: UnixMillis, address: Option<String>, payload: Bytes) -> Self {
        let is_mail = Channel::Import.is_mail(&payload);
        Self {
            id: SubmissionId::of_import(received_at, &payload),
            channel: Channel::Import,
            address,
            remote_ip: None,
            content_type: None,
            trust: Trust::None,
            mail: is_mail.then(MailFacts::default),
            replay: false,
            payload,
        }
    }

    /// The record to append.
    #[must_use]
    pub fn into_record(self) -> Record {
        let mut headers: Vec<(Cow<'static, str>, Bytes)> = Vec::with_capacity(8);
        let mut header = |name: &'static str, value: Bytes| headers.push((Cow::Borrowed(name), value));
        header(ID, Bytes::copy_from_slice(self.id.0.as_bytes()));
        header(CHANNEL, Bytes::from_static(self.channel.as_str().as_bytes()));
        header(TRUST, Bytes::from_static(self.trust.as_str().as_bytes()));
        if let Some(address) = self.address {
            header(ADDRESS, address.into());
        }
        if let Some(ip) = self.remote_ip {
            header(REMOTE_IP, ip.to_string().into());
        }
        if let Some(content_type) = self.content_type {
            header(CONTENT_TYPE, content_type.into());
        }
        // JSON, so that a field that a later version adds is passed over by this one.
        if let Some(facts) = self.mail.and_then(|mail| serde_json::to_vec(&mail).ok()) {
            header(MAIL, facts.into());
        }
        if self.replay {
            header(REPLAY, Bytes::from_static(b"1"));
        }
        Record { key: None, value: self.payload, headers }
    }

    /// The submission in a record; the payload is shared, not copied.
    ///
    /// # Errors
    /// [`SubmissionError`] names the header that is missing or not understood. A header that is not known is passed over, so
    /// that an older normalizer reads what a newer edge wrote.
    pub fn from_record(record: &Record) -> Result<Self, SubmissionError> {
        let text = |header: &'static str| -> Result<Option<&str>, SubmissionError> {
            record.header(header).map(|value| std::str::from_utf8(value).map_err(|_| SubmissionError { header })).transpose()
        };
        let id = record.header(ID).and_then(|value| uuid::Uuid::from_slice(value).ok()).and_then(|uuid| SubmissionId::try_from(uuid).ok());
        Ok(Self {
            id: id.ok_or(SubmissionError { header: ID })?,
            channel: text(CHANNEL)?.and_then(Channel::from_name).ok_or(SubmissionError { header: CHANNEL })?,
            trust: text(TRUST)?.and_then(Trust::from_name).ok_or(SubmissionError { header: TRUST })?,
            address: text(ADDRESS)?.map(str::to_owned),
            remote_ip: text(REMOTE_IP)?.map(|ip| ip.parse().map_err(|_| SubmissionError { header: REMOTE_IP })).transpose()?,
            content_type: text(CONTENT_TYPE)?.map(str::to_owned),
            mail: record
                .header(MAIL)
                .map(|facts| serde_json::from_slice(facts))
                .transpose()
                .map_err(|_| SubmissionError { header: MAIL })?,
            replay: record.header(REPLAY).is_some(),
            payload: record.value.clone(),
        })
    }
}
