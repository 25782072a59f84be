//! One change at a time: fence out other writers, read to the end, validate, append.

use std::time::Duration;

use rand::RngExt;
use tlsrpt_log::{FencedWriter, ProduceError, Reader, Record};
use tlsrpt_record::REGISTRY;

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

/// The right to append, and a reader that knows where the topic ends.
pub(crate) struct Fence {
    writer: Box<dyn FencedWriter>,
    end: Box<dyn Reader>,
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
        for attempt in 0..ATTEMPTS_MAX {
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
                Err(ProduceError::Fenced) => tokio::time::sleep(apart(attempt)).await,
                Err(ProduceError::Unknown) => in_doubt = Some(change),
                Err(error) => return Err(unavailable(error)),
            }
        }
        Err(unavailable(Contended { attempts: ATTEMPTS_MAX }))
    }

    async fn take_fence(&self) -> Result<Fence, CommandError> {
        let writer = self.log.fenced_writer(REGISTRY.name, WRITER_ID).await.map_err(unavailable)?;
        let end = self.log.reader(REGISTRY.name).await.map_err(unavailable)?;
        Ok(Fence { writer, end })
    }
}

/// A random wait, so that two processes that fence each other out do not do so in step.
fn apart(attempt: u32) -> Duration {
    Duration::from_millis(rand::rng().random_range(0..=u64::from(attempt.min(9)) * 10))
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> CommandError {
    CommandError::Unavailable(Box::new(error))
}
