//! Keys and values of the store's keyspace `meta`, and the keys of records.

use std::time::Duration;

use super::topic_state::Declared;
use crate::topic::Cleanup;

/// Where the settings of all topics are.
pub(super) const TOPIC_PREFIX: &[u8] = b"t\0";

/// Where a topic's settings are.
pub(super) fn topic_key(topic: &str) -> Vec<u8> {
    [TOPIC_PREFIX, topic.as_bytes()].concat()
}

/// Where the commits of a topic's groups are; a group's name and the partition follow.
pub(super) fn commit_prefix(topic: &str) -> Vec<u8> {
    [b"g\0", topic.as_bytes(), b"\0"].concat()
}

/// Where a group's commit is.
pub(super) fn commit_key(topic: &str, group: &str, partition: u32) -> Vec<u8> {
    [&commit_prefix(topic), group.as_bytes(), &partition.to_be_bytes()].concat()
}

/// The settings as they are stored: partitions, kind, age in milliseconds, size.
pub(super) fn encode_topic(topic: &Declared) -> Vec<u8> {
    let (kind, age_max_ms, bytes_max) = match topic.cleanup {
        Cleanup::Compact => (1u8, 0, 0),
        Cleanup::Delete { age_max, bytes_max } => (0, u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX), bytes_max),
    };
    [&topic.partitions.to_be_bytes()[..], &[kind], &age_max_ms.to_be_bytes(), &bytes_max.to_be_bytes()].concat()
}

/// The settings of a topic; nothing when they cannot be understood.
pub(super) fn decode_topic(key: &[u8], value: &[u8]) -> Option<Declared> {
    let name = std::str::from_utf8(key.strip_prefix(TOPIC_PREFIX)?).ok()?.to_owned();
    let (partitions, rest) = value.split_first_chunk::<4>()?;
    let (&kind, rest) = rest.split_first()?;
    let (age_max_ms, rest) = rest.split_first_chunk::<8>()?;
    let (bytes_max, _) = rest.split_first_chunk::<8>()?;
    let cleanup = match kind {
        1 => Cleanup::Compact,
        _ => Cleanup::Delete { age_max: Duration::from_millis(u64::from_be_bytes(*age_max_ms)), bytes_max: u64::from_be_bytes(*bytes_max) },
    };
    Some(Declared { name, partitions: u32::from_be_bytes(*partitions), cleanup })
}

/// The offset in a key, or in a stored commit.
pub(super) fn offset_of(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}
