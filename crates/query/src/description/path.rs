//! The segments of paths that vary.

use tlsrpt_record::{SubmissionId, TenantId};
use tlsrpt_report::{Domain, ReportKey};
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, Ref, RefOr, Schema, Type},
};

/// One segment.
pub(super) struct Segment {
    pub(super) about: &'static str,
    pub(super) schema: RefOr<Schema>,
    /// What the schema refers to.
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

impl Segment {
    fn of<T: ToSchema>(about: &'static str) -> Self {
        let name = T::name();
        let schemas = vec![(name.clone().into_owned(), T::schema())];
        Self { about, schema: Ref::from_schema_name(name).into(), schemas }
    }
}

/// The segment `{name}` of `path`.
pub(super) fn segment(path: &str, name: &str) -> Segment {
    match name {
        "id" if path.starts_with("/admin/v1/submissions/") => Segment::of::<SubmissionId>("Id of the submission."),
        "id" => Segment::of::<TenantId>("Id of the tenant."),
        "domain" => Segment::of::<Domain>("The domain, in A-labels or U-labels."),
        "report_key" => Segment::of::<ReportKey>("Identity of the report, as the list shows it."),
        _ => {
            let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).into();
            Segment { about: "Id of the key, as the list shows it.", schema, schemas: Vec::new() }
        }
    }
}
