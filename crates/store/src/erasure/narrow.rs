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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn document(report: u8, domains: &[Option<&str>]) -> String {
        let block = |domain: &Option<&str>| {
            let domain = domain.map_or(String::new(), |domain| format!(r#","policy-domain":"{domain}""#));
            format!(r#"{{"policy":{{"policy-type":"sts"{domain}}},"summary":{{"total-successful-session-count":1}}}}"#)
        };
        let blocks: Vec<String> = domains.iter().map(block).collect();
        format!(r#"{{"organization-name":"O","report-id":"r{report}","policies":[{}]}}"#, blocks.join(","))
    }

    /// Keys of the blocks on this domain.
    fn keys(channel: Channel, id: SubmissionId, bytes: &[u8], domain: &str) -> BTreeSet<ReportKey> {
        let content = Content::open(channel, bytes);
        let mut keys = BTreeSet::new();
        for (document, context) in content.documents(id.received_at()).unwrap() {
            let report = parse(document, &context).unwrap();
            keys.extend(
                report.policies.iter().filter(|policy| policy.domain.as_ref().unwrap().as_str() == domain).map(|policy| policy.key),
            );
        }
        keys
    }

    /// Leaves beta's blocks; answers what is left, in which they are found again and nothing of alfa is.
    fn check(channel: Channel, bytes: &[u8], blocks: usize) -> Vec<u8> {
        let id = SubmissionId::now();
        let own = keys(channel, id, bytes, "beta.example");
        assert_eq!(own.len(), blocks);
        let left = payload(channel, id, bytes, &own);
        assert_eq!(keys(channel, id, &left, "beta.example"), own);
        assert!(keys(channel, id, &left, "alfa.example").is_empty());
        left
    }

    #[test]
    fn of_several_documents_each_keeps_its_part_and_one_without_a_part_goes() {
        let both = [Some("alfa.example"), Some("beta.example")];
        let texts = [document(1, &both), document(2, &both[..1]), document(3, &both)];
        let packed = reports(&texts.each_ref().map(String::as_str));
        let left = check(Channel::Https, &packed, 2);
        assert_eq!(tlsrpt_report::open(&left).unwrap().len(), 2);
        assert!(check(Channel::Https, texts[0].as_bytes(), 1).starts_with(b"{"), "one document stands by itself");
    }

    #[test]
    fn of_a_mail_the_documents_stay_and_what_named_a_kept_domain() {
        let mail = |field: &str, document: &str| {
            format!(
                "From: R <r@example.net>\r\n{field}\r\nTo: alfa-box@here.example\r\nContent-Type: application/tlsrpt+json\r\n\r\n{document}"
            )
        };
        let subject = mail("Subject: Report Domain: alfa.example", &document(1, &[Some("alfa.example"), Some("beta.example")]));
        let left = String::from_utf8(check(Channel::Smtp, subject.as_bytes(), 1)).unwrap();
        assert!(!left.contains("alfa") && left.contains("From: R <r@example.net>"), "{left}");
        let unnamed = mail("TLS-Report-Domain: beta.example", &document(1, &[None, Some("alfa.example"), Some("gamma.example")]));
        let left = String::from_utf8(check(Channel::Smtp, unnamed.as_bytes(), 1)).unwrap();
        assert!(left.contains("TLS-Report-Domain: beta.example"), "{left}");
    }

    #[test]
    fn a_payload_goes_when_a_block_was_told_only_by_what_had_to_go() {
        let id = SubmissionId::now();
        // The block without a domain is taken for one on the only domain that is named.
        let text = document(1, &[Some("alfa.example"), None]).replacen("sts", "tlsa", 1);
        let content = Content::open(Channel::Https, text.as_bytes());
        let documents = content.documents(id.received_at()).unwrap();
        let report = parse(documents[0].0, &documents[0].1).unwrap();
        let unnamed = BTreeSet::from([report.policies[1].key]);
        assert_ne!(report.policies[0].key, report.policies[1].key);
        assert!(payload(Channel::Https, id, text.as_bytes(), &unnamed).is_empty());
        assert!(payload(Channel::Https, id, b"no report", &unnamed).is_empty());
        assert!(payload(Channel::Https, id, text.as_bytes(), &BTreeSet::new()).is_empty());
    }
}
