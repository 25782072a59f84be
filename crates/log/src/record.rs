//! What a topic holds.

use std::borrow::Cow;

use bytes::Bytes;

/// One record as it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Key; a compacted topic keeps the last record of each key.
    pub key: Option<Bytes>,
    /// Value; empty with a key is a tombstone in a compacted topic.
    pub value: Bytes,
    /// Headers in order; names may repeat.
    pub headers: Vec<(Cow<'static, str>, Bytes)>,
}

impl Record {
    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Bytes of key, value and headers.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.value.len() + self.key.as_ref().map_or(0, Bytes::len) + self.headers.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>()
    }
}

/// Where a record stands: offsets count from 0 in each partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Partition, from 0.
    pub partition: u32,
    /// Offset in the partition.
    pub offset: u64,
}

/// One record as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Where it stands.
    pub position: Position,
    /// When the log took it, in milliseconds since 1970 (the log's clock, never the sender's).
    pub appended_at_ms: i64,
    /// The record.
    pub record: Record,
}
