//! Ending: SIGTERM and SIGINT ask for it, a second one forces it.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit status after a second signal.
const EXIT_FORCED: i32 = 130;

/// Cancels `shutdown` at the first signal; ends the process at the second.
pub(crate) fn on_signals(shutdown: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        };
        let name = next().await;
        tracing::info!(signal = name, "ending: no more is taken, what was taken is finished");
        shutdown.cancel();
        next().await;
        std::process::exit(EXIT_FORCED);
    });
    Ok(())
}

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
