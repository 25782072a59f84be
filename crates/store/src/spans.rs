//! Every span of the store: one a statement of a request that is traced. The statement is told with a `?` for each value.

use tlsrpt_telemetry::otlp::{Span, SpanKind};

use crate::{error::StoreError, statement::Statement};

/// A statement, below the current span.
pub(crate) fn statement(action: &'static str, database: &str, statement: &Statement) -> Span {
    let asking = Span::current();
    if !asking.is_recorded() {
        return asking;
    }
    let span = asking.child(action, SpanKind::Client);
    span.set("db.system.name", "clickhouse");
    span.set("db.namespace", database.to_owned());
    span.set("db.query.text", statement.text().to_owned());
    span
}

/// A statement failed.
pub(crate) fn failed(span: &Span, error: &StoreError) {
    span.fail(match error {
        StoreError::Retry { .. } => "retry",
        StoreError::TooLarge { .. } => "too-large",
        _ => "refused",
    });
}
