//! Ending a client without waiting for it for ever.
//!
//! librdkafka's waits follow the wall clock: after a step back, a thread of its own, or one that polls, may wait for as long as the
//! step was wide unless something wakes it. While the client works, something does; at its end nothing does any more.

use std::{ops::Deref, sync::mpsc, thread, time::Duration};

/// How long an end is waited for; it takes a fraction of it unless the clock was set back.
const PATIENCE: Duration = Duration::from_secs(2);

/// A client that is ended on a thread of its own.
pub(super) struct EndsAside<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> EndsAside<T> {
    pub(super) fn new(client: T) -> Self {
        Self(Some(client))
    }
}

impl<T: Send + 'static> Deref for EndsAside<T> {
    type Target = T;

    #[expect(clippy::expect_used, reason = "it is there until the drop, which nobody survives to look")]
    fn deref(&self) -> &T {
        self.0.as_ref().expect("the client is there until it is dropped")
    }
}

impl<T: Send + 'static> Drop for EndsAside<T> {
    fn drop(&mut self) {
        let Some(client) = self.0.take() else { return };
        let (ended, end) = mpsc::channel();
        let aside = thread::Builder::new().name("kafka-end".to_owned()).spawn(move || {
            drop(client);
            // Whoever waited may have gone on.
            let _ = ended.send(());
        });
        // Without a thread the client was dropped here, with the closure.
        if aside.is_ok() && end.recv_timeout(PATIENCE).is_err() {
            tracing::info!("a Kafka client takes long to end and is left behind: was the clock set back?");
        }
    }
}
