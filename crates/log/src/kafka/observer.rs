//! Seeing how a group stands, from outside of it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    config::FromClientConfigAndContext as _,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    core::{Core, DeclaredTopic},
    ending::EndsAside,
    failure::{config_error, is_settling, log_error},
    message::{at_offset, partition_number},
    properties::REQUEST_TIMEOUT,
    voice::Voice,
};
use crate::{backend::Lag, error::LogError};

/// Wait before brokers that were settling who does what are asked again.
const SETTLING_PAUSE: Duration = Duration::from_millis(100);

/// The observers by group, each made when it is first needed.
#[derive(Default)]
pub(super) struct Observers(Mutex<HashMap<String, Arc<Mutex<Observer>>>>);

impl Observers {
    /// The observer of a group, named as in the cluster.
    pub(super) fn of(&self, core: &Core, group: &str) -> Result<Arc<Mutex<Observer>>, LogError> {
        let mut observers = self.0.lock();
        if let Some(observer) = observers.get(group) {
            return Ok(Arc::clone(observer));
        }
        let mut properties = core.config.reader(group);
        // One record of each partition is wanted.
        properties.set("queued.min.messages", "1").set("fetch.message.max.bytes", "1024");
        let client = client(&properties).map_err(|error| config_error(&error))?;
        let observer = Arc::new(Mutex::new(Observer { client, properties, appended_at_ms: HashMap::new() }));
        observers.insert(group.to_owned(), Arc::clone(&observer));
        Ok(observer)
    }
}

/// The group of the observer that asks for no group's offsets. It commits nothing, so no broker ever hears of it.
const NOBODYS: &str = "tlsrpt-oldest";

/// What `group` has yet to commit on `topic`.
pub(super) async fn lag(core: &Arc<Core>, topic: Arc<DeclaredTopic>, group: &str) -> Result<Lag, LogError> {
    let action = format!("read the lag of {group} on {}", topic.name);
    ask(core, group, action, move |observer| observer.lag(&topic)).await
}

/// When the oldest record of `topic` was taken.
pub(super) async fn oldest(core: &Arc<Core>, topic: Arc<DeclaredTopic>) -> Result<Option<i64>, LogError> {
    let action = format!("read the oldest record of {}", topic.name);
    ask(core, NOBODYS, action, move |observer| observer.oldest_of(&topic)).await
}

/// Asks a group's observer, off the async threads, until the brokers have settled who does what.
async fn ask<T: Send + 'static>(
    core: &Arc<Core>,
    group: &str,
    action: String,
    question: impl Fn(&mut Observer) -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, LogError> {
    let observer = core.observers.of(core, &core.prefixed(group))?;
    let asked = tokio::task::spawn_blocking(move || {
        let began = Instant::now();
        loop {
            match question(&mut observer.lock()) {
                Err(error) if (is_settling(&error) || is_mistaken(&error)) && began.elapsed() < REQUEST_TIMEOUT => {}
                answer => return answer,
            }
            thread::sleep(SETTLING_PAUSE);
        }
    })
    .await;
    asked.map_err(|_| KafkaError::Canceled).and_then(|asked| asked).map_err(|error| log_error(action, &error))
}

/// A client that asks for a group's offsets and never joins it. Its methods block.
pub(super) struct Observer {
    client: EndsAside<BaseConsumer<Voice>>,
    properties: ClientConfig,
    /// When the record at an offset was taken, by topic and partition: it is asked for once as long as the group stands still.
    appended_at_ms: HashMap<(String, u32), (u64, i64)>,
}

/// How a group stands in a partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand {
    /// First offset that is kept.
    pub(super) low: u64,
    /// The offset behind the last record.
    pub(super) high: u64,
    /// The offset from which the group goes on.
    pub(super) next: u64,
}

impl Observer {
    /// How the group stands in each partition.
    pub(super) fn stand(&mut self, topic: &DeclaredTopic) -> Result<BTreeMap<u32, Stand>, KafkaError> {
        let stands = self.ask_stand(topic);
        if stands.as_ref().is_err_and(is_mistaken) {
            self.client = client(&self.properties)?;
        }
        stands
    }

    fn ask_stand(&self, topic: &DeclaredTopic) -> Result<BTreeMap<u32, Stand>, KafkaError> {
        let committed = self.client.committed_offsets(all_of(topic), REQUEST_TIMEOUT)?;
        let mut stands = BTreeMap::new();
        for partition in 0..topic.partitions {
            let (low, high) = self.client.fetch_watermarks(&topic.name, partition_number(partition), REQUEST_TIMEOUT)?;
            let next = match committed.find_partition(&topic.name, partition_number(partition)).map(|element| element.offset()) {
                // An offset beyond the end is of a topic that was made anew since.
                Some(Offset::Offset(next)) if next <= high => next.max(low),
                _ => low,
            };
            stands.insert(partition, Stand { low: offset(low), high: offset(high), next: offset(next) });
        }
        Ok(stands)
    }

    /// The first record of each partition that was taken at `at_ms` or later; none where all are older.
    pub(super) fn first_at(&self, topic: &DeclaredTopic, at_ms: i64) -> Result<BTreeMap<u32, u64>, KafkaError> {
        let mut asked = all_of(topic);
        asked.set_all_offsets(Offset::Offset(at_ms))?;
        let found = self.client.offsets_for_times(asked, REQUEST_TIMEOUT)?;
        let known = |partition: u32| match found.find_partition(&topic.name, partition_number(partition)).map(|element| element.offset()) {
            Some(Offset::Offset(first)) => Some((partition, offset(first))),
            _ => None,
        };
        Ok((0..topic.partitions).filter_map(known).collect())
    }

    fn lag(&mut self, topic: &DeclaredTopic) -> Result<Lag, KafkaError> {
        let mut lag = Lag::default();
        let mut behind = BTreeMap::new();
        for (partition, stand) in self.stand(topic)? {
            let records = stand.high.saturating_sub(stand.next);
            lag.records += records;
            lag.by_partition.insert(partition, records);
            if stand.next < stand.high {
                behind.insert(partition, stand.next);
            }
        }
        lag.oldest_appended_at_ms = self.oldest(&topic.name, behind)?;
        Ok(lag)
    }

    /// When the oldest record was taken that is still there.
    fn oldest_of(&mut self, topic: &DeclaredTopic) -> Result<Option<i64>, KafkaError> {
        let mut kept = BTreeMap::new();
        for partition in 0..topic.partitions {
            let marks = self.client.fetch_watermarks(&topic.name, partition_number(partition), REQUEST_TIMEOUT);
            if marks.as_ref().is_err_and(is_mistaken) {
                self.client = client(&self.properties)?;
            }
            let (low, high) = marks?;
            if low < high {
                kept.insert(partition, offset(low));
            }
        }
        let partitions = kept.len();
        let (stamps, oldest) = self.stamps(&topic.name, kept)?;
        // Left out, the one that could not be read might be the oldest.
        if stamps < partitions { Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut)) } else { Ok(oldest) }
    }

    /// When the oldest of the records at these offsets was taken. What cannot be read in time is left out.
    fn oldest(&mut self, topic: &str, behind: BTreeMap<u32, u64>) -> Result<Option<i64>, KafkaError> {
        self.stamps(topic, behind).map(|(_, oldest)| oldest)
    }

    /// How many of the records at these offsets could be read in time, and when the oldest of them was taken.
    fn stamps(&mut self, topic: &str, mut behind: BTreeMap<u32, u64>) -> Result<(usize, Option<i64>), KafkaError> {
        let mut stamps = Vec::new();
        behind.retain(|&partition, next| match self.appended_at_ms.get(&(topic.to_owned(), partition)) {
            Some(&(known, at_ms)) if known == *next => {
                stamps.push(at_ms);
                false
            }
            _ => true,
        });
        if behind.is_empty() {
            return Ok((stamps.len(), stamps.into_iter().min()));
        }
        let mut start = TopicPartitionList::new();
        for (&partition, &next) in &behind {
            start.add_partition_offset(topic, partition_number(partition), at_offset(next))?;
        }
        self.client.assign(&start)?;
        let began = Instant::now();
        while !behind.is_empty() && began.elapsed() < REQUEST_TIMEOUT {
            let Some(Ok(message)) = self.client.poll(REQUEST_TIMEOUT.saturating_sub(began.elapsed())) else { continue };
            let partition = u32::try_from(message.partition()).unwrap_or(u32::MAX);
            if let (Some(next), Some(at_ms)) = (behind.remove(&partition), message.timestamp().to_millis()) {
                self.appended_at_ms.insert((topic.to_owned(), partition), (next, at_ms));
                stamps.push(at_ms);
            }
        }
        self.client.unassign()?;
        Ok((stamps.len(), stamps.into_iter().min()))
    }
}

fn client(properties: &ClientConfig) -> Result<EndsAside<BaseConsumer<Voice>>, KafkaError> {
    BaseConsumer::from_config_and_context(properties, Voice::default()).map(EndsAside::new)
}

/// Whether the client has a wrong picture of a topic that is there. When brokers come and go librdkafka may keep one with partitions
/// missing, and believes it for a quarter of an hour; a new client has none.
fn is_mistaken(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownPartition)
}

fn all_of(topic: &DeclaredTopic) -> TopicPartitionList {
    let mut all = TopicPartitionList::new();
    all.add_partition_range(&topic.name, 0, partition_number(topic.partitions.saturating_sub(1)));
    all
}

/// An offset as the log counts it: a broker gives none below 0 for what is there.
fn offset(offset: i64) -> u64 {
    u64::try_from(offset).unwrap_or(0)
}
