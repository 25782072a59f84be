//! What can go wrong between us and ClickHouse.

use clickhouse::error::Error;

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
        source: Error,
    },
    /// The database refused; another try gives the same.
    #[error("{action}: the database refuses")]
    Refused {
        /// Verb and object.
        action: &'static str,
        /// The client's error.
        #[source]
        source: Error,
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
    /// A series would have more points than it may.
    #[error("make a series: {steps} steps of {groups} groups are more than {points_max} points: ask for fewer")]
    TooManyPoints {
        /// Steps of the period.
        steps: usize,
        /// Groups that occur in it.
        groups: usize,
        /// Most points.
        points_max: usize,
    },
    /// A newer version of this program has migrated the database.
    #[error("migrate the schema: the database is at version {found}, this program knows {known}; update the program")]
    Newer {
        /// The database's version.
        found: u32,
        /// This program's version.
        known: u32,
    },
}

impl StoreError {
    /// Whether another try may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Retry { .. })
    }

    /// Whether the database or a table is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { source: Error::BadResponse(text), .. } if code(text).is_some_and(|code| MISSING.contains(&code)))
    }

    /// Of a write or a small look-up.
    pub(crate) fn of(action: &'static str, source: Error) -> Self {
        if is_temporary(&source) { Self::Retry { action, source } } else { Self::Refused { action, source } }
    }

    /// Of a query under limits.
    pub(crate) fn of_query(action: &'static str, source: Error) -> Self {
        if is_over_limit(&source) { Self::TooLarge { action } } else { Self::of(action, source) }
    }
}

/// Gives a result of the client its action.
pub(crate) trait StoreResult<T> {
    fn action(self, action: &'static str) -> Result<T, StoreError>;
}

impl<T> StoreResult<T> for Result<T, Error> {
    fn action(self, action: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::of(action, source))
    }
}

/// ClickHouse's codes that are worth another try, by the list of the official Kafka connector: unexpected end of file,
/// unknown table while replicas change, time-out, too many queries, network, memory, no ZooKeeper session, aborted by shutdown,
/// too few live replicas, unknown status of insert, read-only table, Keeper. And in a cluster: no replica of a shard answers, and the
/// quorum of an earlier insert is not there yet, or all replicas are far behind.
const RETRYABLE: [u32; 17] = [3, 107, 159, 164, 202, 203, 209, 210, 241, 242, 279, 285, 286, 319, 369, 425, 999];

/// Unknown table, unknown database.
const MISSING: [u32; 2] = [60, 81];

/// Time, memory, rows and bytes of a query: too slow, rows, bytes, set size, result size.
const OVER_LIMIT: [u32; 6] = [158, 159, 160, 191, 307, 396];

fn is_temporary(error: &Error) -> bool {
    match error {
        Error::Network(_) | Error::TimedOut => true,
        Error::BadResponse(text) => match code(text) {
            // 252 is too many parts, which merges mend, and too many partitions in one block, which nothing does.
            Some(252) => !text.contains("partitions for single INSERT"),
            Some(code) => RETRYABLE.contains(&code),
            // A proxy answers without a code: 502, 503, 504 and 429 pass.
            None => ["429", "502", "503", "504"].iter().any(|status| text.starts_with(status)),
        },
        _ => false,
    }
}

fn is_over_limit(error: &Error) -> bool {
    let Error::BadResponse(text) = error else { return false };
    match code(text) {
        // The server's total is everybody's load, not this query's size.
        Some(241) => !text.contains("(total)"),
        Some(code) => OVER_LIMIT.contains(&code),
        None => false,
    }
}

/// The number in `Code: 252. DB::Exception: …`.
fn code(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("Code: ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    fn check(text: &str, retryable: bool) {
        let error = StoreError::of("insert", Error::BadResponse(text.to_owned()));
        assert_eq!(error.is_retryable(), retryable, "{text}");
    }

    #[test]
    fn too_many_parts_is_tried_again_and_too_many_partitions_is_not() {
        check(
            "Code: 252. DB::Exception: Too many parts (3000). Merges are processing significantly slower than inserts. (TOO_MANY_PARTS)",
            true,
        );
        check("Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100). (TOO_MANY_PARTS)", false);
    }

    #[test]
    fn an_overloaded_or_restarting_database_is_tried_again_and_a_wrong_password_is_not() {
        check("Code: 202. DB::Exception: Too many simultaneous queries.", true);
        check("Code: 319. DB::Exception: Unknown status", true);
        check("503 Service Unavailable", true);
        check("Code: 516. DB::Exception: default: Authentication failed", false);
        check("Code: 60. DB::Exception: Table default.reports does not exist", false);
    }

    #[test]
    fn a_query_over_its_limits_is_told_from_a_server_that_is_full() {
        let of = |text: &str| StoreError::of_query("query", Error::BadResponse(text.to_owned()));
        assert!(matches!(of("Code: 159. DB::Exception: Timeout exceeded: elapsed 30 seconds"), StoreError::TooLarge { .. }));
        assert!(matches!(of("Code: 241. DB::Exception: Query memory limit exceeded"), StoreError::TooLarge { .. }));
        assert!(matches!(of("Code: 241. DB::Exception: (total) memory limit exceeded"), StoreError::Retry { .. }));
    }
}
