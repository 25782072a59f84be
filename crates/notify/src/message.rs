//! What is sent: the body of a webhook and its signature, the text of a mail.

use std::fmt::{self, Write as _};

use ring::hmac;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use tlsrpt_record::TenantId;
use tlsrpt_report::{Day, Domain, UnixMillis};

use crate::{kind::Kind, settings::Secret};

/// Of the webhook's body: it rises when a field changes its meaning.
pub const BODY_VERSION: u32 = 1;
/// Notices that a mail says all of; of more it tells how many there are.
const MAIL_MAX_NOTICES: usize = 100;
/// Longest text of a reporter's that a message repeats.
const TEXT_MAX_CHARS: usize = 400;

/// By what a receiver tells that two messages are of one notice: a hash of whom it is for, what it is of, and how many times that had been
/// there before. The day it began is no part: it moves when an older report comes late.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeKey(pub u128);

impl NoticeKey {
    /// The key of an episode of a condition.
    #[must_use]
    pub fn new(tenant: &TenantId, kind: Kind, domain: &Domain, subject: &str, episode: u32) -> Self {
        Self::of(tenant, kind.as_str(), domain, subject, episode)
    }

    /// The key of what is noted under another name than a kind's.
    #[must_use]
    pub fn of(tenant: &TenantId, name: &str, domain: &Domain, subject: &str, episode: u32) -> Self {
        let mut hash = Sha256::new();
        for part in [tenant.as_str(), name, domain.as_str(), subject] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        hash.update(episode.to_be_bytes());
        let bytes = hash.finalize();
        Self(bytes.iter().take(16).fold(0, |number, &byte| number << 8 | u128::from(byte)))
    }
}

impl fmt::Display for NoticeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for NoticeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for NoticeKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What there is to say of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Identity.
    pub key: NoticeKey,
    /// What kind.
    pub kind: Kind,
    /// Of which domain.
    pub domain: String,
    /// Of what of it; empty when it is the domain as a whole.
    pub subject: String,
    /// How many times it had been there before.
    pub episode: u32,
    /// From which reported day on.
    pub since: Option<Day>,
    /// When it was noted.
    pub opened_at: UnixMillis,
    /// What happened, in a sentence.
    pub summary: String,
    /// What to look at first, in a sentence.
    pub look_first: String,
    /// Whether it is of no condition and only tries the way.
    pub is_test: bool,
}

/// A notice of nothing, by which a tenant tries whether it is told.
#[must_use]
pub fn test_notice(key: NoticeKey, now: UnixMillis) -> Notice {
    Notice {
        key,
        kind: Kind::AtRisk,
        domain: "test.invalid".to_owned(),
        subject: String::new(),
        episode: 0,
        since: None,
        opened_at: now,
        summary: "This is a test: nothing happened.".to_owned(),
        look_first: "There is nothing to do.".to_owned(),
        is_test: true,
    }
}

#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    key: NoticeKey,
    test: bool,
    tenant: &'a TenantId,
    kind: Kind,
    domain: &'a str,
    subject: Option<&'a str>,
    since: Option<Day>,
    noted_at: String,
    summary: String,
    look_first: String,
}

/// The JSON that a webhook is sent: the same bytes at every try.
#[must_use]
pub fn webhook_body(tenant: &TenantId, notice: &Notice) -> Vec<u8> {
    let body = Body {
        version: BODY_VERSION,
        key: notice.key,
        test: notice.is_test,
        tenant,
        kind: notice.kind,
        domain: &notice.domain,
        subject: Some(notice.subject.as_str()).filter(|subject| !subject.is_empty()),
        since: notice.since,
        noted_at: notice.opened_at.rfc3339(),
        summary: line(&notice.summary),
        look_first: line(&notice.look_first),
    };
    // Texts and numbers always serialise.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// The value of `Tlsrpt-Signature`: the moment in seconds, and of each secret the HMAC-SHA256 (RFC 2104) of the moment, a full stop and the
/// body. The moment is signed too, so that a receiver can refuse what is old.
#[must_use]
pub fn signature<'s>(secrets: impl IntoIterator<Item = &'s Secret>, at: UnixMillis, body: &[u8]) -> String {
    let seconds = at.0.div_euclid(1000);
    let mut header = format!("t={seconds}");
    for secret in secrets {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
        let mut context = hmac::Context::with_key(&key);
        context.update(seconds.to_string().as_bytes());
        context.update(b".");
        context.update(body);
        header.push_str(",v1=");
        for byte in context.sign().as_ref() {
            // Writing to a String cannot fail.
            let _ = write!(header, "{byte:02x}");
        }
    }
    header
}

/// The subject of a mail with these notices.
#[must_use]
pub fn mail_subject(notices: &[Notice]) -> String {
    match notices {
        [only] if only.is_test => "TLS reports: a test".to_owned(),
        [only] => format!("TLS reports: {} {}", only.domain, only.kind.as_str()),
        all => format!("TLS reports: {} notices", all.len()),
    }
}

/// The text of a mail with these notices, the most urgent first: plain words, no links.
#[must_use]
pub fn mail_text(tenant: &TenantId, notices: &[Notice]) -> String {
    let mut notices: Vec<&Notice> = notices.iter().collect();
    notices.sort_by_key(|notice| (notice.kind, &notice.domain, &notice.subject));
    let mut text = format!("What is new of the TLS reports of {tenant}.\r\n");
    for notice in notices.iter().take(MAIL_MAX_NOTICES) {
        let since = notice.since.map_or_else(String::new, |since| format!("Since: {since}\r\n"));
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\r\n{}: {}\r\n{}\r\n{since}Look first: {}\r\nNotice: {}\r\n",
            notice.domain,
            notice.kind.as_str(),
            line(&notice.summary),
            line(&notice.look_first),
            notice.key
        );
    }
    let more = notices.len().saturating_sub(MAIL_MAX_NOTICES);
    if more > 0 {
        let _ = write!(text, "\r\nAnd {more} more: the API lists them.\r\n");
    }
    text.push_str("\r\nThe settings of these mails are the tenant's:\r\nin the API, under notifications.\r\n");
    text
}

/// A text with names from reports in it as a message repeats it: one line, bounded.
fn line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn notice() -> Notice {
        let tenant = TenantId::parse("acme").unwrap();
        Notice {
            key: NoticeKey::new(&tenant, Kind::ReporterSilent, &Domain::parse("acme.example").unwrap(), "Big Mail", 0),
            kind: Kind::ReporterSilent,
            domain: "acme.example".to_owned(),
            subject: "Big Mail".to_owned(),
            episode: 0,
            since: Some("2026-05-01".parse().unwrap()),
            opened_at: UnixMillis(1_778_000_000_000),
            summary: "Big\r\nMail stopped.".to_owned(),
            look_first: "Look.".to_owned(),
            is_test: false,
        }
    }

    /// The format of version 1: receivers are written for it.
    #[test]
    fn the_body_of_a_webhook_stays_as_it_is() {
        let body = webhook_body(&TenantId::parse("acme").unwrap(), &notice());
        assert_eq!(
            String::from_utf8(body).unwrap(),
            format!(
                r#"{{"version":1,"key":"{}","test":false,"tenant":"acme","kind":"reporter-silent","domain":"acme.example","subject":"Big Mail","since":"2026-05-01","noted_at":"{}","summary":"BigMail stopped.","look_first":"Look."}}"#,
                notice().key,
                UnixMillis(1_778_000_000_000).rfc3339()
            )
        );
    }

    /// By `printf '1700000000.{}' | openssl dgst -sha256 -hmac s`.
    #[test]
    fn a_signature_is_the_hmac_of_moment_and_body_by_each_secret() {
        let secrets = [Secret::new("s".to_owned()), Secret::new("t".to_owned())];
        let both = signature(&secrets, UnixMillis(1_700_000_000_999), b"{}");
        let one = signature(secrets.iter().take(1), UnixMillis(1_700_000_000_000), b"{}");
        assert!(both.starts_with(&one) && both.matches(",v1=").count() == 2, "{both}");
        assert_eq!(one, "t=1700000000,v1=e9232c9945da8456c2dea6b39da7786c07b00bca7a64d5dd1283674713a7b72a");
    }

    #[test]
    fn a_mail_says_each_notice_in_lines_of_its_own_and_nothing_of_a_report_makes_another_line() {
        let text = mail_text(&TenantId::parse("acme").unwrap(), &[notice()]);
        assert!(text.contains("\r\nBigMail stopped.\r\n") && !text.contains("http"), "{text}");
        assert!(text.split("\r\n").all(|line| !line.contains(['\r', '\n'])), "{text:?}");
    }
}
