//! The thread of a member: takes part in the group, and fetches ahead of the role.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext, Offset, TopicPartitionList,
    config::{FromClientConfigAndContext as _, RDKafkaLogLevel},
    consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol},
    error::{KafkaError, RDKafkaErrorCode},
    types::RDKafkaRespErr,
};

use super::{Client, Membership, inbox::Arrival};
use crate::{
    error::LogError,
    kafka::{
        core::Core,
        failure::{config_error, is_permanent},
        message::from_kafka,
        properties::REQUEST_TIMEOUT,
        voice::Voice,
    },
};

/// Longest wait for the next event.
const POLL: Duration = Duration::from_millis(100);

/// How long a full inbox is waited for before the partitions are paused: what librdkafka has fetched ahead is dropped by a pause,
/// and fetched again.
const STALL: Duration = Duration::from_millis(500);

/// Wait before a client that met a fatal error is made anew.
const ANEW_AFTER: Duration = Duration::from_secs(1);

/// Starts the client and its thread.
pub(super) fn start(core: &Core, membership: &Arc<Membership>) -> Result<(), LogError> {
    let properties = core.config.member(&membership.group);
    let client = subscribe(&properties, membership).map_err(|error| config_error(&error))?;
    *membership.client.write() = Some(client);
    let pump = Pump { properties, membership: Arc::clone(membership), is_paused: false };
    let failed = |error: std::io::Error| LogError::Engine { action: format!("join group {}", membership.group), reason: error.to_string() };
    thread::Builder::new().name("kafka-member".to_owned()).spawn(move || pump.run()).map_err(failed)?;
    Ok(())
}

fn subscribe(properties: &ClientConfig, membership: &Arc<Membership>) -> Result<Arc<Client>, KafkaError> {
    let context = MemberContext { voice: Voice::default(), membership: Arc::downgrade(membership), was_assigned: AtomicBool::new(false) };
    let client = BaseConsumer::from_config_and_context(properties, context)?;
    client.subscribe(&[&membership.topic.name])?;
    Ok(Arc::new(client))
}

struct Pump {
    properties: ClientConfig,
    membership: Arc<Membership>,
    is_paused: bool,
}

impl Pump {
    fn run(mut self) {
        while !self.membership.is_leaving() {
            let Some(client) = self.client() else { continue };
            self.make_room(&client);
            self.poll(&client);
        }
        self.membership.let_go();
    }

    /// The client, made anew when it is beyond cure.
    fn client(&mut self) -> Option<Arc<Client>> {
        let client = self.membership.client.read().clone();
        if let Some(client) = client
            && !client.context().voice.is_dead()
        {
            return Some(client);
        }
        tracing::error!(group = self.membership.group, "a member of a Kafka group met a fatal error and joins anew");
        self.membership.let_go();
        self.lose_all();
        self.is_paused = false;
        thread::sleep(ANEW_AFTER);
        match subscribe(&self.properties, &self.membership) {
            Ok(client) => Some(Arc::clone(self.membership.client.write().insert(client))),
            Err(error) => {
                self.membership.inbox.trouble(error.to_string());
                None
            }
        }
    }

    fn lose_all(&self) {
        let mut gate = self.membership.gate.lock();
        let owned: Vec<u32> = gate.partitions().collect();
        self.membership.lose(&mut gate, &owned);
    }

    /// Pauses fetching while the inbox stays full, and goes on when there is room.
    fn make_room(&mut self, client: &Client) {
        let wait = if self.is_paused { Duration::ZERO } else { STALL };
        let has_room = self.membership.inbox.wait_for_room(wait);
        let was_assigned = client.context().was_assigned.swap(false, Ordering::AcqRel);
        // Partitions that came meanwhile came unpaused.
        let stays = has_room != self.is_paused && !(self.is_paused && was_assigned);
        if stays {
            return;
        }
        let changed = client.assignment().and_then(|owned| if has_room { client.resume(&owned) } else { client.pause(&owned) });
        match changed {
            Ok(()) => self.is_paused = !has_room,
            Err(error) => tracing::warn!(group = self.membership.group, %error, "fetching cannot be paused or resumed; trying again"),
        }
    }

    fn poll(&self, client: &Client) {
        match client.poll(POLL) {
            None => {}
            Some(Ok(message)) => {
                let Some(delivered) = from_kafka(&message) else { return };
                let position = delivered.position;
                match self.membership.inbox.put(delivered) {
                    Arrival::InOrder => {}
                    Arrival::First => self.membership.gate.lock().first_arrived(position.partition, position.offset, false),
                    Arrival::Gap { from } => {
                        self.membership.gate.lock().first_arrived(position.partition, position.offset, position.offset < from);
                    }
                }
            }
            Some(Err(error)) => self.note(client, &error),
        }
    }

    /// What the client cures by itself is no trouble of the role's.
    fn note(&self, client: &Client, error: &KafkaError) {
        use RDKafkaErrorCode as Code;
        match error {
            KafkaError::MessageConsumptionFatal(_) => client.context().voice.die(),
            _ => match error.rdkafka_error_code() {
                Some(code) if is_permanent(code) => self.membership.inbox.trouble(error.to_string()),
                Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                    self.membership.inbox.trouble(error.to_string());
                }
                Some(Code::PollExceeded) => {
                    tracing::warn!(
                        group = self.membership.group,
                        "this process stood still for too long: its partitions went to others, it joins again"
                    );
                }
                _ => tracing::info!(group = self.membership.group, %error, "a member of a Kafka group met an error"),
            },
        }
    }
}

/// What librdkafka calls, from within `poll` and within the client's end.
pub(super) struct MemberContext {
    voice: Voice,
    /// Weak, since the membership holds the client that holds this.
    membership: Weak<Membership>,
    /// Set when partitions came; they come unpaused.
    was_assigned: AtomicBool,
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.voice.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.voice.error(error, reason);
    }
}

impl ConsumerContext for MemberContext {
    fn rebalance(&self, client: &BaseConsumer<Self>, event: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let is_cooperative = matches!(client.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let done = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let partitions = self.assigned(client, partitions);
            self.was_assigned.store(true, Ordering::Release);
            if is_cooperative { client.incremental_assign(&partitions) } else { client.assign(&partitions) }
        } else {
            self.revoked(partitions);
            if is_cooperative { client.incremental_unassign(partitions) } else { client.unassign() }
        };
        if let Err(error) = done {
            tracing::error!(%error, "a rebalance of a Kafka group failed; the member joins anew");
            self.voice.die();
        }
    }
}

impl MemberContext {
    /// Notes partitions that came, with where the group stands; answers them with where to start.
    fn assigned(&self, client: &BaseConsumer<Self>, partitions: &TopicPartitionList) -> TopicPartitionList {
        let Some(membership) = self.membership.upgrade() else { return partitions.clone() };
        let committed = client.committed_offsets(partitions.clone(), REQUEST_TIMEOUT);
        if let Err(error) = &committed {
            tracing::warn!(group = membership.group, %error, "the group's offsets cannot be read: a gap before the first record would not be noticed");
        }
        let mut start = TopicPartitionList::new();
        let mut gate = membership.gate.lock();
        let mut names = Vec::new();
        for element in partitions.elements() {
            let known = committed.as_ref().ok().and_then(|known| known.find_partition(element.topic(), element.partition()));
            let known = known.filter(|known| known.error().is_ok()).map(|known| known.offset());
            let (offset, next, floor) = match known {
                Some(Offset::Offset(next)) => {
                    let next = u64::try_from(next).unwrap_or(0);
                    (known.unwrap_or(Offset::Stored), Some(next), Some(next))
                }
                // The group is new, or its offsets are lost: all of it is to be read, and what is trimmed already was trimmed
                // without the group's word.
                Some(_) => (Offset::Beginning, Some(0), Some(0)),
                None => (Offset::Stored, None, None),
            };
            // The partition is one of the topic's, whose numbers are not negative.
            let Ok(partition) = u32::try_from(element.partition()) else { continue };
            if let Err(error) = start.add_partition_offset(element.topic(), element.partition(), offset) {
                tracing::error!(group = membership.group, partition, %error, "a partition's offset cannot be set");
                continue;
            }
            gate.open(partition, floor);
            membership.inbox.open(partition, next);
            names.push(partition);
        }
        tracing::info!(group = membership.group, topic = membership.topic.name, partitions = ?names, "partitions assigned");
        start
    }

    /// Waits for a commit under way, and from then on neither hands out nor commits what was lost.
    fn revoked(&self, partitions: &TopicPartitionList) {
        let Some(membership) = self.membership.upgrade() else { return };
        let mut gate = membership.gate.lock();
        let lost: Vec<u32> = partitions.elements().iter().filter_map(|element| u32::try_from(element.partition()).ok()).collect();
        membership.lose(&mut gate, &lost);
        tracing::info!(group = membership.group, topic = membership.topic.name, partitions = ?lost, "partitions revoked");
    }
}
