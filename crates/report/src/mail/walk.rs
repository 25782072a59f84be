//! The parts of a mail in one pass over its lines (RFC 2046 5.1).
//!
//! Every line is looked at once, whatever the mail nests, promises or leaves open, and what is open stands on a bounded stack:
//! neither time nor memory grows faster than the mail. So it is done by hand; a parser that builds the whole tree first
//! searches again for every boundary that never comes, and drops what is nested by recursion.

use super::{
    Surroundings,
    fields::{Fields, is_blank, split_field, split_line},
    media::{Coding, Kind, Media},
};
use crate::{limits, reject::Reject};

/// What all parts of a mail, those of decoded mails in it included, may still take.
pub(super) struct Allowance {
    parts_left: usize,
    header_bytes_left: usize,
}

impl Allowance {
    pub(super) fn new() -> Self {
        Self { parts_left: limits::MAIL_PARTS_MAX_COUNT, header_bytes_left: limits::MAIL_HEADERS_MAX_BYTES }
    }

    /// Accounts for one more part.
    pub(super) fn part(&mut self) -> Result<(), Reject> {
        self.parts_left = self.parts_left.checked_sub(1).ok_or(Reject::TooManyParts)?;
        Ok(())
    }
}

/// A part with its header.
pub(super) struct Part<'r> {
    pub(super) fields: Fields<'r>,
    pub(super) media: Media,
    /// The innermost mail that it belongs to, by number.
    mail: usize,
    /// How deep it is nested.
    pub(super) depth: usize,
    /// What it holds, coded as sent; none when what it holds comes as parts.
    pub(super) body: Option<&'r [u8]>,
}

/// The way through one mail.
pub(super) struct Walk<'r> {
    rest: &'r [u8],
    stands: Stands,
    open: Vec<Open>,
    /// How deep the mail itself is nested.
    depth: usize,
    /// What is said of the reports in each mail so far, the outermost first.
    mails: Vec<Surroundings>,
    /// What is said around the mail itself; none when it is attached to nothing, and its own header counts apart.
    around: Option<Surroundings>,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// The header of a mail.
    BeforeMail,
    /// The header of a part.
    BeforePart,
    /// Text that belongs to no part, up to the next delimiter.
    Between,
    /// Nothing.
    AtEnd,
}

/// What is open around the place where the walk stands.
enum Open {
    Multipart { boundary: Vec<u8>, digest: bool },
    Mail(usize),
}

/// What ends a part.
#[derive(Clone, Copy)]
enum Delimiter {
    /// A delimiter of the multipart at this place on the stack: another part of it follows.
    Next(usize),
    /// Its last delimiter.
    Close(usize),
    /// The mail ends.
    End,
}

impl<'r> Walk<'r> {
    /// `around` is what attached mails around this one say; none when it is attached to nothing.
    pub(super) fn new(raw: &'r [u8], depth: usize, around: Option<Surroundings>) -> Self {
        Self { rest: skip_envelope(raw), stands: Stands::BeforeMail, open: Vec::new(), depth, mails: Vec::new(), around }
    }

    /// Whether a part stands in an attached mail.
    pub(super) fn is_attached(&self, part: &Part<'_>) -> bool {
        self.around.is_some() || part.mail > 0
    }

    /// What the attached mails around a part say, the innermost first.
    pub(super) fn around(&self, part: &Part<'_>) -> Surroundings {
        self.mails.get(part.mail).cloned().unwrap_or_default()
    }

    /// The next part.
    pub(super) fn next(&mut self, allowance: &mut Allowance) -> Result<Option<Part<'r>>, Reject> {
        loop {
            match self.stands {
                Stands::AtEnd => return Ok(None),
                Stands::Between => {
                    let (_, delimiter) = self.body();
                    self.follow(delimiter);
                }
                Stands::BeforeMail | Stands::BeforePart => return self.part(allowance).map(Some),
            }
        }
    }

    fn part(&mut self, allowance: &mut Allowance) -> Result<Part<'r>, Reject> {
        allowance.part()?;
        let fields = self.header(allowance)?;
        if self.stands == Stands::BeforeMail {
            let around = self.innermost_mail().map_or(self.around.as_ref(), |mail| self.mails.get(mail));
            let said = around.map(|around| Surroundings::of(&fields).or_else(|| around.clone()));
            self.open.push(Open::Mail(self.mails.len()));
            self.mails.push(said.unwrap_or_default());
        }
        let mail = self.innermost_mail().unwrap_or_default();
        let depth = self.depth + self.open.len();
        let digest = matches!(self.open.last(), Some(Open::Multipart { digest: true, .. }));
        let media = Media::of(&fields, digest);
        match &media.kind {
            Kind::Mail if media.coding == Coding::Identity => {
                check_depth(depth)?;
                self.stands = Stands::BeforeMail;
                Ok(Part { fields, media, mail, depth, body: None })
            }
            Kind::Multipart { boundary, digest } => {
                check_depth(depth)?;
                let own = self.open.len();
                self.open.push(Open::Multipart { boundary: boundary.clone(), digest: *digest });
                let (preamble, delimiter) = self.body();
                let has_parts = matches!(delimiter, Delimiter::Next(level) if level == own);
                self.follow(delimiter);
                if !has_parts {
                    self.open.truncate(own);
                }
                // Without any part it is all there is: text of a mail that lost its delimiters.
                Ok(Part { fields, media, mail, depth, body: (!has_parts).then_some(preamble) })
            }
            _ => {
                let (body, delimiter) = self.body();
                self.follow(delimiter);
                Ok(Part { fields, media, mail, depth, body: Some(body) })
            }
        }
    }

    fn innermost_mail(&self) -> Option<usize> {
        self.open.iter().rev().find_map(|open| match open {
            Open::Mail(mail) => Some(*mail),
            Open::Multipart { .. } => None,
        })
    }

    /// Takes a header.
    fn header(&mut self, allowance: &mut Allowance) -> Result<Fields<'r>, Reject> {
        let text = if self.stands == Stands::BeforeMail { skip_blank_lines(self.rest) } else { self.rest };
        let is_delimiter = |line: &[u8]| self.delimiter(line).is_some();
        let (header, rest) = split_header(text, allowance.header_bytes_left, is_delimiter).ok_or(Reject::HeadersTooLarge)?;
        allowance.header_bytes_left -= header.len();
        self.rest = rest;
        Ok(Fields::new(header))
    }

    /// Takes all up to the next delimiter of anything that is open, and the delimiter.
    fn body(&mut self) -> (&'r [u8], Delimiter) {
        let start = self.rest;
        let mut taken = 0;
        while let (line @ [_, ..], rest) = split_line(self.rest) {
            self.rest = rest;
            if let Some(delimiter) = self.delimiter(line) {
                // The line end before a delimiter belongs to the delimiter (RFC 2046 5.1.1).
                let body = start.get(..taken).unwrap_or_default();
                let body = body.strip_suffix(b"\n").unwrap_or(body);
                return (body.strip_suffix(b"\r").unwrap_or(body), delimiter);
            }
            taken += line.len();
        }
        (start, Delimiter::End)
    }

    fn delimiter(&self, line: &[u8]) -> Option<Delimiter> {
        let text = line.strip_prefix(b"--")?.trim_ascii_end();
        self.open.iter().enumerate().rev().find_map(|(level, open)| {
            let Open::Multipart { boundary, .. } = open else { return None };
            match text.strip_prefix(boundary.as_slice())? {
                b"" => Some(Delimiter::Next(level)),
                b"--" => Some(Delimiter::Close(level)),
                _ => None,
            }
        })
    }

    /// Goes on behind a delimiter: what it stands outside of is over, whether it was closed or not.
    fn follow(&mut self, delimiter: Delimiter) {
        self.stands = match delimiter {
            Delimiter::End => Stands::AtEnd,
            Delimiter::Next(level) => {
                self.open.truncate(level + 1);
                Stands::BeforePart
            }
            Delimiter::Close(level) => {
                self.open.truncate(level);
                Stands::Between
            }
        };
    }
}

/// A part may be nested in it, or not.
pub(super) fn check_depth(depth: usize) -> Result<(), Reject> {
    if depth >= limits::MAIL_DEPTH_MAX_LEVELS { Err(Reject::PartsTooDeep) } else { Ok(()) }
}

/// The header of a mail, as much of it as may be read.
pub(super) fn leading_header(raw: &[u8]) -> Fields<'_> {
    let text = skip_blank_lines(skip_envelope(raw));
    let header = split_header(text, limits::MAIL_HEADERS_MAX_BYTES, |_| false).map(|(header, _)| header);
    Fields::new(header.unwrap_or_else(|| text.get(..limits::MAIL_HEADERS_MAX_BYTES).unwrap_or_default()))
}

/// What follows the line that an mbox file puts before each mail.
fn skip_envelope(raw: &[u8]) -> &[u8] {
    if raw.starts_with(b"From ") || raw.starts_with(b">From ") { split_line(raw).1 } else { raw }
}

fn skip_blank_lines(mut text: &[u8]) -> &[u8] {
    while let (line @ [_, ..], rest) = split_line(text) {
        if !is_blank(line) {
            break;
        }
        text = rest;
    }
    text
}

/// The header at the start of `text`, and what follows the blank line behind it; none when it is longer than `max_bytes`. A
/// delimiter ends it too, and so does a line that no header has: a sender forgot the blank line.
fn split_header(text: &[u8], max_bytes: usize, is_delimiter: impl Fn(&[u8]) -> bool) -> Option<(&[u8], &[u8])> {
    let mut taken = 0;
    let mut rest = text;
    while let (line @ [first, ..], after) = split_line(rest) {
        if is_blank(line) {
            rest = after;
            break;
        }
        let is_content = matches!(first, b'{' | b'[' | b'<' | 0x1f) || (taken == 0 && split_field(line).is_none());
        if is_content || is_delimiter(line) {
            break;
        }
        taken += line.len();
        if taken > max_bytes {
            return None;
        }
        rest = after;
    }
    Some((text.get(..taken)?, rest))
}
