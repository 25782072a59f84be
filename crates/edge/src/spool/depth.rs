//! How much the spool holds, and the bound on it.

use std::sync::Arc;

use parking_lot::Mutex;

/// What is spooled and not yet in the log. Records are counted from before they are written until the group's commit is durable,
/// so the figure is never less than what is there.
#[derive(Default)]
pub(crate) struct Depth(Mutex<State>);

#[derive(Clone, Copy, Default)]
struct State {
    limit_bytes: u64,
    waiting: Held,
    set_aside: Held,
    /// When the oldest record that waits was spooled, in milliseconds since 1970.
    oldest_at_ms: Option<i64>,
    /// Appends whose outcome is not known yet.
    in_flight: u64,
    /// Counts appends.
    turn: u64,
    /// An append's outcome stayed unknown, or records are gone: the figures may be too high until they are counted again.
    is_doubtful: bool,
    is_full: bool,
}

/// Records and their size as the spool stores them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

/// All figures at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) limit_bytes: u64,
    pub(crate) waiting: Held,
    pub(crate) set_aside: Held,
    pub(crate) oldest_at_ms: Option<i64>,
}

/// There is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoSpace {
    /// Whether it is the first time since there was plenty.
    pub(crate) is_first: bool,
}

/// Room for one record. Dropped, it leaves the record counted, since it may be in the spool, until all is counted again.
pub(crate) struct Room {
    depth: Arc<Depth>,
    bytes: u64,
    is_settled: bool,
}

/// The right to replace the figures, if nothing is appended meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Recount(u64);

impl Held {
    fn add(&mut self, other: Self) {
        self.records = self.records.saturating_add(other.records);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    fn sub(&mut self, other: Self) {
        self.records = self.records.saturating_sub(other.records);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

impl State {
    fn held_bytes(&self) -> u64 {
        self.waiting.bytes.saturating_add(self.set_aside.bytes)
    }

    fn is_quarter_free(&self) -> bool {
        self.held_bytes() <= self.limit_bytes / 4 * 3
    }

    fn set_oldest(&mut self, oldest_at_ms: Option<i64>, now_ms: i64) {
        // What is being written has no age yet.
        self.oldest_at_ms = (self.waiting.records > 0).then(|| oldest_at_ms.unwrap_or(now_ms));
        // Some room at once would let a few in and turn the next away: a spool is full until a quarter is free.
        self.is_full &= !self.is_quarter_free();
    }
}

impl Depth {
    /// Sets all that a start finds.
    pub(crate) fn begin(&self, found: Reading, now_ms: i64) {
        let mut state = self.0.lock();
        *state = State { limit_bytes: found.limit_bytes, waiting: found.waiting, set_aside: found.set_aside, ..State::default() };
        state.set_oldest(found.oldest_at_ms, now_ms);
    }

    /// Takes room for a record of `bytes`.
    ///
    /// # Errors
    /// [`NoSpace`] when the spool would hold more than its limit.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: u64, now_ms: i64) -> Result<Room, NoSpace> {
        let mut state = self.0.lock();
        if state.held_bytes().saturating_add(bytes) > state.limit_bytes {
            return Err(NoSpace { is_first: !std::mem::replace(&mut state.is_full, true) });
        }
        state.waiting.add(Held { records: 1, bytes });
        state.oldest_at_ms.get_or_insert(now_ms);
        state.in_flight += 1;
        state.turn += 1;
        Ok(Room { depth: Arc::clone(self), bytes, is_settled: false })
    }

    /// Notes that records are in the log and committed; `oldest_at_ms` is the age of what is left.
    pub(crate) fn drained(&self, drained: Held, oldest_at_ms: Option<i64>, now_ms: i64) {
        let mut state = self.0.lock();
        state.waiting.sub(drained);
        state.set_oldest(oldest_at_ms, now_ms);
    }

    /// Notes that a record of `bytes` waits no longer, but is set aside.
    pub(crate) fn set_aside(&self, bytes: u64) {
        let mut state = self.0.lock();
        state.waiting.sub(Held { records: 1, bytes });
        state.set_aside.add(Held { records: 1, bytes });
    }

    /// Notes that the figures may be too high.
    pub(crate) fn doubt(&self) {
        self.0.lock().is_doubtful = true;
    }

    /// The right to count again, when there is reason and nothing is being appended.
    pub(crate) fn begin_recount(&self) -> Option<Recount> {
        let state = self.0.lock();
        (state.is_doubtful && state.in_flight == 0).then_some(Recount(state.turn))
    }

    /// Replaces what waits by what was counted. When something was appended meanwhile, the doubt stays.
    pub(crate) fn recounted(&self, recount: Recount, waiting: Held, oldest_at_ms: Option<i64>, now_ms: i64) {
        let mut state = self.0.lock();
        if state.turn == recount.0 {
            state.is_doubtful = false;
            state.waiting = waiting;
            state.set_oldest(oldest_at_ms, now_ms);
        }
    }

    /// Whether a record found no room, and a quarter has not become free since. One that is larger than all that is free of a
    /// spool that is mostly empty does not make it full.
    pub(crate) fn is_full(&self) -> bool {
        let state = self.0.lock();
        state.is_full && !state.is_quarter_free()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().waiting.records == 0
    }

    /// The figures.
    pub(crate) fn read(&self) -> Reading {
        let State { limit_bytes, waiting, set_aside, oldest_at_ms, .. } = *self.0.lock();
        Reading { limit_bytes, waiting, set_aside, oldest_at_ms }
    }
}

impl Room {
    /// The record is in the spool.
    pub(crate) fn keep(mut self) {
        self.is_settled = true;
    }

    /// The record is not in the spool for certain.
    pub(crate) fn give_back(mut self, now_ms: i64) {
        self.is_settled = true;
        let mut state = self.depth.0.lock();
        state.waiting.sub(Held { records: 1, bytes: self.bytes });
        let oldest_at_ms = state.oldest_at_ms;
        state.set_oldest(oldest_at_ms, now_ms);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut state = self.depth.0.lock();
        state.in_flight = state.in_flight.saturating_sub(1);
        state.is_doubtful |= !self.is_settled;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    fn depth(limit_bytes: u64) -> Arc<Depth> {
        let depth = Arc::new(Depth::default());
        depth.begin(Reading { limit_bytes, ..Reading::default() }, 0);
        depth
    }

    fn waiting(depth: &Depth) -> (u64, u64, Option<i64>) {
        let Reading { waiting, oldest_at_ms, .. } = depth.read();
        (waiting.records, waiting.bytes, oldest_at_ms)
    }

    #[test]
    fn records_are_counted_from_before_they_are_written_until_they_are_committed() {
        let depth = depth(100);
        let room = depth.reserve(40, 1_000).unwrap();
        assert_eq!(waiting(&depth), (1, 40, Some(1_000)));
        room.keep();
        depth.reserve(60, 2_000).unwrap().keep();
        assert!(depth.reserve(1, 3_000).is_err());
        depth.drained(Held { records: 1, bytes: 40 }, Some(2_000), 4_000);
        assert_eq!(waiting(&depth), (1, 60, Some(2_000)));
        depth.drained(Held { records: 1, bytes: 60 }, None, 5_000);
        assert_eq!(waiting(&depth), (0, 0, None));
    }

    #[test]
    fn what_is_certainly_not_in_the_spool_gives_its_room_back() {
        let depth = depth(100);
        depth.reserve(100, 1_000).unwrap().give_back(2_000);
        assert_eq!(waiting(&depth), (0, 0, None));
        assert!(depth.begin_recount().is_none());
    }

    #[test]
    fn what_may_be_in_the_spool_stays_counted_until_all_is_counted_again() {
        let depth = depth(100);
        drop(depth.reserve(70, 1_000).unwrap());
        assert_eq!(waiting(&depth), (1, 70, Some(1_000)));
        let late = depth.begin_recount().unwrap();
        let room = depth.reserve(10, 2_000).unwrap();
        assert!(depth.begin_recount().is_none(), "while one is being written nothing can be counted");
        room.keep();
        depth.recounted(late, Held::default(), None, 3_000);
        assert_eq!(waiting(&depth), (2, 80, Some(1_000)), "what was counted before the second is out of date");
        let recount = depth.begin_recount().unwrap();
        depth.recounted(recount, Held { records: 1, bytes: 10 }, Some(2_000), 4_000);
        assert_eq!(waiting(&depth), (1, 10, Some(2_000)));
        assert!(depth.begin_recount().is_none());
    }

    #[test]
    fn a_full_spool_is_full_once_and_until_a_quarter_is_free() {
        let depth = depth(100);
        for _ in 0..10 {
            depth.reserve(10, 0).unwrap().keep();
        }
        assert!(!depth.is_full());
        assert_eq!(depth.reserve(1, 0).err(), Some(NoSpace { is_first: true }));
        assert_eq!(depth.reserve(1, 0).err(), Some(NoSpace { is_first: false }));
        depth.drained(Held { records: 2, bytes: 20 }, Some(0), 0);
        assert!(depth.is_full());
        depth.drained(Held { records: 1, bytes: 10 }, Some(0), 0);
        assert!(!depth.is_full());
    }

    #[test]
    fn what_is_set_aside_takes_room_too() {
        let depth = depth(100);
        depth.reserve(90, 0).unwrap().keep();
        depth.set_aside(90);
        depth.drained(Held::default(), None, 0);
        assert_eq!((waiting(&depth), depth.read().set_aside), ((0, 0, None), Held { records: 1, bytes: 90 }));
        assert!(depth.reserve(11, 0).is_err());
        depth.reserve(10, 0).unwrap().keep();
    }
}
