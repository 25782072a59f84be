//! Reading the records of a partition, from memory when they are recent, else from the engine.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    codec,
    core::Core,
    engine::{Engine, Store},
    layout::offset_of,
    topic_state::TopicState,
};
use crate::{
    error::ConsumeError,
    record::{Delivered, Position},
};

/// What to read.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) partition: u32,
    pub(super) from: u64,
    pub(super) records_max: usize,
    pub(super) bytes_max: usize,
}

/// What was read, and where reading goes on.
#[derive(Default)]
pub(super) struct Read {
    pub(super) records: Vec<Delivered>,
    /// Offset from which to go on; beyond the last record when what followed was compacted away.
    pub(super) next: u64,
}

/// Reads up to `records_max` records, and at least one when there is one; stops once `bytes_max` is reached. Reads durable
/// records only.
///
/// # Errors
/// [`ConsumeError::Gap`] when the record at `from` is gone.
pub(super) async fn read(core: &Arc<Core>, topic: &Arc<TopicState>, span: Span) -> Result<Read, ConsumeError> {
    let engine = core.engine().map_err(|reason| ConsumeError::Unavailable { topic: topic.name.to_string(), reason })?;
    let Some(partition) = topic.partition(span.partition) else { return Ok(Read { next: span.from, ..Read::default() }) };
    // The end first: what is below it is in the tail or in the engine for certain.
    let (end, start) = (partition.end(), partition.start());
    if span.from < start {
        return Err(gap(topic, span.partition, span.from, start));
    }
    if span.from >= end {
        return Ok(Read { next: span.from, ..Read::default() });
    }
    let compacted = topic.is_compacted();
    let encoded = partition.tail.lock().read(span.from, span.records_max, span.bytes_max);
    let encoded = match encoded {
        Some(encoded) => encoded,
        None => {
            let name = topic.name.clone();
            tokio::task::spawn_blocking(move || scan(&engine, &name, span, end))
                .await
                .map_err(|_| ConsumeError::Closed)?
                .map_err(|error| ConsumeError::Unavailable { topic: topic.name.to_string(), reason: error.to_string() })?
        }
    };
    deliver(topic, span, end, compacted, encoded)
}

fn gap(topic: &TopicState, partition: u32, from: u64, to: u64) -> ConsumeError {
    ConsumeError::Gap { topic: topic.name.to_string(), partition, from, to }
}

/// Decodes. A hole or a damaged record ends the batch; when it is the first, it is reported as a gap.
fn deliver(topic: &TopicState, span: Span, end: u64, compacted: bool, encoded: Vec<(u64, Bytes)>) -> Result<Read, ConsumeError> {
    let mut records = Vec::with_capacity(encoded.len());
    let mut next = span.from;
    let mut bytes = 0;
    for (offset, encoded) in encoded {
        let hole = offset != next && !compacted;
        let decoded = if hole { None } else { codec::decode(&encoded).ok() };
        let Some((appended_at_ms, record)) = decoded else {
            if records.is_empty() {
                return Err(gap(topic, span.partition, next, if hole { offset } else { offset + 1 }));
            }
            return Ok(Read { records, next });
        };
        let size = record.size_bytes();
        if !records.is_empty() && bytes + size > span.bytes_max {
            return Ok(Read { records, next });
        }
        bytes += size;
        next = offset + 1;
        records.push(Delivered { position: Position { partition: span.partition, offset }, appended_at_ms, record });
    }
    if records.is_empty() {
        if !compacted {
            return Err(gap(topic, span.partition, span.from, end));
        }
        next = end;
    }
    Ok(Read { records, next })
}

/// Reads encoded records below `end` from the engine. Blocking.
fn scan(engine: &Engine, topic: &str, span: Span, end: u64) -> Result<Vec<(u64, Bytes)>, fjall::Error> {
    let keyspaces: Vec<_> = match engine.stores.read().get(topic).and_then(|stores| stores.get(span.partition as usize)) {
        Some(Store::Compacted(keyspace)) => vec![keyspace.clone()],
        Some(Store::Segments(segments)) => {
            let first = segments.range(..=span.from).next_back().map_or(0, |(&base, _)| base);
            segments.range(first..).map(|(_, segment)| segment.keyspace.clone()).collect()
        }
        None => Vec::new(),
    };
    let mut out = Vec::with_capacity(span.records_max.min(1_024));
    let mut bytes = 0;
    for keyspace in keyspaces {
        for entry in keyspace.range(span.from.to_be_bytes()..end.to_be_bytes()) {
            if out.len() >= span.records_max || bytes >= span.bytes_max {
                return Ok(out);
            }
            let (key, value) = entry.into_inner()?;
            let Some(offset) = offset_of(&key) else { continue };
            let value = Bytes::from(value);
            bytes += value.len();
            out.push((offset, value));
        }
    }
    Ok(out)
}

/// When the record at `offset`, or the first after it, was taken.
pub(super) async fn appended_at_ms(core: &Core, topic: &Arc<TopicState>, partition: u32, offset: u64) -> Result<Option<i64>, String> {
    let engine = core.engine()?;
    let Some(end) = topic.partition(partition).map(super::topic_state::Partition::end) else { return Ok(None) };
    let (name, span) = (topic.name.clone(), Span { partition, from: offset, records_max: 1, bytes_max: usize::MAX });
    let scanned = tokio::task::spawn_blocking(move || scan(&engine, &name, span, end)).await;
    let first = scanned.map_err(|_| "the log is closed".to_owned())?.map_err(|error| error.to_string())?;
    Ok(first.first().and_then(|(_, encoded)| codec::read_stamp(encoded).ok()).map(|(at, _)| at))
}

/// Encoded size of the records from `offset` on; 0 for a compacted topic, whose records carry no running size.
pub(super) async fn bytes_from(core: &Core, topic: &Arc<TopicState>, partition: u32, offset: u64) -> Result<u64, String> {
    let engine = core.engine()?;
    let name = topic.name.clone();
    let summed = tokio::task::spawn_blocking(move || sum_from(&engine, &name, partition, offset)).await;
    summed.map_err(|_| "the log is closed".to_owned())?.map_err(|error| error.to_string())
}

/// Adds up whole segments, and reads one record of the segment that `offset` lies in: each record tells how large its segment is
/// with it. Blocking.
fn sum_from(engine: &Engine, topic: &str, partition: u32, offset: u64) -> Result<u64, fjall::Error> {
    let segments: Vec<_> = match engine.stores.read().get(topic).and_then(|stores| stores.get(partition as usize)) {
        Some(Store::Segments(segments)) => {
            segments.iter().filter(|(_, segment)| segment.next > offset).map(|(&base, segment)| (base, segment.clone())).collect()
        }
        Some(Store::Compacted(_)) | None => Vec::new(),
    };
    let mut bytes: u64 = 0;
    for (base, segment) in segments {
        let before = if offset > base { segment.keyspace.get((offset - 1).to_be_bytes())? } else { None };
        let before = before.and_then(|encoded| codec::read_stamp(&encoded).ok()).map_or(0, |(_, size)| size);
        bytes = bytes.saturating_add(segment.bytes.saturating_sub(before));
    }
    Ok(bytes)
}
