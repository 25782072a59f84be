//! gzip (RFC 1952): one member or several, whatever follows them.

use flate2::Crc;

use super::inflate::{Budget, InflateError, inflate};
use crate::{
    limits,
    reject::Reject,
    warning::{Marks, WarningCode},
};

/// The trailer: CRC-32 and the size modulo 2^32.
const TRAILER_BYTES: usize = 8;

/// The content of a gzip file: one text, or one a member when each member holds a whole JSON text. The first member must
/// decode; what follows is taken as far as it does.
pub(super) fn members(file: &[u8], budget: &mut Budget, marks: &mut Marks) -> Result<Vec<Vec<u8>>, Reject> {
    let mut content = Vec::new();
    let mut ends = Vec::new();
    let mut rest = file;
    loop {
        let Some(body) = skip_header(rest) else {
            if ends.is_empty() {
                return Err(Reject::CorruptGzip);
            }
            // RFC 1952 knows nothing but members in a file; zero padding and line ends are common all the same.
            marks.add(WarningCode::GzipTrailingData);
            break;
        };
        let start = content.len();
        let taken = match inflate(body, &mut content, claimed_size(rest), budget) {
            Ok(taken) => taken,
            Err(InflateError::Limit(reject)) => return Err(reject),
            Err(InflateError::Corrupt) if ends.is_empty() => return Err(Reject::CorruptGzip),
            Err(InflateError::Corrupt) => {
                content.truncate(start);
                marks.add(WarningCode::GzipTrailingData);
                break;
            }
        };
        let after = body.get(taken..).unwrap_or_default();
        match after.first_chunk::<4>() {
            Some(&sum) if u32::from_le_bytes(sum) != checksum(content.get(start..).unwrap_or_default()) => {
                if ends.is_empty() {
                    return Err(Reject::CorruptGzip);
                }
                content.truncate(start);
                marks.add(WarningCode::GzipTrailingData);
                break;
            }
            Some(_) => {}
            None => marks.add(WarningCode::GzipTrailerMissing),
        }
        ends.push(content.len());
        rest = after.get(TRAILER_BYTES..).unwrap_or_default();
        if rest.is_empty() {
            break;
        }
        if ends.len() >= limits::GZIP_MEMBERS_MAX_COUNT {
            return Err(Reject::TooManyMembers);
        }
    }
    if ends.len() > 1 {
        marks.add(WarningCode::GzipMembers);
    }
    Ok(split_documents(content, &ends))
}

fn checksum(content: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(content);
    crc.sum()
}

/// The size that the last trailer of the file claims: right for a file of one member with nothing behind it.
fn claimed_size(file: &[u8]) -> usize {
    file.last_chunk::<4>().map_or(0, |&size| usize::try_from(u32::from_le_bytes(size)).unwrap_or(0))
}

/// What follows the header of a member (RFC 1952 2.3).
fn skip_header(member: &[u8]) -> Option<&[u8]> {
    let (head, mut rest) = member.split_first_chunk::<10>()?;
    let &[0x1f, 0x8b, 8, flags, ..] = head else { return None };
    if flags & 0b0000_0100 != 0 {
        let (&length, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(length))..)?;
    }
    for has_text in [flags & 0b0000_1000 != 0, flags & 0b0001_0000 != 0] {
        if has_text {
            let end = rest.iter().position(|&b| b == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & 0b0000_0010 != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

/// RFC 1952 says that members are one stream. A sender that appends whole reports means several reports, though: they are
/// told apart when every member is a JSON text by itself.
fn split_documents(mut content: Vec<u8>, ends: &[usize]) -> Vec<Vec<u8>> {
    if ends.len() < 2 {
        return vec![content];
    }
    let starts = || std::iter::once(0).chain(ends.iter().copied());
    let whole = starts().zip(ends).all(|(start, &end)| {
        let member = content.get(start..end).unwrap_or_default();
        member.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(member).is_ok()
    });
    if !whole {
        return vec![content];
    }
    let mut documents: Vec<Vec<u8>> = ends.iter().rev().skip(1).map(|&end| content.split_off(end)).collect();
    documents.push(content);
    documents.reverse();
    documents
}
