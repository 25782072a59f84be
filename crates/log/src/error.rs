//! What can go wrong.

/// A record was not made durable (or, for [`ProduceError::Unknown`], may have been).
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProduceError {
    /// Too much is in flight; try again later.
    #[error("append: too much is in flight")]
    Full,
    /// The topic was not declared.
    #[error("append to {topic}: no such topic")]
    NoTopic {
        /// The topic.
        topic: String,
    },
    /// Larger than the log takes.
    #[error("append: the record has {bytes} bytes, the log takes {bytes_max}")]
    TooLarge {
        /// Size of the record.
        bytes: usize,
        /// Limit.
        bytes_max: usize,
    },
    /// Another writer took over.
    #[error("append: another writer took over")]
    Fenced,
    /// The engine refused (a full disk, a broker that is away); what was acknowledged before is safe.
    #[error("append: {reason}")]
    Unavailable {
        /// The engine's words.
        reason: String,
    },
    /// The answer never came; the record may be in the log.
    #[error("append: no answer, the record may be in the log")]
    Unknown,
    /// The log is shutting down.
    #[error("append: the log is closed")]
    Closed,
}

/// A batch could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConsumeError {
    /// The engine could not answer; worth another try.
    #[error("read from {topic}: {reason}")]
    Unavailable {
        /// The topic.
        topic: String,
        /// The engine's words.
        reason: String,
    },
    /// Records that the group had yet to read are gone: dropped by retention, or with a topic that was made anew.
    #[error("read from {topic}: what partition {partition} held from offset {from} on is gone; reading goes on from {to}")]
    Gap {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// First offset that is gone.
        from: u64,
        /// Offset from which reading goes on; at or below `from` when the topic was made anew.
        to: u64,
    },
    /// The log is shutting down.
    #[error("read: the log is closed")]
    Closed,
}

/// A commit did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// The partition belongs to another member now.
    #[error("commit: partition {partition} belongs to another member now")]
    Revoked {
        /// The partition.
        partition: u32,
    },
    /// The engine could not answer; worth another try.
    #[error("commit: {reason}")]
    Unavailable {
        /// The engine's words.
        reason: String,
    },
}

/// The log or one of its topics could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The engine could not be opened or asked.
    #[error("{action}: {reason}")]
    Engine {
        /// Verb and object.
        action: String,
        /// The engine's words.
        reason: String,
    },
    /// The engine cannot answer now (a broker that is away); worth another try.
    #[error("{action}: {reason}")]
    Unavailable {
        /// Verb and object.
        action: String,
        /// The engine's words.
        reason: String,
    },
    /// The topic was not declared.
    #[error("topic {topic} does not exist")]
    NoTopic {
        /// The topic.
        topic: String,
    },
    /// The topic is there with other settings.
    #[error("topic {topic} has {found}, expected {expected}")]
    TopicDiffers {
        /// The topic.
        topic: String,
        /// What it has.
        found: String,
        /// What was declared.
        expected: String,
    },
}
