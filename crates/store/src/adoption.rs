//! Moving rows to another owner: those that nobody owned to the tenant that registered their domain, and a domain's history from one
//! tenant to the next.

use std::collections::BTreeSet;

use clickhouse::Row;
use serde::Deserialize;
use tlsrpt_record::TenantId;
use tlsrpt_report::{Day, Domain};

use crate::{
    error::{StoreError, StoreResult as _},
    insert::PARTITIONS_PER_BLOCK_MAX,
    layout::Layout,
    rows::month,
    statement::Statement,
    store::Store,
};

/// Rows that one statement moves.
const ROWS_PER_MOVE_MAX: usize = 20_000;
/// Domains that one statement names.
const DOMAINS_PER_MOVE_MAX: usize = 1000;

const ACTION: &str = "move rows to another owner";

/// Whose the rows are that nobody owns.
const NOBODY: &str = "";

/// Columns that a tombstone keeps, in the order of the INSERT below; of the others it holds the defaults.
const CARRIED: &str = "policy_domain, key_day, report_key, day, received_at, submission_id";

/// Columns that only the owner's row holds.
const OWNED: [&str; 30] = [
    "document",
    "report_group",
    "organization",
    "report_id",
    "contact",
    "period_begin",
    "period_end",
    "domain_sent",
    "policy_type",
    "policy_type_sent",
    "policy_strings",
    "policy_mode",
    "policy_max_age",
    "mx_hosts",
    "successful",
    "failed",
    "failures.result_type",
    "failures.result_type_sent",
    "failures.sending_ip",
    "failures.sending_ip_sent",
    "failures.receiving_mx",
    "failures.receiving_helo",
    "failures.receiving_ip",
    "failures.receiving_ip_sent",
    "failures.sessions",
    "failures.reason",
    "failures.additional",
    "warnings",
    "trust",
    "signer",
];

/// One block, whatever its size: a block's rows of one month become one part, which is there wholly or not at all. The owner's
/// row and the tombstone have the same day, so they are in the same part.
const ONE_BLOCK: [(&str, &str); 6] = [
    ("max_insert_threads", "1"),
    ("max_threads", "1"),
    ("min_insert_block_size_rows", "1000000000"),
    ("min_insert_block_size_bytes", "0"),
    ("do_not_merge_across_partitions_select_final", "1"),
    ("max_execution_time", "120"),
];

#[derive(Row, Deserialize)]
struct KeyRow {
    policy_domain: String,
    key_day: u16,
    report_key: u128,
}

#[derive(Row, Deserialize)]
struct DomainRow {
    policy_domain: String,
}

impl Store {
    /// Policy domains of rows under no tenant, by name, after `after`, at most `limit`; reports of an unknown domain are not
    /// among them.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn unclaimed_domains(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        let mut sql = Statement::new("SELECT DISTINCT policy_domain FROM reports FINAL WHERE tenant = ''");
        sql.bind(" AND policy_domain > ?", after.unwrap_or_default()).bind(" ORDER BY policy_domain LIMIT ?", limit);
        let rows: Vec<DomainRow> = self.fetch("list domains of unclaimed rows", sql).await?;
        Ok(rows.into_iter().map(|row| row.policy_domain).collect())
    }

    /// Policy domains of a tenant's rows, `domain` itself and those below it, by name.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn policy_domains(&self, tenant: &TenantId, domain: &Domain) -> Result<Vec<String>, StoreError> {
        let mut sql = Statement::new("SELECT DISTINCT policy_domain FROM reports FINAL WHERE ");
        sql.bind("tenant = ?", tenant.as_str()).bind(" AND (policy_domain = ?", domain.as_str());
        sql.bind(" OR endsWith(policy_domain, ?)) ORDER BY policy_domain", format!(".{domain}").as_str());
        let rows: Vec<DomainRow> = self.fetch("list a tenant's policy domains", sql).await?;
        Ok(rows.into_iter().map(|row| row.policy_domain).collect())
    }

    /// Moves the unclaimed rows of these policy domains to `tenant`; answers how many moved. Idempotent, and safe beside a
    /// writer: a row that arrives meanwhile stays unclaimed until the next call. Rows move in bounded steps, each by an
    /// INSERT of the owner's rows and of tombstones (two in a cluster), both one version later than the row that moves: a redelivery of that
    /// row finds the tombstone greater, and a better row that arrives meanwhile is greater than the tombstone.
    ///
    /// # Errors
    /// [`StoreError::Retry`] when the same call may succeed later; what was moved stays moved.
    pub async fn adopt(&self, tenant: &TenantId, domains: &[String]) -> Result<u64, StoreError> {
        self.move_between(NOBODY, tenant, domains).await
    }

    /// Moves the rows of these policy domains from one tenant to another, as [`Store::adopt`] does; answers how many moved.
    ///
    /// # Errors
    /// [`StoreError::Retry`] when the same call may succeed later; what was moved stays moved.
    pub async fn move_history(&self, from: &TenantId, to: &TenantId, domains: &[String]) -> Result<u64, StoreError> {
        if from == to { Ok(0) } else { self.move_between(from.as_str(), to, domains).await }
    }

    async fn move_between(&self, from: &str, to: &TenantId, domains: &[String]) -> Result<u64, StoreError> {
        let mut moved = 0;
        for domains in domains.chunks(DOMAINS_PER_MOVE_MAX) {
            let mut after: Option<KeyRow> = None;
            loop {
                let page = self.keys_of(from, domains, after.as_ref()).await?;
                let rows = page.len() as u64;
                let Some(last) = page.into_iter().next_back() else { break };
                self.move_rows(from, to, domains, after.as_ref(), &last).await?;
                moved += rows;
                after = Some(last);
            }
        }
        Ok(moved)
    }

    /// The next keys in sorting order, as many as one statement may move.
    async fn keys_of(&self, owner: &str, domains: &[String], after: Option<&KeyRow>) -> Result<Vec<KeyRow>, StoreError> {
        let mut sql = Statement::new("SELECT policy_domain, key_day, report_key FROM reports FINAL WHERE ");
        sql.append(rows_of(owner, domains, after));
        sql.bind(" ORDER BY policy_domain, key_day, report_key LIMIT ?", ROWS_PER_MOVE_MAX);
        let mut page: Vec<KeyRow> = self.fetch(ACTION, sql).await?;
        let mut months = BTreeSet::new();
        let fits = |row: &KeyRow| {
            months.insert(month(Day(row.key_day.into())));
            months.len() <= PARTITIONS_PER_BLOCK_MAX
        };
        let fitting = page.iter().map(fits).take_while(|&fits| fits).count();
        page.truncate(fitting);
        Ok(page)
    }

    async fn move_rows(
        &self,
        from: &str,
        to: &TenantId,
        domains: &[String],
        after: Option<&KeyRow>,
        last: &KeyRow,
    ) -> Result<(), StoreError> {
        let mut range = rows_of(from, domains, after);
        range.append(up_to(last));
        match self.layout() {
            Layout::Single => self.write_moved("[0, 1]", from, to, rows(range)).await,
            // The owner's rows and the tombstones are of two shards, so they cannot be there together. First the owner's rows; then
            // the tombstones of just those rows: one that arrived in between has no row at the owner's, and neither has a better
            // version of one that was moved. Both stay where they are until the next call.
            Layout::Cluster(_) => {
                self.write_moved("[0]", from, to, rows(range.clone())).await?;
                let key = "policy_domain, key_day, report_key";
                range.push(&format!(" AND ({key}, toUInt128(version + 1)) GLOBAL IN (SELECT {key}, version FROM reports WHERE "));
                range.bind("tenant = ?", to.as_str()).bind(" AND policy_domain IN ?", domains.to_vec());
                range.append(up_to(last)).push(")");
                self.write_moved("[1]", from, to, rows(range)).await
            }
        }
    }

    /// Writes rows of `source` under another tenant: `moved` has a 0 for owners' rows and a 1 for tombstones.
    async fn write_moved(&self, moved: &str, from: &str, to: &TenantId, source: Statement) -> Result<(), StoreError> {
        let owned = OWNED.map(|column| format!("`{column}`")).join(", ");
        // `moved` is 1 for the tombstone and 0 for the owner's row; a tombstone's columns are the defaults of their types.
        let values = OWNED.map(|column| format!("if(moved = 1, defaultValueOfTypeName(toTypeName(`{column}`)), `{column}`)")).join(", ");
        let mut sql = Statement::new(format!("INSERT INTO reports (tenant, version, is_deleted, {CARRIED}, {owned}) SELECT "));
        sql.bind("if(moved = 1, ?", from).bind(", ?)", to.as_str());
        sql.push(&format!(", version + 1, moved, {CARRIED}, {values} FROM ")).append(source);
        sql.push(&format!(" ARRAY JOIN {moved}::Array(UInt8) AS moved"));
        let query = ONE_BLOCK.iter().fold(sql.query(self.writer()), |query, &(name, value)| query.with_setting(name, value));
        query.execute().await.action(ACTION)
    }
}

/// The rows that count of those that `condition` names.
fn rows(condition: Statement) -> Statement {
    let mut sql = Statement::new("(SELECT * FROM reports FINAL WHERE ");
    sql.append(condition).push(")");
    sql
}

/// Keys up to and including `last`.
fn up_to(last: &KeyRow) -> Statement {
    let mut sql = Statement::default();
    sql.bind(" AND (policy_domain, key_day, report_key) <= (?", last.policy_domain.as_str());
    sql.bind(", toDate(?)", i64::from(last.key_day)).bind(", toUInt128(?))", last.report_key);
    sql
}

fn rows_of(owner: &str, domains: &[String], after: Option<&KeyRow>) -> Statement {
    let mut sql = Statement::default();
    sql.bind("tenant = ?", owner).bind(" AND policy_domain IN ?", domains.to_vec());
    if let Some(after) = after {
        sql.bind(" AND (policy_domain, key_day, report_key) > (?", after.policy_domain.as_str());
        sql.bind(", toDate(?)", i64::from(after.key_day)).bind(", toUInt128(?))", after.report_key);
    }
    sql
}
