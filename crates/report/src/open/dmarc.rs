//! DMARC aggregate reports, which senders mix up with TLS reports: known by their root, never read.

/// What may stand before the root: a declaration, comments.
const PROLOG_MAX_BYTES: usize = 4_096;

/// Whether `bytes` is XML with the root `feedback` (RFC 7489 C).
pub(crate) fn is_aggregate(bytes: &[u8]) -> bool {
    const ROOT: &[u8] = b"feedback";
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let start = text.get(..PROLOG_MAX_BYTES).unwrap_or(text);
    start.starts_with(b"<")
        && start.windows(ROOT.len() + 2).any(|window| {
            // Some writers put a namespace before the name.
            matches!(window, [b'<' | b':', name @ .., b'>' | b' ' | b'\t' | b'\r' | b'\n'] if name == ROOT)
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn an_aggregate_report_is_known_by_its_root() {
        for text in [
            "<feedback>",
            "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\r\n<feedback>\r\n  <report_metadata>",
            "\u{feff}\n<!-- made by x -->\n<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">",
            "<dmarc:feedback\n>",
        ] {
            assert!(is_aggregate(text.as_bytes()), "{text:?}");
        }
        for text in ["", "feedback>", "<feedbacks>", "<html><body>your feedback </body>", "{\"<feedback>\":1}"] {
            assert!(!is_aggregate(text.as_bytes()), "{text:?}");
        }
    }
}
