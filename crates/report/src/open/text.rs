//! The text's encoding: UTF-8 is passed through, all else becomes UTF-8.

use std::borrow::Cow;

use crate::warning::{Marks, WarningCode};

/// How the bytes of a text are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// UTF-8, or some superset of ASCII.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
}

/// The encoding, and the bytes after a byte-order mark. Without a mark UTF-16 shows in the zero halves of the first two
/// characters, which are ASCII in any JSON object.
pub(crate) fn sniff(bytes: &[u8]) -> (Encoding, &[u8]) {
    match bytes {
        [0xef, 0xbb, 0xbf, text @ ..] => (Encoding::Utf8, text),
        [0xff, 0xfe, text @ ..] => (Encoding::Utf16Le, text),
        [0xfe, 0xff, text @ ..] => (Encoding::Utf16Be, text),
        [1..=255, 0, 1..=255, 0, ..] => (Encoding::Utf16Le, bytes),
        [0, 1..=255, 0, 1..=255, ..] => (Encoding::Utf16Be, bytes),
        _ => (Encoding::Utf8, bytes),
    }
}

/// The text of `bytes` as UTF-8 without a mark and without padding.
pub(super) fn decode<'p>(bytes: Cow<'p, [u8]>, marks: &mut Marks) -> Cow<'p, str> {
    let (encoding, text) = sniff(&bytes);
    let mark_bytes = bytes.len() - text.len();
    if mark_bytes > 0 {
        marks.add(WarningCode::ByteOrderMark);
    }
    match encoding {
        Encoding::Utf16Le => Cow::Owned(decode_utf16(text, u16::from_le_bytes, marks)),
        Encoding::Utf16Be => Cow::Owned(decode_utf16(text, u16::from_be_bytes, marks)),
        Encoding::Utf8 => decode_bytes(bytes, mark_bytes, marks),
    }
}

fn decode_utf16(text: &[u8], read: fn([u8; 2]) -> u16, marks: &mut Marks) -> String {
    marks.add(WarningCode::Utf16);
    let (pairs, odd) = text.as_chunks::<2>();
    if odd.iter().any(|&b| b != 0) {
        marks.add(WarningCode::InvalidText);
    }
    let mut decoded = String::with_capacity(pairs.len());
    for unit in char::decode_utf16(pairs.iter().map(|&pair| read(pair))) {
        decoded.push(unit.unwrap_or_else(|_| {
            marks.add(WarningCode::InvalidText);
            char::REPLACEMENT_CHARACTER
        }));
    }
    let inner = decoded.trim_matches('\0');
    if inner.len() == decoded.len() {
        return decoded;
    }
    marks.add(WarningCode::NulPadding);
    inner.to_owned()
}

fn decode_bytes<'p>(bytes: Cow<'p, [u8]>, mark_bytes: usize, marks: &mut Marks) -> Cow<'p, str> {
    let padded = bytes.get(mark_bytes..).is_some_and(|text| text.starts_with(&[0]) || text.ends_with(&[0]));
    if padded {
        marks.add(WarningCode::NulPadding);
    }
    match bytes {
        Cow::Borrowed(bytes) => {
            let text = trim(bytes, mark_bytes, padded);
            simdutf8::basic::from_utf8(text).map_or_else(|_| Cow::Owned(decode_superset(text, marks)), Cow::Borrowed)
        }
        // Validated where it stands: a copy would cost more than the check.
        Cow::Owned(bytes) if mark_bytes == 0 && !padded => {
            Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|error| decode_superset(error.as_bytes(), marks)))
        }
        Cow::Owned(bytes) => {
            let text = trim(&bytes, mark_bytes, padded);
            Cow::Owned(simdutf8::basic::from_utf8(text).map_or_else(|_| decode_superset(text, marks), str::to_owned))
        }
    }
}

fn trim(bytes: &[u8], mark_bytes: usize, padded: bool) -> &[u8] {
    let text = bytes.get(mark_bytes..).unwrap_or_default();
    if !padded {
        return text;
    }
    let start = text.iter().position(|&b| b != 0).unwrap_or(text.len());
    let end = text.iter().rposition(|&b| b != 0).map_or(start, |last| last + 1);
    text.get(start..end).unwrap_or_default()
}

/// Text that is not UTF-8. With no valid multi-byte character in it, it is Latin-1 (what old report writers leave in
/// organisation names); else it is UTF-8 with damage.
fn decode_superset(bytes: &[u8], marks: &mut Marks) -> String {
    let latin1 = bytes.utf8_chunks().all(|chunk| chunk.valid().is_ascii());
    let mut decoded = String::with_capacity(bytes.len() + bytes.len() / 8);
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        if chunk.invalid().is_empty() {
            continue;
        }
        // 0x80 to 0x9f are control characters in Latin-1, so nobody means them.
        if latin1 && chunk.invalid().iter().all(|&b| b >= 0xa0) {
            marks.add(WarningCode::Latin1);
            decoded.extend(chunk.invalid().iter().map(|&b| char::from(b)));
        } else {
            marks.add(WarningCode::InvalidText);
            decoded.push(char::REPLACEMENT_CHARACTER);
        }
    }
    decoded
}
