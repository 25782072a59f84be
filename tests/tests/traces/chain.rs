//! A report's way as its spans tell it.

use tlsrpt_tests::{OtlpReceiver, SeenSpan};

/// The spans of one submission, from the socket to the row.
pub(crate) struct Chain {
    pub(crate) received: SeenSpan,
    pub(crate) sent: SeenSpan,
    pub(crate) normalized: SeenSpan,
    pub(crate) handed_on: SeenSpan,
    pub(crate) written: SeenSpan,
    pub(crate) inserted: SeenSpan,
}

impl Chain {
    /// Waits for all of a submission's spans, each below the one before, and looks at what they have in common.
    pub(crate) async fn of(receiver: &OtlpReceiver, submission_id: &str) -> Self {
        let is_its_first = |span: &SeenSpan| span.is_first() && span.get("tlsrpt.submission.id").as_deref() == Some(submission_id);
        let received = receiver.span(&format!("the first span of {submission_id}"), is_its_first).await;
        let sent = receiver.below(&received, "send tlsrpt.submissions").await;
        let normalized = receiver.below(&sent, "process tlsrpt.submissions").await;
        let handed_on = receiver.below(&normalized, "send tlsrpt.normalized").await;
        let written = receiver.below(&handed_on, "process tlsrpt.normalized").await;
        let inserted = receiver.below(&written, "INSERT reports, submissions").await;
        let chain = Self { received, sent, normalized, handed_on, written, inserted };
        for span in [&chain.sent, &chain.normalized, &chain.written] {
            assert_eq!(span.get("tlsrpt.submission.id").as_deref(), Some(submission_id), "{span:?}");
        }
        for span in chain.spans() {
            assert_eq!(span.trace_id(), chain.received.trace_id(), "{span:?}");
            assert!(span.has_unique_attributes() && !span.is_failed(), "{span:?}");
        }
        // What one role wrote at a place, the next one read there.
        for (writes, reads) in [(&chain.sent, &chain.normalized), (&chain.handed_on, &chain.written)] {
            for place in ["messaging.destination.name", "messaging.destination.partition.id", "messaging.kafka.offset"] {
                assert!(writes.get(place).is_some(), "{writes:?}");
                assert_eq!(writes.get(place), reads.get(place), "{place}");
            }
        }
        for (record, batch) in
            [(&chain.normalized, "process batch tlsrpt.submissions"), (&chain.written, "process batch tlsrpt.normalized")]
        {
            let [link] = &record.links()[..] else { panic!("one batch: {record:?}") };
            let is_the_batch = |span: &SeenSpan| (span.trace_id(), span.span_id()) == *link;
            let found = receiver.span("the span of the record's batch", is_the_batch).await;
            assert!(found.name() == batch && found.is_first() && found.trace_id() != record.trace_id(), "{found:?}");
        }
        chain
    }

    /// Them all, along the way.
    pub(crate) fn spans(&self) -> [&SeenSpan; 6] {
        [&self.received, &self.sent, &self.normalized, &self.handed_on, &self.written, &self.inserted]
    }
}
