//! Waiting for a condition.

use std::time::{Duration, Instant};

/// How long a condition may take on a machine that is busy with everything else. It decides only how long a failure takes.
const DEADLINE: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_millis(250);

/// Looks again and again until `look` answers `Ok`; its `Err` says what there is instead.
///
/// # Panics
/// When the condition does not come, with what was there last.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + DEADLINE;
    let mut pause = FIRST_PAUSE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(instead) => assert!(Instant::now() < deadline, "waited {} s for: {what}; there is: {instead}", DEADLINE.as_secs()),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}
