//! The header of a mail or of a part (RFC 5322 2.2), split into fields; what they say is read only when somebody asks.

/// Name and value of each field of one header, as they stand in the mail, the topmost first.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields<'r>(Vec<(&'r [u8], &'r [u8])>);

impl<'r> Fields<'r> {
    pub(super) fn new(header: &'r [u8]) -> Self {
        Self(Each(header).collect())
    }

    /// The text behind the colon of each field called `name`, the topmost first, line ends and folds included.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        self.0.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|&(_, value)| value)
    }

    /// The topmost field called `name`.
    pub(super) fn first(&self, name: &str) -> Option<&'r [u8]> {
        self.all(name).next()
    }

    /// Whether there is a field called `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }
}

/// The way from field to field.
struct Each<'r>(&'r [u8]);

impl<'r> Iterator for Each<'r> {
    type Item = (&'r [u8], &'r [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            let (first, mut rest) = split_line(self.0);
            let mut end = first.len();
            // What is no field belongs to the one before: a fold (RFC 5322 2.2.3), or a line that lost its blank.
            while !rest.is_empty() {
                let (line, after) = split_line(rest);
                if !line.starts_with(b" ") && !line.starts_with(b"\t") && split_field(line).is_some() {
                    break;
                }
                end += line.len();
                rest = after;
            }
            let (field, rest) = self.0.split_at_checked(end).unwrap_or((self.0, &[]));
            self.0 = rest;
            if let Some(found) = split_field(field) {
                return Some(found);
            }
        }
        None
    }
}

/// The first line with its line end, and what follows. Only LF ends a line here: mails that come from files have no CR.
pub(super) fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&b| b == b'\n').map_or(text.len(), |at| at + 1);
    text.split_at_checked(end).unwrap_or((text, &[]))
}

/// Whether nothing but a line end is left of `line`.
pub(super) fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n" | b"\r" | b"")
}

/// Name and value of a field. RFC 5322 3.6.8 allows nearly any character in a name; what senders use, and what no line of
/// JSON or XML can be taken for, is letters, digits and three marks.
pub(super) fn split_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = line.iter().position(|&b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')))?;
    let (name, rest) = line.split_at_checked(end)?;
    // RFC 5322 4.5: blanks before the colon are obsolete, and read.
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    (!name.is_empty()).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn all<'r>(header: &'r str, name: &str) -> Vec<&'r str> {
        Fields::new(header.as_bytes()).all(name).map(|value| std::str::from_utf8(value).unwrap()).collect()
    }

    #[test]
    fn a_field_is_found_by_name_in_any_case_with_its_folds() {
        let header = "From: a\r\nSUBJECT : one\r\n\ttwo\r\n three\r\nsubject:four\nX-Last: z";
        assert_eq!(all(header, "Subject"), [" one\r\n\ttwo\r\n three\r\n", "four\n"]);
        assert_eq!(all(header, "x-last"), [" z"]);
        assert_eq!(all(header, "Sub"), [""; 0]);
    }

    #[test]
    fn lines_that_are_no_field_belong_to_the_one_before() {
        assert_eq!(all("A: 1\nno field here\nB: 2\n", "a"), [" 1\nno field here\n"]);
        assert_eq!(all("A: 1\nno field here\nB: 2\n", "b"), [" 2\n"]);
        assert_eq!(all("nothing\nat all\n", "nothing"), [""; 0]);
    }

    #[test]
    fn json_and_xml_are_no_fields() {
        for line in ["{\"a\": 1}", "<a b:c=\"d\">", "", ":", "From x Mon Jan  1 00:00:00 2024", "no colon"] {
            assert_eq!(split_field(line.as_bytes()), None, "{line:?}");
        }
    }
}
