//! When keys were last used.

use std::{collections::BTreeMap, time::Duration};

use clickhouse::{Row, error::Error};
use serde::{Deserialize, Serialize};
use tlsrpt_report::UnixSeconds;

use crate::{
    error::{StoreError, StoreResult as _},
    statement::Statement,
    store::Store,
};

/// Longest time for noting uses: what is not noted is noted with the next ones.
const NOTE_TIMEOUT: Duration = Duration::from_secs(10);

const NOTE: &str = "note when keys were used";

#[derive(Row, Serialize)]
struct NewUse<'a> {
    key_id: &'a str,
    last_used: u32,
}

#[derive(Row, Deserialize)]
struct LastUse {
    key_id: String,
    used_at: i64,
}

impl Store {
    /// Notes when each of these keys was used. Of two uses of one key the later counts, in whatever order they come.
    ///
    /// # Errors
    /// What the database answers, within ten seconds.
    pub async fn note_key_uses(&self, uses: &BTreeMap<Box<str>, UnixSeconds>) -> Result<(), StoreError> {
        let noting = async {
            let mut insert = self.writer().insert::<NewUse<'static>>("key_use").await.action(NOTE)?;
            for (key_id, at) in uses {
                insert.write(&NewUse { key_id, last_used: u32::try_from(at.0).unwrap_or_default() }).await.action(NOTE)?;
            }
            insert.end().await.action(NOTE)
        };
        tokio::time::timeout(NOTE_TIMEOUT, noting).await.unwrap_or(Err(StoreError::Retry { action: NOTE, source: Error::TimedOut }))
    }

    /// When each of these keys was last used, as far as it is noted; a key that never was is not among them.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn key_uses(&self, key_ids: Vec<String>) -> Result<BTreeMap<String, UnixSeconds>, StoreError> {
        if key_ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut sql = Statement::new("SELECT key_id, toInt64(toUnixTimestamp(max(last_used))) AS used_at FROM key_use WHERE key_id IN ");
        sql.bind("?", key_ids).push(" GROUP BY key_id");
        let uses: Vec<LastUse> = self.fetch("read when keys were used", sql).await?;
        Ok(uses.into_iter().map(|last| (last.key_id, UnixSeconds(last.used_at))).collect())
    }
}
