//! The audit log: entries in, pages out. Nothing here changes a row or removes one; the table's TTL does after the retention.

use std::net::Ipv6Addr;

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tlsrpt_record::AuditEntry;
use tlsrpt_report::{Day, UnixMillis};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    cursor,
    error::{StoreError, StoreResult as _},
    insert,
    operator::{DAY_MILLIS, canonical},
    rows::{RECEIPT_RANGE, month, v6},
    statement::Statement,
    store::Store,
    tenant::some,
};

const INSERT: &str = "insert audit entries";
const LIST: &str = "list audit entries";
const RETENTION: &str = "set how long audit entries are kept";

/// Longest retention, days: beyond it the end of it is no time that the database's TTL can hold.
pub const AUDIT_RETENTION_MAX_DAYS: u32 = 18_250;

/// Narrows the list of audit entries.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Not before this UTC day.
    pub from: Option<Day>,
    /// Not after this UTC day.
    pub to: Option<Day>,
    /// Only by the key with this id.
    pub actor: Option<String>,
    /// Only what concerns this tenant.
    pub tenant: Option<String>,
    /// Only this action.
    pub action: Option<String>,
}

/// Whose key it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditActor {
    /// `operator`, `tenant` or `service`.
    pub kind: String,
    /// The key's id; `admin` for the key that the service was started with; null of the service itself.
    pub id: Option<String>,
}

/// One entry of `GET /admin/v1/audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditItem {
    /// Id of what was done.
    pub id: Uuid,
    /// When it began, RFC 3339.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who did it.
    pub actor: AuditActor,
    /// The tenant concerned.
    pub tenant: Option<String>,
    /// What was done.
    pub action: String,
    /// To what.
    pub target: Option<String>,
    /// The answer's HTTP status; null when the service ended, or gave up, between the attempt and its answer.
    pub status: Option<u16>,
    /// The request's id, as in `X-Request-Id`.
    pub request_id: Option<String>,
    /// The peer.
    pub remote_ip: Option<String>,
}

#[derive(Row, Serialize)]
struct EntryRow<'a> {
    at: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
    status: u16,
    actor_kind: &'a str,
    actor_id: &'a str,
    tenant: &'a str,
    action: &'a str,
    target: &'a str,
    request_id: &'a str,
    remote_ip: Option<Ipv6Addr>,
}

impl<'a> EntryRow<'a> {
    fn new(entry: &AuditEntry<'a>) -> Self {
        Self {
            at: entry.at.0.clamp(0, *RECEIPT_RANGE.end()),
            id: entry.id,
            status: entry.status.unwrap_or(0),
            actor_kind: entry.actor_kind.as_str(),
            actor_id: entry.actor_id,
            tenant: entry.tenant,
            action: entry.action,
            target: entry.target,
            request_id: entry.request_id,
            remote_ip: entry.remote_ip.map(v6),
        }
    }

    fn month(&self) -> i32 {
        month(UnixMillis(self.at).day())
    }
}

#[derive(Row, Deserialize)]
struct ItemRow {
    at_ms: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
    status: u16,
    actor_kind: String,
    actor_id: String,
    tenant: String,
    action: String,
    target: String,
    request_id: String,
    remote_ip: Option<Ipv6Addr>,
}

impl From<ItemRow> for AuditItem {
    fn from(row: ItemRow) -> Self {
        Self {
            id: row.id,
            at: UnixMillis(row.at_ms).rfc3339(),
            actor: AuditActor { kind: row.actor_kind, id: some(row.actor_id) },
            tenant: some(row.tenant),
            action: row.action,
            target: some(row.target),
            status: (row.status != 0).then_some(row.status),
            request_id: some(row.request_id),
            remote_ip: row.remote_ip.map(|ip| canonical(ip).to_string()),
        }
    }
}

impl Store {
    /// Inserts audit entries; when it answers, all of them are durable. Inserting one again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Retry`] when the same call may succeed later; [`StoreError::Refused`] when it will not.
    pub async fn insert_audit(&self, entries: &[AuditEntry<'_>]) -> Result<(), StoreError> {
        insert::within_deadline(INSERT, async {
            for months in insert::month_sets(entries.iter().map(|entry| EntryRow::new(entry).month())) {
                let mut insert = self.open::<EntryRow<'static>>("audit", INSERT).await?;
                for entry in entries {
                    let row = EntryRow::new(entry);
                    if months.contains(&row.month()) {
                        insert.write(&row).await.action(INSERT)?;
                    }
                }
                insert.end().await.action(INSERT)?;
            }
            Ok(())
        })
        .await
    }

    /// A page of audit entries, newest first; the second value is the cursor of the next page. Of a change there is one item, with
    /// its outcome as soon as that is there.
    ///
    /// # Errors
    /// [`StoreError::Cursor`] for a cursor that no page gave; [`StoreError::TooLarge`] beyond the limits of a query; else what
    /// the database answers.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Vec<AuditItem>, Option<String>), StoreError> {
        let mut sql = Statement::new(
            "SELECT toUnixTimestamp64Milli(at) AS at_ms, id, status, actor_kind, actor_id, tenant, action, target, request_id, remote_ip \
             FROM audit WHERE 1",
        );
        const AT: &str = "fromUnixTimestamp64Milli(toInt64(?), 'UTC')";
        if let Some(from) = filter.from {
            sql.bind(&format!(" AND at >= {AT}"), i64::from(from.0) * DAY_MILLIS);
        }
        if let Some(to) = filter.to {
            sql.bind(&format!(" AND at < {AT}"), (i64::from(to.0) + 1) * DAY_MILLIS);
        }
        for (column, value) in [("actor_id", &filter.actor), ("tenant", &filter.tenant), ("action", &filter.action)] {
            if let Some(value) = value {
                sql.bind(&format!(" AND {column} = ?"), value.as_str());
            }
        }
        if let Some((at_ms, id)) = cursor.map(position).transpose()? {
            sql.bind(&format!(" AND at <= {AT}"), at_ms);
            sql.bind(&format!(" AND (at, id) < ({AT}"), at_ms).bind(", toUUID(?))", id);
        }
        // In the order of the key, so that a page reads its own rows only; of one id the row with the outcome comes first.
        sql.bind(" ORDER BY at DESC, id DESC, status DESC LIMIT 1 BY at, id LIMIT ?", limit.saturating_add(1));
        let mut rows: Vec<ItemRow> = self.fetch(LIST, sql).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| cursor::encode([&row.at_ms.to_string(), &row.id.to_string()]));
        Ok((rows.into_iter().map(AuditItem::from).collect(), next))
    }

    /// Keeps audit entries for this many days, at least one; the schema must be up to date.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn keep_audit(&self, days: u32) -> Result<(), StoreError> {
        let days = days.clamp(1, AUDIT_RETENTION_MAX_DAYS);
        let ttl = format!("toDateTime(at) + toIntervalDay({days})");
        let (layout, database) = (self.layout(), self.database());
        let table = layout.fill("audit$LOCAL", database);
        let created: String = self
            .writer()
            .query("SELECT create_table_query FROM system.tables WHERE database = ? AND name = ?")
            .bind(database)
            .bind(table)
            .fetch_one()
            .await
            .action(RETENTION)?;
        // Only a change is one: it goes over every part.
        if created.contains(&ttl) {
            return Ok(());
        }
        let alter = layout.fill(&format!("ALTER TABLE audit$LOCAL$ON_CLUSTER MODIFY TTL {ttl}"), database);
        self.writer().query_raw(&alter).execute().await.action(RETENTION)
    }
}

fn position(cursor: &str) -> Result<(i64, Uuid), StoreError> {
    let [at_ms, id] = cursor::decode(cursor)?;
    Ok((at_ms.parse().map_err(|_| StoreError::Cursor)?, id.parse().map_err(|_| StoreError::Cursor)?))
}
