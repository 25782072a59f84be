//! The work on one batch.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tlsrpt_log::Batch;
use tlsrpt_origin::Verifier;
use tlsrpt_record::{NormalizedError, Submission};
use tlsrpt_report::{Domain, UnixMillis};
use tlsrpt_telemetry::otlp::{Span, Tracer};
use tokio::runtime::Handle;

use crate::{
    normalize::{Owners, Setting, Work, normalize},
    origin::Origins,
    run::NormalizerConfig,
    spans::{self, BatchSpans},
};

/// What is needed to work on a batch, wherever that is done.
pub(crate) struct Desk<O> {
    pub(crate) config: NormalizerConfig,
    pub(crate) record_max_bytes: usize,
    pub(crate) owners: Arc<O>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) mail_hosts: Vec<Domain>,
    pub(crate) tracer: Tracer,
}

/// A record that was worked on, and the span of its outcome's way to the log.
pub(crate) struct Done {
    pub(crate) work: Work,
    pub(crate) sending: Span,
}

impl<O: Owners> Desk<O> {
    /// Verifies the mails of a batch and normalizes all of it. Blocks: not for an async thread.
    pub(crate) fn work_on(&self, batch: &Batch, runtime: &Handle) -> Result<Vec<Done>, NormalizedError> {
        let traced = BatchSpans::begin(&self.tracer, batch);
        let mut submissions: Vec<_> = batch.records.iter().map(|delivered| Submission::from_record(&delivered.record)).collect();
        let origins = Origins {
            verifier: &self.verifier,
            concurrent_max: self.config.origins_concurrent_max,
            timeout: Duration::from_millis(self.config.origins_timeout_ms),
        };
        origins.verify(submissions.iter_mut().flatten(), runtime);
        traced.origins_verified(&submissions);
        let setting = Setting { owners: &*self.owners, mail_hosts: &self.mail_hosts, now: now(), record_max_bytes: self.record_max_bytes };
        let records = batch.records.iter().zip(&submissions).enumerate();
        records
            .map(|(place, (delivered, submission))| {
                let span = traced.of(place);
                let _within = span.enter();
                let mut work = normalize(delivered, submission, &setting)?;
                spans::worked_on(&span, submission, &work.tally);
                let sending = spans::send(&span, &mut work.record, self.record_max_bytes);
                span.end();
                Ok(Done { work, sending })
            })
            .collect()
    }
}

pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
