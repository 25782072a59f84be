//! The normalizer in a process: on a runtime of its own.

use std::sync::Arc;

use tlsrpt_normalizer::Parts;
use tlsrpt_origin::Verifier;
use tlsrpt_record::{NORMALIZED, NORMALIZER_GROUP, SUBMISSIONS};
use tlsrpt_registry::Registry;
use tlsrpt_report::Domain;
use tokio::runtime::Handle;

use super::process::Process;

/// The topic and group whose lag shows how far the normalizers are behind.
pub(super) const LAG: (&str, &str) = (SUBMISSIONS.name, NORMALIZER_GROUP);

/// The topics that it appends to.
pub(super) const APPENDS: [&str; 1] = [NORMALIZED.name];

/// Starts a normalizer; none when the end came first.
pub(super) async fn start(process: &mut Process<'_>, runtime: &Handle, registry: Arc<Registry>) -> anyhow::Result<Option<()>> {
    if process.declare(&[&SUBMISSIONS, &NORMALIZED]).await?.is_none() {
        return Ok(None);
    }
    let verifier = Verifier::new(&process.config.origin)?;
    verifier.register(&process.metrics)?;
    let parts = Parts {
        log: Arc::clone(&process.log),
        record_max_bytes: process.config.log.record_max_bytes,
        owners: registry,
        verifier: Arc::new(verifier),
        // Those that are no domain names are nobody's policy domain.
        mail_hosts: process.config.mail_hosts.iter().filter_map(|host| Domain::parse(host).ok()).collect(),
        metrics: tlsrpt_normalizer::Metrics::register(&process.metrics)?,
        health: process.health.dependency("normalizer"),
        tracer: process.tracer.clone(),
    };
    let normalizer = tlsrpt_normalizer::run(process.config.normalizer.clone(), parts, process.shutdown.clone());
    process.roles.start_on(runtime, "normalizer", async { Ok(normalizer.await?) });
    Ok(Some(()))
}
