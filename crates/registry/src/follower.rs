//! Reading the topic: once to its end, then for ever.

use std::{sync::Arc, time::Duration};

use parking_lot::RwLock;
use tlsrpt_log::{ConsumeError, Delivered, Log, Reader};
use tlsrpt_record::REGISTRY;
use tlsrpt_telemetry::Backoff;
use tokio::{sync::watch, time::Instant};

use crate::{error::RegistryError, state::State, view::View};

/// Records taken over under one hold of the lock.
const BATCH_RECORDS_MAX: usize = 1_000;

/// A reader that was away for longer may have missed tombstones that compaction has dropped since (Kafka keeps them for a
/// day by default), so the view is rebuilt from the start.
const REBUILD_AFTER: Duration = Duration::from_secs(3600);

/// The view and how far it has followed the topic.
pub(crate) struct Followed {
    pub(crate) view: RwLock<View>,
    revision: watch::Sender<u64>,
    /// The offset up to which the view holds the topic.
    position: watch::Sender<u64>,
}

impl Followed {
    pub(crate) fn new(view: View, position: u64) -> Self {
        Self { view: RwLock::new(view), revision: watch::Sender::new(0), position: watch::Sender::new(position) }
    }

    pub(crate) fn revision(&self) -> u64 {
        *self.revision.borrow()
    }

    /// Waits until the view is no more the one of `revision`.
    pub(crate) async fn changed(&self, revision: u64) {
        // The sender lives in `self`, so the wait ends by a change alone.
        let _ = self.revision.subscribe().wait_for(|&now| now != revision).await;
    }

    /// Waits until the view holds everything before `offset`.
    pub(crate) async fn reached(&self, offset: u64) {
        // The sender lives in `self`, so the wait ends by reaching the offset alone.
        let _ = self.position.subscribe().wait_for(|&position| position >= offset).await;
    }

    fn change(&self, position: u64, change: impl FnOnce(&mut View)) {
        let mut view = self.view.write();
        change(&mut view);
        // Within the lock: who has read this number sees at least this view.
        self.revision.send_modify(|revision| *revision += 1);
        drop(view);
        self.moved_to(position);
    }

    fn moved_to(&self, position: u64) {
        self.position.send_if_modified(|known| {
            let further = position > *known;
            *known = position.max(*known);
            further
        });
    }
}

/// Reads the topic from its start to its present end.
pub(crate) async fn load(log: &dyn Log) -> Result<(View, Box<dyn Reader>), RegistryError> {
    let mut reader = log.reader(REGISTRY.name).await.map_err(RegistryError::Open)?;
    let end = reader.end().await.map_err(RegistryError::Read)?;
    let mut view = View::default();
    while reader.position() < end {
        apply(&mut view, reader.next(BATCH_RECORDS_MAX).await.map_err(RegistryError::Read)?);
    }
    Ok((view, reader))
}

/// Keeps the view up with the topic until the log is closed.
pub(crate) async fn follow(log: Arc<dyn Log>, followed: Arc<Followed>, mut reader: Box<dyn Reader>) {
    let mut backoff = Backoff::default();
    let mut away_since = None;
    loop {
        match reader.next(BATCH_RECORDS_MAX).await {
            Ok(records) => {
                backoff.reset();
                let away = away_since.take().map(|since: Instant| since.elapsed());
                if let Some(away) = away {
                    tracing::info!(away_seconds = away.as_secs(), "the registry topic can be read again");
                }
                if away.is_some_and(|away| away > REBUILD_AFTER) {
                    let Some(rebuilt) = rebuild(&*log, &followed).await else { return };
                    reader = rebuilt;
                } else {
                    let position = records.last().map_or(0, |last| last.position.offset.saturating_add(1)).max(reader.position());
                    if records.is_empty() {
                        followed.moved_to(position);
                    } else {
                        followed.change(position, |view| apply(view, records));
                    }
                }
            }
            Err(ConsumeError::Closed) => return,
            Err(error @ ConsumeError::Gap { .. }) => {
                tracing::warn!(%error, "the registry topic has a gap: the view is rebuilt");
                let Some(rebuilt) = rebuild(&*log, &followed).await else { return };
                reader = rebuilt;
            }
            Err(error @ ConsumeError::Unavailable { .. }) => {
                if away_since.is_none() {
                    away_since = Some(Instant::now());
                    tracing::warn!(%error, "the registry topic cannot be read: the view stays as it is and reading is tried again");
                }
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    }
}

/// A new view beside the present one, which answers until the new one is whole; none when the log is closed.
async fn rebuild(log: &dyn Log, followed: &Followed) -> Option<Box<dyn Reader>> {
    let mut backoff = Backoff::default();
    loop {
        match load(log).await {
            Ok((view, reader)) => {
                followed.change(reader.position(), |old| *old = view);
                return Some(reader);
            }
            Err(RegistryError::Read(ConsumeError::Closed)) => return None,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "rebuild the registry view: tried again");
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    }
}

fn apply(view: &mut View, records: Vec<Delivered>) {
    for delivered in records {
        match State::from_record(&delivered.record) {
            Ok(state) => view.apply(state),
            // One bad record must not take the others along.
            Err(error) => tracing::error!(
                offset = delivered.position.offset,
                key = %String::from_utf8_lossy(delivered.record.key.as_deref().unwrap_or_default()),
                error = &error as &dyn std::error::Error,
                "a registry record is not understood and is passed over: was it written by a newer version?"
            ),
        }
    }
}
