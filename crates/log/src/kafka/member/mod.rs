//! A member of a consumer group.
//!
//! A record's way: librdkafka fetches → the member's thread (`pump`) takes it out and puts it into the `inbox`, bounded →
//! [`Consumer::next`] hands it out in a batch → [`Consumer::commit`], through the `gate`.
//!
//! The thread polls whatever the role does meanwhile, so a database that is away for an hour costs no membership: while nobody
//! takes from a full inbox, the partitions are paused. A revoked partition leaves the gate and the inbox before the group's
//! other members can get it; a commit under way holds the gate until the brokers have answered.

mod gate;
mod inbox;
mod pump;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
};
use tokio::time::Instant as TokioInstant;

use self::{
    gate::Gate,
    inbox::{Inbox, Look},
    pump::MemberContext,
};
use super::{
    core::{Core, DeclaredTopic},
    message::{at_offset, partition_number},
};
use crate::{
    backend::{Batch, BatchLimits, Consumer, Positions},
    error::{CommitError, ConsumeError, LogError},
};

/// How long a commit waits for a rebalance to end.
const REBALANCE_PATIENCE: Duration = Duration::from_secs(20);

/// Wait between two tries of a commit during a rebalance.
const REBALANCE_PAUSE: Duration = Duration::from_millis(50);

type Client = BaseConsumer<MemberContext>;

/// What the handle, the thread and librdkafka's callbacks share.
pub(super) struct Membership {
    pub(super) topic: Arc<DeclaredTopic>,
    /// Its name in the cluster, with the prefix.
    pub(super) group: String,
    inbox: Inbox,
    gate: Mutex<Gate>,
    /// None before the first and after the last one.
    client: RwLock<Option<Arc<Client>>>,
    has_left: AtomicBool,
}

impl Membership {
    /// The partitions that this member owns now.
    pub(super) fn owned(&self) -> Vec<u32> {
        self.gate.lock().partitions().collect()
    }

    /// Mean size of the records that came by, in bytes.
    pub(super) fn mean_record_bytes(&self) -> Option<u64> {
        self.inbox.mean_record_bytes()
    }

    /// Asks the thread to leave the group, and makes whoever waits look again.
    pub(super) fn leave(&self) {
        self.has_left.store(true, Ordering::Release);
        self.inbox.wake();
    }

    /// Ends the client, which leaves the group; a commit under way has it a little longer. The lock is free by then: the end calls
    /// back for the gate, which a commit may hold that waits for this lock.
    fn let_go(&self) {
        let client = self.client.write().take();
        drop(client);
    }

    /// From now on neither hands out nor commits what was of these partitions.
    fn lose(&self, gate: &mut Gate, partitions: &[u32]) {
        for &partition in partitions {
            gate.shut(partition);
            self.inbox.shut(partition);
        }
    }

    fn is_leaving(&self) -> bool {
        self.has_left.load(Ordering::Acquire)
    }

    /// Commits under the gate, so that no partition changes hands meanwhile. Blocking.
    fn commit(&self, positions: &Positions) -> Result<(), CommitError> {
        let deadline = Instant::now() + REBALANCE_PATIENCE;
        loop {
            let mut gate = self.gate.lock();
            let (due, revoked) = gate.due(positions);
            match self.commit_due(&due) {
                Ok(()) => {
                    gate.committed(&due);
                    return revoked.map_or(Ok(()), |partition| Err(CommitError::Revoked { partition }));
                }
                // Which partitions stay is known when the rebalance is over, and the gate must be free for it.
                Err(error) if is_rebalance(&error) && Instant::now() < deadline && !self.is_leaving() => {
                    drop(gate);
                    thread::sleep(REBALANCE_PAUSE);
                }
                Err(error) => return Err(CommitError::Unavailable { reason: error.to_string() }),
            }
        }
    }

    fn commit_due(&self, due: &Positions) -> Result<(), KafkaError> {
        if due.is_empty() {
            return Ok(());
        }
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in due.iter() {
            offsets.add_partition_offset(&self.topic.name, partition_number(partition), at_offset(next))?;
        }
        match &*self.client.read() {
            Some(client) => client.commit(&offsets, CommitMode::Sync),
            None => Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownMemberId)),
        }
    }
}

/// Whether the brokers refuse a commit because the group is being shared out anew.
fn is_rebalance(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::RebalanceInProgress | Code::IllegalGeneration | Code::UnknownMemberId | Code::AssignmentLost | Code::StaleMemberEpoch)
    )
}

/// The [`Consumer`] of the log.
pub(super) struct KafkaConsumer {
    core: Arc<Core>,
    membership: Arc<Membership>,
}

impl KafkaConsumer {
    /// Joins the group, in its own time.
    pub(super) fn join(core: Arc<Core>, topic: Arc<DeclaredTopic>, group: &str) -> Result<Self, LogError> {
        let membership = Arc::new(Membership {
            group: core.prefixed(group),
            topic,
            inbox: Inbox::new(),
            gate: Mutex::default(),
            client: RwLock::new(None),
            has_left: AtomicBool::new(false),
        });
        pump::start(&core, &membership)?;
        core.note_member(&membership);
        Ok(Self { core, membership })
    }
}

#[async_trait]
impl Consumer for KafkaConsumer {
    async fn next(&mut self, limits: BatchLimits) -> Result<Batch, ConsumeError> {
        let topic = || self.membership.topic.declared.name.to_owned();
        let mut until: Option<TokioInstant> = None;
        loop {
            if self.core.is_closed() {
                return Err(ConsumeError::Closed);
            }
            let waited = until.is_some_and(|until| until <= TokioInstant::now());
            match self.membership.inbox.look(limits, waited) {
                Look::Batch(batch) => return Ok(batch),
                Look::Gap { partition, from, to } => return Err(ConsumeError::Gap { topic: topic(), partition, from, to }),
                Look::Trouble(reason) => return Err(ConsumeError::Unavailable { topic: topic(), reason }),
                Look::Some => {
                    let until = *until.get_or_insert_with(|| TokioInstant::now() + limits.linger);
                    // Over the linger means what is here is handed out.
                    let _ = tokio::time::timeout_at(until, self.membership.inbox.arrived()).await;
                }
                Look::Empty => self.membership.inbox.arrived().await,
            }
        }
    }

    async fn commit(&mut self, positions: &Positions) -> Result<(), CommitError> {
        let (membership, positions) = (Arc::clone(&self.membership), positions.clone());
        let committed = tokio::task::spawn_blocking(move || membership.commit(&positions)).await;
        committed.unwrap_or_else(|error| Err(CommitError::Unavailable { reason: error.to_string() }))
    }
}

impl Drop for KafkaConsumer {
    /// The thread leaves the group, so that nobody has to wait until the session is over.
    fn drop(&mut self) {
        self.membership.leave();
    }
}
