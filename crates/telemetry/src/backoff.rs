//! Waiting for what is down.

use std::time::Duration;

/// Waits between tries: from 100 ms, doubled each time, to 10 s at most.
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Duration,
}

const FIRST: Duration = Duration::from_millis(100);
const LAST: Duration = Duration::from_secs(10);

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// How long to wait before the next try.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(LAST);
        wait
    }

    /// After a success: the next wait is the shortest again.
    pub fn reset(&mut self) {
        self.next = FIRST;
    }
}
