//! What rows left behind where they were before: a row that moved to the tenant, from nobody or from another tenant, left a tombstone
//! there, which names its policy domain.

use std::collections::BTreeMap;

use clickhouse::Row;
use serde::Deserialize;

use super::{ERASURE_PAGE_ROWS, REMOVE, Selection};
use crate::{error::StoreError, statement::Statement, store::Store};

#[derive(Row, Deserialize)]
struct KeyRow {
    policy_domain: String,
    report_key: u128,
}

#[derive(Row, Deserialize)]
struct ShadowRow {
    tenant: String,
    policy_domain: String,
    report_key: u128,
}

impl Store {
    /// Removes what is left elsewhere of the selected rows: all versions of a row of somebody else's that does not count any more.
    pub(super) async fn erase_shadows(&self, selection: &Selection) -> Result<u64, StoreError> {
        let (mut removed, mut after) = (0, None::<KeyRow>);
        loop {
            let page = self.keys_of_selected(selection, after.as_ref()).await?;
            let mut shadows: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
            for row in self.shadows(selection, &page).await? {
                let (domains, keys) = shadows.entry(row.tenant).or_default();
                domains.push(row.policy_domain);
                keys.push(row.report_key.to_string());
            }
            for (tenant, (domains, keys)) in shadows {
                let mut condition = Statement::default();
                condition.bind("tenant = ?", tenant.as_str()).bind(" AND policy_domain IN ?", domains);
                condition.bind(" AND toString(report_key) IN ?", keys);
                removed += self.remove(REMOVE, "reports", condition).await?;
            }
            let is_last = page.len() < ERASURE_PAGE_ROWS;
            after = page.into_iter().next_back();
            if is_last {
                return Ok(removed);
            }
        }
    }

    async fn keys_of_selected(&self, selection: &Selection, after: Option<&KeyRow>) -> Result<Vec<KeyRow>, StoreError> {
        let mut sql = Statement::new("SELECT DISTINCT policy_domain, report_key FROM reports WHERE ");
        sql.append(selection.rows());
        if let Some(after) = after {
            sql.bind(" AND (policy_domain, report_key) > (?", after.policy_domain.as_str()).bind(", toUInt128(?))", after.report_key);
        }
        sql.bind(" ORDER BY policy_domain, report_key LIMIT ?", ERASURE_PAGE_ROWS);
        self.fetch(REMOVE, sql).await
    }

    async fn shadows(&self, selection: &Selection, page: &[KeyRow]) -> Result<Vec<ShadowRow>, StoreError> {
        if page.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = Statement::new("SELECT tenant, policy_domain, report_key FROM reports WHERE NOT (");
        sql.append(selection.rows());
        sql.bind(") AND policy_domain IN ?", page.iter().map(|key| key.policy_domain.clone()).collect::<Vec<_>>());
        sql.bind(
            " AND report_key IN (SELECT toUInt128(arrayJoin(?::Array(String))))",
            page.iter().map(|key| key.report_key.to_string()).collect::<Vec<_>>(),
        );
        sql.push(" GROUP BY tenant, policy_domain, key_day, report_key HAVING argMax(is_deleted, version) = 1");
        self.fetch(REMOVE, sql).await
    }
}
