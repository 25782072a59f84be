//! Zip archives, read by hand: an archive from a stranger must not cost memory for entries that nobody asked for, whatever its
//! directory claims. Stored and deflated entries, ZIP64 fields included.

use flate2::Crc;

use super::inflate::{Budget, InflateError, inflate};
use crate::{limits, reject::Reject};

const END_SIGNATURE: &[u8; 4] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const CENTRAL_SIGNATURE: &[u8; 4] = b"PK\x01\x02";
const CENTRAL_BYTES: usize = 46;
const LOCAL_SIGNATURE: &[u8; 4] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;
/// A comment's length has 16 bits.
const COMMENT_MAX_BYTES: usize = 65_535;
/// Stands in a 32-bit field whose value is in the ZIP64 extra field.
const IN_ZIP64: u64 = 0xffff_ffff;

/// An entry that may hold a report.
pub(super) struct Entry {
    encrypted: bool,
    method: u16,
    crc: u32,
    packed_bytes: usize,
    size_bytes: usize,
    header_at: usize,
}

/// The entries that may hold a report: neither directories nor the resource forks that macOS adds.
pub(super) fn entries(archive: &[u8]) -> Result<Vec<Entry>, Reject> {
    let (directory_end, declared_bytes, declared_at) = find_end(archive).ok_or(Reject::CorruptZip)?;
    // Bytes before the archive shift every offset; a ZIP64 directory says nothing in the short record, so believe its offset.
    let directory_at = directory_end.checked_sub(declared_bytes).ok_or(Reject::CorruptZip)?;
    let shift = directory_at.saturating_sub(declared_at);
    let mut rest = archive.get(directory_at..directory_end).ok_or(Reject::CorruptZip)?;
    let mut entries = Vec::new();
    let mut seen = 0;
    while rest.starts_with(CENTRAL_SIGNATURE) {
        seen += 1;
        if seen > limits::ZIP_ENTRIES_MAX_COUNT {
            return Err(Reject::TooManyEntries);
        }
        let (entry, after) = read_central(rest, shift).ok_or(Reject::CorruptZip)?;
        rest = after;
        entries.extend(entry);
    }
    Ok(entries)
}

impl Entry {
    /// The entry's content.
    pub(super) fn read(&self, archive: &[u8], budget: &mut Budget) -> Result<Vec<u8>, Reject> {
        if self.encrypted {
            return Err(Reject::CorruptZip);
        }
        let data = self.data(archive).ok_or(Reject::CorruptZip)?;
        let mut content = Vec::new();
        match self.method {
            0 => {
                budget.spend(data.len())?;
                content.extend_from_slice(data);
            }
            8 => match inflate(data, &mut content, self.size_bytes, budget) {
                Ok(_) => {}
                Err(InflateError::Corrupt) => return Err(Reject::CorruptZip),
                Err(InflateError::Limit(reject)) => return Err(reject),
            },
            _ => return Err(Reject::CorruptZip),
        }
        let mut crc = Crc::new();
        crc.update(&content);
        if crc.sum() == self.crc { Ok(content) } else { Err(Reject::CorruptZip) }
    }

    fn data<'a>(&self, archive: &'a [u8]) -> Option<&'a [u8]> {
        let local = archive.get(self.header_at..)?;
        if !local.starts_with(LOCAL_SIGNATURE) {
            return None;
        }
        let data_at = LOCAL_BYTES + usize::from(u16_at(local, 26)?) + usize::from(u16_at(local, 28)?);
        local.get(data_at..data_at.checked_add(self.packed_bytes)?)
    }
}

/// End, length and claimed offset of the central directory.
fn find_end(archive: &[u8]) -> Option<(usize, usize, usize)> {
    let lowest = archive.len().saturating_sub(END_BYTES + COMMENT_MAX_BYTES);
    let tail = archive.get(lowest..)?;
    let end_at = lowest + tail.windows(END_SIGNATURE.len()).rposition(|window| window == END_SIGNATURE)?;
    let end = archive.get(end_at..)?;
    let (bytes, at) = (u32_at(end, 12)?, u32_at(end, 16)?);
    if u64::from(bytes) != IN_ZIP64 && u64::from(at) != IN_ZIP64 {
        return Some((end_at, usize::try_from(bytes).ok()?, usize::try_from(at).ok()?));
    }
    // ZIP64: a locator of 20 bytes stands before the end record and points at a longer one.
    let locator = archive.get(end_at.checked_sub(20)?..end_at)?;
    let record_at = usize::try_from(u64_at(locator, 8)?).ok()?;
    let record = archive.get(record_at..)?;
    if !locator.starts_with(b"PK\x06\x07") || !record.starts_with(b"PK\x06\x06") {
        return None;
    }
    Some((record_at, usize::try_from(u64_at(record, 40)?).ok()?, usize::try_from(u64_at(record, 48)?).ok()?))
}

/// Reads the central header at the start of `headers`; gives the entry, when it may hold a report, and the headers after it.
fn read_central(headers: &[u8], shift: usize) -> Option<(Option<Entry>, &[u8])> {
    let name_bytes = usize::from(u16_at(headers, 28)?);
    let extra_bytes = usize::from(u16_at(headers, 30)?);
    let comment_bytes = usize::from(u16_at(headers, 32)?);
    let extra_at = CENTRAL_BYTES + name_bytes;
    let name = headers.get(CENTRAL_BYTES..extra_at)?;
    let extra = headers.get(extra_at..extra_at + extra_bytes)?;
    let after = headers.get(extra_at + extra_bytes + comment_bytes..)?;
    if !may_hold_report(name) {
        return Some((None, after));
    }
    // In the order that the ZIP64 extra field repeats them: size, packed size, offset.
    let mut wide = zip64_values(extra);
    let mut field = |at| {
        let short = u64::from(u32_at(headers, at)?);
        let value = if short == IN_ZIP64 { wide.next()? } else { short };
        usize::try_from(value).ok()
    };
    let (size_bytes, packed_bytes, header_at) = (field(24)?, field(20)?, field(42)?);
    let entry = Entry {
        encrypted: u16_at(headers, 8)? & 1 != 0,
        method: u16_at(headers, 10)?,
        crc: u32_at(headers, 16)?,
        packed_bytes,
        size_bytes,
        header_at: header_at.checked_add(shift)?,
    };
    Some((Some(entry), after))
}

fn may_hold_report(name: &[u8]) -> bool {
    let file = name.rsplit(|&b| b == b'/' || b == b'\\').next().unwrap_or_default();
    !file.is_empty() && !file.starts_with(b"._") && !name.starts_with(b"__MACOSX")
}

/// The values of the ZIP64 extra field (id 1).
fn zip64_values(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut found: &[u8] = &[];
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let end = 4 + usize::from(length);
        let Some(body) = extra.get(4..end) else { break };
        if id == 1 {
            found = body;
            break;
        }
        extra = extra.get(end..).unwrap_or_default();
    }
    found.as_chunks::<8>().0.iter().map(|&value| u64::from_le_bytes(value))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|&value| u16::from_le_bytes(value))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&value| u32::from_le_bytes(value))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|&value| u64::from_le_bytes(value))
}
