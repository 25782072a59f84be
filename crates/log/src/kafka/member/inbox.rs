//! What has been fetched for a member and not been asked for yet, bounded.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::{
    backend::{Batch, BatchLimits},
    record::Delivered,
};

/// What is read ahead at least, whatever the batches are.
const ROOM_MIN_BYTES: usize = 16 << 20;
const ROOM_MIN_RECORDS: usize = 10_000;

/// The inbox: one thread puts in, one task takes out.
pub(super) struct Inbox {
    contents: Mutex<Contents>,
    /// Told when there is something to look at.
    arrived: Notify,
    /// Told when there is room again.
    taken: Condvar,
}

/// Something that was fetched.
enum Item {
    Record(Delivered),
    /// What the partition held from `from` on is gone; reading goes on at `to`.
    Gap {
        partition: u32,
        from: u64,
        to: u64,
    },
}

impl Item {
    fn partition(&self) -> u32 {
        match self {
            Self::Record(delivered) => delivered.position.partition,
            Self::Gap { partition, .. } => *partition,
        }
    }

    fn size_bytes(&self) -> usize {
        match self {
            Self::Record(delivered) => delivered.record.size_bytes(),
            Self::Gap { .. } => 0,
        }
    }
}

struct Contents {
    items: VecDeque<Item>,
    bytes: usize,
    gaps: usize,
    /// Of each partition that is owned: the offset that must come next; none when it is not known.
    expected: BTreeMap<u32, Option<u64>>,
    /// What the last caller asked for; the inbox holds that much ahead.
    asked: BatchLimits,
    /// What the client met since the last call.
    trouble: Option<String>,
    /// Mean size of records, for whoever estimates what a topic holds.
    seen_records: u64,
    seen_bytes: u64,
}

/// What there is for a caller.
pub(super) enum Look {
    /// A batch that is full, or has waited long enough.
    Batch(Batch),
    /// Records, but fewer than were asked for.
    Some,
    /// A gap.
    Gap { partition: u32, from: u64, to: u64 },
    /// The client met an error that it cannot cure by itself at once.
    Trouble(String),
    /// Nothing.
    Empty,
}

impl Inbox {
    pub(super) fn new() -> Self {
        let contents = Contents {
            items: VecDeque::new(),
            bytes: 0,
            gaps: 0,
            expected: BTreeMap::new(),
            asked: BatchLimits { records_max: 1, bytes_max: 1, linger: Duration::ZERO },
            trouble: None,
            seen_records: 0,
            seen_bytes: 0,
        };
        Self { contents: Mutex::new(contents), arrived: Notify::new(), taken: Condvar::new() }
    }

    /// The member got `partition`: `next` is the offset that must come next, none when it is not known.
    pub(super) fn open(&self, partition: u32, next: Option<u64>) {
        self.contents.lock().expected.insert(partition, next);
    }

    /// The member lost `partition`: what is here of it is delivered elsewhere.
    pub(super) fn shut(&self, partition: u32) {
        let mut contents = self.contents.lock();
        contents.expected.remove(&partition);
        contents.items.retain(|item| item.partition() != partition);
        contents.bytes = contents.items.iter().map(Item::size_bytes).sum();
        contents.gaps = contents.items.iter().filter(|item| matches!(item, Item::Gap { .. })).count();
        self.taken.notify_all();
    }

    /// Puts in what was fetched, unless its partition is lost. Answers what to tell the gate.
    pub(super) fn put(&self, delivered: Delivered) -> Arrival {
        let mut contents = self.contents.lock();
        let position = delivered.position;
        let Some(expected) = contents.expected.get_mut(&position.partition) else { return Arrival::InOrder };
        let arrival = match *expected {
            Some(next) if next == position.offset => Arrival::InOrder,
            Some(next) => Arrival::Gap { from: next },
            None => Arrival::First,
        };
        *expected = Some(position.offset + 1);
        if let Arrival::Gap { from } = arrival {
            contents.items.push_back(Item::Gap { partition: position.partition, from, to: position.offset });
            contents.gaps += 1;
        }
        let size = delivered.record.size_bytes();
        contents.seen_records += 1;
        contents.seen_bytes += size as u64;
        contents.bytes += size;
        contents.items.push_back(Item::Record(delivered));
        // Between the first one and a full batch nobody needs to look.
        if contents.items.len() == 1 || contents.gaps > 0 || contents.is_full_batch(contents.asked) {
            self.arrived.notify_one();
        }
        arrival
    }

    /// Tells the next caller what the client met.
    pub(super) fn trouble(&self, reason: String) {
        self.contents.lock().trouble = Some(reason);
        self.arrived.notify_one();
    }

    /// Makes a waiting caller and a waiting thread look again.
    pub(super) fn wake(&self) {
        self.arrived.notify_one();
        self.taken.notify_all();
    }

    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// What there is. A batch is taken out only when it is handed out, so that a caller who goes away skips nothing. `waited`
    /// says that the linger is over.
    pub(super) fn look(&self, limits: BatchLimits, waited: bool) -> Look {
        let mut contents = self.contents.lock();
        contents.asked = limits;
        match contents.items.front() {
            None => return contents.trouble.take().map_or(Look::Empty, Look::Trouble),
            Some(&Item::Gap { partition, from, to }) => {
                contents.items.pop_front();
                contents.gaps -= 1;
                return Look::Gap { partition, from, to };
            }
            Some(Item::Record(_)) => {}
        }
        if !waited && contents.gaps == 0 && !contents.is_full_batch(limits) {
            return Look::Some;
        }
        let batch = contents.take(limits);
        self.taken.notify_all();
        Look::Batch(batch)
    }

    /// Waits for room; answers whether there is some.
    pub(super) fn wait_for_room(&self, wait: Duration) -> bool {
        let mut contents = self.contents.lock();
        if contents.is_full() {
            self.taken.wait_for(&mut contents, wait);
        }
        !contents.is_full()
    }

    /// Mean size of the records that came by, in bytes.
    pub(super) fn mean_record_bytes(&self) -> Option<u64> {
        let contents = self.contents.lock();
        contents.seen_bytes.checked_div(contents.seen_records)
    }
}

/// How a record fits to what came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It is the next one.
    InOrder,
    /// It is the first one of a partition of which nothing was known.
    First,
    /// Another one should have come.
    Gap { from: u64 },
}

impl Contents {
    fn is_full(&self) -> bool {
        self.bytes >= self.asked.bytes_max.max(ROOM_MIN_BYTES) || self.items.len() >= self.asked.records_max.max(ROOM_MIN_RECORDS)
    }

    fn is_full_batch(&self, limits: BatchLimits) -> bool {
        self.items.len() >= limits.records_max.max(1) || self.bytes >= limits.bytes_max
    }

    /// Takes records up to the limits and to the next gap, at least one.
    fn take(&mut self, limits: BatchLimits) -> Batch {
        let mut batch = Batch::default();
        let mut bytes = 0;
        while let Some(Item::Record(next)) = self.items.front() {
            let size = next.record.size_bytes();
            let fits = batch.records.len() < limits.records_max.max(1) && bytes + size <= limits.bytes_max;
            if !fits && !batch.records.is_empty() {
                break;
            }
            bytes += size;
            if let Some(Item::Record(taken)) = self.items.pop_front() {
                batch.records.push(taken);
            }
        }
        self.bytes -= bytes;
        batch
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use bytes::Bytes;

    use super::*;
    use crate::record::{Position, Record};

    const ALL: BatchLimits = BatchLimits { records_max: 1_000, bytes_max: 1 << 20, linger: Duration::ZERO };

    fn at(partition: u32, offset: u64) -> Delivered {
        let record = Record { value: Bytes::from_static(b"0123456789"), ..Record::default() };
        Delivered { position: Position { partition, offset }, appended_at_ms: 0, record }
    }

    fn offsets(look: Look) -> Vec<u64> {
        match look {
            Look::Batch(batch) => batch.records.iter().map(|delivered| delivered.position.offset).collect(),
            _ => panic!("no batch"),
        }
    }

    #[test]
    fn a_batch_is_handed_out_when_it_is_full_or_has_waited() {
        let inbox = Inbox::new();
        inbox.open(0, Some(0));
        assert!(matches!(inbox.look(ALL, true), Look::Empty));
        for offset in 0..3 {
            assert_eq!(inbox.put(at(0, offset)), Arrival::InOrder);
        }
        assert!(matches!(inbox.look(ALL, false), Look::Some));
        assert_eq!(offsets(inbox.look(BatchLimits { records_max: 2, ..ALL }, false)), [0, 1]);
        assert_eq!(offsets(inbox.look(ALL, true)), [2]);
        assert!(matches!(inbox.look(ALL, true), Look::Empty));
    }

    #[test]
    fn a_batch_respects_its_bytes_but_takes_at_least_one_record() {
        let inbox = Inbox::new();
        inbox.open(0, Some(0));
        for offset in 0..4 {
            inbox.put(at(0, offset));
        }
        assert_eq!(offsets(inbox.look(BatchLimits { bytes_max: 25, ..ALL }, false)), [0, 1]);
        assert_eq!(offsets(inbox.look(BatchLimits { bytes_max: 5, ..ALL }, false)), [2]);
    }

    #[test]
    fn what_is_lost_is_not_handed_out_and_what_comes_late_of_it_is_dropped() {
        let inbox = Inbox::new();
        inbox.open(0, Some(0));
        inbox.open(1, Some(0));
        inbox.put(at(0, 0));
        inbox.put(at(1, 0));
        inbox.shut(0);
        inbox.put(at(0, 1));
        let Look::Batch(batch) = inbox.look(ALL, true) else { panic!("no batch") };
        assert_eq!(batch.records.iter().map(|delivered| delivered.position.partition).collect::<Vec<_>>(), [1]);
        assert!(matches!(inbox.look(ALL, true), Look::Empty));
    }

    #[test]
    fn a_gap_is_told_once_between_what_came_before_and_after() {
        let inbox = Inbox::new();
        inbox.open(0, Some(0));
        inbox.put(at(0, 0));
        assert_eq!(inbox.put(at(0, 7)), Arrival::Gap { from: 1 });
        assert_eq!(offsets(inbox.look(ALL, false)), [0], "what came before needs no linger");
        assert!(matches!(inbox.look(ALL, false), Look::Gap { partition: 0, from: 1, to: 7 }));
        assert_eq!(offsets(inbox.look(ALL, true)), [7]);
    }

    #[test]
    fn the_first_record_of_an_unknown_partition_is_no_gap() {
        let inbox = Inbox::new();
        inbox.open(0, None);
        assert_eq!(inbox.put(at(0, 40)), Arrival::First);
        assert_eq!(inbox.put(at(0, 41)), Arrival::InOrder);
    }

    #[test]
    fn it_is_full_at_a_batch_ahead_and_has_room_once_that_is_taken() {
        let inbox = Inbox::new();
        inbox.open(0, Some(0));
        for offset in 0..ROOM_MIN_RECORDS as u64 {
            assert!(inbox.wait_for_room(Duration::ZERO));
            inbox.put(at(0, offset));
        }
        assert!(!inbox.wait_for_room(Duration::ZERO));
        inbox.look(ALL, true);
        assert!(inbox.wait_for_room(Duration::ZERO));
    }
}
