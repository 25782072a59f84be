//! What fields say: texts, addresses, dates and media types, read by mail-parser out of one bounded value at a time. Its
//! parsers go back over encoded words that turn out to be none, so what they are given must be short.

use std::borrow::Cow;

use mail_parser::{ContentType, HeaderValue, parsers::MessageStream};

use super::fields::Fields;
use crate::{domain::Domain, limits, time::UnixMillis};

/// A field's value as mail-parser takes it: bounded, and with the line end that it stops at.
fn closed(value: &[u8]) -> Vec<u8> {
    let value = value.trim_ascii();
    let mut closed = value.get(..limits::MAIL_FIELD_MAX_BYTES).unwrap_or(value).to_vec();
    closed.push(b'\n');
    closed
}

/// The text of an unstructured field, encoded words decoded (RFC 2047).
pub(super) fn text(value: &[u8]) -> Option<String> {
    let value = closed(value);
    match MessageStream::new(&value).parse_unstructured() {
        HeaderValue::Text(text) => shown(&text),
        _ => None,
    }
}

/// A text as it is shown to people: bounded, without surrounding space, control characters as blanks.
pub(super) fn shown(text: &str) -> Option<String> {
    let text = text.trim();
    let kept = text.get(..text.floor_char_boundary(limits::MAIL_TEXT_MAX_BYTES)).unwrap_or_default().replace(char::is_control, " ");
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// Type, subtype and parameters of `Content-Type` and `Content-Disposition`, RFC 2231 and RFC 2047 decoded.
pub(super) fn with_parameters<T>(value: &[u8], read: impl FnOnce(&ContentType<'_>) -> T) -> Option<T> {
    let value = closed(value);
    match MessageStream::new(&value).parse_content_type() {
        HeaderValue::ContentType(content) => Some(read(&content)),
        _ => None,
    }
}

/// When a `Date` or `Received` field says that it was. A `Received` field has its date last (RFC 5321 4.4).
pub(super) fn date(value: &[u8]) -> Option<UnixMillis> {
    let at = value.iter().rposition(|&b| b == b';').map_or(0, |at| at + 1);
    let value = closed(value.get(at..).unwrap_or_default());
    match MessageStream::new(&value).parse_date() {
        HeaderValue::DateTime(date) if date.is_valid() => Some(UnixMillis(date.to_timestamp().saturating_mul(1000))),
        _ => None,
    }
}

/// The addresses of one field.
fn addresses(value: &[u8]) -> Vec<String> {
    let value = closed(value);
    match MessageStream::new(&value).parse_address() {
        HeaderValue::Address(list) => list.iter().filter_map(|address| address.address()).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The one domain that every address of every `From` field has. With two domains nobody can say who the sender is, and a
/// signature would vouch for only one of them.
pub(super) fn sender_domain(fields: &Fields<'_>) -> Option<Domain> {
    let found = fields.all("From").flat_map(addresses).map(|address| match address.split('@').collect::<Vec<_>>().as_slice() {
        [local, domain] if !local.is_empty() => Domain::parse(domain).ok(),
        _ => None,
    });
    agreed(found)
}

/// The one domain that every `TLS-Report-Submitter` field names (RFC 8460 5.3), for the same reason.
pub(super) fn submitter(fields: &Fields<'_>) -> Option<Domain> {
    agreed(fields.all("TLS-Report-Submitter").map(|value| Domain::parse(&text(value)?).ok()))
}

/// What all of `found` are, when they are all the same and there are any.
fn agreed(mut found: impl Iterator<Item = Option<Domain>>) -> Option<Domain> {
    let first = found.next()??;
    found.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// The first address of the `From` field in lower case, to tell machines by their names.
pub(super) fn sender_address(fields: &Fields<'_>) -> Option<String> {
    fields.first("From").map(addresses)?.first().map(|address| address.to_ascii_lowercase())
}

/// The first word of a field of keywords, in lower case, without comment and parameters.
pub(super) fn keyword(value: &[u8]) -> Cow<'_, str> {
    let value = value.trim_ascii();
    let end = value.iter().position(|&b| matches!(b, b';' | b'(') || b.is_ascii_whitespace()).unwrap_or(value.len());
    let mut word = String::from_utf8_lossy(value.get(..end.min(limits::MAIL_FIELD_MAX_BYTES)).unwrap_or_default());
    if word.bytes().any(|b| b.is_ascii_uppercase()) {
        word.to_mut().make_ascii_lowercase();
    }
    word
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn texts_are_decoded_unfolded_and_without_control_characters() {
        for (value, expected) in [
            (" Report Domain: a.example\r\n    Submitter: b.example\r\n", "Report Domain: a.example Submitter: b.example"),
            ("=?utf-8?B?UmVwb3J0IERvbWFpbjo=?= =?utf-8?q?_b=C3=BCcher.example?=", "Report Domain: bücher.example"),
            ("=?iso-8859-1?Q?f=FCr?= you", "für you"),
            ("=?utf-8?q?=1B[31mred?=", "[31mred"),
            ("a=?utf-8?q?_half", "a=?utf-8?q?_half"),
            ("gr\u{fc}n", "grün"),
        ] {
            assert_eq!(text(value.as_bytes()).as_deref(), Some(expected), "{value:?}");
        }
        assert_eq!(text(b" \r\n"), None);
        assert_eq!(text(&[b'x'; 10_000]).unwrap().len(), limits::MAIL_TEXT_MAX_BYTES);
        assert_eq!(text("ü".repeat(5_000).as_bytes()).unwrap().len(), limits::MAIL_TEXT_MAX_BYTES);
    }

    #[test]
    fn dates_are_read_with_their_zone_and_nonsense_is_none() {
        for value in [
            " Wed, 13 May 2026 02:00:00 +0200 (CEST)\r\n",
            "13 May 2026 00:00:00 GMT",
            "from a.example by b.example; a ; Tue,\r\n 12 May 2026 17:00:00 -0700",
        ] {
            assert_eq!(date(value.as_bytes()), Some(UnixMillis(1_778_630_400_000)), "{value:?}");
        }
        for value in ["", "yesterday", "32 May 2026 00:00:00 +0000", "from a.example by b.example", "; 13 May"] {
            assert_eq!(date(value.as_bytes()), None, "{value:?}");
        }
    }

    #[test]
    fn the_senders_domain_is_the_only_one_that_from_names() {
        let domain = |header: &str| sender_domain(&Fields::new(header.as_bytes())).map(String::from);
        for header in [
            "From: Reports <noreply@Google.com>\n",
            "From: noreply@google.com\n",
            "From: =?utf-8?q?victim=40bank.example?= <noreply@google.com>\n",
            "From: \"a@bank.example\" <noreply@google.com>\n",
            "From: a@google.com, B <b@google.com>\n",
            "From:\n  noreply@google.com\nFrom: x@google.com\n",
        ] {
            assert_eq!(domain(header).as_deref(), Some("google.com"), "{header:?}");
        }
        for header in [
            "",
            "From: \n",
            "From: nobody\n",
            "From: @google.com\n",
            "From: a@google.com\nFrom: b@bank.example\n",
            "From: a@google.com, b@bank.example\n",
            "From: a@bank.example@google.com\n",
            "From: a@google.com, nobody@\n",
        ] {
            assert_eq!(domain(header), None, "{header:?}");
        }
    }

    #[test]
    fn two_submitters_are_none() {
        let domain = |header: &str| submitter(&Fields::new(header.as_bytes())).map(String::from);
        assert_eq!(domain("TLS-Report-Submitter: Mail.Sender.Example.\r\n").as_deref(), Some("mail.sender.example"));
        assert_eq!(domain("TLS-Report-Submitter: a.example\nTLS-Report-Submitter: b.example\n"), None);
        assert_eq!(domain("TLS-Report-Submitter: a.example\nTLS-Report-Submitter: \n"), None);
        assert_eq!(domain("TLS-Report-Submitter: not a domain\n"), None);
    }

    #[test]
    fn keywords_are_told_without_comments_and_parameters() {
        for (value, expected) in [(" BASE64 \r\n", "base64"), ("auto-replied; owner-email=x", "auto-replied"), ("no(c)", "no"), ("", "")] {
            assert_eq!(keyword(value.as_bytes()), expected);
        }
    }
}
