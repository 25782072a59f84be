//! Reports that stand in a text which people may have written.

use super::fields::split_line;
use crate::open::{Encoding, sniff};

/// Keys of which a report has at least one (RFC 8460 4.4).
const KEYS: [&[u8]; 4] = [b"\"policies\"", b"\"date-range\"", b"\"report-id\"", b"\"organization-name\""];

/// Whether a text that starts like JSON is a JSON object, and no "[External]" or "{confidential}" that a gateway put there.
pub(super) fn is_object(text: &[u8]) -> bool {
    let (encoding, text) = sniff(text);
    // Nobody's prose is UTF-16 that starts with a bracket.
    encoding != Encoding::Utf8 || starts_object(text)
}

/// Where the JSON begins in a text that starts otherwise: at the first line that opens an object, when what follows names a
/// report's keys. What stands behind the object is the parser's to pass over.
pub(super) fn embedded(text: &[u8]) -> Option<usize> {
    let mut rest = text;
    while let (line @ [_, ..], after) = split_line(rest) {
        if line.trim_ascii_start().starts_with(b"{") && starts_object(rest) {
            return KEYS.iter().any(|key| rest.windows(key.len()).any(|window| window == *key)).then(|| text.len() - rest.len());
        }
        rest = after;
    }
    None
}

/// A brace, then a quote or another brace, whatever blanks are around them.
fn starts_object(text: &[u8]) -> bool {
    let is_padding = |b: &u8| b.is_ascii_whitespace() || *b == 0;
    let mut characters = text.iter().filter(|b| !is_padding(b));
    characters.next() == Some(&b'{') && matches!(characters.next(), Some(b'"' | b'}'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn banners_of_gateways_are_no_objects() {
        for text in ["[External] {\"policies\":[]}", "{confidential}", "{", "[{\"policies\":[]}]"] {
            assert!(!is_object(text.as_bytes()), "{text:?}");
        }
        for text in ["{\"a\":1}", " \r\n{ \r\n \"a\":1}", "\u{feff}{}", "\0{\"a\""] {
            assert!(is_object(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn a_report_is_found_between_other_lines() {
        let text = b"Hello {\"x\",\r\n \r\n{braces} here\r\n  {\r\n \"policies\": []}\r\n-- \r\nX";
        assert_eq!(embedded(text).map(|at| &text[at..]), Some(&b"  {\r\n \"policies\": []}\r\n-- \r\nX"[..]));
        for text in ["", "no braces", "Hello\n{\"a\":1}\n", "Hello {\"policies\":[]}"] {
            assert_eq!(embedded(text.as_bytes()), None, "{text:?}");
        }
    }
}
