//! Waiting for a condition.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a condition may take on a machine that is busy with everything else. It decides only how long a failure takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until `look` answers `Ok`; its `Err` says what there is instead, which is the answer when the condition
/// does not come.
pub(crate) fn until<T>(mut look: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(instead) if Instant::now() >= deadline => return Err(format!("after {} s: {instead}", DEADLINE.as_secs())),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
