//! The attributes that spans about records of the log have (OpenTelemetry semantic conventions, "Messaging spans").

use super::Span;

/// The log, whichever backend it has.
const SYSTEM: &str = "tlsrpt";

/// The span appends a record to `topic`.
pub fn sends(span: &Span, topic: &'static str) {
    describe(span, topic, "send");
}

/// The span works for `group` on what `topic` has.
pub fn processes(span: &Span, topic: &'static str, group: &'static str) {
    describe(span, topic, "process");
    span.set("messaging.consumer.group.name", group);
}

/// The span works on so many records.
pub fn has(span: &Span, records: usize) {
    span.count("messaging.batch.message_count", records);
}

/// The record stands there.
pub fn stands_at(span: &Span, partition: u32, offset: u64) {
    if span.is_recorded() {
        span.set("messaging.destination.partition.id", partition.to_string());
        span.count("messaging.kafka.offset", offset);
    }
}

fn describe(span: &Span, topic: &'static str, operation: &'static str) {
    span.set("messaging.system", SYSTEM);
    span.set("messaging.destination.name", topic);
    span.set("messaging.operation.name", operation);
    span.set("messaging.operation.type", operation);
}
