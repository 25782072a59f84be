//! Files as a source: reports, mails, mailboxes.
//!
//! `walk` finds the files below what was named → `Reader` looks at the first bytes of each, which alone decide what it is, and
//! gives out its messages, one in memory at a time.
//!
//! The mailbox readers of mail-parser are not used: they hold a message of any size in memory, take every line that begins with
//! `From ` for the beginning of one, and read a Maildir's messages whole with no word on which could not be.

mod glob;
mod mbox;
mod walk;

use std::{
    fs::File,
    io::{self, Read as _, Seek as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use bytes::Bytes;
use tlsrpt_report::UnixMillis;

use super::message::{Message, Refused};
use mbox::Mbox;
use walk::{Found, Walk};

/// What is looked at to tell what a file is.
const HEAD_BYTES: u64 = 8 << 10;

/// What a file is by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// JSON, gzip or zip.
    Report,
    Mail,
    Mbox,
    Empty,
    Unknown,
}

/// What reading gives.
pub(crate) enum Read {
    Message(Message),
    /// Something that is not sent.
    Refused(Refused),
}

/// The paths that sources stand for.
///
/// # Errors
/// For a pattern that nothing matches, and a directory in it that cannot be read.
pub(crate) fn named(sources: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut named = Vec::new();
    for source in sources {
        // A name that is there is no pattern.
        if !glob::is_pattern(source) || source.symlink_metadata().is_ok() {
            named.push(source.clone());
            continue;
        }
        let matching = glob::expand(source).map_err(|error| anyhow::anyhow!("look for {}: {error}", source.display()))?;
        anyhow::ensure!(!matching.is_empty(), "nothing matches {}", source.display());
        named.extend(matching);
    }
    Ok(named)
}

/// How many bytes there are to read, for the progress bar.
pub(crate) fn size_bytes(named: &[PathBuf]) -> u64 {
    let sizes = Walk::new(named.to_vec()).filter_map(|found| Some(std::fs::metadata(found.ok()?.path).ok()?.len()));
    sizes.fold(0, u64::saturating_add)
}

/// Reads all of it. Blocking. `give` answers whether to go on.
pub(crate) fn read(named: Vec<PathBuf>, message_max_bytes: usize, mut give: impl FnMut(Read) -> bool) {
    for found in Walk::new(named) {
        let goes_on = match found {
            Ok(found) => read_file(&found, message_max_bytes, &mut give),
            Err((path, error)) => give(unreadable(&path, &error)),
        };
        if !goes_on {
            return;
        }
    }
}

fn read_file(found: &Found, message_max_bytes: usize, give: &mut impl FnMut(Read) -> bool) -> bool {
    let path = &found.path;
    let name = path.display().to_string();
    let read = || -> io::Result<(File, Kind, Option<UnixMillis>)> {
        let mut file = File::open(path)?;
        let mut head = Vec::new();
        file.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
        file.rewind()?;
        let modified = file.metadata()?.modified().ok().and_then(unix_millis);
        Ok((file, kind(&head, found.in_maildir), modified))
    };
    let (file, kind, modified) = match read() {
        Ok(read) => read,
        Err(error) => return give(unreadable(path, &error)),
    };
    match kind {
        Kind::Mbox => {
            for message in Mbox::new(file, message_max_bytes) {
                let goes_on = match message {
                    Ok(mbox::MboxMessage { number, delivered_at, content }) => {
                        let name = format!("{name}, message {number}");
                        give(content.map_or_else(
                            || Read::Refused(Refused::too_large(name.clone(), message_max_bytes)),
                            |content| message_of(name.clone(), content, [delivered_at, modified]),
                        ))
                    }
                    Err(error) => {
                        // What comes after in this file cannot be had; the other files can.
                        return give(unreadable(path, &error));
                    }
                };
                if !goes_on {
                    return false;
                }
            }
            true
        }
        Kind::Report | Kind::Mail => give(match whole(file, message_max_bytes) {
            Ok(Some(content)) => message_of(name, content, [modified, None]),
            Ok(None) => Read::Refused(Refused::too_large(name, message_max_bytes)),
            Err(error) => unreadable(path, &error),
        }),
        Kind::Empty => give(Read::Refused(Refused::rejected(name, "empty", "there is nothing in it"))),
        Kind::Unknown => give(Read::Refused(Refused::rejected(
            name,
            "unknown-form",
            "neither a report (JSON, gzip or zip) nor a mail nor a mailbox by its content",
        ))),
    }
}

fn message_of(name: String, content: Vec<u8>, fallback: [Option<UnixMillis>; 2]) -> Read {
    if content.is_empty() {
        return Read::Refused(Refused::rejected(name, "empty", "there is nothing in it"));
    }
    Read::Message(Message { name, payload: Bytes::from(content), fallback })
}

/// All of a file; none when it is more than may be.
fn whole(file: File, max_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    Ok((content.len() <= max_bytes).then_some(content))
}

fn unreadable(path: &Path, error: &io::Error) -> Read {
    Read::Refused(Refused::failed(path.display().to_string(), "unreadable", error.to_string()))
}

fn unix_millis(time: SystemTime) -> Option<UnixMillis> {
    i64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis()).ok().map(UnixMillis)
}

fn kind(head: &[u8], in_maildir: bool) -> Kind {
    let first_line = head.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
    if head.is_empty() {
        Kind::Empty
    } else if tlsrpt_report::detect(head).is_some() {
        Kind::Report
    } else if in_maildir {
        Kind::Mail
    } else if mbox::begins_message(first_line).is_some() {
        Kind::Mbox
    } else if is_header_field(first_line) {
        Kind::Mail
    } else {
        Kind::Unknown
    }
}

/// Whether a line is a header field (RFC 5322 2.2), as the first line of every mail is.
fn is_header_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|&byte| byte == b':') else { return false };
    // Blanks before the colon are obsolete and allowed (RFC 5322 4.5).
    let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn the_first_bytes_alone_decide_what_a_file_is() {
        for (head, expected) in [
            (&b""[..], Kind::Empty),
            (b" \r\n{\"organization-name\":\"x\"}", Kind::Report),
            (b"\x1f\x8b\x08\0", Kind::Report),
            (b"PK\x03\x04", Kind::Report),
            (b"From a@example.com Thu Nov 26 09:48:51 2026\r\nA: b\r\n", Kind::Mbox),
            (b"From: a@example.com\r\n", Kind::Mail),
            (b"X-Odd : yes\n", Kind::Mail),
            (b"From a friend\n", Kind::Unknown),
            (b"<feedback>", Kind::Unknown),
            (b"two words: no\n", Kind::Unknown),
            (b": no\n", Kind::Unknown),
            (b"\0\x01\x02", Kind::Unknown),
        ] {
            assert_eq!(kind(head, false), expected, "{}", String::from_utf8_lossy(head));
        }
        assert_eq!(kind(b"\0\x01\x02", true), Kind::Mail, "in a Maildir");
        assert_eq!(kind(b"From a@example.com Thu Nov 26 09:48:51 2026\n", true), Kind::Mail, "a Maildir holds no mbox");
    }

    /// Names and payloads, or reasons, of what is read.
    fn all(sources: &[PathBuf], message_max_bytes: usize) -> Vec<(String, Result<Bytes, String>)> {
        let mut all = Vec::new();
        read(named(sources).unwrap(), message_max_bytes, |read| {
            all.push(match read {
                Read::Message(message) => (message.name, Ok(message.payload)),
                Read::Refused(refused) => (refused.name, Err(refused.reason)),
            });
            true
        });
        all
    }

    #[test]
    fn one_bad_file_never_stops_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("1.json"), "{}").unwrap();
        std::fs::write(path("2.empty"), "").unwrap();
        std::fs::write(path("3.bin"), [0, 1, 2]).unwrap();
        std::fs::write(path("4.eml"), "A: b\n\nmore than may be\n").unwrap();
        std::fs::write(
            path("5.mbox"),
            "From a Thu Nov 26 09:48:51 2026\nA: b\n\nmuch more than may be\n\nFrom a Thu Nov 26 09:48:51 2026\nA: c\n",
        )
        .unwrap();
        let sources = [path("missing"), path("?.*")];
        let found = all(&sources, 10);
        let short: Vec<_> = found.iter().map(|(name, read)| (name.rsplit('/').next().unwrap(), read.clone())).collect();
        assert_eq!(
            short,
            [
                ("missing", Err("unreadable".to_owned())),
                ("1.json", Ok("{}".into())),
                ("2.empty", Err("empty".to_owned())),
                ("3.bin", Err("unknown-form".to_owned())),
                ("4.eml", Err("too-large".to_owned())),
                ("5.mbox, message 1", Err("too-large".to_owned())),
                ("5.mbox, message 2", Ok("A: c\n".into())),
            ]
        );
        assert_eq!(size_bytes(&sources[..1]), 0);
        assert!(named(&[path("*.nothing")]).is_err());
    }
}
