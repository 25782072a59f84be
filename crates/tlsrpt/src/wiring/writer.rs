//! The writer in a process: on a runtime of its own.

use std::sync::Arc;

use tlsrpt_record::{AUDIT, AUDIT_GROUP, NORMALIZED, WRITER_GROUP};
use tlsrpt_store::Store;
use tokio::runtime::Handle;

use super::process::Process;

/// The topic and group whose lag shows how far the writers are behind.
pub(super) const LAG: (&str, &str) = (NORMALIZED.name, WRITER_GROUP);

/// The same of the audit log.
pub(super) const AUDIT_LAG: (&str, &str) = (AUDIT.name, AUDIT_GROUP);

/// The topics that it appends to.
pub(super) const APPENDS: [&str; 0] = [];

/// Starts a writer into a database whose schema is up to date; none when the end came first.
pub(super) async fn start(process: &mut Process<'_>, runtime: &Handle, store: Store) -> anyhow::Result<Option<()>> {
    if process.declare(&[&NORMALIZED, &AUDIT]).await?.is_none() {
        return Ok(None);
    }
    let metrics = tlsrpt_writer::Metrics::register(&process.metrics)?;
    let audit = tlsrpt_writer::run_audit(
        process.config.writer.clone(),
        Arc::clone(&process.log),
        store.clone(),
        metrics.clone(),
        process.health.dependency("audit"),
        process.shutdown.clone(),
    );
    process.roles.start_on(runtime, "audit", async { Ok(audit.await?) });
    let writer = tlsrpt_writer::run(
        process.config.writer.clone(),
        Arc::clone(&process.log),
        store,
        metrics,
        process.health.dependency("writer"),
        process.tracer.clone(),
        process.shutdown.clone(),
    );
    process.roles.start_on(runtime, "writer", async { Ok(writer.await?) });
    Ok(Some(()))
}
