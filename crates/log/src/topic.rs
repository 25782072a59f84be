//! Topics and how long they keep what they hold.

use std::time::Duration;

/// A topic as the pipeline declares it; a backend creates or checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Name, such as `tlsrpt.submissions`.
    pub name: &'static str,
    /// Number of partitions.
    pub partitions: u32,
    /// What is dropped, and when.
    pub cleanup: Cleanup,
}

/// When a topic drops records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// Drops the oldest records once they are older than `age_max` or the topic is larger than `bytes_max`, but never a
    /// record that a registered group has not committed.
    Delete {
        /// Age limit.
        age_max: Duration,
        /// Size limit in bytes.
        bytes_max: u64,
    },
    /// Keeps the last record of each key for ever; a tombstone removes its key.
    Compact,
}
