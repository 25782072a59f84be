//! The segments of paths that vary.

use tlsrpt_record::{SubmissionId, TenantId};
use tlsrpt_report::{Domain, ReportKey};
use utoipa::openapi::{RefOr, Schema};

use super::{Draft, schemas};

/// What the segment `{name}` of `path` is, and its schema.
pub(super) fn segment(draft: &mut Draft<'_>, path: &str, name: &str) -> (&'static str, RefOr<Schema>) {
    match name {
        "id" if path.starts_with("/admin/v1/submissions/") => ("Id of the submission.", draft.named::<SubmissionId>()),
        "id" => ("Id of the tenant.", draft.named::<TenantId>()),
        "domain" => ("The domain, in A-labels or U-labels.", draft.named::<Domain>()),
        "report_key" => ("Identity of the report, as the list shows it.", draft.named::<ReportKey>()),
        _ => ("Id of the key, as the list shows it.", schemas::id().into()),
    }
}
