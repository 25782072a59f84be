//! The only place of the role that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use tlsrpt_report::{Day, UnixMillis};

/// This moment.
pub(crate) fn now() -> UnixMillis {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

/// The UTC day that it is now.
pub(crate) fn today() -> Day {
    now().day()
}
