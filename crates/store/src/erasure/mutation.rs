//! Mutations: rows that are removed from the disk.

use std::time::Duration;

use clickhouse::error::Error;

use crate::{
    error::{StoreError, StoreResult as _},
    layout::Layout,
    statement::Statement,
    store::Store,
};

/// A mutation is answered when every replica has done it.
const SYNC: (&str, &str) = ("mutations_sync", "2");
/// Longest wait for one; it goes on by itself after that, and doing it again finds less to do.
const DEADLINE: Duration = Duration::from_secs(600);

impl Store {
    pub(super) async fn count_rows(&self, table: &str, condition: Statement) -> Result<u64, StoreError> {
        let mut sql = Statement::new(format!("SELECT count() FROM {table} WHERE "));
        sql.append(condition);
        Ok(self.fetch::<u64>(super::COUNT, sql).await?.into_iter().sum())
    }

    /// Removes the rows that meet the condition, wherever they are; answers how many there were. Without one nothing is written.
    pub(super) async fn remove(&self, action: &'static str, table: &str, condition: Statement) -> Result<u64, StoreError> {
        let rows = self.count_rows(table, condition.clone()).await?;
        if rows == 0 {
            return Ok(0);
        }
        let everywhere = match self.layout() {
            Layout::Single => "",
            // A cluster of one server needs nobody to pass it on.
            Layout::Cluster(_) if self.hosts(action).await? == 1 => "",
            Layout::Cluster(_) => "$ON_CLUSTER",
        };
        let mut sql = Statement::new(self.layout().fill(&format!("ALTER TABLE {table}$LOCAL{everywhere} DELETE WHERE "), self.database()));
        sql.append(condition);
        let removing = sql.query(self.writer()).with_setting(SYNC.0, SYNC.1).execute();
        match tokio::time::timeout(DEADLINE, removing).await {
            Ok(removed) => removed.action(action).map(|()| rows),
            Err(_) => Err(StoreError::Retry { action, source: Error::TimedOut }),
        }
    }

    async fn hosts(&self, action: &'static str) -> Result<u64, StoreError> {
        let Layout::Cluster(name) = self.layout() else { return Ok(1) };
        let mut sql = Statement::new("SELECT count() FROM system.clusters WHERE ");
        sql.bind("cluster = ?", name.to_string().as_str());
        Ok(self.fetch::<u64>(action, sql).await?.into_iter().sum())
    }
}
