//! The trace that a record belongs to, in a header beside whatever else it has; most records have none.

use std::borrow::Cow;

use bytes::Bytes;
use tlsrpt_log::Record;

/// The header: W3C Trace Context 3.2, naming the span that appended the record. A reader that does not know it passes it over, and one
/// that does not understand it goes on without.
const TRACEPARENT: &str = "traceparent";

/// The submission, as attribute of spans.
pub const ATTRIBUTE_SUBMISSION: &str = "tlsrpt.submission.id";
/// The way that it came in.
pub const ATTRIBUTE_CHANNEL: &str = "tlsrpt.channel";
/// Bytes of its payload.
pub const ATTRIBUTE_PAYLOAD_BYTES: &str = "tlsrpt.payload.size";
/// What it came to: `stored` or `rejected`.
pub const ATTRIBUTE_OUTCOME: &str = "tlsrpt.outcome";
/// Why it was rejected.
pub const ATTRIBUTE_REJECT_REASON: &str = "tlsrpt.reject.reason";
/// Rows that it came to.
pub const ATTRIBUTE_ROWS: &str = "tlsrpt.rows";

/// The header's value, as it stands in the record.
#[must_use]
pub fn traceparent(record: &Record) -> Option<&[u8]> {
    record.header(TRACEPARENT).map(|value| &**value)
}

/// Puts the header into a record that is about to be appended, in place of any that it has, if the record then still has `bytes_max` at
/// most: no record is refused for its trace.
pub fn set_traceparent(record: &mut Record, value: Option<String>, bytes_max: usize) {
    record.headers.retain(|(name, _)| name != TRACEPARENT);
    let Some(value) = value else { return };
    if record.size_bytes() + TRACEPARENT.len() + value.len() <= bytes_max {
        record.headers.push((Cow::Borrowed(TRACEPARENT), Bytes::from(value)));
    }
}
