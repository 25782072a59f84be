//! The whole database as files, and back.
//!
//! Each table is copied as it is at one moment, and the tables one after the other; what that asks of whoever calls stands in
//! docs/backup.md.

use std::path::Path;

use clickhouse::sql::Identifier;

use crate::{
    error::{StoreError, StoreResult as _},
    store::Store,
};

impl Store {
    /// Copies the database into the new directory `to`, which has to be below the directory of backups that the engine was given.
    /// Answers when all of it is written; nothing waits meanwhile.
    ///
    /// # Errors
    /// What the database answers: a directory that exists or is not allowed, a full disk.
    pub async fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let statement = self.server().query("BACKUP DATABASE ? TO File(?)");
        statement.bind(Identifier(self.database())).bind(text(to)).execute().await.action("back the database up")
    }

    /// Makes the database, which must not exist, from the copy in `from`, whose name was `name`.
    ///
    /// # Errors
    /// What the database answers: a database that exists, a copy that is damaged or not allowed, a full disk.
    pub async fn restore(&self, name: &str, from: &Path) -> Result<(), StoreError> {
        let statement = self.server().query("RESTORE DATABASE ? AS ? FROM File(?)");
        let statement = statement.bind(Identifier(name)).bind(Identifier(self.database())).bind(text(from));
        statement.execute().await.action("restore the database")
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
