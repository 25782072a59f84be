//! What a source gives: a message to send, or why there is none.

use bytes::Bytes;
use tlsrpt_report::UnixMillis;

/// One report or mail.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// What the summary calls it.
    pub(crate) name: String,
    /// Its bytes, never empty.
    pub(crate) payload: Bytes,
    /// When its mailbox says that it came, for a message that does not say so itself; the better first.
    pub(crate) fallback: [Option<UnixMillis>; 2],
}

/// Whether it would be the same another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is the message.
    Rejected,
    /// It is the file, the network, the service.
    Failed,
}

/// A message that was not accepted.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) name: String,
    pub(crate) why: Why,
    /// A stable code.
    pub(crate) reason: String,
    /// A sentence.
    pub(crate) detail: String,
}

impl Refused {
    pub(crate) fn rejected(name: String, reason: &str, detail: impl Into<String>) -> Self {
        Self { name, why: Why::Rejected, reason: reason.to_owned(), detail: detail.into() }
    }

    pub(crate) fn failed(name: String, reason: &str, detail: impl Into<String>) -> Self {
        Self { name, why: Why::Failed, reason: reason.to_owned(), detail: detail.into() }
    }

    pub(crate) fn too_large(name: String, max_bytes: usize) -> Self {
        Self::rejected(name, "too-large", format!("more than {max_bytes} bytes (query.submission_max_bytes)"))
    }
}
