//! What takes spans as they end: it never waits, and what it cannot hold is counted.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use prometheus::IntCounter;
use tokio::sync::mpsc::Sender;

/// The queue's end at which spans come in.
#[derive(Debug)]
pub(super) struct Queue {
    spans: Sender<SpanData>,
    dropped: IntCounter,
}

impl Queue {
    /// Spans go to `spans`, and what does not fit is counted in `dropped`.
    pub(super) fn new(spans: Sender<SpanData>, dropped: IntCounter) -> Self {
        Self { spans, dropped }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.spans.try_send(span).is_err() {
            self.dropped.inc();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}
