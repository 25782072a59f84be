//! The text after DATA: its end, and the dots that hide the end in it (RFC 5321 4.5.2).

use bytes::{Buf, BytesMut};

/// Reads the text piece by piece. It ends at CRLF.CRLF and nowhere else: a lone CR or LF is a byte of the line that it stands in, and
/// is told of, since no mail may have one (RFC 5321 2.3.8).
#[derive(Debug)]
pub(crate) struct Dots {
    at: At,
    has_lone_ending: bool,
}

/// Where in the text the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// At the beginning of a line.
    Start,
    /// Within a line.
    Text,
    /// After a CR.
    Cr,
    /// After a dot at the beginning of a line.
    Dot,
    /// After such a dot and a CR, which is held back: an end's is no text.
    DotCr,
}

impl Dots {
    pub(crate) fn new() -> Self {
        Self { at: At::Start, has_lone_ending: false }
    }

    /// Whether a lone CR or LF was seen so far.
    pub(crate) fn has_lone_ending(&self) -> bool {
        self.has_lone_ending
    }

    /// Takes text off the input and gives it, without the dots that were added, to `keep`; answers whether the end was among it.
    /// What follows the end stays.
    pub(crate) fn take(&mut self, input: &mut BytesMut, mut keep: impl FnMut(&[u8])) -> bool {
        let bytes: &[u8] = input;
        // Text goes on in runs as long as there are: from here to the next byte.
        let (mut from, mut next) = (0, 0);
        let mut is_end = false;
        while let Some(&byte) = bytes.get(next) {
            let run = bytes.get(from..next).unwrap_or_default();
            next += 1;
            self.at = match (self.at, byte) {
                (At::Start, b'.') => {
                    keep(run);
                    from = next;
                    At::Dot
                }
                (At::Dot, b'\r') => {
                    from = next;
                    At::DotCr
                }
                (At::DotCr, b'\n') => {
                    (from, is_end) = (next, true);
                    break;
                }
                (At::Start | At::Text, b'\r') => At::Cr,
                (At::Cr, b'\n') => At::Start,
                (At::Cr, b'\r') => self.lone(At::Cr),
                (At::DotCr, _) => {
                    keep(b"\r");
                    self.lone(if byte == b'\r' { At::Cr } else { At::Text })
                }
                (At::Cr, _) | (At::Start | At::Text | At::Dot, b'\n') => self.lone(At::Text),
                (At::Start | At::Text | At::Dot, _) => {
                    let rest = bytes.get(next..).unwrap_or_default();
                    next += rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
                    At::Text
                }
            };
        }
        keep(bytes.get(from..next).unwrap_or_default());
        input.advance(next);
        is_end
    }

    fn lone(&mut self, then: At) -> At {
        self.has_lone_ending = true;
        then
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::*;

    /// What is read of `pieces`: the text, whether the end was seen, whether there was a lone ending, and what is left.
    fn read<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> (Vec<u8>, bool, bool, Vec<u8>) {
        let (mut dots, mut text, mut input, mut ended) = (Dots::new(), Vec::new(), BytesMut::new(), false);
        for piece in pieces {
            input.extend_from_slice(piece);
            if !ended {
                ended = dots.take(&mut input, |kept| text.extend_from_slice(kept));
            }
        }
        (text, ended, dots.has_lone_ending(), input.to_vec())
    }

    #[test]
    fn the_text_ends_at_crlf_dot_crlf_and_loses_the_dots_that_were_added() {
        for (input, text, rest) in [
            (".\r\n", "", ""),
            ("\r\n.\r\n", "\r\n", ""),
            ("a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n"),
            ("a\r\n..\r\n..b\r\n.c\r\n.\r\n", "a\r\n.\r\n.b\r\nc\r\n", ""),
            ("a.\r\nb\r\n.\r\n", "a.\r\nb\r\n", ""),
            ("a\0\r\n\0\r\n.\r\n", "a\0\r\n\0\r\n", ""),
        ] {
            assert_eq!(read([input.as_bytes()]), (text.into(), true, false, rest.into()), "{input:?}");
        }
    }

    #[test]
    fn nothing_with_a_lone_cr_or_lf_ends_the_text() {
        for smuggled in [
            "\n.\n",
            "\r\n.\n",
            "\n.\r\n",
            "\r.\r",
            "\r.\r\n",
            "\r\n.\r",
            "\r\n.\r\r\n",
            "\r\n\r.\r\n",
            "\n\n.\r\n",
            "\r\n.\n\r\n",
            "\r\n\0.\r\n",
            "\r\n.\0\r\n",
            "\r\n .\r\n",
        ] {
            let input = format!("text{smuggled}MAIL FROM:<>\r\n");
            for at in 0..input.len() {
                let (head, tail) = input.as_bytes().split_at(at);
                let (text, ended, has_lone_ending, rest) = read([head, tail]);
                assert!(!ended && rest.is_empty(), "{smuggled:?} split at {at}");
                assert!(text.ends_with(b"MAIL FROM:<>\r\n"), "{smuggled:?} split at {at}");
                assert_eq!(has_lone_ending, !["\r\n\0.\r\n", "\r\n.\0\r\n", "\r\n .\r\n"].contains(&smuggled), "{smuggled:?}");
            }
        }
    }

    fn hostile_text() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(vec![b'\r', b'\n', b'.', b'a', 0]), 0..60)
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same_text(input in hostile_text(), size in 1_usize..8) {
            prop_assert_eq!(read(input.chunks(size)), read([&input[..]]));
        }

        #[test]
        fn whatever_a_client_hides_comes_out_as_it_was(lines in prop::collection::vec("[.a]{0,4}", 0..10)) {
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let hidden: String = lines.iter().map(|line| if line.starts_with('.') { format!(".{line}\r\n") } else { format!("{line}\r\n") }).collect();
            prop_assert_eq!(read([format!("{hidden}.\r\n").as_bytes()]), (text.into_bytes(), true, false, Vec::new()));
        }
    }
}
