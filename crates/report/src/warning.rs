//! Warning codes: one for each way in which a report departs from RFC 8460 and is counted all the same.

/// A deviation. Its code is what the API shows and the database keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningCode {
    /// `report-id` is missing; one was derived from the content.
    MissingReportId,
}

impl WarningCode {
    /// The stable code, such as `missing-report-id`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingReportId => "missing-report-id",
        }
    }
}
