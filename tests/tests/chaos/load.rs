//! Paced load: senders that post or mail at a steady pace whatever happens, and come back after a refusal.

use std::{net::SocketAddr, time::Duration};

use tlsrpt_tests::{Sender, SharedSent};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Senders, each with one request or mail at a time.
const SENDERS: usize = 6;
/// Wait of a sender between two posts.
const PACE: Duration = Duration::from_millis(120);

/// Senders at work.
pub(crate) struct Load {
    senders: JoinSet<()>,
    end: CancellationToken,
}

impl Load {
    /// Starts them; every other one mails to `mail_to` at `mail_listen`.
    pub(crate) fn start(sender: &Sender, mail_listen: SocketAddr, mail_to: &str, sent: &SharedSent) -> Self {
        let mut load = Self { senders: JoinSet::new(), end: CancellationToken::new() };
        for number in 0..SENDERS {
            let (sender, sent, end) = (sender.clone(), sent.clone(), load.end.clone());
            let (mail_listen, mail_to) = (mail_listen.to_string(), mail_to.to_owned());
            load.senders.spawn(async move {
                while !end.is_cancelled() {
                    if number % 2 == 0 {
                        sent.send_one(&sender).await;
                    } else {
                        sent.mail_anew(&mail_listen, &mail_to).await;
                    }
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
