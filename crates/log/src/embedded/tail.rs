//! The records that were appended last, kept in memory so that a consumer that has caught up reads no disk.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes of a partition's tail.
const TAIL_MAX_BYTES: usize = 8 << 20;

/// Consecutive encoded records up to the partition's end.
#[derive(Default)]
pub(super) struct Tail {
    /// Offset of the first record in `records`.
    first: u64,
    records: VecDeque<Bytes>,
    bytes: usize,
}

impl Tail {
    /// Adds the record at `offset`; a jump in offsets starts the tail anew.
    pub(super) fn push(&mut self, offset: u64, encoded: Bytes) {
        if self.records.is_empty() || self.first + self.records.len() as u64 != offset {
            self.clear();
            self.first = offset;
        }
        self.bytes += encoded.len();
        self.records.push_back(encoded);
        while self.bytes > TAIL_MAX_BYTES {
            let Some(oldest) = self.records.pop_front() else { break };
            self.bytes -= oldest.len();
            self.first += 1;
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.bytes = 0;
    }

    /// The records from `offset` on, at least one, or nothing when the tail does not reach back that far. Takes
    /// `records_max` at most, and stops once `bytes_max` is reached.
    pub(super) fn read(&self, offset: u64, records_max: usize, bytes_max: usize) -> Option<Vec<(u64, Bytes)>> {
        let skip = usize::try_from(offset.checked_sub(self.first)?).ok()?;
        if skip >= self.records.len() {
            return None;
        }
        let mut bytes = 0;
        let mut out = Vec::with_capacity(records_max.min(self.records.len() - skip));
        for (offset, encoded) in (offset..).zip(self.records.iter().skip(skip)).take(records_max) {
            bytes += encoded.len();
            out.push((offset, encoded.clone()));
            if bytes >= bytes_max {
                break;
            }
        }
        Some(out)
    }
}
