//! Retention: what is old, or more than a topic may hold, goes, but never what a group has not committed.
//!
//! Kafka's own retention knows no groups, so topics are made without one, and the members of this process trim the partitions
//! that they own. Nobody trims a partition without an owner: what piles up there is not lost.

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use rdkafka::{
    TopicPartitionList,
    admin::AdminOptions,
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    core::{Core, DeclaredTopic},
    message::{at_offset, partition_number},
    observer::Observer,
    properties::REQUEST_TIMEOUT,
};
use crate::topic::Cleanup;

/// Longest and shortest wait between two looks.
const INTERVAL_MAX: Duration = Duration::from_secs(60);
const INTERVAL_MIN: Duration = Duration::from_millis(500);

/// Trims for as long as the log lives.
pub(super) async fn run(core: Weak<Core>) {
    let mut is_allowed = true;
    while is_allowed {
        let Some(held) = core.upgrade() else { return };
        for topic in held.topics() {
            if let Cleanup::Delete { age_max, bytes_max } = topic.declared.cleanup {
                match trim(&held, &topic, age_max, bytes_max).await {
                    Ok(()) => {}
                    Err(KafkaError::AdminOp(RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed)) => {
                        tracing::warn!(
                            topic = topic.name,
                            "old records may not be deleted: allow DELETE on the topic, or set retention.ms on it, which drops records processed or not"
                        );
                        is_allowed = false;
                    }
                    Err(error) => tracing::debug!(topic = topic.name, %error, "old records cannot be deleted now"),
                }
            }
        }
        let wait = held.topics().iter().map(|topic| interval(&topic.declared.cleanup)).min().unwrap_or(INTERVAL_MIN);
        drop(held);
        tokio::time::sleep(wait).await;
    }
}

/// A tenth of the age is as exact as anybody needs.
fn interval(cleanup: &Cleanup) -> Duration {
    match cleanup {
        Cleanup::Delete { age_max, .. } => (*age_max / 10).clamp(INTERVAL_MIN, INTERVAL_MAX),
        Cleanup::Compact => INTERVAL_MAX,
    }
}

async fn trim(core: &Arc<Core>, topic: &Arc<DeclaredTopic>, age_max: Duration, bytes_max: u64) -> Result<(), KafkaError> {
    let members = core.members(topic.declared.name);
    let owned: BTreeSet<u32> = members.iter().flat_map(|member| member.owned()).collect();
    if owned.is_empty() {
        return Ok(());
    }
    let groups: BTreeSet<&str> = members.iter().map(|member| member.group.as_str()).collect();
    let observers = groups.into_iter().map(|group| core.observers.of(core, group)).collect::<Result<Vec<_>, _>>();
    let Ok(observers) = observers else { return Ok(()) };
    let limits = Limits {
        kept_from_ms: now_ms().saturating_sub(i64::try_from(age_max.as_millis()).unwrap_or(i64::MAX)),
        // Kafka tells nobody how large a partition is: the mean of what came by, times what is there, is near enough.
        records_max: members
            .iter()
            .filter_map(|member| member.mean_record_bytes())
            .max()
            .map(|mean| bytes_max / u64::from(topic.partitions) / mean.max(1)),
    };
    let asked = Arc::clone(topic);
    let due = tokio::task::spawn_blocking(move || due(&observers, &asked, &owned, &limits)).await.map_err(|_| KafkaError::Canceled)??;
    if due.count() == 0 {
        return Ok(());
    }
    let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT)).operation_timeout(Some(REQUEST_TIMEOUT));
    let trimmed = core.admin.delete_records(&due, &options).await?;
    for element in trimmed.elements() {
        element.error()?;
    }
    tracing::debug!(topic = topic.name, ?due, "old records deleted");
    Ok(())
}

/// What may stay.
struct Limits {
    /// Older records go.
    kept_from_ms: i64,
    /// More records than these in a partition go; none while nothing is known of their size.
    records_max: Option<u64>,
}

/// Up to which offset each partition is trimmed. Blocking.
fn due(
    observers: &[Arc<Mutex<Observer>>],
    topic: &DeclaredTopic,
    owned: &BTreeSet<u32>,
    limits: &Limits,
) -> Result<TopicPartitionList, KafkaError> {
    let mut due = TopicPartitionList::new();
    let mut stands = Vec::new();
    for observer in observers {
        stands.push(observer.lock().stand(topic)?);
    }
    let Some(observer) = observers.first() else { return Ok(due) };
    let first_kept = observer.lock().first_at(topic, limits.kept_from_ms)?;
    for &partition in owned {
        // A group that has committed nothing has all of it to do.
        let committed = stands.iter().filter_map(|stand| stand.get(&partition)).map(|stand| stand.next).min();
        let (Some(committed), Some(stand)) = (committed, stands.first().and_then(|stand| stand.get(&partition))) else { continue };
        let by_age = first_kept.get(&partition).copied().unwrap_or(stand.high);
        let by_size = limits.records_max.map_or(0, |records_max| stand.high.saturating_sub(records_max));
        let upto = by_age.max(by_size).min(committed);
        if upto > stand.low {
            due.add_partition_offset(&topic.name, partition_number(partition), at_offset(upto))?;
        }
    }
    Ok(due)
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
