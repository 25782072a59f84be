//! The store underneath: one fjall database in the log's directory.
//!
//! - keyspace `meta`: the topics and what each group has committed;
//! - keyspace `d/<topic>/<partition>/<base>`: one segment of a partition, records by offset, big-endian; retention drops
//!   whole segments, so no record leaves a tombstone;
//! - keyspace `c/<topic>/<partition>`: a partition of a compacted topic.
//!
//! One thread, the committer, writes; any thread reads.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use bytes::Bytes;
use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, PersistMode,
    config::{BlockSizePolicy, FilterPolicy},
};
use parking_lot::RwLock;

use super::{
    codec,
    layout::{TOPIC_PREFIX, commit_prefix, decode_topic, offset_of},
    salvage,
    topic_state::Declared,
};
use crate::topic::Cleanup;

const MEMTABLE_MAX_BYTES: u64 = 16 << 20;
const JOURNAL_MAX_BYTES: u64 = 128 << 20;
const BLOCK_CACHE_BYTES: u64 = 32 << 20;
const BLOCK_BYTES: u32 = 32 << 10;

/// A segment of a partition.
#[derive(Clone)]
pub(super) struct Segment {
    pub(super) keyspace: Keyspace,
    /// Offset after its last record.
    pub(super) next: u64,
    /// Encoded size of its records.
    pub(super) bytes: u64,
    /// When its first and its last record were taken, in milliseconds since 1970; nothing while it is empty.
    pub(super) appended_first_at_ms: Option<i64>,
    pub(super) appended_last_at_ms: Option<i64>,
}

/// Where the records of a partition are.
pub(super) enum Store {
    /// Segments by the offset of their first record; never empty.
    Segments(BTreeMap<u64, Segment>),
    /// One keyspace with holes.
    Compacted(Keyspace),
}

/// An open database.
pub(super) struct Engine {
    pub(super) db: Database,
    pub(super) meta: Keyspace,
    /// Partitions by topic, in order.
    pub(super) stores: RwLock<HashMap<String, Vec<Store>>>,
}

impl Engine {
    /// Opens or creates the database, and recovers what was acknowledged. The caller holds the directory's lock.
    pub(super) fn open(dir: &Path) -> Result<Self, fjall::Error> {
        discard_unfinished_creation(dir)?;
        let db = match open_database(dir) {
            Err(fjall::Error::JournalRecovery(_)) if salvage::cut_refused_batches(dir)? => open_database(dir)?,
            opened => opened?,
        };
        let meta = db.keyspace("meta", || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_MAX_BYTES))?;
        let engine = Self { db, meta, stores: RwLock::default() };
        for declared in engine.declared()? {
            engine.open_topic(&declared)?;
        }
        Ok(engine)
    }

    /// The topics that are stored.
    pub(super) fn declared(&self) -> Result<Vec<Declared>, fjall::Error> {
        let mut topics = Vec::new();
        for entry in self.meta.prefix(TOPIC_PREFIX) {
            let (key, value) = entry.into_inner()?;
            topics.extend(decode_topic(&key, &value));
        }
        Ok(topics)
    }

    /// Opens the partitions of a topic that is stored, or is about to be.
    pub(super) fn open_topic(&self, topic: &Declared) -> Result<(), fjall::Error> {
        let mut stores = Vec::new();
        for partition in 0..topic.partitions {
            stores.push(match topic.cleanup {
                Cleanup::Compact => Store::Compacted(self.db.keyspace(&format!("c/{}/{partition}", topic.name), records_options)?),
                Cleanup::Delete { .. } => Store::Segments(self.open_segments(&topic.name, partition)?),
            });
        }
        self.stores.write().insert(topic.name.clone(), stores);
        Ok(())
    }

    fn open_segments(&self, topic: &str, partition: u32) -> Result<BTreeMap<u64, Segment>, fjall::Error> {
        let prefix = format!("d/{topic}/{partition}/");
        let mut segments = BTreeMap::new();
        for name in self.db.list_keyspace_names() {
            let Some(base) = name.strip_prefix(&*prefix).and_then(|base| base.parse().ok()) else { continue };
            let keyspace = self.db.keyspace(&name, records_options)?;
            segments.insert(base, Segment::read(keyspace, base)?);
        }
        if segments.is_empty() {
            segments.insert(0, Segment::empty(self.create_segment(topic, partition, 0)?, 0));
        }
        Ok(segments)
    }

    fn create_segment(&self, topic: &str, partition: u32, base: u64) -> Result<Keyspace, fjall::Error> {
        self.db.keyspace(&format!("d/{topic}/{partition}/{base:020}"), records_options)
    }

    /// Starts a segment at `base`, the partition's end, and seals the one before.
    pub(super) fn roll(&self, topic: &str, partition: u32, base: u64) -> Result<(), fjall::Error> {
        let keyspace = self.create_segment(topic, partition, base)?;
        let sealed = {
            let mut stores = self.stores.write();
            let Some(Store::Segments(segments)) = stores.get_mut(topic).and_then(|stores| stores.get_mut(partition as usize)) else {
                return Ok(());
            };
            let sealed = segments.last_key_value().map(|(_, segment)| segment.keyspace.clone());
            segments.insert(base, Segment::empty(keyspace, base));
            sealed
        };
        // Nothing will be written to the sealed segment any more, so its memtable would never grow to the size at which it is
        // flushed, and would hold its journal back for ever.
        if let Some(sealed) = sealed {
            sealed.rotate_memtable()?;
        }
        Ok(())
    }

    /// Drops the segment at `base` with all its records.
    pub(super) fn drop_segment(&self, topic: &str, partition: u32, base: u64) -> Result<(), fjall::Error> {
        let keyspace = match self.stores.read().get(topic).and_then(|stores| stores.get(partition as usize)) {
            Some(Store::Segments(segments)) => segments.get(&base).map(|segment| segment.keyspace.clone()),
            _ => None,
        };
        let Some(keyspace) = keyspace else { return Ok(()) };
        self.db.delete_keyspace(keyspace)?;
        if let Some(Store::Segments(segments)) = self.stores.write().get_mut(topic).and_then(|stores| stores.get_mut(partition as usize)) {
            segments.remove(&base);
        }
        Ok(())
    }

    /// First offset that is kept, and the offset that the next append gets.
    pub(super) fn span(&self, topic: &str, partition: u32) -> Result<(u64, u64), fjall::Error> {
        match self.stores.read().get(topic).and_then(|stores| stores.get(partition as usize)) {
            Some(Store::Segments(segments)) => {
                let start = segments.first_key_value().map_or(0, |(&base, _)| base);
                let end = segments.last_key_value().map_or(0, |(_, segment)| segment.next);
                Ok((start, end))
            }
            Some(Store::Compacted(keyspace)) => match keyspace.last_key_value() {
                Some(last) => Ok((0, offset_of(&last.key()?).map_or(0, |offset| offset + 1))),
                None => Ok((0, 0)),
            },
            None => Ok((0, 0)),
        }
    }

    /// The offset of the last record of each key of a compacted partition.
    pub(super) fn keys(&self, topic: &str, partition: u32) -> Result<HashMap<Bytes, u64>, fjall::Error> {
        let mut keys = HashMap::new();
        let keyspace = match self.stores.read().get(topic).and_then(|stores| stores.get(partition as usize)) {
            Some(Store::Compacted(keyspace)) => keyspace.clone(),
            _ => return Ok(keys),
        };
        for entry in keyspace.iter() {
            let (key, value) = entry.into_inner()?;
            if let (Some(offset), Ok((Some(name), _))) = (offset_of(&key), codec::key_and_tombstone(&value.into())) {
                keys.insert(Bytes::copy_from_slice(&name), offset);
            }
        }
        Ok(keys)
    }

    /// Removes the tombstones below `below` from a compacted partition: whoever reads from now on finds neither the key nor
    /// what removed it. Spares the last record, which tells the next offset.
    pub(super) fn purge_tombstones(&self, topic: &str, partition: u32, below: u64) -> Result<(), fjall::Error> {
        let keyspace = match self.stores.read().get(topic).and_then(|stores| stores.get(partition as usize)) {
            Some(Store::Compacted(keyspace)) => keyspace.clone(),
            _ => return Ok(()),
        };
        let Some(last) = keyspace.last_key_value() else { return Ok(()) };
        let last = last.key()?;
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncAll));
        for entry in keyspace.range(..below.to_be_bytes()) {
            let (key, value) = entry.into_inner()?;
            if key != last && matches!(codec::key_and_tombstone(&value.into()), Ok((Some(_), true))) {
                batch.remove(&keyspace, key);
            }
        }
        batch.commit()
    }

    /// What `group` has committed on `topic`, by partition.
    pub(super) fn committed(&self, topic: &str) -> Result<HashMap<String, HashMap<u32, u64>>, fjall::Error> {
        let mut groups: HashMap<String, HashMap<u32, u64>> = HashMap::new();
        let prefix = commit_prefix(topic);
        for entry in self.meta.prefix(&prefix) {
            let (key, value) = entry.into_inner()?;
            let Some((group, partition)) = key.get(prefix.len()..).and_then(|rest| rest.split_last_chunk::<4>()) else { continue };
            let (Ok(group), Some(next)) = (std::str::from_utf8(group), offset_of(&value)) else { continue };
            groups.entry(group.to_owned()).or_default().insert(u32::from_be_bytes(*partition), next);
        }
        Ok(groups)
    }
}

impl Segment {
    fn empty(keyspace: Keyspace, base: u64) -> Self {
        Self { keyspace, next: base, bytes: 0, appended_first_at_ms: None, appended_last_at_ms: None }
    }

    /// Reads what the first and the last record tell of the segment.
    fn read(keyspace: Keyspace, base: u64) -> Result<Self, fjall::Error> {
        let mut segment = Self::empty(keyspace, base);
        if let Some(first) = segment.keyspace.first_key_value() {
            segment.appended_first_at_ms = codec::read_stamp(&first.value()?).ok().map(|(at, _)| at);
        }
        if let Some(last) = segment.keyspace.last_key_value() {
            let (key, value) = last.into_inner()?;
            segment.next = offset_of(&key).map_or(base, |offset| offset + 1);
            if let Ok((at, bytes)) = codec::read_stamp(&value) {
                segment.appended_last_at_ms = Some(at);
                segment.bytes = bytes;
            }
        }
        Ok(segment)
    }
}

pub(super) fn open_database(dir: &Path) -> Result<Database, fjall::Error> {
    // One worker flushes, the other compacts.
    Database::builder(dir)
        .worker_threads(2)
        .cache_size(BLOCK_CACHE_BYTES)
        .max_journaling_size(JOURNAL_MAX_BYTES)
        .journal_compression(fjall::CompressionType::None)
        .open()
}

pub(super) fn records_options() -> KeyspaceCreateOptions {
    // Records are read in ranges, never looked up, so filters would be dead weight.
    KeyspaceCreateOptions::default()
        .max_memtable_size(MEMTABLE_MAX_BYTES)
        .data_block_size_policy(BlockSizePolicy::all(BLOCK_BYTES))
        .filter_policy(FilterPolicy::disabled())
}

/// A process that is killed while it makes a new database leaves a journal without the version marker that is written last;
/// nothing was acknowledged by then.
fn discard_unfinished_creation(dir: &Path) -> std::io::Result<()> {
    let journal = dir.join("0.jnl");
    if !dir.join("version").try_exists()? && journal.try_exists()? {
        std::fs::remove_file(journal)?;
    }
    Ok(())
}
