//! How a reporter is shown: groups are made regardless of case and surrounding space, and carry the newest spelling.

use std::collections::HashMap;

/// The newest spelling of each reporter over all rows of an answer.
#[derive(Default)]
pub(crate) struct Spellings(HashMap<String, (i64, String)>);

/// SQL of the inner grouping: the spelling of its newest row, and when that was received.
pub(crate) const SPELLING_OF_ROWS: &str =
    "argMax(trimBoth(organization), received_at) AS rows_spelling, toUnixTimestamp64Milli(max(received_at)) AS rows_newest";
/// SQL of the outer grouping.
pub(crate) const SPELLING: &str = "argMax(rows_spelling, rows_newest) AS spelling, max(rows_newest) AS newest";

impl Spellings {
    pub(crate) fn learn(&mut self, reporter: &str, spelling: &str, newest: i64) {
        let known = self.0.entry(reporter.to_owned()).or_insert_with(|| (newest, spelling.to_owned()));
        if newest > known.0 {
            *known = (newest, spelling.to_owned());
        }
    }

    /// Of rows: reporter, spelling, and when that was received.
    pub(crate) fn of_rows<'r>(rows: impl IntoIterator<Item = (&'r String, &'r String, i64)>) -> Self {
        let mut spellings = Self::default();
        for (reporter, spelling, newest) in rows {
            spellings.learn(reporter, spelling, newest);
        }
        spellings
    }

    pub(crate) fn of<'a>(&'a self, reporter: &'a str) -> &'a str {
        self.0.get(reporter).map_or(reporter, |(_, spelling)| spelling)
    }
}

/// A group's value: null when the reports do not tell.
pub(crate) fn value(text: &str) -> serde_json::Value {
    if text.is_empty() { serde_json::Value::Null } else { text.into() }
}
