//! Whose signature counts as the submitter's.
//!
//! The submitter of a report is the domain in `TLS-Report-Submitter` (RFC 8460 5.3), or that of the `From` address when the mail has
//! no such field. Both are claims: anybody writes what he likes. So a signature is aligned only when everything that a reader takes
//! for the submitter is of the signing domain's organisation:
//!
//! - The mail has exactly one `From` field, and each address in it is of that organisation. A provider that signs whatever its
//!   customers send does not make them its own reporter, and a second `From` on top of a signed mail, which would still verify
//!   (RFC 6376 8.15), makes it nobody's.
//! - `TLS-Report-Submitter`, when the mail has it, stands there once and is of that organisation. So `google.com` there, signed by
//!   `evil.example`, is evil.example's mail; and so is `evil.example` there under a `From` of google.com.
//! - The header section has one reading: fields and their folds, each line ended by CRLF, up to the first empty line. Otherwise what
//!   anybody may add on top of a signed mail, where the signature does not look, could be read as its body, and thus as a report.
//!
//! Organisations are told apart as DMARC does (RFC 7489 3.2): the public suffix and one label more.

use mail_auth::AuthenticatedMessage;
use tlsrpt_report::Domain;

/// The domain that stands for a mail's submitter; none when the mail contradicts itself or names nobody.
pub(crate) fn submitter(message: &AuthenticatedMessage<'_>) -> Option<Domain> {
    if !has_one_reading(message.raw_headers()) {
        return None;
    }
    let fields = |name: &'static str| message.headers.iter().filter(move |(field, _)| is_named(field, name)).map(|(_, value)| *value);
    if fields("from").count() != 1 {
        return None;
    }
    let mut domains = message.from.iter().map(|address| address.rsplit_once('@').and_then(|(_, domain)| Domain::parse(domain).ok()));
    let from = domains.next()??;
    if !domains.all(|domain| domain.is_some_and(|domain| is_aligned(&domain, &from))) {
        return None;
    }
    let mut submitters = fields("tls-report-submitter");
    let Some(submitter) = submitters.next() else { return Some(from) };
    let submitter = std::str::from_utf8(submitter).ok().and_then(|text| Domain::parse(text).ok())?;
    (submitters.next().is_none() && is_aligned(&submitter, &from)).then_some(submitter)
}

/// Whether both are of one organisation.
pub(crate) fn is_aligned(one: &Domain, other: &Domain) -> bool {
    organisation(one) == organisation(other)
}

/// The organisational domain: the public suffix and one label more. A public suffix stands for itself.
fn organisation(domain: &Domain) -> &str {
    psl::domain_str(domain.as_str()).unwrap_or(domain.as_str())
}

/// Field names may be followed by space (RFC 5322 4.5).
pub(crate) fn is_named(field: &[u8], name: &str) -> bool {
    field.trim_ascii().eq_ignore_ascii_case(name.as_bytes())
}

/// Whether a header section, with the empty line at its end, is what everybody takes for one. Readers differ in where they end one that
/// is not: at a line without a colon, at one that looks like JSON, at one with blanks alone.
fn has_one_reading(header: &[u8]) -> bool {
    let mut is_at_end = false;
    header.split_inclusive(|&byte| byte == b'\n').enumerate().all(|(number, line)| {
        let Some(line) = line.strip_suffix(b"\r\n").filter(|_| !is_at_end) else { return false };
        is_at_end = line.is_empty();
        let is_fold = number > 0 && matches!(line.first(), Some(b' ' | b'\t'));
        is_at_end || (is_fold && !line.trim_ascii().is_empty()) || is_field(line)
    })
}

/// Whether a line begins a field, of the names that senders use.
fn is_field(line: &[u8]) -> bool {
    let is_of_a_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let name = line.iter().take_while(|byte| is_of_a_name(byte)).count();
    let begins_a_name = line.first().is_some_and(u8::is_ascii_alphanumeric);
    begins_a_name && line.get(name..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[track_caller]
    fn check(header: &str, expected: Option<&str>) {
        let raw = format!("{}\r\nbody\r\n", header.replace('\n', "\r\n"));
        // Without a field there is no mail to the library.
        let found = AuthenticatedMessage::parse(raw.as_bytes()).as_ref().and_then(submitter);
        assert_eq!(found.as_ref().map(Domain::as_str), expected, "{header}");
    }

    #[test]
    fn the_submitter_is_who_the_header_names_else_whom_the_mail_is_from() {
        check("From: Google <noreply@google.com>\n", Some("google.com"));
        check("From: a@mail.google.com\nTLS-Report-Submitter: google.com\n", Some("google.com"));
        check("From: a@google.com\nTLS-REPORT-SUBMITTER:\n  Smtp.Google.COM. \n", Some("smtp.google.com"));
        check("From: a@one.example.co.uk, b@two.example.co.uk\n", Some("one.example.co.uk"));
    }

    #[test]
    fn a_mail_that_contradicts_itself_has_no_submitter() {
        check("From: a@evil.example\nTLS-Report-Submitter: google.com\n", None);
        check("From: a@google.com\nTLS-Report-Submitter: evil.example\n", None);
        check("From: a@google.com\nFrom: a@google.com\n", None);
        check("From: a@google.com, b@evil.example\n", None);
        check("From: a@google.com\nTLS-Report-Submitter: google.com\nTLS-Report-Submitter: google.com\n", None);
        check("From: a@google.com\nTLS-Report-Submitter: \n", None);
        check("From: a@google.com\nTLS-Report-Submitter: no domain\n", None);
        check("From: undisclosed\n", None);
        check("Subject: x\nTLS-Report-Submitter: google.com\n", None);
    }

    #[test]
    fn a_header_section_that_can_be_read_otherwise_has_no_submitter() {
        check("From: a@google.com\nSubject: x\n folded\n\ttwice\nX-Last_one.:\n", Some("google.com"));
        for line in [
            "no field",
            "{\"organization-name\":\"Google\"}",
            "[1]: 2",
            "<tag a:b>: c",
            "\x1f\u{8b}: x",
            "--boundary: x",
            "From x Mon Jan  1 00:00:00 2024",
            " ",
            "\t ",
            ": x",
            "X Y: z",
        ] {
            check(&format!("{line}\nFrom: a@google.com\n"), None);
            check(&format!("From: a@google.com\n{line}\nSubject: x\n"), None);
        }
        for raw in
            ["From: a@google.com\nSubject: x\r\n\r\nbody", "From: a@google.com\r\nSubject: x\n\nbody", "\r\nFrom: a@google.com\r\n\r\n"]
        {
            let message = AuthenticatedMessage::parse(raw.as_bytes());
            assert_eq!(message.as_ref().and_then(submitter), None, "{raw:?}");
        }
    }

    #[test]
    fn organisations_are_told_apart_by_public_suffixes() {
        let aligned = |one: &str, other: &str| is_aligned(&Domain::parse(one).unwrap(), &Domain::parse(other).unwrap());
        for (one, other) in [("google.com", "smtp.google.com"), ("a.b.co.uk", "c.b.co.uk"), ("x.corp.internal", "corp.internal")] {
            assert!(aligned(one, other), "{one} {other}");
        }
        for (one, other) in
            [("google.com", "notgoogle.com"), ("a.co.uk", "b.co.uk"), ("a.github.io", "b.github.io"), ("github.io", "a.github.io")]
        {
            assert!(!aligned(one, other), "{one} {other}");
        }
    }
}
