//! Paced load: senders that post at a steady pace whatever happens, and come back after a refusal.

use std::time::Duration;

use tlsrpt_tests::{Sender, SharedSent};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Senders, each with one request at a time.
const SENDERS: usize = 6;
/// Wait of a sender between two posts.
const PACE: Duration = Duration::from_millis(120);

/// Senders at work.
pub(crate) struct Load {
    senders: JoinSet<()>,
    end: CancellationToken,
}

impl Load {
    /// Starts them.
    pub(crate) fn start(sender: &Sender, sent: &SharedSent) -> Self {
        let mut load = Self { senders: JoinSet::new(), end: CancellationToken::new() };
        for _ in 0..SENDERS {
            let (sender, sent, end) = (sender.clone(), sent.clone(), load.end.clone());
            load.senders.spawn(async move {
                while !end.is_cancelled() {
                    sent.send_one(&sender).await;
                    tokio::time::sleep(PACE).await;
                }
            });
        }
        load
    }

    /// Ends them; each has its last answer, or has given up waiting for it.
    pub(crate) async fn stop(self) {
        self.end.cancel();
        self.senders.join_all().await;
    }
}
