//! One kind of telemetry on its way out: says once that the receiver is away, and once that it is back.

use std::sync::Arc;

use super::transport::{Request, SendError, Transport};

/// Sends one kind of telemetry.
pub(super) struct Outlet {
    kind: &'static str,
    transport: Arc<Transport>,
    is_failing: bool,
}

impl Outlet {
    /// Sends `kind`, a word for log lines.
    pub(super) fn new(kind: &'static str, transport: Arc<Transport>) -> Self {
        Self { kind, transport, is_failing: false }
    }

    /// Sends a request; answers how many of its items the receiver refused.
    ///
    /// # Errors
    /// [`SendError`], which is told here, once until it works again.
    pub(super) async fn send(&mut self, request: impl Request) -> Result<u64, SendError> {
        let sent = self.transport.send(request).await;
        match &sent {
            Ok(_) if std::mem::take(&mut self.is_failing) => tracing::info!(kind = self.kind, "the OTLP receiver takes telemetry again"),
            Ok(_) => {}
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(kind = self.kind, %error, "the OTLP receiver takes no telemetry; reports go on without");
                }
            }
        }
        sent
    }
}
