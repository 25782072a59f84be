//! What travels on the log: submissions on their way to the normalizer, normalized records and audit entries on their way to the writer.
//!
//! Invariants: one [`Submission`] leads to one [`Normalized`]; each format that was ever written can be read.

mod audit;
mod content;
mod id;
mod normalized;
mod poison;
mod submission;
mod tenant;
mod topics;
mod trace;

pub use audit::{AUDIT_FORMAT, AUDIT_TEXT_MAX_BYTES, ActorKind, AuditEntry, AuditError};
pub use content::Content;
pub use id::{SubmissionId, SubmissionIdError};
pub use normalized::{FailureRecord, MailRecord, NORMALIZED_FORMAT, Normalized, NormalizedError, Outcome, PolicyRecord};
pub use poison::{POISON_MAX, POISON_WINDOW, PoisonExceeded, PoisonRation, REASON_LOST, REASON_UNREADABLE, lost, unreadable};
pub use submission::{Channel, MailFacts, Origin, Submission, SubmissionError};
pub use tenant::{TENANT_ID_MAX_BYTES, TenantId, TenantIdError};
pub use topics::{AUDIT, AUDIT_GROUP, NORMALIZED, NORMALIZER_GROUP, RECORD_MAX_BYTES, REGISTRY, SUBMISSIONS, WRITER_GROUP};
pub use trace::{
    ATTRIBUTE_CHANNEL, ATTRIBUTE_OUTCOME, ATTRIBUTE_PAYLOAD_BYTES, ATTRIBUTE_REJECT_REASON, ATTRIBUTE_ROWS, ATTRIBUTE_SUBMISSION,
    set_traceparent, traceparent,
};
