//! Ending: SIGTERM and SIGINT ask for it, a second one forces it.

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
