//! The Native format for clients that name their protocol's revision (`client_protocol_version`).
//!
//! The engine writes blocks of revision 0. From revision 1 a block begins with its info, and from 54454 each column tells whether its
//! serialization is a special one. Both are put in here, for which the length of each column's data must be found: so each type
//! has to be walked through.

use crate::embedded::exception::Exception;

/// From this revision columns tell how they are serialized.
const CUSTOM_SERIALIZATION: u64 = 54_454;
/// No overflow rows, bucket -1, end.
const BLOCK_INFO: [u8; 8] = [1, 0, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0];
/// How deep types may be nested.
const DEPTH_MAX: usize = 32;

/// Rewrites whole blocks of revision 0 as `revision` has them.
///
/// # Errors
/// NOT_IMPLEMENTED for a type whose data has no length that can be told (JSON, Dynamic, Variant, AggregateFunction, …).
pub(super) fn with_revision(blocks: &[u8], revision: u64) -> Result<Vec<u8>, Exception> {
    let mut out = Vec::with_capacity(blocks.len() + 256);
    let mut walk = Walk { data: blocks, at: 0 };
    while walk.at < blocks.len() {
        out.extend_from_slice(&BLOCK_INFO);
        let begin = walk.at;
        let columns = walk.varint()?;
        let rows = walk.varint()?;
        out.extend_from_slice(walk.since(begin));
        for _ in 0..columns {
            let begin = walk.at;
            walk.string()?;
            let kind = walk.string()?;
            let kind = String::from_utf8_lossy(kind).into_owned();
            out.extend_from_slice(walk.since(begin));
            if revision >= CUSTOM_SERIALIZATION {
                out.push(0);
            }
            let begin = walk.at;
            if rows > 0 {
                let kind = Kind::parse(&kind, 0).ok_or_else(|| {
                    let message =
                        format!("Type {kind} is not given in Native with client_protocol_version: convert it, or ask for another format");
                    Exception::new(48, "NOT_IMPLEMENTED", message)
                })?;
                walk.prefix(&kind)?;
                walk.column(&kind, rows)?;
            }
            out.extend_from_slice(walk.since(begin));
        }
    }
    Ok(out)
}

/// A type, as far as the length of its data goes.
enum Kind {
    Fixed(usize),
    Text,
    Nullable(Box<Kind>),
    Array(Box<Kind>),
    Tuple(Vec<Kind>),
    LowCardinality(Box<Kind>),
}

impl Kind {
    fn parse(text: &str, depth: usize) -> Option<Self> {
        if depth > DEPTH_MAX {
            return None;
        }
        let text = text.trim();
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => (name, split(rest.strip_suffix(')')?)),
            None => (text, Vec::new()),
        };
        let inner = |at: usize| Self::parse(arguments.get(at)?, depth + 1).map(Box::new);
        // Elements may have names: Tuple(a UInt8, `b c` String).
        let element = |text: &&str| Self::parse(text, depth + 1).or_else(|| Self::parse(behind_name(text)?, depth + 1));
        Some(match name {
            "Int8" | "UInt8" | "Bool" | "Enum8" | "Nothing" => Self::Fixed(1),
            "Int16" | "UInt16" | "Date" | "Enum16" | "BFloat16" => Self::Fixed(2),
            "Int32" | "UInt32" | "Float32" | "Date32" | "DateTime" | "IPv4" | "Decimal32" | "Time" => Self::Fixed(4),
            "Int64" | "UInt64" | "Float64" | "DateTime64" | "Decimal64" | "Time64" => Self::Fixed(8),
            "Int128" | "UInt128" | "UUID" | "IPv6" | "Decimal128" => Self::Fixed(16),
            "Int256" | "UInt256" | "Decimal256" => Self::Fixed(32),
            "Decimal" => Self::Fixed(match arguments.first()?.trim().parse::<u8>().ok()? {
                0..=9 => 4,
                10..=18 => 8,
                19..=38 => 16,
                _ => 32,
            }),
            _ if name.starts_with("Interval") => Self::Fixed(8),
            "FixedString" => Self::Fixed(arguments.first()?.trim().parse().ok()?),
            "String" => Self::Text,
            "Nullable" => Self::Nullable(inner(0)?),
            "Array" => Self::Array(inner(0)?),
            "LowCardinality" => Self::LowCardinality(inner(0)?),
            "SimpleAggregateFunction" => *inner(1)?,
            "Tuple" => Self::Tuple(arguments.iter().map(element).collect::<Option<_>>()?),
            "Nested" => Self::Array(Box::new(Self::Tuple(arguments.iter().map(element).collect::<Option<_>>()?))),
            "Map" => Self::Array(Box::new(Self::Tuple(vec![*inner(0)?, *inner(1)?]))),
            _ => return None,
        })
    }
}

/// Splits a type's arguments at the commas that stand outside of brackets and quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut quote, mut begin, mut escaped) = (Vec::new(), 0_usize, None, 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'`' | b'"') => quote = Some(byte),
            (None, b'(') => depth += 1,
            (None, b')') => depth = depth.saturating_sub(1),
            (None, b',') if depth == 0 => {
                parts.extend(text.get(begin..at));
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(begin..).filter(|part| !part.trim().is_empty()));
    parts
}

/// What stands behind an element's name.
fn behind_name(text: &str) -> Option<&str> {
    let text = text.trim();
    match text.strip_prefix('`') {
        Some(rest) => rest.rsplit_once("` ").map(|(_, kind)| kind),
        None => text.split_once(' ').map(|(_, kind)| kind),
    }
}

struct Walk<'data> {
    data: &'data [u8],
    at: usize,
}

impl<'data> Walk<'data> {
    fn since(&self, begin: usize) -> &'data [u8] {
        self.data.get(begin..self.at).unwrap_or_default()
    }

    fn skip(&mut self, length: usize) -> Result<&'data [u8], Exception> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.data.len());
        let end = end.ok_or_else(|| Exception::new(49, "LOGICAL_ERROR", "A Native block ends early"))?;
        let skipped = self.data.get(self.at..end).unwrap_or_default();
        self.at = end;
        Ok(skipped)
    }

    fn skip_many(&mut self, count: usize, size: usize) -> Result<&'data [u8], Exception> {
        self.skip(count.saturating_mul(size))
    }

    fn varint(&mut self) -> Result<usize, Exception> {
        let mut value = 0_usize;
        for shift in (0..usize::BITS).step_by(7) {
            let byte = self.skip(1)?.first().copied().unwrap_or_default();
            value |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok(value)
    }

    fn string(&mut self) -> Result<&'data [u8], Exception> {
        let length = self.varint()?;
        self.skip(length)
    }

    fn u64(&mut self) -> Result<usize, Exception> {
        let bytes: [u8; 8] = self.skip(8)?.try_into().unwrap_or_default();
        Ok(usize::try_from(u64::from_le_bytes(bytes)).unwrap_or(usize::MAX))
    }

    /// What stands before the data: the version of each LowCardinality's keys.
    fn prefix(&mut self, kind: &Kind) -> Result<(), Exception> {
        match kind {
            Kind::Fixed(_) | Kind::Text => Ok(()),
            Kind::Nullable(inner) | Kind::Array(inner) => self.prefix(inner),
            Kind::Tuple(elements) => elements.iter().try_for_each(|element| self.prefix(element)),
            Kind::LowCardinality(_) => self.skip(8).map(|_| ()),
        }
    }

    fn column(&mut self, kind: &Kind, rows: usize) -> Result<(), Exception> {
        match kind {
            Kind::Fixed(size) => self.skip_many(rows, *size).map(|_| ()),
            Kind::Text => (0..rows).try_for_each(|_| self.string().map(|_| ())),
            Kind::Nullable(inner) => {
                self.skip(rows)?;
                self.column(inner, rows)
            }
            Kind::Array(inner) => {
                let offsets = self.skip_many(rows, 8)?;
                let last: [u8; 8] = offsets.last_chunk().copied().unwrap_or_default();
                self.column(inner, usize::try_from(u64::from_le_bytes(last)).unwrap_or(usize::MAX))
            }
            // An empty tuple still has a byte per row.
            Kind::Tuple(elements) if elements.is_empty() => self.skip(rows).map(|_| ()),
            Kind::Tuple(elements) => elements.iter().try_for_each(|element| self.column(element, rows)),
            Kind::LowCardinality(inner) => self.low_cardinality(inner, rows),
        }
    }

    /// The kind of indexes with flags, the keys, the indexes; nothing at all for no rows (empty arrays).
    fn low_cardinality(&mut self, inner: &Kind, rows: usize) -> Result<(), Exception> {
        if rows == 0 {
            return Ok(());
        }
        let index_size = 1_usize << (self.u64()? & 3);
        let keys = self.u64()?;
        // Null is the first key, not a map.
        match inner {
            Kind::Nullable(inner) => self.column(inner, keys)?,
            inner => self.column(inner, keys)?,
        }
        let indexes = self.u64()?;
        self.skip_many(indexes, index_size).map(|_| ())
    }
}
