//! The form of a payload by its first bytes, never by a name or a media type.

use crate::open::{Encoding, sniff};

/// How a payload looks from its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON text in some encoding.
    Json,
    /// gzip (RFC 1952).
    Gzip,
    /// A zip archive.
    Zip,
}

/// The form of `payload` by its content; none when it is no form that can hold a report.
#[must_use]
pub fn detect(payload: &[u8]) -> Option<Form> {
    match payload {
        // RFC 1952 2.3.1: deflate (8) is the only method there ever was.
        [0x1f, 0x8b, 8, ..] => Some(Form::Gzip),
        // A local file header, or the end record of an empty archive.
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Form::Zip),
        _ => starts_json(payload).then_some(Form::Json),
    }
}

/// Whether the first character after a byte-order mark, blanks and NUL padding opens an object or array.
fn starts_json(payload: &[u8]) -> bool {
    let (encoding, text) = sniff(payload);
    let opens = |unit: u16| unit == u16::from(b'{') || unit == u16::from(b'[');
    let blank = |unit: &u16| matches!(unit, 0 | 0x09 | 0x0a | 0x0d | 0x20);
    match encoding {
        Encoding::Utf8 => text.iter().map(|&b| u16::from(b)).find(|unit| !blank(unit)).is_some_and(opens),
        Encoding::Utf16Le => units(text, u16::from_le_bytes).find(|unit| !blank(unit)).is_some_and(opens),
        Encoding::Utf16Be => units(text, u16::from_be_bytes).find(|unit| !blank(unit)).is_some_and(opens),
    }
}

fn units(text: &[u8], read: fn([u8; 2]) -> u16) -> impl Iterator<Item = u16> {
    text.as_chunks::<2>().0.iter().map(move |&pair| read(pair))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn utf16(text: &str, to: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to).collect()
    }

    #[test]
    fn compressed_payloads_are_known_by_their_magic_bytes() {
        assert_eq!(detect(&[0x1f, 0x8b, 8, 0]), Some(Form::Gzip));
        assert_eq!(detect(b"PK\x03\x04rest"), Some(Form::Zip));
        assert_eq!(detect(b"PK\x05\x06"), Some(Form::Zip));
        assert_eq!(detect(&[0x1f, 0x8b]), None);
    }

    #[test]
    fn json_is_known_behind_marks_blanks_and_padding() {
        for text in ["{}", "[]", " \r\n\t{", "\u{feff}{\"a\":1}", "\0\0\0{\"a\":1}", "\u{feff} \0{"] {
            assert_eq!(detect(text.as_bytes()), Some(Form::Json), "{text:?}");
        }
    }

    #[test]
    fn utf_16_is_known_with_and_without_a_mark() {
        for text in ["{\"a\":1}", "\u{feff}{\"a\":1}", "\r\n {\"a\":1}", "\u{feff}\r\n[1]"] {
            assert_eq!(detect(&utf16(text, u16::to_le_bytes)), Some(Form::Json), "{text:?} little-endian");
            assert_eq!(detect(&utf16(text, u16::to_be_bytes)), Some(Form::Json), "{text:?} big-endian");
        }
    }

    #[test]
    fn anything_else_has_no_form() {
        for payload in [&b""[..], b"\0\0", b"hello", b"<feedback>", b"\"{}\"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xd8\xff\xe0", b"%PDF"] {
            assert_eq!(detect(payload), None, "{payload:?}");
        }
    }
}
