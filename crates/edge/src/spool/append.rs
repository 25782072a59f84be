//! A submission's way to where it is durable: the log, else the spool.

use std::{sync::atomic::Ordering, time::Duration};

use tlsrpt_log::{Ack, EmbeddedLog, ProduceError, Producer, Record};
use tlsrpt_record::SUBMISSIONS;
use tokio::time::{Instant, timeout, timeout_at};

use super::{SPOOLED, Spool, now_ms, route::Way, shared::Shared};
use crate::spans;

impl Spool {
    /// Appends to the log or, when that does not work, to the spool; waits until the record is durable in one of them, at most
    /// for `patience`. A record may end in both: it is one and the same there, so it counts once.
    ///
    /// # Errors
    /// [`ProduceError::TooLarge`]; [`ProduceError::Unknown`] when the record may be in one of them all the same;
    /// [`ProduceError::Full`] when the spool has too much in flight; [`ProduceError::Unavailable`] when neither takes it.
    pub(crate) async fn append(&self, log: &dyn Producer, record: Record, patience: Duration) -> Result<(), ProduceError> {
        let shared = &*self.shared;
        // Known beforehand, so that nothing is spooled that the log refuses later.
        let (bytes, bytes_max) = (record.size_bytes(), shared.record_max_bytes);
        if bytes > bytes_max {
            return Err(ProduceError::TooLarge { bytes, bytes_max });
        }
        let sent_at = Instant::now();
        let deadline = sent_at + patience;
        let way = shared.switch.lock().way();
        if way == Way::Spool {
            return shared.store(record, deadline).await;
        }
        let mut ack = log.send(SUBMISSIONS.name, record.clone());
        // What is left of the patience is the spool's.
        match timeout(shared.after().min(patience / 2), &mut ack).await {
            Ok(Ok(position)) => {
                spans::logged(position);
                shared.answered();
                Ok(())
            }
            Ok(Err(error @ ProduceError::TooLarge { .. })) => Err(error),
            // The log is busy, not away: a burst that it has no room for finds some in the spool.
            Ok(Err(ProduceError::Full)) => shared.store(record, deadline).await,
            Ok(Err(error)) => {
                shared.failed(sent_at, &error);
                let stored = shared.store(record, deadline).await;
                let may_be_in_the_log = matches!(error, ProduceError::Unknown);
                stored.map_err(|refused| if may_be_in_the_log { ProduceError::Unknown } else { refused })
            }
            Err(_) => {
                shared.failed(sent_at, &ProduceError::Unknown);
                match shared.store(record, deadline).await {
                    Ok(()) => Ok(()),
                    Err(_) => shared.last_hope(ack, deadline).await,
                }
            }
        }
    }
}

impl Shared {
    /// Appends to the spool.
    async fn store(&self, record: Record, deadline: Instant) -> Result<(), ProduceError> {
        let depth = &self.metrics.depth;
        let room = match depth.reserve(EmbeddedLog::stored_bytes(&record), now_ms()) {
            Ok(room) => room,
            Err(full) => {
                if full.is_first {
                    let limit_bytes = self.config.limit_bytes;
                    tracing::error!(limit_bytes, "the spool is full: senders are told to come back until it has drained");
                }
                return Err(ProduceError::Unavailable { reason: "the spool is full".to_owned() });
            }
        };
        match timeout_at(deadline, self.producer.send(SPOOLED, record)).await.unwrap_or(Err(ProduceError::Unknown)) {
            Ok(_) => {
                room.keep();
                spans::spooled();
                self.metrics.spooled.inc();
                self.switch.lock().spooled();
                if self.fails.load(Ordering::Relaxed) && self.fails.swap(false, Ordering::Relaxed) {
                    tracing::info!("the spool stores submissions again");
                }
                Ok(())
            }
            Err(ProduceError::Full) => {
                room.give_back(now_ms());
                Err(ProduceError::Full)
            }
            Err(error) => {
                // An answer that never came may have been a yes; then the room stays taken.
                if !matches!(error, ProduceError::Unknown | ProduceError::Closed) {
                    room.give_back(now_ms());
                }
                if !self.fails.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "the spool stores no submissions: senders are told to come back");
                }
                Err(error)
            }
        }
    }

    /// The spool takes nothing, but the log has not said no yet: without a spool its sender would wait for it too.
    async fn last_hope(&self, ack: Ack, deadline: Instant) -> Result<(), ProduceError> {
        match timeout_at(deadline, ack).await {
            Ok(Ok(position)) => {
                spans::logged(position);
                self.answered();
                Ok(())
            }
            Ok(Err(error @ ProduceError::TooLarge { .. })) => Err(error),
            Ok(Err(_)) | Err(_) => Err(ProduceError::Unknown),
        }
    }
}
