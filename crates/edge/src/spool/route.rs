//! Whether submissions go to the log or to the spool: the decision alone, no I/O and no clock of its own.

use std::time::{Duration, Instant};

/// Where a submission goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To the log; to the spool when the log does not take it.
    Log,
    /// To the spool at once.
    Spool,
}

/// What is known of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// The log takes submissions.
    Direct,
    /// It does not. What is spooled is offered to it until it answers.
    Spooling(Absence),
    /// It did not, and there is nothing in the spool to ask it with: the next submission is.
    Trying(Absence),
}

/// A time without the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Absence {
    since: Instant,
    /// Submissions that were spooled.
    pub(super) spooled: u64,
}

impl Absence {
    /// How long it has lasted.
    pub(super) fn lasted(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

/// The decision, from what the log answered.
#[derive(Debug)]
pub(super) struct Switch {
    route: Route,
    /// When the log answered last.
    answered_at: Option<Instant>,
}

impl Switch {
    /// The log is taken to be there until it fails.
    pub(super) fn new() -> Self {
        Self { route: Route::Direct, answered_at: None }
    }

    /// Where the next submission goes.
    pub(super) fn way(&self) -> Way {
        match self.route {
            Route::Direct | Route::Trying(_) => Way::Log,
            Route::Spooling(_) => Way::Spool,
        }
    }

    /// Whether the log has not answered since it failed.
    pub(super) fn is_away(&self) -> bool {
        !matches!(self.route, Route::Direct)
    }

    /// The log took a record. Answers the absence that ends with it.
    pub(super) fn answered(&mut self, now: Instant) -> Option<Absence> {
        self.answered_at = self.answered_at.max(Some(now));
        match std::mem::replace(&mut self.route, Route::Direct) {
            Route::Direct => None,
            Route::Spooling(absence) | Route::Trying(absence) => Some(absence),
        }
    }

    /// The log did not take a record that was handed over at `sent_at`, or has been silent on it for too long. Answers whether
    /// an absence begins with it.
    pub(super) fn failed(&mut self, sent_at: Instant, now: Instant) -> bool {
        match self.route {
            // Since then the log took another: this one's fate says nothing of the log as a whole. Without this rule the last
            // failures of an absence would be taken for the next one.
            Route::Direct if self.answered_at.is_some_and(|answered_at| answered_at >= sent_at) => false,
            Route::Direct => {
                self.route = Route::Spooling(Absence { since: now, spooled: 0 });
                true
            }
            Route::Trying(absence) => {
                self.route = Route::Spooling(absence);
                false
            }
            Route::Spooling(_) => false,
        }
    }

    /// A submission was spooled.
    pub(super) fn spooled(&mut self) {
        if let Route::Spooling(absence) | Route::Trying(absence) = &mut self.route {
            absence.spooled += 1;
        }
    }

    /// There is nothing in the spool that the log could be asked with.
    pub(super) fn nothing_spooled(&mut self) {
        if let Route::Spooling(absence) = self.route {
            self.route = Route::Trying(absence);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    /// Seconds after some beginning.
    struct Times(Instant);

    impl Times {
        fn at(&self, seconds: u64) -> Instant {
            self.0 + Duration::from_secs(seconds)
        }
    }

    fn begin() -> (Times, Switch) {
        (Times(Instant::now()), Switch::new())
    }

    #[test]
    fn after_a_failure_submissions_are_spooled_until_the_log_answers() {
        let (times, mut switch) = begin();
        assert_eq!((switch.way(), switch.is_away()), (Way::Log, false));
        assert!(switch.failed(times.at(1), times.at(3)));
        assert_eq!((switch.way(), switch.is_away()), (Way::Spool, true));
        switch.spooled();
        switch.spooled();
        let absence = switch.answered(times.at(10)).unwrap();
        assert_eq!((absence.spooled, absence.lasted(times.at(10))), (2, Duration::from_secs(7)));
        assert_eq!((switch.way(), switch.is_away()), (Way::Log, false));
    }

    #[test]
    fn an_absence_begins_and_ends_once_however_many_submissions_meet_it() {
        let (times, mut switch) = begin();
        assert!(switch.failed(times.at(1), times.at(2)));
        assert!(!switch.failed(times.at(1), times.at(3)));
        assert!(switch.answered(times.at(4)).is_some());
        assert!(switch.answered(times.at(5)).is_none());
    }

    #[test]
    fn what_was_sent_before_the_logs_last_answer_tells_nothing_by_failing() {
        let (times, mut switch) = begin();
        assert!(switch.answered(times.at(5)).is_none());
        assert!(!switch.failed(times.at(4), times.at(6)));
        assert_eq!(switch.way(), Way::Log);
        assert!(switch.failed(times.at(6), times.at(8)));
        assert_eq!(switch.way(), Way::Spool);
    }

    #[test]
    fn with_nothing_in_the_spool_the_next_submission_asks_the_log_and_the_absence_goes_on_until_it_answers() {
        let (times, mut switch) = begin();
        switch.nothing_spooled();
        assert!(!switch.is_away());
        assert!(switch.failed(times.at(1), times.at(2)));
        switch.nothing_spooled();
        assert_eq!((switch.way(), switch.is_away()), (Way::Log, true));
        assert!(!switch.failed(times.at(3), times.at(4)));
        assert_eq!(switch.way(), Way::Spool);
        switch.nothing_spooled();
        assert_eq!(switch.answered(times.at(9)).unwrap().lasted(times.at(9)), Duration::from_secs(7));
    }
}
