//! Files in a text as uuencode writes them: between a line `begin 644 name` and a line `end`.

use super::fields::split_line;

/// A character stands for six bits.
const LINE_MAX_BYTES: u8 = 0x3f;

/// One file.
pub(super) struct File<'t> {
    pub(super) name: &'t [u8],
    pub(super) content: Vec<u8>,
}

/// The files in a text, one after the other. A file ends at its first damaged line too; what was read of it is given.
pub(super) struct Files<'t>(&'t [u8]);

impl<'t> Files<'t> {
    pub(super) fn of(text: &'t [u8]) -> Self {
        Self(text)
    }

    fn content(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        while let (line @ [_, ..], rest) = split_line(self.0) {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if text != b"end" && !decode_line(text, &mut content) {
                break;
            }
            self.0 = rest;
            if text == b"end" {
                break;
            }
        }
        content
    }
}

impl<'t> Iterator for Files<'t> {
    type Item = File<'t>;

    fn next(&mut self) -> Option<File<'t>> {
        while let (line @ [_, ..], rest) = split_line(self.0) {
            self.0 = rest;
            if let Some(name) = begin(line) {
                return Some(File { name, content: self.content() });
            }
        }
        None
    }
}

/// The name in a file's first line; its mode has three digits, or four.
fn begin(line: &[u8]) -> Option<&[u8]> {
    let text = line.strip_prefix(b"begin ")?.trim_ascii_end();
    let at = text.iter().position(|b| !matches!(b, b'0'..=b'7')).filter(|at| matches!(at, 3 | 4))?;
    text.get(at..)?.strip_prefix(b" ").filter(|name| !name.is_empty())
}

/// Appends what a line holds: its number of bytes, then four characters for every three. Blanks at the end, which some writers
/// use for zero bits, may have got lost; more than a group of them is damage.
fn decode_line(text: &[u8], content: &mut Vec<u8>) -> bool {
    let Some((&count, coded)) = text.split_first() else { return true };
    if text.iter().any(|b| !matches!(b, b' '..=b'`')) {
        return false;
    }
    let count = usize::from(six_bits(count));
    if coded.len() + 4 < count.div_ceil(3) * 4 {
        return false;
    }
    let end = content.len() + count;
    for group in coded.chunks(4) {
        let bits = (0..4).fold(0_u32, |bits, at| bits << 6 | group.get(at).map_or(0, |&c| u32::from(six_bits(c))));
        let [_, bytes @ ..] = bits.to_be_bytes();
        content.extend_from_slice(&bytes);
    }
    content.resize(end, 0);
    true
}

/// A blank and a backquote are both zero.
fn six_bits(character: u8) -> u8 {
    character.wrapping_sub(b' ') & LINE_MAX_BYTES
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn files(text: &str) -> Vec<(String, Vec<u8>)> {
        Files::of(text.as_bytes()).map(|file| (String::from_utf8(file.name.to_vec()).unwrap(), file.content)).collect()
    }

    #[test]
    fn every_file_of_a_text_is_read() {
        let text = "Hello,\r\nbegin 644 a b.txt\r\n#0V%T\r\n`\r\nend\r\nbegin nothing\r\nbegin 0600 c\n$86)C9```\n \nend\n";
        assert_eq!(files(text), [("a b.txt".to_owned(), b"Cat".to_vec()), ("c".to_owned(), b"abcd".to_vec())]);
    }

    #[test]
    fn blanks_that_got_lost_are_zero_bits() {
        assert_eq!(files("begin 644 a\n&86)C\nend\n"), [("a".to_owned(), b"abc\0\0\0".to_vec())]);
    }

    #[test]
    fn damage_ends_a_file_and_not_the_search() {
        for damaged in ["M\n", "#0v%t\n", "Regards,\n", ""] {
            let text = format!("begin 644 a\n#0V%T\n{damaged}begin 644 b\n#0V%T\nend\n");
            assert_eq!(files(&text), [("a".to_owned(), b"Cat".to_vec()), ("b".to_owned(), b"Cat".to_vec())], "{damaged:?}");
        }
    }

    #[test]
    fn a_line_gives_hardly_more_than_it_takes() {
        assert_eq!(files(&format!("begin 644 a\n{}", "#\n".repeat(10)))[0].1.len(), 30);
        assert_eq!(files(&format!("begin 644 a\n{}", "M\n".repeat(10)))[0].1.len(), 0);
    }
}
