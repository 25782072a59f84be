//! Transfer encodings (RFC 2045 6), read as long as anything can be had from them.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;

use super::{fields::split_line, media::Coding};
use crate::{
    form::detect,
    warning::{Marks, WarningCode},
};

/// The content of a part's body.
pub(super) fn decode<'r>(body: &'r [u8], coding: Coding, marks: &mut Marks) -> Cow<'r, [u8]> {
    match coding {
        Coding::Base64 if detect(body).is_some() => {
            marks.add(WarningCode::TransferEncoding);
            Cow::Borrowed(body)
        }
        Coding::Base64 => Cow::Owned(base64(body, marks)),
        Coding::Identity | Coding::QuotedPrintable if is_base64_of_archive(body) => {
            marks.add(WarningCode::TransferEncoding);
            Cow::Owned(base64(body, marks))
        }
        Coding::QuotedPrintable => Cow::Owned(quoted_printable(body)),
        Coding::Identity => Cow::Borrowed(body),
    }
}

/// Whether `body` starts with the magic bytes of gzip or zip in base64: a gateway lost the field that says so.
fn is_base64_of_archive(body: &[u8]) -> bool {
    let text = body.trim_ascii_start();
    text.starts_with(b"H4sI") || text.starts_with(b"UEsDB")
}

/// Characters beyond the alphabet must be ignored (RFC 2045 6.8); those that are no blank are told.
fn base64(body: &[u8], marks: &mut Marks) -> Vec<u8> {
    base64_decode(body).unwrap_or_else(|| {
        marks.add(WarningCode::Base64Stray);
        let clean: Vec<u8> = body.iter().copied().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')).collect();
        base64_decode(&clean).unwrap_or_default()
    })
}

/// RFC 2045 6.7. An equals sign that starts no escape stands for itself.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len());
    let mut rest = body;
    while let (line @ [_, ..], after) = split_line(rest) {
        rest = after;
        // Blanks at the end of a line were added on the way.
        let text = line.trim_ascii_end();
        let (text, is_soft) = text.strip_suffix(b"=").map_or((text, false), |text| (text, true));
        decode_escapes(text, &mut decoded);
        if !is_soft {
            let end = if line.ends_with(b"\r\n") { &b"\r\n"[..] } else { b"\n" };
            decoded.extend_from_slice(if line.ends_with(b"\n") { end } else { b"" });
        }
    }
    decoded
}

fn decode_escapes(mut text: &[u8], decoded: &mut Vec<u8>) {
    while let Some(at) = text.iter().position(|&b| b == b'=') {
        let (plain, escape) = text.split_at_checked(at).unwrap_or((text, &[]));
        decoded.extend_from_slice(plain);
        let (byte, length) = match escape {
            &[_, high, low, ..] => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => (b'=', 1),
            },
            _ => (b'=', 1),
        };
        decoded.push(byte);
        text = escape.get(length..).unwrap_or_default();
    }
    decoded.extend_from_slice(text);
}

/// RFC 2045 wants upper case and lets lower case be read.
fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn check(body: &str, coding: Coding, content: &[u8], warnings: &[WarningCode]) {
        let mut marks = Marks::default();
        assert_eq!(&*decode(body.as_bytes(), coding, &mut marks), content, "{body:?}");
        assert_eq!(marks.codes(), warnings, "{body:?}");
    }

    #[test]
    fn base64_is_read_over_stray_characters_and_padding_in_its_midst() {
        use WarningCode::Base64Stray;
        check("aGVs\r\nbG8=\r\n", Coding::Base64, b"hello", &[]);
        check("aGVsbG8", Coding::Base64, b"hello", &[]);
        check("aGVs bG8=", Coding::Base64, b"hello", &[]);
        check("aGVsbA==\nbw==", Coding::Base64, b"hello", &[]);
        check("> aG!Vs\n> b\u{a0}G8=", Coding::Base64, b"hello", &[Base64Stray]);
        check("", Coding::Base64, b"", &[]);
    }

    #[test]
    fn a_wrong_or_missing_coding_is_seen_by_the_content() {
        use WarningCode::TransferEncoding;
        check("{\"a\":1}", Coding::Base64, b"{\"a\":1}", &[TransferEncoding]);
        check("H4sIAAAA", Coding::Identity, b"\x1f\x8b\x08\0\0\0", &[TransferEncoding]);
        check("\r\nUEsDBAAA", Coding::QuotedPrintable, b"PK\x03\x04\0\0", &[TransferEncoding]);
        check("hello", Coding::Identity, b"hello", &[]);
    }

    #[test]
    fn quoted_printable_is_read_over_what_is_no_escape() {
        check("a=3Db=\r\nc=e4  \r\nd =\nlast", Coding::QuotedPrintable, b"a=bc\xe4\r\nd last", &[]);
        check("a=b==\nc=", Coding::QuotedPrintable, b"a=b=c", &[]);
        check("==3D=3", Coding::QuotedPrintable, b"===3", &[]);
        check("\r\n\n", Coding::QuotedPrintable, b"\r\n\n", &[]);
    }
}
