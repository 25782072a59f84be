//! The lines of `policy-string`.

use std::borrow::Cow;

use crate::vocabulary::PolicyMode;

/// What the lines of an MTA-STS policy say (RFC 8461 3.2), as far as they parse.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct StsText<'de> {
    pub(crate) mode: Option<PolicyMode>,
    /// In seconds.
    pub(crate) max_age: Option<u64>,
    pub(crate) mx_hosts: Vec<Cow<'de, str>>,
}

impl<'de> StsText<'de> {
    /// Reads `key: value` lines with any spacing and case; the first line of a key stands (RFC 8461 3.2), `mx` adds up.
    pub(crate) fn read(lines: &[Cow<'de, str>]) -> Self {
        let mut text = Self::default();
        for line in lines {
            let Some((key, value)) = line.split_once(':') else { continue };
            let (key, value) = (key.trim_ascii_end(), value.trim());
            if key.eq_ignore_ascii_case("mode") {
                text.mode = text.mode.or_else(|| PolicyMode::ALL.into_iter().find(|mode| mode.as_str().eq_ignore_ascii_case(value)));
            } else if key.eq_ignore_ascii_case("max_age") {
                text.max_age = text.max_age.or_else(|| value.parse().ok());
            } else if key.eq_ignore_ascii_case("mx") && !value.is_empty() {
                text.mx_hosts.push(match line {
                    Cow::Borrowed(line) => Cow::Borrowed(line.split_once(':').map_or("", |(_, value)| value.trim())),
                    Cow::Owned(_) => Cow::Owned(value.to_owned()),
                });
            }
        }
        text
    }
}

/// Appends `line` with its spacing normalised: one space between words, none before a colon and none behind it.
pub(crate) fn write_plain_line(line: &str, out: &mut Vec<u8>) {
    let start = out.len();
    for word in line.split_ascii_whitespace() {
        let glued = out.len() == start || out.last() == Some(&b':') || word.starts_with(':');
        if !glued {
            out.push(b' ');
        }
        out.extend_from_slice(word.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn sts_lines_are_read_with_any_spacing_and_case() {
        let lines = ["version:STSv1", "Mode :Enforce", "max_age:  604800", "mx: a.example", "MX:*.b.example", "mode: none", "odd"];
        let text = StsText::read(&lines.map(Cow::Borrowed));
        assert_eq!(text.mode, Some(PolicyMode::Enforce));
        assert_eq!(text.max_age, Some(604_800));
        assert_eq!(text.mx_hosts, ["a.example", "*.b.example"]);
    }

    #[test]
    fn lines_that_do_not_parse_say_nothing() {
        let text = StsText::read(&["mode: strict", "max_age: -1", "mx:"].map(Cow::Borrowed));
        assert_eq!(text, StsText::default());
    }

    #[test]
    fn spacing_makes_no_other_line() {
        let plain = |line| {
            let mut out = b"before:".to_vec();
            write_plain_line(line, &mut out);
            String::from_utf8(out.split_off(7)).unwrap()
        };
        assert_eq!(plain("mode: enforce"), "mode:enforce");
        assert_eq!(plain(" mode\t : enforce "), "mode:enforce");
        assert_eq!(plain("3  1 1 abc"), "3 1 1 abc");
    }
}
