//! The connection to ClickHouse.

use tlsrpt_record::Normalized;

use crate::error::StoreError;

/// Where ClickHouse is.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Base URL of its HTTP interface.
    pub url: String,
    /// User.
    pub user: String,
    /// Password; for the embedded engine, its token.
    pub password: String,
    /// Database; made by the first migration.
    pub database: String,
}

/// A handle to the database; clones share connections.
#[derive(Clone)]
pub struct Store {}

impl Store {
    /// A handle; nothing is asked of the database yet.
    #[must_use]
    pub fn new(_config: &StoreConfig) -> Self {
        todo!()
    }
    /// Asks for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        todo!()
    }
    /// Brings the schema to this version; answers the names of the migrations that it ran.
    pub async fn migrate(&self) -> Result<Vec<&'static str>, StoreError> {
        todo!()
    }
    /// Inserts the outcomes of submissions, each with its payload: their rows, then their ledger entries. When it answers,
    /// all of it is durable.
    pub async fn insert(&self, _outcomes: &[(Normalized<'_>, &[u8])]) -> Result<Inserted, StoreError> {
        todo!()
    }
}

/// What one insert wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    /// Ledger entries.
    pub submissions: u64,
    /// Report rows.
    pub reports: u64,
}
