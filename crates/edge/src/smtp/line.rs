//! Lines of commands. CRLF ends one, and nothing else does (RFC 5321 2.3.8): what takes a lone CR or LF for an end can be
//! made to see commands where another host saw text.

use bytes::{Bytes, BytesMut};

/// What stands at the beginning of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// No whole line yet.
    Partial,
    /// A line with its CRLF, taken off the input.
    Whole(Bytes),
    /// Nothing that can be made sense of, nor anything behind it.
    Bad(BadLine),
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadLine {
    /// A CR without its LF, or a LF without its CR.
    LoneEnding,
    /// A NUL byte.
    Nul,
    /// No end within the limit.
    TooLong,
}

/// Takes the next line, of `max_bytes` with its CRLF at most. The answer depends on the bytes alone, not on the pieces that they
/// come in.
pub(crate) fn take(input: &mut BytesMut, max_bytes: usize) -> Line {
    let looked_at = input.get(..max_bytes).unwrap_or(input);
    let Some(at) = looked_at.iter().position(|byte| matches!(byte, b'\r' | b'\n' | 0)) else {
        return if looked_at.len() < max_bytes { Line::Partial } else { Line::Bad(BadLine::TooLong) };
    };
    match looked_at.get(at..) {
        Some([0, ..]) => Line::Bad(BadLine::Nul),
        Some([b'\r', b'\n', ..]) => Line::Whole(input.split_to(at + 2).freeze()),
        Some([b'\r']) if looked_at.len() < max_bytes => Line::Partial,
        Some([b'\r']) => Line::Bad(BadLine::TooLong),
        _ => Line::Bad(BadLine::LoneEnding),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn only_crlf_ends_a_line() {
        for (input, expected, rest) in [
            ("", Line::Partial, ""),
            ("NOOP", Line::Partial, "NOOP"),
            ("NOOP\r", Line::Partial, "NOOP\r"),
            ("NOOP\r\n", Line::Whole("NOOP\r\n".into()), ""),
            ("\r\nNOOP\r\n", Line::Whole("\r\n".into()), "NOOP\r\n"),
            ("A\r\nB\n", Line::Whole("A\r\n".into()), "B\n"),
            ("NOOP\n", Line::Bad(BadLine::LoneEnding), "NOOP\n"),
            ("NO\rOP\r\n", Line::Bad(BadLine::LoneEnding), "NO\rOP\r\n"),
            ("NOOP\r\r\n", Line::Bad(BadLine::LoneEnding), "NOOP\r\r\n"),
            ("NO\0OP\r\n", Line::Bad(BadLine::Nul), "NO\0OP\r\n"),
            ("12345678\r\n", Line::Whole("12345678\r\n".into()), ""),
            ("123456789\r\n", Line::Bad(BadLine::TooLong), "123456789\r\n"),
            ("1234567890", Line::Bad(BadLine::TooLong), "1234567890"),
            ("1234567890\n", Line::Bad(BadLine::TooLong), "1234567890\n"),
        ] {
            let mut bytes = BytesMut::from(input);
            assert_eq!((take(&mut bytes, 10), &bytes[..]), (expected, rest.as_bytes()), "{input:?}");
        }
    }
}
