//! What the process knows of a topic; outlives the engine, which may be closed and opened again underneath.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::{group::Group, tail::Tail};
use crate::topic::{Cleanup, Topic};

/// A topic.
pub(super) struct TopicState {
    pub(super) name: Arc<str>,
    pub(super) partitions: Vec<Partition>,
    pub(super) cleanup: RwLock<Cleanup>,
    /// Told of every append, every change of a group's members, and the end.
    pub(super) changed: Notify,
    /// Registered groups.
    pub(super) groups: Mutex<HashMap<String, Arc<Group>>>,
    /// The holder's epoch of each fenced writer id.
    pub(super) fences: Mutex<HashMap<Arc<str>, u64>>,
}

/// A partition.
#[derive(Default)]
pub(super) struct Partition {
    start: AtomicU64,
    end: AtomicU64,
    pub(super) tail: Mutex<Tail>,
    /// Offset of the last record of each key, of a compacted topic. The committer alone writes it.
    pub(super) keys: Mutex<HashMap<Bytes, u64>>,
}

impl Partition {
    /// First offset that is kept.
    pub(super) fn start(&self) -> u64 {
        self.start.load(Ordering::Acquire)
    }

    /// The offset that the next append gets: every record below it is durable.
    pub(super) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub(super) fn set_start(&self, offset: u64) {
        self.start.store(offset, Ordering::Release);
    }

    pub(super) fn set_end(&self, offset: u64) {
        self.end.store(offset, Ordering::Release);
    }
}

impl TopicState {
    pub(super) fn new(name: &str, partitions: u32, cleanup: Cleanup) -> Self {
        Self {
            name: name.into(),
            partitions: (0..partitions).map(|_| Partition::default()).collect(),
            cleanup: RwLock::new(cleanup),
            changed: Notify::new(),
            groups: Mutex::default(),
            fences: Mutex::default(),
        }
    }

    pub(super) fn is_compacted(&self) -> bool {
        matches!(*self.cleanup.read(), Cleanup::Compact)
    }

    pub(super) fn partition(&self, index: u32) -> Option<&Partition> {
        self.partitions.get(index as usize)
    }

    /// Partition and its index, in order.
    pub(super) fn indexed(&self) -> impl Iterator<Item = (u32, &Partition)> {
        (0u32..).zip(&self.partitions)
    }

    /// The partition of a key: FNV-1a, which is stable over processes and versions.
    pub(super) fn partition_of_key(&self, key: &[u8]) -> u32 {
        let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        u32::try_from(hash % (self.partitions.len() as u64).max(1)).unwrap_or(0)
    }
}

/// A topic's settings as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) partitions: u32,
    pub(super) cleanup: Cleanup,
}

impl From<&Topic> for Declared {
    fn from(topic: &Topic) -> Self {
        Self { name: topic.name.to_owned(), partitions: topic.partitions, cleanup: topic.cleanup }
    }
}
