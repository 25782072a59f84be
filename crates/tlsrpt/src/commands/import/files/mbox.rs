//! The messages of an mbox (RFC 4155), one at a time, whatever the size of the file.
//!
//! A line `From ` with a date begins a message. Programs differ in what they do about such lines within a message: they put a
//! `>` before it (mboxo, mboxcl), before it and before those that have some already (mboxrd), or tell the body's length instead
//! (mboxcl2). One `>` is taken off, and a length is believed when a message begins where it says that this one ends.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    os::unix::fs::FileExt as _,
};

use tlsrpt_report::UnixMillis;

use super::super::dates;

/// The buffer for reading.
const BUFFER_BYTES: usize = 64 << 10;
/// A longer line is read in pieces.
const LINE_PIECE_MAX_BYTES: u64 = 16 << 10;
/// Looked at where a message should end.
const PEEK_BYTES: usize = 512;

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MboxMessage {
    /// Its number in the file, from 1.
    pub(crate) number: u64,
    /// The date of its `From ` line, which is the time of delivery.
    pub(crate) delivered_at: Option<UnixMillis>,
    /// Its bytes; none when they are more than may be.
    pub(crate) content: Option<Vec<u8>>,
}

/// Reads the messages of a file.
pub(crate) struct Mbox {
    reader: BufReader<File>,
    message_max_bytes: usize,
    /// Where the next line begins.
    offset: u64,
    number: u64,
    line: Vec<u8>,
    /// The date of a `From ` line that was read already.
    next: Option<UnixMillis>,
}

impl Mbox {
    /// The messages of `file`, from where it stands; of those beyond `message_max_bytes` only that they are there.
    pub(crate) fn new(file: File, message_max_bytes: usize) -> Self {
        let reader = BufReader::with_capacity(BUFFER_BYTES, file);
        Self { reader, message_max_bytes, offset: 0, number: 0, line: Vec::new(), next: None }
    }

    /// Reads a line, or a piece of a long one, with its end; empty at the end of the file.
    fn read_line(&mut self) -> io::Result<()> {
        self.line.clear();
        let read = self.reader.by_ref().take(LINE_PIECE_MAX_BYTES).read_until(b'\n', &mut self.line)?;
        self.offset += u64::try_from(read).unwrap_or(u64::MAX);
        Ok(())
    }

    fn next_message(&mut self) -> io::Result<Option<MboxMessage>> {
        let mut delivered_at = self.next.take();
        while delivered_at.is_none() {
            self.read_line()?;
            if self.line.is_empty() {
                return Ok(None);
            }
            delivered_at = begins_message(&self.line);
        }
        self.number += 1;
        let mut content = Content { bytes: Some(Vec::new()), max_bytes: self.message_max_bytes };
        let mut header = Some(None::<u64>);
        let mut body_end = 0;
        let mut at_line_start = true;
        loop {
            let line_offset = self.offset;
            self.read_line()?;
            if self.line.is_empty() {
                break;
            }
            if at_line_start && line_offset >= body_end {
                self.next = begins_message(&self.line);
                if self.next.is_some() {
                    break;
                }
            }
            if let Some(length) = &mut header {
                if is_blank(&self.line) {
                    body_end = length.map_or(0, |length| self.offset.saturating_add(length));
                    if !self.ends_at(body_end)? {
                        body_end = 0;
                    }
                    header = None;
                } else if let Some(told) = content_length(&self.line) {
                    *length = Some(told);
                }
            }
            content.push(if at_line_start { unquoted(&self.line) } else { &self.line });
            at_line_start = self.line.ends_with(b"\n");
        }
        Ok(Some(MboxMessage { number: self.number, delivered_at, content: content.finish() }))
    }

    /// Whether a message may end at `offset`: nothing but line ends comes before the next one, or before the end of the file.
    fn ends_at(&self, offset: u64) -> io::Result<bool> {
        let file = self.reader.get_ref();
        if offset > file.metadata()?.len() {
            return Ok(false);
        }
        let mut peek = [0; PEEK_BYTES];
        let read = file.read_at(&mut peek, offset)?;
        let rest = peek.get(..read).unwrap_or_default().trim_ascii_start();
        let line = rest.split_inclusive(|&byte| byte == b'\n').next();
        Ok(line.is_none_or(|line| begins_message(line).is_some()))
    }
}

impl Iterator for Mbox {
    type Item = io::Result<MboxMessage>;
    fn next(&mut self) -> Option<Self::Item> {
        self.next_message().transpose()
    }
}

/// The date of a line that begins a message.
pub(crate) fn begins_message(line: &[u8]) -> Option<UnixMillis> {
    dates::of_from_line(std::str::from_utf8(line.strip_prefix(b"From ")?).ok()?)
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

fn content_length(line: &[u8]) -> Option<u64> {
    const NAME: &str = "content-length:";
    let (name, value) = line.split_at_checked(NAME.len())?;
    if !name.eq_ignore_ascii_case(NAME.as_bytes()) {
        return None;
    }
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// A line without the `>` that keeps it from beginning a message.
fn unquoted(line: &[u8]) -> &[u8] {
    let quotes = line.iter().take_while(|&&byte| byte == b'>').count();
    let quoted = quotes > 0 && line.get(quotes..).is_some_and(|rest| rest.starts_with(b"From "));
    if quoted { line.get(1..).unwrap_or_default() } else { line }
}

/// A message's bytes, as long as they may be kept.
struct Content {
    bytes: Option<Vec<u8>>,
    max_bytes: usize,
}

impl Content {
    fn push(&mut self, line: &[u8]) {
        // The blank line after a message is the mbox's, not counted here so that the limit is exact.
        self.bytes = self.bytes.take().filter(|bytes| bytes.len().saturating_add(line.len()) <= self.max_bytes.saturating_add(2));
        if let Some(bytes) = &mut self.bytes {
            bytes.extend_from_slice(line);
        }
    }

    fn finish(self) -> Option<Vec<u8>> {
        let mut bytes = self.bytes?;
        for blank in [&b"\n\n"[..], b"\n\r\n"] {
            if bytes.ends_with(blank) {
                bytes.truncate(bytes.len() - (blank.len() - 1));
                break;
            }
        }
        (bytes.len() <= self.max_bytes).then_some(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::io::{Seek as _, Write as _};

    use super::*;

    const FROM: &str = "From a@example.com Thu Nov 26 09:48:51 2026\n";

    fn messages_within(mbox: &str, message_max_bytes: usize) -> Vec<Option<String>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(mbox.as_bytes()).unwrap();
        file.rewind().unwrap();
        let all = Mbox::new(file, message_max_bytes).map(Result::unwrap).collect::<Vec<_>>();
        assert!(all.iter().enumerate().all(|(index, message)| message.number == index as u64 + 1 && message.delivered_at.is_some()));
        all.into_iter().map(|message| message.content.map(|content| String::from_utf8(content).unwrap())).collect()
    }

    fn check_bytes(mbox: &str, expected: &[String]) {
        assert_eq!(messages_within(mbox, 1 << 20), expected.iter().cloned().map(Some).collect::<Vec<_>>(), "{mbox}");
    }

    /// With the line ends of Unix and those of Windows.
    fn check(mbox: &str, expected: &[&str]) {
        check_bytes(mbox, &expected.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        let crlf = |text: &str| text.replace('\n', "\r\n");
        check_bytes(&crlf(mbox), &expected.iter().map(|&text| crlf(text)).collect::<Vec<_>>());
    }

    #[test]
    fn messages_are_told_apart_and_the_blank_line_after_each_is_none_of_theirs() {
        check(
            &format!("{FROM}A: 1\n\none\n\n{FROM}B: 2\n\ntwo\n\n\n{FROM}C: 3\n\nthree"),
            &["A: 1\n\none\n", "B: 2\n\ntwo\n\n", "C: 3\n\nthree"],
        );
        check(&format!("{FROM}{FROM}\n"), &["", "\n"]);
        check("", &[]);
        check("A: 1\n\nno mbox\n", &[]);
    }

    #[test]
    fn a_quoted_line_is_unquoted_by_one_and_begins_no_message() {
        let quoted = ">From b@example.com Thu Nov 26 09:48:51 2026\n";
        check(
            &format!("{FROM}A: 1\n\n{quoted}>{quoted}>>{quoted}> From x\n>Fromage\n\n"),
            &[&format!("A: 1\n\n{}{quoted}>{quoted}> From x\n>Fromage\n", &quoted[1..])],
        );
    }

    #[test]
    fn a_line_that_has_no_date_begins_no_message() {
        check(
            &format!("{FROM}A: 1\n\nFrom here on it works\n\nFrom Nov on too\n"),
            &["A: 1\n\nFrom here on it works\n\nFrom Nov on too\n"],
        );
    }

    #[test]
    fn a_length_is_believed_when_a_message_or_the_file_ends_there_and_not_otherwise() {
        let body = format!("one\n\n{FROM}within\n");
        let head = |length: usize| format!("A: 1\ncontent-length: {length}\n\n");
        let right = head(body.len());
        check_bytes(&format!("{FROM}{right}{body}\n{FROM}B: 2\n\ntwo\n"), &[format!("{right}{body}"), "B: 2\n\ntwo\n".to_owned()]);
        check_bytes(&format!("{FROM}{right}{body}"), &[format!("{right}{body}")]);
        for wrong in [head(body.len() - 3), head(body.len() + 100), head(usize::MAX)] {
            let split = [format!("{wrong}one\n"), "within\n".to_owned(), "B: 2\n\ntwo\n".to_owned()];
            check_bytes(&format!("{FROM}{wrong}{body}\n{FROM}B: 2\n\ntwo\n"), &split);
        }
    }

    #[test]
    fn a_message_beyond_the_limit_is_passed_over_whole_and_costs_the_others_nothing() {
        let long = "x".repeat(100_000);
        let mbox = format!("{FROM}A: 1\n\none\n\n{FROM}B: 2\n\n{long}\n\n{FROM}C: 3\n\nthree\n");
        assert_eq!(messages_within(&mbox, 10), [Some("A: 1\n\none\n".to_owned()), None, None]);
        assert_eq!(messages_within(&mbox, 9), [None, None, None]);
        assert_eq!(messages_within(&mbox, 12), [Some("A: 1\n\none\n".to_owned()), None, Some("C: 3\n\nthree\n".to_owned())]);
        // A piece of a long line is no line: what looks like a beginning within it is none.
        let within = format!("{}{FROM}", "x".repeat(usize::try_from(LINE_PIECE_MAX_BYTES).unwrap()));
        check(&format!("{FROM}A: 1\n\n{within}"), &[&format!("A: 1\n\n{within}")]);
    }
}
