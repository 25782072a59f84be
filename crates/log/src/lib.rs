//! The durable log between the roles: topics of partitions, producers that answer when a record is durable, consumer groups
//! that commit what is done.
//!
//! A record's way: [`Producer::send`] → the backend makes it durable, many at a time → [`Ack`] resolves →
//! [`Consumer::next`] hands it out in a batch → the role does its work → [`Consumer::commit`].
//!
//! Invariants: an [`Ack`] that resolves with a position is durable; a commit never moves back; what no member of a group has
//! committed is delivered again; retention spares what a registered group has not committed. The log knows nothing of
//! reports.

mod backend;
mod embedded;
mod error;
mod kafka;
mod metered;
mod record;
mod topic;

pub use backend::{Ack, Batch, BatchLimits, Consumer, FencedWriter, Lag, Log, Positions, Producer, Reader};
pub use embedded::{EmbeddedConfig, EmbeddedLog, EmbeddedStats, LogCopied, LogCopy};
pub use error::{CommitError, ConsumeError, LogError, ProduceError};
pub use kafka::{KafkaConfig, KafkaLog, TopicFinding};
pub use metered::{Metered, register_appends};
pub use record::{Delivered, Position, Record};
pub use topic::{Cleanup, Topic};
