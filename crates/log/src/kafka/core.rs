//! What everything made from one [`super::KafkaLog`] shares.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, RwLock};
use rdkafka::{admin::AdminClient, config::FromClientConfigAndContext as _};
use tokio::sync::Notify;

use super::{
    config::KafkaConfig, ending::EndsAside, failure::config_error, member::Membership, observer::Observers, producer::Sender, voice::Voice,
};
use crate::{
    error::{LogError, ProduceError},
    record::Record,
    topic::Topic,
};

/// How long the end waits for members to leave their groups.
const LEAVE_PATIENCE: Duration = Duration::from_secs(3);

/// Wait between two looks whether they have.
const LEAVE_PAUSE: Duration = Duration::from_millis(10);

/// A topic that was declared.
pub(super) struct DeclaredTopic {
    /// Its name in the cluster, with the prefix.
    pub(super) name: String,
    pub(super) declared: Topic,
    /// As many as it has in the cluster.
    pub(super) partitions: u32,
}

/// The shared part.
pub(super) struct Core {
    pub(super) config: KafkaConfig,
    pub(super) admin: EndsAside<AdminClient<Voice>>,
    pub(super) sender: Sender,
    pub(super) observers: Observers,
    /// By the name without the prefix.
    topics: RwLock<HashMap<&'static str, Arc<DeclaredTopic>>>,
    members: Mutex<Vec<Weak<Membership>>>,
    is_closed: AtomicBool,
    /// Told when the log is closed.
    pub(super) closed: Notify,
}

impl Core {
    /// Makes the clients; no broker is asked yet.
    pub(super) fn new(config: KafkaConfig) -> Result<Self, LogError> {
        config.check()?;
        let admin = AdminClient::from_config_and_context(&config.admin(), Voice::default()).map_err(|error| config_error(&error))?;
        Ok(Self {
            sender: Sender::start(&config)?,
            admin: EndsAside::new(admin),
            observers: Observers::default(),
            config,
            topics: RwLock::default(),
            members: Mutex::default(),
            is_closed: AtomicBool::new(false),
            closed: Notify::new(),
        })
    }

    /// Adds to what the admin client says of brokers that do not answer why one was lost: the producer knows, which reaches for the
    /// same brokers all the time. Nobody polls the admin client for what it has to tell.
    pub(super) fn explained(&self, error: LogError) -> LogError {
        match (error, self.sender.last_failure()) {
            (LogError::Unavailable { action, reason }, Some(failure)) => {
                LogError::Unavailable { action, reason: format!("{reason}; last: {failure}") }
            }
            (error, _) => error,
        }
    }

    /// Refuses a record that is larger than the limit.
    pub(super) fn check_size(&self, record: &Record) -> Result<(), ProduceError> {
        let (bytes, bytes_max) = (record.size_bytes(), self.config.record_max_bytes);
        if bytes > bytes_max { Err(ProduceError::TooLarge { bytes, bytes_max }) } else { Ok(()) }
    }

    /// A name in the cluster.
    pub(super) fn prefixed(&self, name: &str) -> String {
        format!("{}{name}", self.config.prefix)
    }

    pub(super) fn topic(&self, name: &str) -> Option<Arc<DeclaredTopic>> {
        self.topics.read().get(name).cloned()
    }

    pub(super) fn declared(&self, name: &str) -> Result<Arc<DeclaredTopic>, LogError> {
        self.topic(name).ok_or_else(|| LogError::NoTopic { topic: name.to_owned() })
    }

    pub(super) fn topics(&self) -> Vec<Arc<DeclaredTopic>> {
        self.topics.read().values().cloned().collect()
    }

    pub(super) fn note_topic(&self, topic: DeclaredTopic) {
        self.topics.write().insert(topic.declared.name, Arc::new(topic));
    }

    /// The living members of groups on `topic` in this process.
    pub(super) fn members(&self, topic: &str) -> Vec<Arc<Membership>> {
        let mut members = self.members.lock();
        members.retain(|member| member.strong_count() > 0);
        members.iter().filter_map(Weak::upgrade).filter(|member| member.topic.declared.name == topic).collect()
    }

    pub(super) fn note_member(&self, member: &Arc<Membership>) {
        self.members.lock().push(Arc::downgrade(member));
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Tells everybody that the log is closed. Blocking: gives appends in flight and members that leave their time.
    pub(super) fn close(&self) {
        if self.is_closed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.closed.notify_waiters();
        let members = std::mem::take(&mut *self.members.lock());
        for member in members.iter().filter_map(Weak::upgrade) {
            member.leave();
        }
        self.sender.close();
        // Else the group's others wait for the partitions until the session is over.
        let began = Instant::now();
        while members.iter().any(|member| member.strong_count() > 0) && began.elapsed() < LEAVE_PATIENCE {
            thread::sleep(LEAVE_PAUSE);
        }
    }
}
