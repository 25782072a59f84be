//! A payload without the blocks of those who are erased.

use std::{collections::BTreeSet, fmt::Write as _, io::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use tlsrpt_record::{Channel, Content, SubmissionId};
use tlsrpt_report::{Domain, Mail, ReportKey, parse, redact};

/// What such a payload is, when it is no mail (RFC 8460 6.4).
pub(super) const MEDIA_TYPE: &str = "application/tlsrpt+json";

/// Longest line of base64 in a mail, characters (RFC 2045 6.8).
const LINE_MAX_CHARS: usize = 76;
const BOUNDARY: &str = "part";

/// A document's text with the kept blocks alone, and what they are.
struct Kept {
    text: String,
    keys: BTreeSet<ReportKey>,
    domains: BTreeSet<Domain>,
}

/// What holds the blocks with these keys and no others, in the form in which the channel's payloads are read: of a mail a new mail with
/// the documents alone, since all the rest of it may tell whom it was for. Nothing when there is no such block, or when one could
/// only be told by what had to go.
pub(super) fn payload(channel: Channel, id: SubmissionId, payload: &[u8], keep: &BTreeSet<ReportKey>) -> Vec<u8> {
    let content = Content::open(channel, payload);
    let kept = kept_of(&content, id, keep);
    let wanted: BTreeSet<ReportKey> = kept.iter().flat_map(|document| document.keys.iter().copied()).collect();
    let holds_all = |bytes: &Vec<u8>| {
        let again = kept_of(&Content::open(channel, bytes), id, keep);
        wanted == again.iter().flat_map(|document| document.keys.iter().copied()).collect()
    };
    let texts: Vec<&str> = kept.iter().map(|document| document.text.as_str()).collect();
    if texts.is_empty() {
        return Vec::new();
    }
    let found = match content.mail() {
        None => Some(reports(&texts)).filter(holds_all),
        Some(mail) => {
            // The mail may have named the domain of a block that does not name its own: then it is a kept one.
            let domains: BTreeSet<&Domain> = kept.iter().flat_map(|document| &document.domains).collect();
            std::iter::once(None).chain(domains.into_iter().map(Some)).map(|domain| new_mail(mail, domain, &texts)).find(holds_all)
        }
    };
    found.unwrap_or_default()
}

fn kept_of(content: &Content<'_>, id: SubmissionId, keep: &BTreeSet<ReportKey>) -> Vec<Kept> {
    let documents = content.documents(id.received_at()).unwrap_or_default();
    let kept = documents.into_iter().filter_map(|(document, context)| {
        let report = parse(document, &context).ok()?;
        let own: Vec<_> = report.policies.iter().filter(|policy| keep.contains(&policy.key)).collect();
        let shown: BTreeSet<usize> = own.iter().map(|policy| policy.index as usize).collect();
        if shown.is_empty() {
            return None;
        }
        Some(Kept {
            text: redact(document, |index| shown.contains(&index)).ok()?,
            keys: own.iter().map(|policy| policy.key).collect(),
            domains: own.iter().filter_map(|policy| policy.domain.clone()).collect(),
        })
    });
    kept.collect()
}

/// One document as it is; of several a gzip with a member each.
fn reports(texts: &[&str]) -> Vec<u8> {
    if let [text] = texts {
        return text.as_bytes().to_vec();
    }
    let member = |text: &&str| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        // Writing to memory cannot fail.
        let _ = gzip.write_all(text.as_bytes());
        gzip.finish().unwrap_or_default()
    };
    texts.iter().flat_map(member).collect()
}

fn new_mail(original: &Mail<'_>, domain: Option<&Domain>, texts: &[&str]) -> Vec<u8> {
    let mut mail = String::new();
    let sender = original.sender.as_deref().filter(|sender| sender.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
    // Writing to a String cannot fail.
    if let Some(sender) = sender {
        let _ = write!(mail, "From: {sender}\r\n");
    }
    if let Some(domain) = domain {
        let _ = write!(mail, "TLS-Report-Domain: {domain}\r\n");
    }
    let _ = write!(mail, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary={BOUNDARY}\r\n\r\n");
    for text in texts {
        let _ = write!(mail, "--{BOUNDARY}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Transfer-Encoding: base64\r\n\r\n");
        let encoded = STANDARD.encode(text);
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(LINE_MAX_CHARS));
            let _ = write!(mail, "{line}\r\n");
            rest = after;
        }
    }
    let _ = write!(mail, "--{BOUNDARY}--\r\n");
    mail.into_bytes()
}
