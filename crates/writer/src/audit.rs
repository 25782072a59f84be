//! One batch of audit entries into the database.

use std::time::Instant;

use tlsrpt_log::{Delivered, Position};
use tlsrpt_record::{AUDIT, AuditEntry, AuditError, PoisonRation};
use tlsrpt_store::Store;
use tlsrpt_telemetry::Dependency;

use crate::{
    insert::{InsertError, now, until_inserted},
    metrics::Metrics,
    run::Sink,
};

/// Writes batches of audit entries. One that cannot be read is not passed over: an entry of the service's stands for it.
pub(crate) struct AuditInserter {
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) health: Dependency,
    pub(crate) poison: PoisonRation,
}

impl Sink for AuditInserter {
    async fn insert(&mut self, batch: &[Delivered]) -> Result<(), InsertError> {
        let mut entries = Vec::with_capacity(batch.len());
        for delivered in batch {
            entries.push(match AuditEntry::decode(&delivered.record.value) {
                Ok(entry) => entry,
                Err(error @ AuditError::Newer { .. }) => return Err(InsertError::NewerAudit(error)),
                Err(error) => {
                    tracing::error!(%error, position = ?delivered.position, "an audit entry cannot be read; another stands for it");
                    self.metrics.rejected();
                    self.poison.take(Instant::now())?;
                    AuditEntry::unreadable(AUDIT.name, delivered, "a record of the audit topic that this program did not write")
                }
            });
        }
        self.insert_entries(&entries).await
    }

    async fn insert_lost(&mut self, first: Position, detail: &str) -> Result<(), InsertError> {
        self.insert_entries(&[AuditEntry::lost(AUDIT.name, first, now(), detail)]).await
    }
}

impl AuditInserter {
    async fn insert_entries(&self, entries: &[AuditEntry<'_>]) -> Result<(), InsertError> {
        until_inserted(&self.metrics, &self.health, || self.store.insert_audit(entries)).await.map_err(InsertError::RefusedAudit)?;
        self.metrics.audited(entries.len());
        Ok(())
    }
}
