//! Records as Kafka carries them.

use std::borrow::Cow;

use bytes::Bytes;
use rdkafka::{
    Message as _, Offset,
    message::{BorrowedMessage, Header, Headers as _, OwnedHeaders},
    producer::BaseRecord,
    util::IntoOpaque,
};

use crate::record::{Delivered, Position, Record};

/// What a record looks like to the client. An empty value is sent as none: with a key, that is what compaction takes for a
/// tombstone.
pub(super) fn to_kafka<'a, D: IntoOpaque>(topic: &'a str, record: &'a Record, opaque: D) -> BaseRecord<'a, [u8], [u8], D> {
    let mut message = BaseRecord::with_opaque_to(topic, opaque);
    message.key = record.key.as_deref();
    message.payload = Some(&*record.value).filter(|value| !value.is_empty());
    if !record.headers.is_empty() {
        let headers = OwnedHeaders::new_with_capacity(record.headers.len());
        let insert =
            |headers: OwnedHeaders, (key, value): &(Cow<'static, str>, Bytes)| headers.insert(Header { key, value: Some(&**value) });
        message.headers = Some(record.headers.iter().fold(headers, insert));
    }
    message
}

/// Kafka's numbers are signed; none is below 0 for what a broker has.
pub(super) fn position(partition: i32, offset: i64) -> Option<Position> {
    Some(Position { partition: u32::try_from(partition).ok()?, offset: u64::try_from(offset).ok()? })
}

/// A partition as librdkafka counts it.
pub(super) fn partition_number(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

/// An offset as librdkafka takes it.
pub(super) fn at_offset(offset: u64) -> Offset {
    Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX))
}

/// A copy of what was fetched; none of a message without the offset that every broker gives.
pub(super) fn from_kafka(message: &BorrowedMessage<'_>) -> Option<Delivered> {
    let position = position(message.partition(), message.offset())?;
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        let owned =
            |header: Header<'_, &[u8]>| (Cow::Owned(header.key.to_owned()), header.value.map_or_else(Bytes::new, Bytes::copy_from_slice));
        headers.iter().map(owned).collect()
    });
    let record = Record {
        key: message.key().map(Bytes::copy_from_slice),
        value: message.payload().map_or_else(Bytes::new, Bytes::copy_from_slice),
        headers,
    };
    Some(Delivered { position, appended_at_ms: message.timestamp().to_millis().unwrap_or(0), record })
}
