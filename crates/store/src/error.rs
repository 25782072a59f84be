//! What can go wrong between us and ClickHouse.

/// A statement failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be reached or asks for another try (overload, time-out, too many parts).
    #[error("{action}: the database cannot do it now")]
    Retry {
        /// Verb and object.
        action: &'static str,
        /// The client's error.
        #[source]
        source: clickhouse::error::Error,
    },
    /// The database refused; another try gives the same.
    #[error("{action}: the database refuses")]
    Refused {
        /// Verb and object.
        action: &'static str,
        /// The client's error.
        #[source]
        source: clickhouse::error::Error,
    },
    /// A cursor that this version did not hand out.
    #[error("the cursor is not one that a list answered: leave it out to start from the beginning")]
    Cursor,
    /// A query was ended for taking more time or memory than it may.
    #[error("{action}: the query is larger than its limits allow: narrow the period or the domains")]
    TooLarge {
        /// Verb and object.
        action: &'static str,
    },
}

impl StoreError {
    /// Whether another try may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Retry { .. })
    }
}
