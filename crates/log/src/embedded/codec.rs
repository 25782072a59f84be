//! How one record stands in the engine.
//!
//! ```text
//! 0      format version (1)
//! 1..9   appended_at_ms, i64 little-endian      ┐ stamped by the committer
//! 9..17  bytes of the segment up to and         │
//!        including this record, u64 LE          ┘
//! 17..   key length + 1 (0: no key), key
//!        number of headers, then per header: name length, name, value length, value
//!        value: all that is left
//! ```
//!
//! Lengths are LEB128. The segment's running size makes the last record of a segment tell all there is to know when the log
//! is opened: the next offset, the size and the age.

use std::borrow::Cow;

use bytes::Bytes;

use crate::record::Record;

const VERSION: u8 = 1;
const STAMP_BYTES: usize = 17;

/// A record that the engine holds cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    /// Written by another version of this format.
    #[error("record format {0} is unknown")]
    Version(u8),
    /// Shorter than its own lengths say, or a header name that is no text.
    #[error("the record is damaged")]
    Damaged,
}

/// Encodes `record`; the stamp is left for [`stamp`].
pub(super) fn encode(record: &Record) -> Vec<u8> {
    // Exact room spares a copy when the buffer is frozen.
    let mut out = Vec::with_capacity(encoded_len(record));
    out.push(VERSION);
    out.extend_from_slice(&[0; STAMP_BYTES - 1]);
    match &record.key {
        None => put_varint(&mut out, 0),
        Some(key) => {
            put_varint(&mut out, key.len() + 1);
            out.extend_from_slice(key);
        }
    }
    put_varint(&mut out, record.headers.len());
    for (name, value) in &record.headers {
        put_varint(&mut out, name.len());
        out.extend_from_slice(name.as_bytes());
        put_varint(&mut out, value.len());
        out.extend_from_slice(value);
    }
    out.extend_from_slice(&record.value);
    out
}

/// Bytes that [`encode`] makes of `record`.
pub(super) fn encoded_len(record: &Record) -> usize {
    let mut length_bytes = varint_len(record.key.as_ref().map_or(0, |key| key.len() + 1)) + varint_len(record.headers.len());
    for (name, value) in &record.headers {
        length_bytes += varint_len(name.len()) + varint_len(value.len());
    }
    STAMP_BYTES + length_bytes + record.size_bytes()
}

/// Sets when the log took the record and how large its segment is with it.
pub(super) fn stamp(encoded: &mut [u8], appended_at_ms: i64, segment_bytes: u64) {
    if let Some(slot) = encoded.get_mut(1..9) {
        slot.copy_from_slice(&appended_at_ms.to_le_bytes());
    }
    if let Some(slot) = encoded.get_mut(9..STAMP_BYTES) {
        slot.copy_from_slice(&segment_bytes.to_le_bytes());
    }
}

/// When the log took the record, and the size of its segment with it.
pub(super) fn read_stamp(encoded: &[u8]) -> Result<(i64, u64), DecodeError> {
    let (&version, rest) = encoded.split_first().ok_or(DecodeError::Damaged)?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let (at, rest) = rest.split_first_chunk::<8>().ok_or(DecodeError::Damaged)?;
    let (size, _) = rest.split_first_chunk::<8>().ok_or(DecodeError::Damaged)?;
    Ok((i64::from_le_bytes(*at), u64::from_le_bytes(*size)))
}

/// The key, and whether the value is empty: what compaction needs to know.
pub(super) fn key_and_tombstone(encoded: &Bytes) -> Result<(Option<Bytes>, bool), DecodeError> {
    let (_, record) = decode(encoded)?;
    Ok((record.key, record.value.is_empty()))
}

/// The record and when the log took it; the parts are slices of `encoded`.
pub(super) fn decode(encoded: &Bytes) -> Result<(i64, Record), DecodeError> {
    let (appended_at_ms, _) = read_stamp(encoded)?;
    let mut cursor = Cursor { bytes: encoded, at: STAMP_BYTES };
    let key = match cursor.varint()? {
        0 => None,
        length => Some(cursor.take(length - 1)?),
    };
    let header_count = cursor.varint()?;
    // A damaged count must not reserve the memory of the world: a header takes at least two bytes.
    if header_count > encoded.len() / 2 {
        return Err(DecodeError::Damaged);
    }
    let mut headers = Vec::with_capacity(header_count);
    for _ in 0..header_count {
        let length = cursor.varint()?;
        let name = cursor.peek(length)?;
        let name = std::str::from_utf8(name).map_err(|_| DecodeError::Damaged)?.to_owned();
        cursor.at += length;
        let length = cursor.varint()?;
        headers.push((Cow::Owned(name), cursor.take(length)?));
    }
    let value = cursor.bytes.slice(cursor.at..);
    Ok((appended_at_ms, Record { key, value, headers }))
}

struct Cursor<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl Cursor<'_> {
    fn varint(&mut self) -> Result<usize, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(DecodeError::Damaged)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(value).map_err(|_| DecodeError::Damaged);
            }
        }
        Err(DecodeError::Damaged)
    }

    fn peek(&self, length: usize) -> Result<&[u8], DecodeError> {
        let end = self.at.checked_add(length).ok_or(DecodeError::Damaged)?;
        self.bytes.get(self.at..end).ok_or(DecodeError::Damaged)
    }

    fn take(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        self.peek(length)?;
        let part = self.bytes.slice(self.at..self.at + length);
        self.at += length;
        Ok(part)
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_len(value: usize) -> usize {
    (usize::BITS - value.leading_zeros()).div_ceil(7).max(1) as usize
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn any_record()(
            key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
            value in proptest::collection::vec(any::<u8>(), 0..2_000),
            headers in proptest::collection::vec((".{0,20}", proptest::collection::vec(any::<u8>(), 0..200)), 0..6),
        ) -> Record {
            Record {
                key: key.map(Bytes::from),
                value: value.into(),
                headers: headers.into_iter().map(|(name, value)| (Cow::Owned(name), Bytes::from(value))).collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn every_record_comes_back_as_it_was(record in any_record(), at in any::<i64>(), size in any::<u64>()) {
            let mut encoded = encode(&record);
            prop_assert_eq!((encoded.len(), encoded.capacity()), (encoded_len(&record), encoded_len(&record)));
            stamp(&mut encoded, at, size);
            prop_assert_eq!(read_stamp(&encoded).unwrap(), (at, size));
            prop_assert_eq!(decode(&Bytes::from(encoded)).unwrap(), (at, record));
        }

        #[test]
        fn damaged_bytes_are_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), version in 0..3u8) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = version;
            }
            let _ = decode(&Bytes::from(bytes));
        }
    }

    #[test]
    fn records_of_the_first_released_format_are_read() {
        let written_by_format_1 = Bytes::from_static(
            b"\x01\x15\xcd\x5b\x07\x00\x00\x00\x00\x2a\x00\x00\x00\x00\x00\x00\x00\x04key\x01\x04name\x05valueand the payload",
        );
        let (at, record) = decode(&written_by_format_1).unwrap();
        assert_eq!(at, 123_456_789);
        assert_eq!(read_stamp(&written_by_format_1).unwrap().1, 42);
        assert_eq!(record.key.as_deref(), Some(&b"key"[..]));
        assert_eq!(record.header("name").map(|v| &v[..]), Some(&b"value"[..]));
        assert_eq!(&record.value[..], b"and the payload");
    }

    #[test]
    fn a_format_of_the_future_is_named() {
        let mut encoded = encode(&Record::default());
        encoded[0] = 9;
        assert_eq!(decode(&Bytes::from(encoded)), Err(DecodeError::Version(9)));
    }
}
