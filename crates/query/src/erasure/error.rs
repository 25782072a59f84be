//! What keeps an erasure waiting.

use tlsrpt_log::LogError;
use tlsrpt_registry::CommandError;
use tlsrpt_store::StoreError;

use crate::audit::AppendError;

/// A step that could not be finished.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    #[error("erase what the database holds")]
    Store(#[from] StoreError),
    #[error("ask the log how far it is")]
    Log(#[from] LogError),
    #[error("say in the audit log that a tenant is erased")]
    Audit(#[from] AppendError),
    #[error("note that a tenant is erased")]
    Registry(#[from] CommandError),
}
