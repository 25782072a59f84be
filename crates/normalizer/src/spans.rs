//! Every span of the normalizer: one a batch that has records which are traced, and for each of these one for the work on it and one for
//! its outcome on the way to the log.

use tlsrpt_log::{Batch, Record};
use tlsrpt_record::{
    ATTRIBUTE_CHANNEL, ATTRIBUTE_OUTCOME, ATTRIBUTE_PAYLOAD_BYTES, ATTRIBUTE_REJECT_REASON, ATTRIBUTE_ROWS, ATTRIBUTE_SUBMISSION,
    NORMALIZED, NORMALIZER_GROUP, SUBMISSIONS, Submission, SubmissionError, set_traceparent, traceparent,
};
use tlsrpt_telemetry::otlp::{Span, SpanKind, Tracer, messaging};

use crate::normalize::Tally;

/// The spans of a batch.
#[derive(Default)]
pub(crate) struct BatchSpans {
    /// Keeps the batch's span while its records are worked on.
    _batch: Span,
    /// One a record; empty when none is traced.
    records: Vec<Span>,
}

impl BatchSpans {
    /// Begins the spans of those records of a batch that are traced.
    pub(crate) fn begin(tracer: &Tracer, batch: &Batch) -> Self {
        let is_traced = !tracer.is_off() && batch.records.iter().any(|delivered| tracer.follows(traceparent(&delivered.record)));
        let Some(beginning) = tracer.batch().filter(|_| is_traced) else { return Self::default() };
        let span = beginning.span("process batch tlsrpt.submissions", SpanKind::Consumer);
        messaging::processes(&span, SUBMISSIONS.name, NORMALIZER_GROUP);
        messaging::has(&span, batch.records.len());
        let records = batch.records.iter().map(|delivered| {
            let record = tracer.go_on("process tlsrpt.submissions", SpanKind::Consumer, traceparent(&delivered.record), &span);
            messaging::processes(&record, SUBMISSIONS.name, NORMALIZER_GROUP);
            messaging::stands_at(&record, delivered.position.partition, delivered.position.offset);
            record
        });
        Self { records: records.collect(), _batch: span }
    }

    /// The origins of the batch's mails are verified.
    pub(crate) fn origins_verified(&self, submissions: &[Result<Submission, SubmissionError>]) {
        for (span, submission) in self.records.iter().zip(submissions) {
            let origin = submission
                .as_ref()
                .ok()
                .and_then(|submission| submission.mail.as_ref()?.origin.as_ref().map(|origin| (submission, origin)));
            if let Some((submission, origin)) = origin {
                span.event("origin verified");
                span.set("tlsrpt.trust", submission.trust.as_str());
                span.set("tlsrpt.origin.deferred", origin.deferred);
            }
        }
    }

    /// The span of the record at this place in the batch.
    pub(crate) fn of(&self, place: usize) -> Span {
        self.records.get(place).cloned().unwrap_or_default()
    }
}

/// A record was worked on: what came of it.
pub(crate) fn worked_on(span: &Span, submission: &Result<Submission, SubmissionError>, tally: &Tally) {
    if !span.is_recorded() {
        return;
    }
    if let Ok(submission) = submission {
        span.set(ATTRIBUTE_SUBMISSION, submission.id.to_string());
        span.set(ATTRIBUTE_CHANNEL, submission.channel.as_str());
        span.count(ATTRIBUTE_PAYLOAD_BYTES, submission.payload.len());
    }
    match tally {
        Tally::Stored { rows, warnings } => {
            span.set(ATTRIBUTE_OUTCOME, "stored");
            span.count(ATTRIBUTE_ROWS, *rows);
            span.count("tlsrpt.warnings", warnings.len());
        }
        Tally::Rejected(reason) | Tally::Poison(reason) => {
            span.set(ATTRIBUTE_OUTCOME, "rejected");
            span.set(ATTRIBUTE_REJECT_REASON, *reason);
        }
    }
    if let Tally::Poison(reason) = tally {
        span.fail(reason);
    }
}

/// An outcome on its way to the log; its record carries the trace on.
pub(crate) fn send(span: &Span, record: &mut Record, record_max_bytes: usize) -> Span {
    let sending = span.child("send tlsrpt.normalized", SpanKind::Producer);
    messaging::sends(&sending, NORMALIZED.name);
    set_traceparent(record, sending.traceparent(), record_max_bytes);
    sending
}
