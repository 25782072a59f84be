//! One change at a time: fence out other writers, read to the end, validate, append.

use std::time::Duration;

use rand::RngExt;
use tlsrpt_log::{FencedWriter, ProduceError, Reader, Record};
use tlsrpt_record::REGISTRY;
use tokio::time::Instant;

use crate::{
    error::{CommandError, Contended, NoAnswer},
    registry::Registry,
    state::State,
    view::View,
};

/// The one writer of the registry, whichever process it is in.
const WRITER_ID: &str = "tlsrpt-registry";

/// Longest time that a command may take.
const COMMAND_MAX: Duration = Duration::from_secs(30);

/// How often a command takes the fence anew before it gives up.
const ATTEMPTS_MAX: u32 = 32;

/// Bounds of the wait for the change of the process that fenced this one out.
const YIELD_MIN: Duration = Duration::from_millis(20);
const YIELD_MAX: Duration = Duration::from_secs(5);

/// The right to append, and a reader that knows where the topic ends.
pub(crate) struct Fence {
    writer: Box<dyn FencedWriter>,
    end: Box<dyn Reader>,
    /// How long it took to get.
    took: Duration,
}

/// A validated change: what to append (nothing when all is as wanted), and what to answer then.
pub(crate) struct Change<T> {
    pub(crate) states: Vec<State>,
    pub(crate) answer: T,
}

impl Registry {
    /// Carries out the change that `plan` makes of the view, alone among all writers.
    pub(crate) async fn change<T>(&self, plan: impl Fn(&View) -> Result<Change<T>, CommandError>) -> Result<T, CommandError> {
        match tokio::time::timeout(COMMAND_MAX, self.change_unbounded(plan)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(unavailable(NoAnswer { seconds: COMMAND_MAX.as_secs() })),
        }
    }

    async fn change_unbounded<T>(&self, plan: impl Fn(&View) -> Result<Change<T>, CommandError>) -> Result<T, CommandError> {
        let mut held = self.fence.lock().await;
        let mut in_doubt: Option<Change<T>> = None;
        for _ in 0..ATTEMPTS_MAX {
            // Taken out while in use: a command that fails or is cancelled leaves no writer behind whose state is unknown.
            let mut fence = match held.take() {
                Some(fence) => fence,
                None => self.take_fence().await?,
            };
            let end = fence.end.end().await.map_err(unavailable)?;
            self.followed.reached(end).await;

            // No writer before this fence can append any more, so what the view shows now is how the doubt ended.
            if let Some(change) = in_doubt.take() {
                let made = {
                    let view = self.followed.view.read();
                    change.states.iter().all(|state| view.holds(state))
                };
                if made {
                    *held = Some(fence);
                    return Ok(change.answer);
                }
            }

            let revision = self.followed.revision();
            let planned = plan(&self.followed.view.read());
            let change = match planned {
                Ok(change) if !change.states.is_empty() => change,
                nothing_to_do => {
                    *held = Some(fence);
                    return nothing_to_do.map(|change| change.answer);
                }
            };
            let records = change.states.iter().map(State::to_record).collect::<Result<Vec<Record>, _>>().map_err(unavailable)?;
            match fence.writer.append(records).await {
                Ok(position) => {
                    self.followed.reached(position.offset.saturating_add(1)).await;
                    *held = Some(fence);
                    return Ok(change.answer);
                }
                Err(ProduceError::Fenced) => {}
                Err(ProduceError::Unknown) => in_doubt = Some(change),
                Err(error) => return Err(unavailable(error)),
            }
            self.give_way(revision, fence.took).await;
        }
        Err(unavailable(Contended { attempts: ATTEMPTS_MAX }))
    }

    async fn take_fence(&self) -> Result<Fence, CommandError> {
        let began = Instant::now();
        let writer = self.log.fenced_writer(REGISTRY.name, WRITER_ID).await.map_err(unavailable)?;
        let end = self.log.reader(REGISTRY.name).await.map_err(unavailable)?;
        Ok(Fence { writer, end, took: began.elapsed() })
    }

    /// Lets the process that fenced this one out make its change. Whoever took the fence last is left alone until the view has moved
    /// on from `revision`, so of any number of processes that race one makes its change each time; two that took the fence back at
    /// once would keep each other from it for ever. The other may have nothing to change, or be gone, hence the bound: some times
    /// what it takes to get the fence, and random, so that those who wait do not all come back at once.
    async fn give_way(&self, revision: u64, took: Duration) {
        let patience = took.mul_f64(rand::rng().random_range(2.0..4.0)).clamp(YIELD_MIN, YIELD_MAX);
        // Either way the fence is taken next, and tells what is the case.
        let _ = tokio::time::timeout(patience, self.followed.changed(revision)).await;
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> CommandError {
    CommandError::Unavailable(Box::new(error))
}
