//! The committer's work on topics and groups: declaring, registering, and loading what the engine holds.

use std::sync::Arc;

use fjall::PersistMode;

use super::{
    committer::Failure,
    core::Core,
    engine::Engine,
    group::Group,
    layout::{commit_key, encode_topic, topic_key},
    queue::Answer,
    topic_state::{Declared, TopicState},
};
use crate::{error::LogError, topic::Cleanup};

/// Brings all that the process knows of topics and groups in line with what the engine holds.
pub(super) fn load(core: &Core, engine: &Engine) -> Result<(), fjall::Error> {
    engine.declared()?.iter().try_for_each(|declared| load_topic(core, engine, declared))
}

/// Wakes whoever waits for records.
pub(super) fn wake_all(core: &Core) {
    for topic in core.topics.read().values() {
        topic.changed.notify_waiters();
    }
}

/// Creates or checks a topic, and answers.
pub(super) fn declare(core: &Core, engine: &Engine, topic: &Declared, answer: Answer<(), LogError>) -> Result<(), Failure> {
    let there = core.topic(&topic.name);
    if let Some(there) = &there {
        let found = Declared {
            name: topic.name.clone(),
            partitions: u32::try_from(there.partitions.len()).unwrap_or(u32::MAX),
            cleanup: *there.cleanup.read(),
        };
        if describe(&found) != describe(topic) {
            let differs = LogError::TopicDiffers { topic: topic.name.clone(), found: describe(&found), expected: describe(topic) };
            drop(answer.send(Err(differs)));
            return Ok(());
        }
        if found == *topic {
            drop(answer.send(Ok(())));
            return Ok(());
        }
    }
    let stored = engine
        .meta
        .insert(topic_key(&topic.name), encode_topic(topic))
        .and_then(|()| engine.db.persist(PersistMode::SyncAll))
        .and_then(|()| if there.is_none() { engine.open_topic(topic) } else { Ok(()) })
        .and_then(|()| load_topic(core, engine, topic));
    finish(stored, "store the topic", || format!("declare topic {}", topic.name), answer)
}

/// Creates or finds a group, and answers. A new group starts at the earliest record.
pub(super) fn register(engine: &Engine, topic: &TopicState, name: &str, answer: Answer<Arc<Group>, LogError>) -> Result<(), Failure> {
    if let Some(group) = topic.groups.lock().get(name) {
        drop(answer.send(Ok(group.clone())));
        return Ok(());
    }
    let starts: Vec<u64> = topic.partitions.iter().map(|partition| partition.start()).collect();
    let mut batch = engine.db.batch().durability(Some(PersistMode::SyncAll));
    for (partition, start) in (0u32..).zip(&starts) {
        batch.insert(&engine.meta, commit_key(&topic.name, name, partition), start.to_be_bytes());
    }
    let stored = batch.commit().map(|()| {
        let group = Arc::new(Group::new(name, starts));
        topic.groups.lock().insert(name.to_owned(), group.clone());
        group
    });
    finish(stored, "store the group", || format!("register group {name} on {}", topic.name), answer)
}

/// Answers, and hands the failure on.
fn finish<T>(
    stored: Result<T, fjall::Error>,
    action: &'static str,
    asked: impl FnOnce() -> String,
    answer: Answer<T, LogError>,
) -> Result<(), Failure> {
    match stored {
        Ok(value) => {
            drop(answer.send(Ok(value)));
            Ok(())
        }
        Err(error) => {
            let failure = Failure { action, error, unsynced: true };
            drop(answer.send(Err(LogError::Engine { action: asked(), reason: failure.reason() })));
            Err(failure)
        }
    }
}

/// What must agree between what is stored and what is declared; limits may change.
fn describe(topic: &Declared) -> String {
    let cleanup = match topic.cleanup {
        Cleanup::Delete { .. } => "delete",
        Cleanup::Compact => "compact",
    };
    format!("{} partitions and cleanup {cleanup}", topic.partitions)
}

fn load_topic(core: &Core, engine: &Engine, declared: &Declared) -> Result<(), fjall::Error> {
    let fresh = || Arc::new(TopicState::new(&declared.name, declared.partitions, declared.cleanup));
    let topic = core.topics.write().entry(declared.name.clone()).or_insert_with(fresh).clone();
    *topic.cleanup.write() = declared.cleanup;
    for (index, partition) in topic.indexed() {
        let (start, end) = engine.span(&topic.name, index)?;
        if end < partition.end() {
            tracing::error!(topic = &*topic.name, partition = index, had = partition.end(), has = end, "acknowledged records are gone");
        }
        partition.tail.lock().clear();
        partition.set_start(start);
        partition.set_end(end);
        *partition.keys.lock() = engine.keys(&topic.name, index)?;
    }
    for (name, committed) in engine.committed(&topic.name)? {
        let mut groups = topic.groups.lock();
        let group = groups.entry(name).or_insert_with_key(|name| Arc::new(Group::new(name, topic.partitions.iter().map(|_| 0).collect())));
        for (index, partition) in topic.indexed() {
            let next = committed.get(&index).copied().unwrap_or(0);
            if next > partition.end() {
                let (committed, end) = (next, partition.end());
                tracing::error!(
                    topic = &*topic.name,
                    group = group.name,
                    partition = index,
                    committed,
                    end,
                    "the group has committed more than there is"
                );
            }
            group.set_committed(index, next.min(partition.end()));
        }
    }
    Ok(())
}

/// Removes tombstones that every registered group has passed.
pub(super) fn purge_tombstones(core: &Core, engine: &Engine) -> Result<(), fjall::Error> {
    for topic in core.topics.read().values().filter(|topic| topic.is_compacted()) {
        for (index, partition) in topic.indexed() {
            let below = topic.groups.lock().values().map(|group| group.committed(index)).min().unwrap_or(u64::MAX);
            engine.purge_tombstones(&topic.name, index, below)?;
            *partition.keys.lock() = engine.keys(&topic.name, index)?;
        }
    }
    Ok(())
}
