//! Conditions as they are noted, and the list of them.

use std::collections::BTreeMap;

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tlsrpt_record::TenantId;
use tlsrpt_report::{Day, UnixMillis};
use utoipa::ToSchema;

use super::{delivery::DeliveryState, earlier_first, within};
use crate::{
    cursor,
    error::{StoreError, StoreResult as _},
    insert,
    rows::days,
    statement::Statement,
    store::Store,
    tenant::{TenantQueries, some},
};

/// The kind of a row that says that a domain is looked at: no condition, and never shown.
pub const WATCHED: &str = "watched";

const NOTE: &str = "note conditions";
const READ: &str = "read conditions";
const LIST: &str = "list notices";

/// A condition's episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeRecord {
    /// Identity.
    pub key: u128,
    /// What kind, or [`WATCHED`].
    pub kind: String,
    /// Of which domain.
    pub domain: String,
    /// Of what of it; empty when it is the domain as a whole.
    pub subject: String,
    /// How many times it had been there before.
    pub episode: u32,
    /// From which reported day on.
    pub since: Option<Day>,
    /// When it was noted.
    pub opened_at: UnixMillis,
    /// When it had ended.
    pub closed_at: Option<UnixMillis>,
    /// Whether the tenant was to be told.
    pub is_told: bool,
    /// What happened.
    pub summary: String,
    /// What to look at first.
    pub look_first: String,
}

/// One notice of `GET /v1/notifications`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = NoticeEntry)]
pub struct NoticeItem {
    /// Identity: the idempotency key of its deliveries.
    pub key: String,
    /// What kind.
    pub kind: String,
    /// Of which domain.
    pub domain: String,
    /// Of what of it: the result type and the mail server, or the reporter; null when it is the domain as a whole.
    pub subject: Option<String>,
    /// From which reported day on.
    pub since: Option<Day>,
    /// When it was noted.
    #[schema(format = DateTime)]
    pub noted_at: String,
    /// When it had ended; null while it goes on.
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// Whether the tenant is told; else it was there at the first look at the domain, or is of a kind that is not wanted.
    pub told: bool,
    /// What happened.
    pub summary: String,
    /// What to look at first.
    pub look_first: String,
    /// How far it is on each way; empty when the tenant is not told, or had no way to be told.
    pub deliveries: Vec<NoticedDelivery>,
}

/// How far a notice is on one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = NoticeDelivery)]
pub struct NoticedDelivery {
    /// `webhook` or `mail`.
    pub channel: String,
    /// How far it is.
    pub state: DeliveryState,
    /// Tries so far.
    pub attempts: u32,
    /// What the last try came to, when it failed.
    pub last_error: Option<String>,
    /// When it was last tried.
    #[schema(format = DateTime)]
    pub tried_at: Option<String>,
    /// When it is tried next, quiet hours aside; null once it is delivered or given up.
    #[schema(format = DateTime)]
    pub next_try_at: Option<String>,
}

#[derive(Row, Serialize)]
struct NewRow<'a> {
    tenant: &'a str,
    key: u128,
    version: u64,
    kind: &'a str,
    domain: &'a str,
    subject: &'a str,
    episode: u32,
    since: Option<u16>,
    opened_at: i64,
    closed_at: Option<i64>,
    is_told: bool,
    summary: &'a str,
    look_first: &'a str,
}

#[derive(Row, Deserialize)]
pub(super) struct ReadRow {
    key: u128,
    kind: String,
    domain: String,
    subject: String,
    episode: u32,
    since: Option<u16>,
    opened_ms: i64,
    closed_ms: Option<i64>,
    is_told: bool,
    summary: String,
    look_first: String,
}

pub(super) const COLUMNS: &str = "key, kind, domain, subject, episode, since, toUnixTimestamp64Milli(opened_at) AS opened_ms, \
    toUnixTimestamp64Milli(closed_at) AS closed_ms, is_told, summary, look_first";

impl From<ReadRow> for NoticeRecord {
    fn from(row: ReadRow) -> Self {
        Self {
            key: row.key,
            kind: row.kind,
            domain: row.domain,
            subject: row.subject,
            episode: row.episode,
            since: row.since.map(|day| Day(day.into())),
            opened_at: UnixMillis(row.opened_ms),
            closed_at: row.closed_ms.map(UnixMillis),
            is_told: row.is_told,
            summary: row.summary,
            look_first: row.look_first,
        }
    }
}

#[derive(Row, Deserialize)]
struct DeliveryRow {
    key: u128,
    channel: String,
    state: String,
    attempts: u32,
    error: String,
    tried_ms: Option<i64>,
    next_ms: i64,
}

impl Store {
    /// Notes conditions that began or ended, all of them or none; when it answers, they are durable. Of one episode the end counts before
    /// the beginning, and of two that noted it the earlier.
    ///
    /// # Errors
    /// [`StoreError::Retry`] when the same call may succeed later.
    pub async fn note_conditions(&self, tenant: &TenantId, records: &[NoticeRecord]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        insert::within_deadline(NOTE, async {
            let mut insert = self.open::<NewRow<'static>>("notices", NOTE).await?;
            for record in records {
                let ended = u64::from(record.closed_at.is_some()) << 47;
                let row = NewRow {
                    tenant: tenant.as_str(),
                    key: record.key,
                    version: ended | earlier_first(record.closed_at.unwrap_or(record.opened_at)),
                    kind: &record.kind,
                    domain: &record.domain,
                    subject: &record.subject,
                    episode: record.episode,
                    since: record.since.map(days),
                    opened_at: within(record.opened_at),
                    closed_at: record.closed_at.map(within),
                    is_told: record.is_told,
                    summary: &record.summary,
                    look_first: &record.look_first,
                };
                insert.write(&row).await.action(NOTE)?;
            }
            insert.end().await.action(NOTE)
        })
        .await
    }
}

impl TenantQueries {
    /// The latest episode of every condition that was noted, and which domains are looked at.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn conditions(&self) -> Result<Vec<NoticeRecord>, StoreError> {
        let mut sql = Statement::new(format!("SELECT {COLUMNS} FROM notices FINAL WHERE "));
        sql.bind("tenant = ?", self.tenant.as_str()).push(" ORDER BY episode DESC LIMIT 1 BY kind, domain, subject");
        let rows: Vec<ReadRow> = self.store.fetch(READ, sql).await?;
        Ok(rows.into_iter().map(NoticeRecord::from).collect())
    }

    /// A page of notices, newest first; the second value is the cursor of the next page.
    ///
    /// # Errors
    /// [`StoreError::Cursor`] for a cursor that no page gave; else what the database answers.
    pub async fn notices(&self, limit: usize, cursor: Option<&str>) -> Result<(Vec<NoticeItem>, Option<String>), StoreError> {
        let mut sql = Statement::new(format!("SELECT {COLUMNS} FROM notices FINAL WHERE "));
        sql.bind("tenant = ?", self.tenant.as_str()).bind(" AND kind != ?", WATCHED);
        if let Some(cursor) = cursor {
            let [at, key] = cursor::decode(cursor)?;
            let at: i64 = at.parse().map_err(|_| StoreError::Cursor)?;
            let key: u128 = key.parse().map_err(|_| StoreError::Cursor)?;
            sql.bind(" AND (opened_at, key) < (fromUnixTimestamp64Milli(toInt64(?), 'UTC')", at).bind(", toUInt128(?))", key);
        }
        sql.bind(" ORDER BY opened_at DESC, key DESC LIMIT ?", limit.saturating_add(1));
        let mut rows: Vec<ReadRow> = self.store.fetch(LIST, sql).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| cursor::encode([&row.opened_ms.to_string(), &row.key.to_string()]));
        let mut deliveries = self.deliveries_of(rows.iter().map(|row| row.key)).await?;
        Ok((rows.into_iter().map(|row| item(deliveries.remove(&row.key).unwrap_or_default(), row.into())).collect(), next))
    }

    async fn deliveries_of(&self, keys: impl Iterator<Item = u128>) -> Result<BTreeMap<u128, Vec<NoticedDelivery>>, StoreError> {
        let keys: Vec<String> = keys.map(|key| key.to_string()).collect();
        let mut of_key: BTreeMap<u128, Vec<NoticedDelivery>> = BTreeMap::new();
        if keys.is_empty() {
            return Ok(of_key);
        }
        let mut sql = Statement::new(
            "SELECT key, channel, state, attempts, error, toUnixTimestamp64Milli(tried_at) AS tried_ms, \
             toUnixTimestamp64Milli(next_at) AS next_ms FROM notice_deliveries FINAL WHERE ",
        );
        sql.bind("tenant = ?", self.tenant.as_str());
        sql.bind(" AND toString(key) IN ?", keys).push(" ORDER BY channel DESC");
        let rows: Vec<DeliveryRow> = self.store.fetch(LIST, sql).await?;
        for row in rows {
            let state = DeliveryState::from_name(&row.state);
            of_key.entry(row.key).or_default().push(NoticedDelivery {
                channel: row.channel,
                state,
                attempts: row.attempts,
                last_error: some(row.error),
                tried_at: row.tried_ms.map(|at| UnixMillis(at).rfc3339()),
                next_try_at: (state == DeliveryState::Pending).then(|| UnixMillis(row.next_ms).rfc3339()),
            });
        }
        Ok(of_key)
    }
}

fn item(deliveries: Vec<NoticedDelivery>, record: NoticeRecord) -> NoticeItem {
    NoticeItem {
        key: format!("{:032x}", record.key),
        kind: record.kind,
        domain: record.domain,
        subject: some(record.subject),
        since: record.since,
        noted_at: record.opened_at.rfc3339(),
        ended_at: record.closed_at.map(UnixMillis::rfc3339),
        told: record.is_told,
        summary: record.summary,
        look_first: record.look_first,
        deliveries,
    }
}
