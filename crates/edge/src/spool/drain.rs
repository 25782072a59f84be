//! From the spool to the log: sends what is spooled, and commits it once the log has acknowledged it. While the log is away the
//! first records are what it is asked with.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tlsrpt_log::{Ack, BatchLimits, ConsumeError, Consumer, Delivered, EmbeddedLog, Log, Positions, ProduceError, Producer};
use tlsrpt_record::SUBMISSIONS;
use tlsrpt_telemetry::Backoff;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{DRAINER, SPOOLED, depth::Held, now_ms, set_aside, shared::Shared, topic};

/// On their way to the log at once.
const LIMITS: BatchLimits = BatchLimits { records_max: 1_000, bytes_max: 8 << 20, linger: Duration::ZERO };
/// With so many a log that is away is asked: more than one, so that a record of which it wants to know nothing does not make it
/// look away.
const PROBES_MAX: usize = 8;
/// How long an answer is waited for before the record is sent once more. A log that comes back answers sooner.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// Longest wait between two tries.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// How often an idle drainer looks whether there is nothing to ask the log with.
const IDLE: Duration = Duration::from_secs(1);
/// How long answers are waited for when the spool closes.
const CLOSING_PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Drainer {
    shared: Arc<Shared>,
    log: Arc<dyn Producer>,
    consumer: Box<dyn Consumer>,
}

/// A spooled record on its way.
struct Spooled {
    delivered: Delivered,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Waits,
    InTheLog,
    SetAside,
}

impl Drainer {
    pub(super) fn new(shared: Arc<Shared>, log: Arc<dyn Producer>, consumer: Box<dyn Consumer>) -> Self {
        Self { shared, log, consumer }
    }

    /// Runs until the spool closes.
    pub(super) async fn run(mut self) {
        let closing = self.shared.closing.clone();
        let mut backoff = Backoff::default();
        loop {
            let next = tokio::select! {
                biased;
                () = closing.cancelled() => return,
                next = self.consumer.next(LIMITS) => next,
                () = sleep(IDLE) => {
                    self.idle().await;
                    continue;
                }
            };
            match next {
                Ok(batch) => {
                    backoff.reset();
                    self.drain(batch.records).await;
                }
                Err(ConsumeError::Closed) => return,
                Err(error @ ConsumeError::Gap { .. }) => {
                    tracing::error!(%error, "spooled submissions are gone: the spool's disk has lost or damaged them");
                    self.shared.metrics.depth.doubt();
                }
                Err(error @ ConsumeError::Unavailable { .. }) => {
                    tracing::warn!(%error, "the spool cannot be read; trying again");
                    self.wait(&mut backoff).await;
                }
            }
            self.recount().await;
        }
    }

    /// Sends the records until the log has them all, or the spool closes.
    async fn drain(&mut self, records: Vec<Delivered>) {
        let mut left: VecDeque<Spooled> = records.into_iter().map(|delivered| Spooled { delivered, fate: Fate::Waits }).collect();
        let mut backoff = Backoff::default();
        loop {
            let failed = self.offer(&mut left).await;
            self.commit(&mut left).await;
            if left.is_empty() || self.shared.closing.is_cancelled() {
                return;
            }
            if failed {
                self.wait(&mut backoff).await;
            } else {
                backoff.reset();
            }
        }
    }

    /// Sends what waits, or the first few of it while the log is away, and notes what becomes of it. Whether any was not taken.
    async fn offer(&mut self, left: &mut VecDeque<Spooled>) -> bool {
        let sent_at = Instant::now();
        let at_once = if self.shared.is_away() { PROBES_MAX } else { usize::MAX };
        let sent: Vec<(&mut Spooled, Ack)> = left
            .iter_mut()
            .filter(|spooled| spooled.fate == Fate::Waits)
            .take(at_once)
            .map(|spooled| {
                let ack = self.log.send(SUBMISSIONS.name, spooled.delivered.record.clone());
                (spooled, ack)
            })
            .collect();
        let mut failed = false;
        let mut answered_last_at = sent_at;
        for (spooled, ack) in sent {
            match self.answer(ack, sent_at, answered_last_at).await {
                Ok(()) => {
                    self.shared.answered();
                    answered_last_at = Instant::now();
                    spooled.fate = Fate::InTheLog;
                }
                Err(ProduceError::TooLarge { bytes_max, .. }) => {
                    match set_aside::keep(&self.shared, &spooled.delivered.record, bytes_max).await {
                        Ok(()) => spooled.fate = Fate::SetAside,
                        Err(error) => {
                            failed = true;
                            tracing::warn!(%error, "a spooled submission that the log refuses as too large cannot be set aside yet");
                        }
                    }
                }
                // Submissions fill what the log has room for; they come first.
                Err(ProduceError::Full) => failed = true,
                Err(error) => {
                    failed = true;
                    self.shared.failed(sent_at, &error);
                }
            }
        }
        failed
    }

    /// The log's answer. Its silence makes it count as away, and after the patience is the answer.
    async fn answer(&mut self, mut ack: Ack, sent_at: Instant, answered_last_at: Instant) -> Result<(), ProduceError> {
        let shared = &*self.shared;
        let closed = async {
            shared.closing.cancelled().await;
            sleep_until(*shared.closing_since.get_or_init(Instant::now) + CLOSING_PATIENCE).await;
        };
        let answer = async {
            if let Ok(answer) = timeout_at(answered_last_at + shared.after(), &mut ack).await {
                return answer;
            }
            shared.failed(sent_at, &ProduceError::Unknown);
            timeout_at(answered_last_at + ANSWER_PATIENCE, &mut ack).await.unwrap_or(Err(ProduceError::Unknown))
        };
        tokio::select! {
            biased;
            answer = answer => answer.map(drop),
            () = closed => Err(ProduceError::Unknown),
        }
    }

    /// Commits the records that are done, up to the first that is not. A commit that fails is tried until it works: what is not
    /// committed is sent once more after the next start.
    async fn commit(&mut self, left: &mut VecDeque<Spooled>) {
        let (mut positions, mut drained) = (Positions::default(), Held::default());
        while let Some(done) = left.pop_front_if(|spooled| spooled.fate != Fate::Waits) {
            positions.done(done.delivered.position);
            if done.fate == Fate::InTheLog {
                drained.records += 1;
                drained.bytes += EmbeddedLog::stored_bytes(&done.delivered.record);
            }
        }
        if positions.is_empty() {
            return;
        }
        let mut backoff = Backoff::default();
        while let Err(error) = self.consumer.commit(&positions).await {
            if self.shared.closing.is_cancelled() {
                return;
            }
            tracing::warn!(%error, "the spool cannot note what is drained; trying again");
            self.wait(&mut backoff).await;
        }
        self.shared.metrics.drained.inc_by(drained.records);
        let oldest_at_ms = match left.front() {
            Some(oldest) => Some(oldest.delivered.appended_at_ms),
            // Without an answer the age begins anew: a figure that is too small for a moment.
            None => self.shared.log.lag(SPOOLED, DRAINER).await.ok().and_then(|lag| lag.oldest_appended_at_ms),
        };
        self.shared.metrics.depth.drained(drained, oldest_at_ms, now_ms());
    }

    /// With nothing spooled there is nothing to ask the log with, so submissions do.
    async fn idle(&mut self) {
        if self.shared.metrics.depth.is_empty() {
            self.shared.switch.lock().nothing_spooled();
        }
        self.recount().await;
    }

    /// Counts again what waits, when the figures may be too high.
    async fn recount(&mut self) {
        let depth = &self.shared.metrics.depth;
        let Some(recount) = depth.begin_recount() else { return };
        // Declaring what is declared changes nothing, but is answered in turn: then whatever was handed over before, by a sender
        // who has gone too, is written or never will be.
        if self.shared.log.declare(&topic(SPOOLED, &self.shared.config)).await.is_err() {
            return;
        }
        let (lag, bytes) = (self.shared.log.lag(SPOOLED, DRAINER).await, self.shared.log.lag_bytes(SPOOLED, DRAINER).await);
        // When it cannot be counted now, it is later.
        let (Ok(lag), Ok(bytes)) = (lag, bytes) else { return };
        depth.recounted(recount, Held { records: lag.records, bytes }, lag.oldest_appended_at_ms, now_ms());
    }

    /// Waits before the next try, but not for longer than the spool is open.
    async fn wait(&mut self, backoff: &mut Backoff) {
        tokio::select! {
            () = self.shared.closing.cancelled() => {}
            () = sleep(backoff.next_wait().min(WAIT_MAX)) => {}
        }
    }
}
