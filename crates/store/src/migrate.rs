//! Versioned migrations of the schema. A version is a folder of `migrations/`; its `single.sql` is for one server or the
//! embedded engine. Every statement may run twice, so a crash in the middle of a version is mended by running it again.

use crate::{
    error::{StoreError, StoreResult as _},
    store::Store,
};

struct Migration {
    version: u32,
    name: &'static str,
    sql: &'static str,
}

/// In order; a version that was released is never changed. A column that a later one adds needs a DEFAULT: while roles are
/// updated one by one, writers that do not know it go on inserting.
const MIGRATIONS: [Migration; 1] = [Migration {
    version: 1,
    name: "001_reports_and_submissions",
    sql: include_str!("../migrations/001_reports_and_submissions/single.sql"),
}];

const ACTION: &str = "migrate the schema";

impl Store {
    /// Brings the schema to this version; answers the names of the migrations that it ran.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer program has migrated the database; else what the database answers.
    pub async fn migrate(&self) -> Result<Vec<&'static str>, StoreError> {
        self.server()
            .query("CREATE DATABASE IF NOT EXISTS ?")
            .bind(clickhouse::sql::Identifier(self.database()))
            .execute()
            .await
            .action(ACTION)?;
        let client = self.writer();
        client
            .query(
                "CREATE TABLE IF NOT EXISTS migrations (version UInt32, name String, applied_at DateTime64(3, 'UTC')) \
                 ENGINE = ReplacingMergeTree ORDER BY version SETTINGS fsync_after_insert = 1, fsync_part_directory = 1",
            )
            .execute()
            .await
            .action(ACTION)?;
        let applied: Vec<u32> = client.query("SELECT DISTINCT version FROM migrations").fetch_all().await.action(ACTION)?;
        let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
        if let Some(&found) = applied.iter().filter(|&&version| version > known).max() {
            return Err(StoreError::Newer { found, known });
        }
        let mut ran = Vec::new();
        for migration in MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)) {
            for statement in statements(migration.sql) {
                client.query_raw(statement).execute().await.action(ACTION)?;
            }
            client
                .query("INSERT INTO migrations SELECT ?, ?, now64(3, 'UTC')")
                .bind(migration.version)
                .bind(migration.name)
                .execute()
                .await
                .action(ACTION)?;
            ran.push(migration.name);
        }
        if !ran.is_empty() {
            client.clear_cached_metadata().await;
        }
        Ok(ran)
    }
}

/// Statements end in a semicolon at a line's end.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty())
}
