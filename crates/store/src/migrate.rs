//! Versioned migrations of the schema. A version is a folder of `migrations/`: `tables.sql` holds the tables with rows, and
//! `distributed.sql` what a cluster has over them. Every statement may run twice, so a crash in the middle of a version is mended by
//! running it again, and two processes that migrate at once do no harm.

use crate::{
    error::{StoreError, StoreResult as _},
    layout::Layout,
    store::Store,
};

struct Migration {
    version: u32,
    name: &'static str,
    tables: &'static str,
    distributed: &'static str,
}

/// In order; a version that was released is never changed. A column that a later one adds needs a DEFAULT: while roles are
/// updated one by one, writers that do not know it go on inserting.
const MIGRATIONS: [Migration; 7] = [
    Migration {
        version: 1,
        name: "001_reports_and_submissions",
        tables: include_str!("../migrations/001_reports_and_submissions/tables.sql"),
        distributed: include_str!("../migrations/001_reports_and_submissions/distributed.sql"),
    },
    Migration {
        version: 2,
        name: "002_mails",
        tables: include_str!("../migrations/002_mails/tables.sql"),
        distributed: include_str!("../migrations/002_mails/distributed.sql"),
    },
    Migration {
        version: 3,
        name: "003_keys",
        tables: include_str!("../migrations/003_keys/tables.sql"),
        distributed: include_str!("../migrations/003_keys/distributed.sql"),
    },
    Migration {
        version: 4,
        name: "004_audit",
        tables: include_str!("../migrations/004_audit/tables.sql"),
        distributed: include_str!("../migrations/004_audit/distributed.sql"),
    },
    Migration {
        version: 5,
        name: "005_erasures",
        tables: include_str!("../migrations/005_erasures/tables.sql"),
        distributed: include_str!("../migrations/005_erasures/distributed.sql"),
    },
    Migration {
        version: 6,
        name: "006_notices",
        tables: include_str!("../migrations/006_notices/tables.sql"),
        distributed: include_str!("../migrations/006_notices/distributed.sql"),
    },
    Migration {
        version: 7,
        name: "007_counted",
        tables: include_str!("../migrations/007_counted/tables.sql"),
        // Views are over the tables by their plain names, which both layouts have.
        distributed: "",
    },
];

/// Which versions a database has. Every server of a cluster has all of it, whichever is asked.
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS migrations$ON_CLUSTER (version UInt32, name String, applied_at DateTime64(3, 'UTC')) \
     ENGINE = $EVERYWHERE() ORDER BY version SETTINGS fsync_after_insert = 1, fsync_part_directory = 1";

const ACTION: &str = "migrate the schema";

impl Migration {
    /// Its statements, in order.
    fn statements(&self, layout: &Layout, database: &str) -> Vec<String> {
        let distributed = if *layout == Layout::Single { "" } else { self.distributed };
        statements(self.tables).chain(statements(distributed)).map(|statement| layout.fill(statement, database)).collect()
    }
}

impl Store {
    /// Brings the schema to this version; answers the names of the migrations that it ran.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer program has migrated the database; else what the database answers.
    pub async fn migrate(&self) -> Result<Vec<&'static str>, StoreError> {
        let (layout, database) = (self.layout(), self.database());
        let client = self.writer();
        let applied = match self.applied().await {
            // Asked first: whose schema is up to date needs no right to create.
            Err(error) if error.is_missing() => {
                self.server()
                    .query(&layout.fill("CREATE DATABASE IF NOT EXISTS ?$ON_CLUSTER", database))
                    .bind(clickhouse::sql::Identifier(database))
                    .execute()
                    .await
                    .action(ACTION)?;
                client.query_raw(&layout.fill(VERSIONS, database)).execute().await.action(ACTION)?;
                self.applied().await?
            }
            applied => applied?,
        };
        let known = Self::schema_known();
        if let Some(&found) = applied.iter().filter(|&&version| version > known).max() {
            return Err(StoreError::Newer { found, known });
        }
        let mut ran = Vec::new();
        for migration in MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)) {
            for statement in migration.statements(layout, database) {
                client.query_raw(&statement).execute().await.action(ACTION)?;
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

impl Store {
    /// The version of the schema that this program works with.
    #[must_use]
    pub fn schema_known() -> u32 {
        MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
    }

    /// The version of the database's schema; none before its first migration.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn schema_version(&self) -> Result<Option<u32>, StoreError> {
        match self.applied().await {
            Ok(applied) => Ok(applied.into_iter().max()),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The migrations that the database has had, by version.
    async fn applied(&self) -> Result<Vec<u32>, StoreError> {
        self.writer().query("SELECT DISTINCT version FROM migrations").fetch_all().await.action(ACTION)
    }
}

impl Store {
    /// The statements of the migrations up to `version`, as they are run on this database: for whoever reads them first, or runs them by
    /// hand. [`Store::schema_known`] is all of them.
    #[must_use]
    pub fn schema(&self, version: u32) -> Vec<String> {
        let (layout, database) = (self.layout(), self.database());
        let migrations = MIGRATIONS.iter().filter(|migration| migration.version <= version);
        let statements = migrations.flat_map(|migration| migration.statements(layout, database));
        std::iter::once(layout.fill(VERSIONS, database)).chain(statements).collect()
    }
}

/// Statements end in a semicolon at a line's end.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty())
}
