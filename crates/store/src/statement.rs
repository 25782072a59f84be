//! A SELECT that is put together from fixed text and bound values: no text of a user ever stands in the SQL.

use clickhouse::{Client, query::Query};
use serde::Serialize;
use tlsrpt_report::Day;
use uuid::Uuid;

/// Limits of every query: one tenant's question must not starve the others. Exact mode lets skip indexes work with FINAL.
pub(crate) const QUERY_SETTINGS: [(&str, &str); 12] = [
    ("max_execution_time", "30"),
    ("timeout_overflow_mode", "throw"),
    ("max_memory_usage", "2147483648"),
    ("max_bytes_before_external_group_by", "1073741824"),
    ("max_bytes_before_external_sort", "1073741824"),
    ("max_threads", "4"),
    ("max_result_rows", "1000000"),
    ("result_overflow_mode", "throw"),
    ("max_query_size", "4194304"),
    ("do_not_merge_across_partitions_select_final", "1"),
    ("use_skip_indexes_if_final", "1"),
    ("use_skip_indexes_if_final_exact_mode", "1"),
];

/// SQL with a `?` for each value.
#[derive(Clone, Default)]
pub(crate) struct Statement {
    sql: String,
    values: Vec<Value>,
}

/// A bound value; the client's `bind` escapes it.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Value {
    Text(String),
    Texts(Vec<String>),
    Number(i64),
    Numbers(Vec<i64>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<Vec<String>> for Value {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}
impl From<Vec<i64>> for Value {
    fn from(numbers: Vec<i64>) -> Self {
        Self::Numbers(numbers)
    }
}
impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}
/// As text, since SQL would read a number of 128 bits as a float: write `toUInt128(?)`.
impl From<u128> for Value {
    fn from(number: u128) -> Self {
        Self::Text(number.to_string())
    }
}
/// Write `toUUID(?)`.
impl From<Uuid> for Value {
    fn from(uuid: Uuid) -> Self {
        Self::Text(uuid.to_string())
    }
}
/// As days since 1970: write `toDate(?)`. A day outside what Date holds becomes its first or last.
impl From<Day> for Value {
    fn from(day: Day) -> Self {
        Self::Number(day.0.clamp(0, i32::from(u16::MAX)).into())
    }
}

impl Statement {
    pub(crate) fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }

    /// Fixed text.
    pub(crate) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Fixed text with one `?` for a value.
    pub(crate) fn bind(&mut self, sql: &str, value: impl Into<Value>) -> &mut Self {
        self.sql.push_str(sql);
        self.values.push(value.into());
        self
    }

    /// Its SQL, without the values.
    pub(crate) fn text(&self) -> &str {
        &self.sql
    }

    /// Whether it has no text yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.sql.is_empty()
    }

    /// Another statement's text and values.
    pub(crate) fn append(&mut self, other: Self) -> &mut Self {
        self.sql.push_str(&other.sql);
        self.values.extend(other.values);
        self
    }

    pub(crate) fn query(self, client: &Client) -> Query {
        self.values.into_iter().fold(client.query(&self.sql), Query::bind)
    }
}
