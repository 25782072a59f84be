//! Roles that run, and what happens when one ends.

use std::{future::Future, process::ExitCode, time::Duration};

use tokio::{
    runtime::Handle,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

/// How long the roles may take to finish what they took.
const SHUTDOWN_MAX: Duration = Duration::from_secs(25);

/// How the roles ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// They were asked to.
    Asked,
    /// A role could not go on.
    Failed,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Asked => Self::SUCCESS,
            Ending::Failed => Self::FAILURE,
        }
    }
}

/// What a role ended with.
type Ended = Result<(&'static str, anyhow::Result<()>), JoinError>;

/// The roles that run. The first one that cannot go on ends the others, since a pipeline with a piece missing only looks
/// alive.
pub(crate) struct Roles {
    running: JoinSet<(&'static str, anyhow::Result<()>)>,
    shutdown: CancellationToken,
    ending: Ending,
}

impl Roles {
    /// None yet; `shutdown` is what each of them listens to.
    pub(crate) fn new(shutdown: CancellationToken) -> Self {
        Self { running: JoinSet::new(), shutdown, ending: Ending::Asked }
    }

    /// Starts a role on this runtime.
    pub(crate) fn start(&mut self, name: &'static str, role: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.running.spawn(async move { (name, role.await) });
    }

    /// Starts a role on a runtime of its own.
    pub(crate) fn start_on(
        &mut self,
        runtime: &Handle,
        name: &'static str,
        role: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.running.spawn_on(async move { (name, role.await) }, runtime);
    }

    /// Does `work` while the roles run; none when the end came first.
    pub(crate) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let shutdown = self.shutdown.clone();
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return None,
                done = &mut work => return Some(done),
                Some(ended) = self.running.join_next() => self.note(ended),
            }
        }
    }

    /// Waits until all have ended.
    pub(crate) async fn finish(mut self) -> Ending {
        let shutdown = self.shutdown.clone();
        let mut overdue = std::pin::pin!(async {
            shutdown.cancelled().await;
            tokio::time::sleep(SHUTDOWN_MAX).await;
        });
        loop {
            tokio::select! {
                ended = self.running.join_next() => match ended {
                    Some(ended) => self.note(ended),
                    None => return self.ending,
                },
                () = &mut overdue => {
                    tracing::error!("roles did not end within {} s; what is not committed comes again at the next start", SHUTDOWN_MAX.as_secs());
                    return Ending::Failed;
                }
            }
        }
    }

    fn note(&mut self, ended: Ended) {
        match ended {
            Ok((_, Ok(()))) if self.shutdown.is_cancelled() => return,
            Ok((role, Ok(()))) => tracing::error!(role, "a role ended by itself"),
            Ok((role, Err(error))) => {
                tracing::error!(role, error = format!("{error:#}"), "a role cannot go on; nothing that was acknowledged is lost");
            }
            Err(error) => tracing::error!(%error, "a role broke off; nothing that was acknowledged is lost"),
        }
        self.ending = Ending::Failed;
        self.shutdown.cancel();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[tokio::test]
    async fn a_role_that_cannot_go_on_ends_the_others_and_the_process_fails() {
        let shutdown = CancellationToken::new();
        let mut roles = Roles::new(shutdown.clone());
        roles.start("steady", async move {
            shutdown.cancelled().await;
            Ok(())
        });
        roles.start("broken", async { anyhow::bail!("a fault") });
        assert_eq!(roles.meanwhile(std::future::pending::<()>()).await, None);
        assert_eq!(roles.finish().await, Ending::Failed);
    }

    #[tokio::test]
    async fn roles_that_were_asked_to_end_end_well() {
        let shutdown = CancellationToken::new();
        let mut roles = Roles::new(shutdown.clone());
        let token = shutdown.clone();
        roles.start("steady", async move {
            token.cancelled().await;
            Ok(())
        });
        assert_eq!(roles.meanwhile(async { 7 }).await, Some(7));
        shutdown.cancel();
        assert_eq!(roles.finish().await, Ending::Asked);
    }
}
