//! What a topic drops, and when: whole segments, oldest first, once they are older or more than the topic allows, and never one
//! that a registered group has not committed.

use std::{sync::Arc, time::Duration};

use super::{
    core::Core,
    engine::{Engine, Store},
    topic_state::TopicState,
    turnover,
};
use crate::topic::Cleanup;

/// A topic is dropped in so many steps.
const STEPS: u64 = 16;
const SEGMENT_MIN_BYTES: u64 = 64 << 10;
const SEGMENT_MAX_BYTES: u64 = 64 << 20;
const INTERVAL_MIN: Duration = Duration::from_millis(20);
const INTERVAL_MAX: Duration = Duration::from_secs(30);

/// Whether the segment that is written to is large or old enough to start another.
pub(super) fn is_segment_full(engine: &Engine, topic: &TopicState, partition: u32, now_ms: i64) -> bool {
    let Cleanup::Delete { age_max, bytes_max } = *topic.cleanup.read() else { return false };
    let stores = engine.stores.read();
    let Some(Store::Segments(segments)) = stores.get(&*topic.name).and_then(|stores| stores.get(partition as usize)) else { return false };
    let Some((_, segment)) = segments.last_key_value() else { return false };
    let Some(first_at_ms) = segment.appended_first_at_ms else { return false };
    let partitions = (topic.partitions.len() as u64).max(1);
    let bytes_full = (bytes_max / STEPS / partitions).clamp(SEGMENT_MIN_BYTES, SEGMENT_MAX_BYTES);
    segment.bytes >= bytes_full || now_ms.saturating_sub(first_at_ms) >= millis(age_max) / 8
}

/// Whether a topic is larger than it may be, so that retention must not wait for its turn.
pub(super) fn is_size_due(core: &Core, engine: &Engine) -> bool {
    core.topics.read().values().any(|topic| is_over_size(engine, topic) && oldest_droppable(engine, topic).is_some())
}

/// How long until retention is due again.
pub(super) fn interval(core: &Core) -> Duration {
    let ages = core
        .topics
        .read()
        .values()
        .filter_map(|topic| match *topic.cleanup.read() {
            Cleanup::Delete { age_max, .. } => Some(age_max / 16),
            Cleanup::Compact => None,
        })
        .min();
    ages.unwrap_or(INTERVAL_MAX).clamp(INTERVAL_MIN, INTERVAL_MAX)
}

/// Drops what may be dropped; nothing while the log is copied.
pub(super) fn run(core: &Core, engine: &Engine, now_ms: i64) -> Result<(), fjall::Error> {
    let holds = core.retention_holds.lock();
    if *holds > 0 {
        return Ok(());
    }
    let topics: Vec<Arc<TopicState>> = core.topics.read().values().cloned().collect();
    for topic in topics {
        let Cleanup::Delete { age_max, .. } = *topic.cleanup.read() else { continue };
        for (index, partition) in topic.indexed() {
            // A partition that nobody writes to grows old too.
            if is_segment_full(engine, &topic, index, now_ms) {
                engine.roll(&topic.name, index, partition.end())?;
            }
        }
        while let Some(oldest) = oldest_droppable(engine, &topic) {
            let is_outlived = now_ms.saturating_sub(oldest.appended_last_at_ms) >= millis(age_max);
            if !is_outlived && !is_over_size(engine, &topic) {
                break;
            }
            if is_outlived {
                // Told before it cannot be read any more: at no moment does it look gone and is on disk.
                core.dropped.lock().add(oldest.appended_first_at_ms, oldest.appended_last_at_ms);
            }
            engine.drop_segment(&topic.name, oldest.partition, oldest.base)?;
            if let Some(partition) = topic.partition(oldest.partition) {
                partition.set_start(oldest.next);
            }
        }
    }
    // Not under the lock: this takes a while, and nobody else adds to it.
    let mut dropped = *core.dropped.lock();
    turnover::turn_over_when_due(engine, &core.config.dir, &mut dropped, now_ms)?;
    *core.dropped.lock() = dropped;
    Ok(())
}

struct Droppable {
    partition: u32,
    base: u64,
    next: u64,
    appended_first_at_ms: i64,
    appended_last_at_ms: i64,
}

/// The oldest sealed segment that every registered group has committed.
fn oldest_droppable(engine: &Engine, topic: &TopicState) -> Option<Droppable> {
    let stores = engine.stores.read();
    let groups = topic.groups.lock();
    let heads = (0u32..).zip(stores.get(&*topic.name)?).filter_map(|(partition, store)| {
        let Store::Segments(segments) = store else { return None };
        // The last one is being written to.
        let (&base, segment) = segments.iter().next().filter(|_| segments.len() > 1)?;
        let committed = groups.values().map(|group| group.committed(partition)).min().unwrap_or(u64::MAX);
        let [appended_first_at_ms, appended_last_at_ms] =
            [segment.appended_first_at_ms, segment.appended_last_at_ms].map(|at_ms| at_ms.unwrap_or(0));
        let next = segment.next;
        (committed >= next).then_some(Droppable { partition, base, next, appended_first_at_ms, appended_last_at_ms })
    });
    heads.min_by_key(|head| head.appended_last_at_ms)
}

fn is_over_size(engine: &Engine, topic: &TopicState) -> bool {
    let Cleanup::Delete { bytes_max, .. } = *topic.cleanup.read() else { return false };
    let stores = engine.stores.read();
    let bytes: u64 = stores
        .get(&*topic.name)
        .into_iter()
        .flatten()
        .map(|store| match store {
            Store::Segments(segments) => segments.values().map(|segment| segment.bytes).sum(),
            Store::Compacted(_) => 0,
        })
        .sum();
    bytes > bytes_max
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
