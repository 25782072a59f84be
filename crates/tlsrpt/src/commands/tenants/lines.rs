//! A file of lines, cut into batches that are sent one by one.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
};

use anyhow::Context as _;
use serde_json::Value;

/// Lines of one batch.
const BATCH_MAX_LINES: usize = 2_000;
/// Bytes after which a batch takes no more lines.
const BATCH_BYTES: u64 = 1 << 20;
/// Longest line; the service has a limit of its own, and says so.
const LINE_MAX_BYTES: u64 = 4 << 20;

/// The file.
pub(super) struct Lines {
    reader: Box<dyn BufRead>,
    size_bytes: Option<u64>,
    is_stdin: bool,
    read: u64,
}

/// Lines that are sent together.
pub(super) struct Batch {
    /// Number of the first in the file, from 1.
    pub(super) first: u64,
    /// Each with the end of line that it is sent with.
    pub(super) lines: Vec<Vec<u8>>,
    /// Bytes of all.
    pub(super) bytes: u64,
    /// Whether one of them asks for a key.
    pub(super) brings_keys: bool,
}

impl Lines {
    /// `-` is standard input.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self { reader: Box::new(BufReader::new(io::stdin())), size_bytes: None, is_stdin: true, read: 0 });
        }
        let file = File::open(path).with_context(|| format!("read {}", path.display()))?;
        let size_bytes = Some(file.metadata()?.len());
        Ok(Self { reader: Box::new(BufReader::new(file)), size_bytes, is_stdin: false, read: 0 })
    }

    /// How much there is to read, if that is known.
    pub(super) fn size_bytes(&self) -> Option<u64> {
        self.size_bytes
    }

    pub(super) fn is_stdin(&self) -> bool {
        self.is_stdin
    }

    /// The next lines; none at the end.
    pub(super) fn next_batch(&mut self) -> anyhow::Result<Option<Batch>> {
        let mut batch = Batch { first: self.read + 1, lines: Vec::new(), bytes: 0, brings_keys: false };
        while batch.lines.len() < BATCH_MAX_LINES && batch.bytes < BATCH_BYTES {
            let mut line = Vec::new();
            let bytes = self.reader.by_ref().take(LINE_MAX_BYTES).read_until(b'\n', &mut line).context("read lines")?;
            if bytes == 0 {
                break;
            }
            self.read += 1;
            if line.last() != Some(&b'\n') {
                anyhow::ensure!((bytes as u64) < LINE_MAX_BYTES, "line {} is longer than {LINE_MAX_BYTES} bytes", self.read);
                line.push(b'\n');
            }
            batch.bytes += bytes as u64;
            batch.brings_keys |= brings_keys(&line);
            batch.lines.push(line);
        }
        Ok(Some(batch).filter(|batch| !batch.lines.is_empty()))
    }
}

/// Whether the line asks for a key. What cannot be read is the service's to refuse.
fn brings_keys(line: &[u8]) -> bool {
    let asks = |fields: Value| fields.get("key").is_some() || fields.get("keys").is_some();
    serde_json::from_slice(line).is_ok_and(asks)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn of(text: String) -> Lines {
        Lines { reader: Box::new(io::Cursor::new(text)), size_bytes: None, is_stdin: false, read: 0 }
    }

    #[test]
    fn every_line_is_in_one_batch_with_its_number_and_an_end() {
        let mut lines = of("{}\n".repeat(4_500) + "{\"key\":{}}");
        let mut firsts = Vec::new();
        let mut count = 0;
        while let Some(batch) = lines.next_batch().unwrap() {
            assert_eq!(batch.brings_keys, batch.first > 4_000);
            assert!(batch.lines.iter().all(|line| line.ends_with(b"\n")));
            count += batch.lines.len();
            firsts.push(batch.first);
        }
        assert_eq!((firsts, count), (vec![1, 2_001, 4_001], 4_501));
        let mut long = of("x".repeat(usize::try_from(LINE_MAX_BYTES).unwrap() + 1));
        assert!(long.next_batch().is_err());
    }
}
