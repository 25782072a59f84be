//! The one thread that writes. It takes whatever waits, writes it as one batch, syncs once, and answers all.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use fjall::PersistMode;

use super::{
    commit::{Commit, Outcome, Promise},
    core::Core,
    directory::DirectoryLock,
    engine::Engine,
    headroom, heal,
    layout::commit_key,
    queue::{Request, Taken},
    retention, topics,
};
use crate::{error::ProduceError, record::Position};

const COMMIT_MAX_RECORDS: usize = 8_192;
const COMMIT_MAX_BYTES: usize = 8 << 20;
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// The thread's state.
pub(super) struct Committer {
    core: Arc<Core>,
    appended_last_at_ms: i64,
    /// Counts commits: the keyless records of one commit go to one partition.
    turn: u32,
    trouble: Option<Trouble>,
    retention_next: Instant,
    /// Released when the engine is closed for good.
    _lock: DirectoryLock,
}

/// The engine failed; writes are refused until `retry_at`.
struct Trouble {
    reason: String,
    delay: Duration,
    retry_at: Instant,
}

/// What the engine failed with.
pub(super) struct Failure {
    /// Verb and object.
    pub(super) action: &'static str,
    pub(super) error: fjall::Error,
    /// Whether all was written and only the sync failed, so that what was written may be in the log.
    pub(super) unsynced: bool,
}

impl Failure {
    pub(super) fn reason(&self) -> String {
        format!("{}: {}", self.action, self.error)
    }

    fn is_full_disk(&self) -> bool {
        matches!(&self.error, fjall::Error::Io(error) if error.kind() == std::io::ErrorKind::StorageFull)
    }
}

impl Committer {
    /// Loads what the engine holds.
    pub(super) fn new(core: Arc<Core>, lock: DirectoryLock, engine: &Engine) -> Result<Self, fjall::Error> {
        topics::load(&core, engine)?;
        // Nobody can be reading yet, so no reader misses a removal.
        topics::purge_tombstones(&core, engine)?;
        Ok(Self { core, appended_last_at_ms: 0, turn: 0, trouble: None, retention_next: Instant::now(), _lock: lock })
    }

    /// Runs until the log is closed and everything taken is settled.
    pub(super) fn run(mut self) {
        let finish = Finish(self.core.clone());
        loop {
            let wake = match &self.trouble {
                Some(trouble) if self.core.engine().is_err() => trouble.retry_at.min(self.retention_next),
                _ => self.retention_next,
            };
            let Taken::Requests(requests) = self.core.queue.take(COMMIT_MAX_RECORDS, COMMIT_MAX_BYTES, wake) else { break };
            self.reopen_when_due();
            if !requests.is_empty() {
                self.serve(requests);
            }
            self.retain_when_due();
        }
        self.core.close_engine("the log is closed");
        // The directory is free before anyone hears that the log is closed.
        drop(self);
        drop(finish);
    }

    fn serve(&mut self, mut requests: Vec<Request>) {
        let engine = match self.writable() {
            Ok(engine) => engine,
            Err(reason) => return self.refuse(requests, &reason),
        };
        if let Err(reason) = headroom::check(&self.core.config.dir) {
            let (appends, rest) = requests.into_iter().partition(Request::is_append);
            self.refuse(appends, &reason);
            requests = rest;
        }
        let outcome = match requests.pop() {
            Some(Request::Declare { topic, answer }) => topics::declare(&self.core, &engine, &topic, answer),
            Some(Request::Register { topic, group, answer }) => topics::register(&engine, &topic, &group, answer),
            Some(last) => {
                requests.push(last);
                self.commit(&engine, requests)
            }
            None => Ok(()),
        };
        drop(engine);
        if let Err(failure) = outcome {
            self.fail(&failure);
        }
    }

    fn refuse(&self, requests: Vec<Request>, reason: &str) {
        for request in requests {
            self.core.queue.release(request.bytes());
            request.refuse_unavailable(reason);
        }
    }

    fn writable(&self) -> Result<Arc<Engine>, String> {
        match &self.trouble {
            Some(trouble) if Instant::now() < trouble.retry_at => Err(trouble.reason.clone()),
            _ => self.core.engine(),
        }
    }

    /// Writes the requests as one batch, and answers them.
    fn commit(&mut self, engine: &Engine, requests: Vec<Request>) -> Result<(), Failure> {
        let bytes = requests.iter().map(Request::bytes).sum();
        let mut commit = Commit::new(engine, self.now_ms());
        let mut promises = Vec::with_capacity(requests.len());
        self.turn = self.turn.wrapping_add(1);
        for request in requests {
            promises.extend(add(&mut commit, request, self.turn));
        }
        let outcome = self.write(engine, commit);
        // Before the answers, so that whoever has one may send at once.
        self.core.queue.release(bytes);
        let reason = outcome.as_ref().err().map(|failure| (failure.reason(), failure.unsynced));
        let answer = match &reason {
            None => Outcome::Durable,
            Some((reason, true)) => Outcome::Unknown(reason),
            Some((reason, false)) => Outcome::NotWritten(reason),
        };
        for promise in promises {
            promise.settle(&answer);
        }
        outcome
    }

    fn write(&mut self, engine: &Engine, commit: Commit<'_>) -> Result<(), Failure> {
        let written = match commit.write() {
            Ok(Some(written)) => written,
            Ok(None) => return Ok(()),
            Err(error) => return Err(Failure { action: "write to the journal", error, unsynced: false }),
        };
        let began = Instant::now();
        engine.db.persist(PersistMode::SyncAll).map_err(|error| Failure { action: "sync the journal", error, unsynced: true })?;
        self.core.counters.committed(written.records, written.bytes, began.elapsed());
        self.trouble = None;
        written.publish(engine);
        Ok(())
    }

    /// The log's clock never goes back, whatever the machine's clock does.
    fn now_ms(&mut self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        self.appended_last_at_ms = self.appended_last_at_ms.max(now);
        self.appended_last_at_ms
    }

    /// Closes the engine, which may hold half of what it was told, and opens it again. A failed sync is never tried again on
    /// the same file. While failures go on, the next try waits longer.
    fn fail(&mut self, failure: &Failure) {
        let reason = failure.reason();
        let delay = self.trouble.as_ref().map_or(RETRY_FIRST, |trouble| (trouble.delay * 2).min(RETRY_MAX));
        tracing::error!(dir = %self.core.config.dir.display(), reason, "the log cannot write and opens its store again");
        self.core.counters.failed();
        self.core.close_engine(&reason);
        self.trouble = Some(Trouble { reason, delay, retry_at: Instant::now() + delay });
        if failure.unsynced
            && !failure.is_full_disk()
            && let Err(error) = heal::rewrite_newest_journal(&self.core.config.dir)
        {
            tracing::error!(dir = %self.core.config.dir.display(), %error, "the log cannot rewrite the journal that failed to sync");
        }
        self.reopen();
    }

    fn reopen_when_due(&mut self) {
        if self.trouble.as_ref().is_some_and(|trouble| Instant::now() >= trouble.retry_at) && self.core.engine().is_err() {
            self.reopen();
        }
    }

    fn reopen(&mut self) {
        let opened = Engine::open(&self.core.config.dir).and_then(|engine| topics::load(&self.core, &engine).map(|()| engine));
        match opened {
            Ok(engine) => {
                self.core.counters.reopened();
                self.core.set_engine(Arc::new(engine));
                topics::wake_all(&self.core);
            }
            Err(error) => {
                let reason = format!("open the store again: {error}");
                tracing::error!(dir = %self.core.config.dir.display(), reason, "the log is away");
                self.core.set_away(&reason);
                if let Some(trouble) = &mut self.trouble {
                    trouble.delay = (trouble.delay * 2).min(RETRY_MAX);
                    trouble.retry_at = Instant::now() + trouble.delay;
                    trouble.reason = reason;
                }
            }
        }
    }

    fn retain_when_due(&mut self) {
        let now = Instant::now();
        let Ok(engine) = self.core.engine() else {
            self.retention_next = now + RETRY_MAX;
            return;
        };
        if now < self.retention_next && !retention::is_size_due(&self.core, &engine) {
            return;
        }
        let now_ms = self.now_ms();
        // What fails here fails for want of space, or shows when something is written next: no reason to close the store.
        if let Err(error) = retention::run(&self.core, &engine, now_ms) {
            tracing::warn!(dir = %self.core.config.dir.display(), %error, "the log cannot drop old segments yet");
        }
        self.retention_next = now + retention::interval(&self.core);
    }
}

/// Adds one request to the commit. Answers at once what needs no write.
fn add(commit: &mut Commit<'_>, request: Request, turn: u32) -> Option<Promise> {
    match request {
        Request::Append { topic, partition, encoded, answer } => {
            let partitions = u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX).max(1);
            let partition = partition.unwrap_or(turn % partitions);
            let offset = commit.append(&topic, partition, encoded);
            Some(Promise::Append { position: Position { partition, offset }, answer })
        }
        Request::AppendFenced { topic, id, epoch, encoded, answer } => {
            if topic.fences.lock().get(&id) != Some(&epoch) {
                drop(answer.send(Err(ProduceError::Fenced)));
                return None;
            }
            let end = topic.partition(0).map_or(0, |partition| partition.end());
            let offset = encoded.into_iter().fold(end.saturating_sub(1), |_, record| commit.append(&topic, 0, record));
            Some(Promise::Append { position: Position { partition: 0, offset }, answer })
        }
        Request::Fence { topic, id, answer } => {
            // In this thread, so behind whatever the predecessor handed over before.
            let epoch = {
                let mut fences = topic.fences.lock();
                let epoch = fences.entry(id).or_insert(0);
                *epoch += 1;
                *epoch
            };
            Some(Promise::Fence { topic, epoch, answer })
        }
        Request::Commit { topic, group, member, positions, answer } => {
            let (positions, revoked) = group.of_member(member, &positions);
            for (partition, next) in positions.iter().filter(|&(partition, next)| next > group.committed(partition)) {
                commit.commit_group(commit_key(&topic.name, &group.name, partition), next);
            }
            Some(Promise::Commit { group, positions, revoked, answer })
        }
        // These never share a commit, see `Request::stands_alone`.
        Request::Declare { .. } | Request::Register { .. } => {
            request.refuse_unavailable("out of turn");
            None
        }
    }
}

/// Tells the handles that the thread is gone, even when it went by a panic.
struct Finish(Arc<Core>);

impl Drop for Finish {
    fn drop(&mut self) {
        self.0.begin_close();
        self.0.queue.abandon();
        self.0.set_finished();
    }
}
