//! A copy of the log while it is used, in two steps: what groups have committed is noted first, the records are read last.
//!
//! So what is committed in the copy was durable downstream before whatever was done between the two steps, and what was not
//! committed yet is among the records: retention waits meanwhile. The copy is a log of its own, made anew by its records, so it holds
//! none of what is damaged here and needs no journal.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable as _, Snapshot};

use super::{
    core::Core,
    engine::{Engine, Store, open_database, records_options},
};
use crate::error::LogError;

/// Bytes between two looks whether the log is still open.
const LOOK_BYTES: u64 = 8 << 20;

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCopied {
    /// Records.
    pub records: u64,
    /// Their bytes, as the log stores them.
    pub bytes: u64,
}

/// A copy that has begun. Until it is dropped, retention removes nothing.
pub struct LogCopy {
    core: Arc<Core>,
    /// Topics and commits, as they stand in `meta`.
    meta: Vec<(Vec<u8>, Vec<u8>)>,
    _hold: Hold,
}

/// Keeps retention from removing anything.
struct Hold(Arc<Core>);

impl Hold {
    /// Waits for a retention that is under way.
    fn take(core: &Arc<Core>) -> Self {
        *core.retention_holds.lock() += 1;
        Self(core.clone())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        *self.0.retention_holds.lock() -= 1;
    }
}

impl LogCopy {
    /// Notes topics and commits. Blocks.
    pub(super) fn begin(core: &Arc<Core>) -> Result<Self, LogError> {
        let hold = Hold::take(core);
        let engine = core.engine().map_err(failed)?;
        let mut meta = Vec::new();
        for entry in engine.db.snapshot().iter(&engine.meta) {
            let (key, value) = entry.into_inner().map_err(failed)?;
            meta.push((key.to_vec(), value.to_vec()));
        }
        Ok(Self { core: core.clone(), meta, _hold: hold })
    }

    /// Writes every record that there is now, under the commits of the beginning, as a log of its own into `dir`, which must not exist.
    /// `copied` is told the bytes so far. Blocks.
    ///
    /// # Errors
    /// [`LogError::Engine`] when the copy cannot be written (a full disk), a record cannot be read, or the log is closed meanwhile.
    pub fn write(self, dir: &Path, copied: impl Fn(u64)) -> Result<LogCopied, LogError> {
        let engine = self.core.engine().map_err(failed)?;
        std::fs::create_dir(dir).map_err(failed)?;
        let target = open_database(dir).map_err(failed)?;
        let done = self.write_into(&engine, &target, copied)?;
        target.persist(PersistMode::SyncAll).map_err(failed)?;
        Ok(done)
    }

    fn write_into(&self, engine: &Arc<Engine>, target: &Database, copied: impl Fn(u64)) -> Result<LogCopied, LogError> {
        let meta = target.keyspace("meta", KeyspaceCreateOptions::default).map_err(failed)?;
        for (key, value) in &self.meta {
            meta.insert(key, value).map_err(failed)?;
        }
        let snapshot = engine.db.snapshot();
        let (mut done, mut look_at) = (LogCopied::default(), LOOK_BYTES);
        for (name, source) in keyspaces(engine, &snapshot)? {
            let keyspace = target.keyspace(&name, records_options).map_err(failed)?;
            let mut records = snapshot.iter(&source).peekable();
            if records.peek().is_none() {
                continue;
            }
            let mut ingestion = keyspace.start_ingestion().map_err(failed)?;
            for record in records {
                let (key, value) = record.into_inner().map_err(failed)?;
                done.records += 1;
                done.bytes += value.len() as u64;
                ingestion.write(key, value).map_err(failed)?;
                if done.bytes >= look_at {
                    look_at = done.bytes + LOOK_BYTES;
                    // A log that wants to close its store waits for whoever reads from it.
                    let is_open = self.core.engine().is_ok_and(|open| Arc::ptr_eq(&open, engine));
                    if !is_open {
                        return Err(failed("the log closed its store meanwhile; take the copy again"));
                    }
                    copied(done.bytes);
                }
            }
            ingestion.finish().map_err(failed)?;
        }
        copied(done.bytes);
        Ok(done)
    }
}

/// The keyspaces with records, by name. A segment that was begun after the snapshot is left out: what stands before it is not whole
/// in the snapshot. Where all are empty the first tells the partition's next offset.
fn keyspaces(engine: &Engine, snapshot: &Snapshot) -> Result<Vec<(String, Keyspace)>, LogError> {
    let mut found = Vec::new();
    for (topic, partitions) in &*engine.stores.read() {
        for (partition, store) in partitions.iter().enumerate() {
            match store {
                Store::Compacted(keyspace) => found.push((format!("c/{topic}/{partition}"), keyspace.clone())),
                Store::Segments(segments) => {
                    let mut kept = Vec::new();
                    for (base, segment) in segments {
                        if !snapshot.is_empty(&segment.keyspace).map_err(failed)? {
                            kept.push((*base, segment.keyspace.clone()));
                        }
                    }
                    if kept.is_empty() {
                        kept.extend(segments.first_key_value().map(|(base, segment)| (*base, segment.keyspace.clone())));
                    }
                    found.extend(kept.into_iter().map(|(base, keyspace)| (format!("d/{topic}/{partition}/{base:020}"), keyspace)));
                }
            }
        }
    }
    Ok(found)
}

fn failed(reason: impl ToString) -> LogError {
    LogError::Engine { action: "copy the log".to_owned(), reason: reason.to_string() }
}

/// Whether a process has the log in this directory open; a directory without a log is open to nobody.
#[must_use]
pub(super) fn is_open(dir: &Path) -> bool {
    let file: PathBuf = dir.join(super::directory::LOCK_FILE);
    std::fs::File::options().write(true).open(file).is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
}
