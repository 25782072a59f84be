//! Turning the journal over, so that what retention dropped is gone from the disk too.
//!
//! The engine writes each record to its journal first, and starts another journal only when this one is large. On a quiet log that
//! is in months, and for all that time the journal would hold records that were dropped long ago. So when a journal is as old as a
//! record that is dropped by its age, it is filled up, which seals it, and all that it still holds is moved to where it belongs:
//! then the engine removes it. A busy log turns its journal over by itself long before. No journal gets older than a week, so what
//! was removed from a compacted topic is gone by then too.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant, UNIX_EPOCH},
};

use fjall::{Keyspace, KeyspaceCreateOptions};

use super::{
    engine::{Engine, Store},
    headroom,
};

/// The engine seals a journal that is larger than 64,000,000 bytes when it moves something out of it next.
const JOURNAL_FULL_BYTES: usize = 62 << 20;
const FILLER_BYTES: usize = 1 << 20;
/// Oldest journal.
const JOURNAL_AGE_MAX_MS: i64 = 7 * 86_400_000;
const FILLER: &str = "filler";
/// Longest wait for the engine to seal the journal; after it the next turn tries again.
const SEAL_PATIENCE: Duration = Duration::from_secs(5);
const SEAL_PAUSE: Duration = Duration::from_millis(2);

/// Records that were dropped by their age, and which a journal may still hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dropped {
    /// When the oldest and the newest of them were appended, milliseconds since 1970; none when no journal holds any.
    appended_ms: Option<(i64, i64)>,
    /// The newest journal that may hold them, once it is sealed and all in it has been moved on.
    sealed: Option<u64>,
}

impl Dropped {
    /// Takes in records that were appended from `first_ms` to `last_ms`.
    pub(super) fn add(&mut self, first_ms: i64, last_ms: i64) {
        let (first, last) = self.appended_ms.unwrap_or((first_ms, last_ms));
        *self = Self { appended_ms: Some((first.min(first_ms), last.max(last_ms))), sealed: None };
    }

    /// When the oldest of them was appended.
    pub(super) fn oldest_ms(&self) -> Option<i64> {
        self.appended_ms.map(|(first, _)| first)
    }
}

/// Turns the journal over when one may hold what was dropped, or is too old, and forgets what is gone from the disk. The engine removes
/// a journal by itself once nothing keeps it, so that is seen in a later turn. Blocking: a second at most, as a rule.
pub(super) fn turn_over_when_due(engine: &Engine, dir: &Path, dropped: &mut Dropped, now_ms: i64) -> Result<(), fjall::Error> {
    if let Some(sealed) = dropped.sealed {
        if journals(dir)?.into_iter().all(|(id, _)| id > sealed) {
            *dropped = Dropped::default();
        }
        return Ok(());
    }
    let Some(newest) = newest_if_due(dir, dropped.appended_ms.map(|(_, last)| last), now_ms)? else {
        *dropped = Dropped::default();
        return Ok(());
    };
    // Without room it has to wait, as appends do.
    if headroom::check(dir).is_err() {
        return Ok(());
    }
    let filler = engine.db.keyspace(FILLER, KeyspaceCreateOptions::default)?;
    let zeros = vec![0; FILLER_BYTES];
    for part in 0..JOURNAL_FULL_BYTES / FILLER_BYTES {
        filler.insert((part as u64).to_be_bytes(), &zeros)?;
    }
    filler.rotate_memtable()?;
    let began = Instant::now();
    let mut is_sealed = false;
    while !is_sealed && began.elapsed() < SEAL_PATIENCE {
        thread::sleep(SEAL_PAUSE);
        is_sealed = journals(dir)?.into_iter().any(|(id, _)| id > newest);
    }
    // Whatever keeps a sealed journal is moved on, so nothing keeps it any longer.
    for keyspace in keyspaces(engine) {
        keyspace.rotate_memtable()?;
    }
    for compacted in engine.stores.read().values().flatten() {
        if let Store::Compacted(keyspace) = compacted {
            keyspace.major_compact()?;
        }
    }
    engine.db.delete_keyspace(filler)?;
    dropped.sealed = is_sealed.then_some(newest);
    Ok(())
}

/// The newest journal's number, when one of them is due. One that does not tell when it was begun may hold whatever was dropped.
fn newest_if_due(dir: &Path, dropped_ms: Option<i64>, now_ms: i64) -> std::io::Result<Option<u64>> {
    let journals = journals(dir)?;
    let is_due = |began_ms: Option<i64>| match began_ms {
        Some(began_ms) => dropped_ms.is_some_and(|at_ms| began_ms <= at_ms) || began_ms < now_ms.saturating_sub(JOURNAL_AGE_MAX_MS),
        None => dropped_ms.is_some(),
    };
    let newest = journals.iter().map(|(id, _)| *id).max();
    Ok(newest.filter(|_| journals.iter().any(|&(_, began_ms)| is_due(began_ms))))
}

/// Number of each journal, and when it was begun, in milliseconds since 1970, where the file system knows.
fn journals(dir: &Path) -> std::io::Result<Vec<(u64, Option<i64>)>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".jnl")).and_then(|id| id.parse().ok()) else { continue };
        let created = entry.metadata().and_then(|file| file.created()).ok();
        let began_ms = created.and_then(|at| i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok());
        journals.push((id, began_ms));
    }
    Ok(journals)
}

fn keyspaces(engine: &Engine) -> Vec<Keyspace> {
    let stores = engine.stores.read();
    let of_topics = stores.values().flatten().flat_map(|store| match store {
        Store::Segments(segments) => segments.values().map(|segment| segment.keyspace.clone()).collect(),
        Store::Compacted(keyspace) => vec![keyspace.clone()],
    });
    std::iter::once(engine.meta.clone()).chain(of_topics).collect()
}
