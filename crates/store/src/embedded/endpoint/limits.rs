//! What one query of the read-only user may take, and which settings it may not choose.

use crate::embedded::engine::Settings;
use crate::embedded::exception::Exception;

/// Settings that bound a query, and their greatest values: less than the service's own may take, so that a dashboard fits beside it. Seconds,
/// bytes, threads, rows.
const GREATEST: [(&str, u64); 6] = [
    ("max_execution_time", 30),
    ("max_memory_usage", 1 << 30),
    ("max_threads", 2),
    ("max_rows_to_read", 200_000_000),
    ("max_result_rows", 100_000),
    ("max_result_bytes", 64 << 20),
];

/// Settings by which a format or a parser reads or writes files, asks other hosts, or reads the statement by other rules than those that it
/// was checked by.
const REFUSED: [&str; 5] = ["dialect", "format_avro_schema_registry", "format_schema", "format_template", "output_format_schema"];

/// Puts the limits into the settings that the client gave; a smaller value of the client's stays.
///
/// # Errors
/// ACCESS_DENIED for a setting that is not the client's to choose.
pub(super) fn bound(settings: Settings) -> Result<Settings, Exception> {
    if let Some((name, _)) = settings.iter().find(|(name, _)| REFUSED.iter().any(|refused| name.starts_with(refused))) {
        let message = format!("The setting {} is not allowed for a read-only user", name.escape_default());
        return Err(Exception::new(497, "ACCESS_DENIED", message));
    }
    let mut bounded: Settings = Vec::new();
    for &(name, greatest) in &GREATEST {
        let asked = settings.iter().rev().find(|(asked, _)| asked == name).and_then(|(_, value)| value.trim().parse().ok());
        let value = asked.filter(|value| (1..=greatest).contains(value)).unwrap_or(greatest);
        bounded.push((name.to_owned(), value.to_string()));
    }
    let others = settings.into_iter().filter(|(name, _)| !GREATEST.iter().any(|(bound, _)| bound == name));
    Ok(others.chain(bounded).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_limit_may_be_lowered_and_never_raised_or_lifted() {
        for (asked, expected) in [("5", "5"), ("30", "30"), ("31", "30"), ("0", "30"), ("-1", "30"), ("1e9", "30"), ("", "30")] {
            let settings = vec![("max_execution_time".to_owned(), asked.to_owned()), ("a".to_owned(), "b".to_owned())];
            let bounded = bound(settings).unwrap();
            let of = |name: &str| bounded.iter().filter(|(one, _)| one == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>();
            assert_eq!((of("max_execution_time"), of("a"), bounded.len()), (vec![expected], vec!["b"], 7), "{asked}");
        }
    }
}
