//! What a report's surroundings say about it: the mail's header and subject, the file name, the report-id.

use crate::{
    domain::Domain,
    time::{UnixMillis, UnixSeconds},
};

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

impl<'a> Context<'a> {
    /// A report of which nothing but the time of receipt is known, as by HTTPS.
    #[must_use]
    pub fn received(received_at: UnixMillis) -> Self {
        Self { received_at, report_domain: None, subject: None, file_name: None }
    }

    /// The texts that ought to name the policy domain, the most trustworthy first.
    pub(crate) fn domain_texts(&self) -> impl Iterator<Item = &'a str> {
        let header = self.report_domain;
        let subject = self.subject.and_then(subject_domain);
        let file = self.file_name.and_then(|name| FileName::read(name).map(|file| file.domain));
        [header, subject, file].into_iter().flatten()
    }

    /// Begin and end as the file name gives them.
    pub(crate) fn file_period(&self) -> Option<(UnixSeconds, UnixSeconds)> {
        self.file_name.and_then(FileName::read).and_then(|file| file.period)
    }
}

/// `<d>` of the subject `Report Domain: <d> Submitter: <s> Report-ID: <id>` (RFC 8460 5.3).
pub(crate) fn subject_domain(subject: &str) -> Option<&str> {
    const LABEL: &str = "report domain:";
    let at = subject.as_bytes().windows(LABEL.len()).position(|window| window.eq_ignore_ascii_case(LABEL.as_bytes()))?;
    subject.get(at + LABEL.len()..)?.split_whitespace().next()
}

/// Whether a file name has the form that RFC 8460 5.1 gives to reports; DMARC's has another ending (RFC 7489 7.2.1.1).
pub(crate) fn names_report(name: &str) -> bool {
    name.to_ascii_lowercase().contains(".json") && FileName::read(name).is_some_and(|file| file.period.is_some())
}

/// `sender!policy-domain!begin!end[!unique].json[.gz]` (RFC 8460 5.1).
struct FileName<'a> {
    domain: &'a str,
    period: Option<(UnixSeconds, UnixSeconds)>,
}

impl<'a> FileName<'a> {
    fn read(name: &'a str) -> Option<Self> {
        let mut parts = name.split('!');
        let (_sender, domain, begin, end) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let digits = |text: &str| {
            let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
            text.get(..end).and_then(|digits| digits.parse().ok()).map(UnixSeconds)
        };
        Some(Self { domain, period: digits(begin).zip(digits(end)) })
    }
}

/// The domain that a report-id ends in: `2024-09-03T00:00:00Z_d` (Google), `1234+d` (Microsoft), `<start>_idx1_d`
/// (tlsrpt-reporter), `…+d@google.com` (Google's mails). What stands after `@` is the reporter's own.
pub(crate) fn report_id_domain(report_id: &str) -> Option<Domain> {
    let local = report_id.split('@').next()?;
    let (_, tail) = local.rsplit_once(['_', '+'])?;
    let last_label = tail.trim_end().trim_end_matches('.').rsplit_once('.')?.1;
    if last_label.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Domain::parse(tail).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn a_subject_names_the_domain_after_its_label() {
        let google = "Report Domain: example.org Submitter: google.com Report-ID: <2024.09.03T00.00.00Z+example.org@google.com>";
        assert_eq!(subject_domain(google), Some("example.org"));
        assert_eq!(subject_domain("Fwd: REPORT DOMAIN:example.org"), Some("example.org"));
        assert_eq!(subject_domain("Report Domain:"), None);
        assert_eq!(subject_domain("Your report"), None);
    }

    #[test]
    fn a_file_name_names_domain_and_period() {
        let file = FileName::read("google.com!example.org!1725321600!1725407999!001.json.gz").unwrap();
        assert_eq!(file.domain, "example.org");
        assert_eq!(file.period, Some((UnixSeconds(1_725_321_600), UnixSeconds(1_725_407_999))));
        let short = FileName::read("google.com!example.org!1725321600!1725407999.json").unwrap();
        assert_eq!(short.period, Some((UnixSeconds(1_725_321_600), UnixSeconds(1_725_407_999))));
        assert!(FileName::read("report.json.gz").is_none());
        assert!(FileName::read("a!b!c").is_none());
    }

    #[test]
    fn a_report_ids_tail_is_a_domain_or_nothing() {
        let domain = |id| report_id_domain(id).map(String::from);
        assert_eq!(domain("2024-09-03T00:00:00Z_example.org").as_deref(), Some("example.org"));
        assert_eq!(domain("133123456789012345+Example.ORG").as_deref(), Some("example.org"));
        assert_eq!(domain("1725321600_idx3_example.org").as_deref(), Some("example.org"));
        assert_eq!(domain("2024.09.03T00.00.00Z+example.org@google.com").as_deref(), Some("example.org"));
        for id in ["b28254de-7b2e-be36-bb5c-4c3b92da8b25@mail.ru", "123_456", "id_1.2.3.4", "example.org", "", "x_", "x_com"] {
            assert_eq!(domain(id), None, "{id:?}");
        }
    }
}
