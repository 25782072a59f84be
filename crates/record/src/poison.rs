//! Records that a role cannot work on, or that are gone: they become rejects of the ledger, so they need an id, and they are rationed, so that
//! a faulty release stops instead of draining a topic into rejects.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use tlsrpt_log::{Delivered, Position};
use tlsrpt_report::{Trust, UnixMillis};
use uuid::Builder;

use crate::{
    id::SubmissionId,
    normalized::{Normalized, Outcome},
    submission::Channel,
};

/// Reject reason of a record that this program did not write, or that was damaged.
pub const REASON_UNREADABLE: &str = "unreadable-record";

/// Reject reason of records that the log lost before they were worked on.
pub const REASON_LOST: &str = "lost-by-log";

/// How many rejects for a failure of ours a role may write within [`POISON_WINDOW`].
pub const POISON_MAX: usize = 100;

/// The window that [`POISON_MAX`] counts in.
pub const POISON_WINDOW: Duration = Duration::from_secs(600);

/// An id for a record whose own id cannot be read: from a time of the log's and the record's position, so that a redelivery
/// gets the same id and counts once.
pub(crate) fn id_of_position(topic: &str, position: Position, at_ms: i64) -> SubmissionId {
    let mut tail = [0u8; 10];
    let [a, b, rest @ ..] = &mut tail;
    // The topic's length tells the two topics apart; partition and offset do the rest.
    *a = u8::try_from(topic.len() % 256).unwrap_or(0);
    *b = u8::try_from(position.partition % 256).unwrap_or(0);
    *rest = position.offset.to_be_bytes();
    let millis = u64::try_from(at_ms).unwrap_or(0);
    SubmissionId(Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
}

/// The ledger entry of a record on `topic` that cannot be read: the same at every delivery, so that it counts once. The whole
/// value of the record is its payload.
#[must_use]
pub fn unreadable<'a>(topic: &str, delivered: &Delivered, detail: &'a str) -> Normalized<'a> {
    entry(id_of_position(topic, delivered.position, delivered.appended_at_ms), delivered.appended_at_ms, REASON_UNREADABLE, detail)
}

/// The ledger entry of records that `topic` lost from `first` on, before anybody worked on them: one entry, since how many
/// submissions they were is lost with them. The same however often the gap is met on one day (`now`).
#[must_use]
pub fn lost<'a>(topic: &str, first: Position, now: UnixMillis, detail: &'a str) -> Normalized<'a> {
    let day_ms = now.0 - now.0.rem_euclid(DAY_MS);
    entry(id_of_position(topic, first, day_ms), now.0, REASON_LOST, detail)
}

pub(crate) const DAY_MS: i64 = 86_400_000;

fn entry<'a>(submission_id: SubmissionId, at_ms: i64, reason: &'static str, detail: &'a str) -> Normalized<'a> {
    Normalized {
        submission_id,
        channel: Channel::Import,
        address: None,
        remote_ip: None,
        content_type: None,
        trust: Trust::None,
        replay: false,
        normalized_at: UnixMillis(at_ms),
        outcome: Outcome::Rejected { reason, detail },
        mail: None,
    }
}

/// The ration of rejects for failures of ours.
#[derive(Debug, Default)]
pub struct PoisonRation {
    taken: VecDeque<Instant>,
}

/// Too many records in a short time that this program should have understood: the program is at fault, not the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {POISON_MAX} records in {} s could not be worked on: stopping, so that none is wasted; look at the errors above", POISON_WINDOW.as_secs())]
pub struct PoisonExceeded;

impl PoisonRation {
    /// Takes one reject from the ration.
    ///
    /// # Errors
    /// [`PoisonExceeded`] when the ration is used up: the role must stop without committing.
    pub fn take(&mut self, now: Instant) -> Result<(), PoisonExceeded> {
        while self.taken.front().is_some_and(|&first| now.duration_since(first) > POISON_WINDOW) {
            self.taken.pop_front();
        }
        if self.taken.len() >= POISON_MAX {
            return Err(PoisonExceeded);
        }
        self.taken.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn an_unreadable_record_has_the_same_id_at_every_delivery_and_another_one_at_every_position() {
        const AT_MS: i64 = 1_790_000_000_000;
        let id = |partition, offset| id_of_position("t", Position { partition, offset }, AT_MS);
        assert_eq!(id(0, 7), id(0, 7));
        assert_ne!(id(0, 7), id(0, 8));
        assert_ne!(id(0, 7), id(1, 7));
        assert_eq!(id(0, 7).received_at().0, AT_MS);
        assert_eq!(id(0, 7).0.get_version_num(), 7);
    }

    #[test]
    fn a_gap_that_is_met_twice_is_one_entry() {
        let at = |offset, now_ms| lost("t", Position { partition: 0, offset }, UnixMillis(now_ms), "gone").submission_id;
        let noon = 1_790_000_000_000;
        assert_eq!(at(7, noon), at(7, noon + 1_000));
        assert_ne!(at(7, noon), at(8, noon));
    }

    #[test]
    fn the_ration_ends_and_comes_back_with_time() {
        let start = Instant::now();
        let mut ration = PoisonRation::default();
        for _ in 0..POISON_MAX {
            ration.take(start).unwrap();
        }
        assert_eq!(ration.take(start), Err(PoisonExceeded));
        assert_eq!(ration.take(start + POISON_WINDOW + Duration::from_secs(1)), Ok(()));
    }
}
