//! The time of day.

use std::time::SystemTime;

use tlsrpt_report::UnixMillis;

/// Now, RFC 3339.
pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)).rfc3339()
}
