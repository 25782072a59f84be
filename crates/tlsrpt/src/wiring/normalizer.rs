//! The normalizer in a process: on a runtime of its own.

use std::sync::Arc;

use tlsrpt_record::{NORMALIZED, NORMALIZER_GROUP, SUBMISSIONS};
use tlsrpt_registry::Registry;
use tokio::runtime::Handle;

use super::process::Process;

/// The topic and group whose lag shows how far the normalizers are behind.
pub(super) const LAG: (&str, &str) = (SUBMISSIONS.name, NORMALIZER_GROUP);

/// Starts a normalizer; none when the end came first.
pub(super) async fn start(process: &mut Process<'_>, runtime: &Handle, registry: Arc<Registry>) -> anyhow::Result<Option<()>> {
    if process.declare(&[&SUBMISSIONS, &NORMALIZED]).await?.is_none() {
        return Ok(None);
    }
    let normalizer = tlsrpt_normalizer::run(
        process.config.normalizer.clone(),
        process.config.log.record_max_bytes,
        Arc::clone(&process.log),
        registry,
        tlsrpt_normalizer::Metrics::register(&process.metrics)?,
        process.health.dependency("normalizer"),
        process.shutdown.clone(),
    );
    process.roles.start_on(runtime, "normalizer", async { Ok(normalizer.await?) });
    Ok(Some(()))
}
