//! Every span of the writer: one a batch that has records which are traced, and for each of these one for the work on it and one for
//! each insert that it was in.

use std::ops::Range;

use tlsrpt_log::Delivered;
use tlsrpt_record::{
    ATTRIBUTE_CHANNEL, ATTRIBUTE_OUTCOME, ATTRIBUTE_REJECT_REASON, ATTRIBUTE_ROWS, ATTRIBUTE_SUBMISSION, NORMALIZED, Normalized, Outcome,
    WRITER_GROUP, traceparent,
};
use tlsrpt_telemetry::otlp::{Span, SpanKind, Tracer, messaging};

/// The spans of a batch.
#[derive(Default)]
pub(crate) struct BatchSpans {
    batch: Span,
    /// One a record; empty when none is traced.
    records: Vec<Span>,
}

impl BatchSpans {
    /// Begins the spans of those records of a batch that are traced.
    pub(crate) fn begin(tracer: &Tracer, batch: &[Delivered]) -> Self {
        let is_traced = !tracer.is_off() && batch.iter().any(|delivered| tracer.follows(traceparent(&delivered.record)));
        let Some(beginning) = tracer.batch().filter(|_| is_traced) else { return Self::default() };
        let span = beginning.span("process batch tlsrpt.normalized", SpanKind::Consumer);
        messaging::processes(&span, NORMALIZED.name, WRITER_GROUP);
        messaging::has(&span, batch.len());
        let records = batch.iter().map(|delivered| {
            let record = tracer.go_on("process tlsrpt.normalized", SpanKind::Consumer, traceparent(&delivered.record), &span);
            messaging::processes(&record, NORMALIZED.name, WRITER_GROUP);
            messaging::stands_at(&record, delivered.position.partition, delivered.position.offset);
            record
        });
        Self { records: records.collect(), batch: span }
    }

    /// The batch's span.
    pub(crate) fn batch(&self) -> &Span {
        &self.batch
    }

    /// The span of the record at this place in the batch.
    pub(crate) fn of(&self, place: usize) -> Span {
        self.records.get(place).cloned().unwrap_or_default()
    }

    /// Begins an insert of the records at these places, below the span of each of them that is traced. It ends with the answer.
    pub(crate) fn insert(&self, places: Range<usize>) -> Vec<Span> {
        let records = self.records.get(places.clone()).unwrap_or_default().iter();
        records
            .filter(|record| record.is_recorded())
            .map(|record| {
                let inserting = record.child_with_link("INSERT reports, submissions", SpanKind::Client, &self.batch);
                inserting.set("db.system.name", "clickhouse");
                inserting.set("db.operation.name", "INSERT");
                inserting.count("db.operation.batch.size", places.len());
                inserting
            })
            .collect()
    }
}

/// What a record says.
pub(crate) fn read(span: &Span, normalized: &Normalized<'_>) {
    if !span.is_recorded() {
        return;
    }
    span.set(ATTRIBUTE_SUBMISSION, normalized.submission_id.to_string());
    span.set(ATTRIBUTE_CHANNEL, normalized.channel.as_str());
    match &normalized.outcome {
        Outcome::Stored(rows) => {
            span.set(ATTRIBUTE_OUTCOME, "stored");
            span.count(ATTRIBUTE_ROWS, rows.len());
        }
        Outcome::Rejected { reason, .. } => {
            span.set(ATTRIBUTE_OUTCOME, "rejected");
            span.set(ATTRIBUTE_REJECT_REASON, (*reason).to_owned());
        }
    }
}
