//! Deliveries: which are due, who tries them, and what came of it.

use std::collections::{BTreeSet, HashMap};

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tlsrpt_record::TenantId;
use tlsrpt_report::UnixMillis;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    earlier_first,
    record::{COLUMNS, NoticeRecord, ReadRow},
    within,
};
use crate::{
    error::{StoreError, StoreResult as _},
    insert,
    statement::Statement,
    store::Store,
};

const SAVE: &str = "note deliveries of notices";
const DUE: &str = "look for notices to deliver";
const CLAIM: &str = "claim deliveries of notices";

/// Deliveries of one tenant that one look takes, so that none keeps the others waiting.
const PER_TENANT: usize = 100;

/// A way to a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = NoticeChannel)]
pub enum Channel {
    /// An HTTP request for each notice.
    Webhook,
    /// A mail with all that are due.
    Mail,
}

impl Channel {
    /// Its name in the API and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Mail => "mail",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Webhook, Self::Mail].into_iter().find(|channel| channel.as_str() == name)
    }
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// It is yet to be delivered.
    Pending,
    /// The receiver took it.
    Delivered,
    /// It is not tried any more.
    GivenUp,
}

impl DeliveryState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::GivenUp => "given-up",
        }
    }

    pub(super) fn from_name(name: &str) -> Self {
        [Self::Delivered, Self::GivenUp].into_iter().find(|state| state.as_str() == name).unwrap_or(Self::Pending)
    }
}

/// One way of one notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whose.
    pub tenant: TenantId,
    /// Of which notice.
    pub key: u128,
    /// Which way.
    pub channel: Channel,
    /// Whether it is of a domain at risk, of which a tenant may want to be told at any hour.
    pub is_urgent: bool,
    /// How far it is.
    pub state: DeliveryState,
    /// Tries so far, the one under way included.
    pub attempts: u32,
    /// When it was made.
    pub created_at: UnixMillis,
    /// Not to be tried before this.
    pub next_at: UnixMillis,
    /// When it was first tried.
    pub first_tried_at: Option<UnixMillis>,
    /// When it was last tried.
    pub tried_at: Option<UnixMillis>,
    /// What the last try came to, when it failed.
    pub error: String,
}

/// A delivery that is due, with its notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueNotice {
    /// The delivery.
    pub delivery: Delivery,
    /// The notice.
    pub notice: NoticeRecord,
}

#[derive(Row, Serialize)]
struct NewRow<'a> {
    tenant: &'a str,
    key: u128,
    channel: &'static str,
    is_urgent: bool,
    version: u64,
    #[serde(with = "clickhouse::serde::uuid")]
    claim: Uuid,
    state: &'static str,
    attempts: u32,
    created_at: i64,
    next_at: i64,
    first_tried_at: Option<i64>,
    tried_at: Option<i64>,
    error: &'a str,
}

#[derive(Row, Deserialize)]
struct DueRow {
    tenant: String,
    key: u128,
    channel: String,
    is_urgent: bool,
    attempts: u32,
    created_ms: i64,
    next_ms: i64,
    first_tried_ms: Option<i64>,
    tried_ms: Option<i64>,
    error: String,
}

#[derive(Row, Deserialize)]
struct ClaimRow {
    key: u128,
    channel: String,
    #[serde(with = "clickhouse::serde::uuid")]
    claim: Uuid,
}

impl DueRow {
    fn due(self, notice: NoticeRecord) -> Option<DueNotice> {
        Some(DueNotice {
            delivery: Delivery {
                tenant: TenantId::parse(&self.tenant).ok()?,
                key: self.key,
                channel: Channel::from_name(&self.channel)?,
                is_urgent: self.is_urgent,
                state: DeliveryState::Pending,
                attempts: self.attempts,
                created_at: UnixMillis(self.created_ms),
                next_at: UnixMillis(self.next_ms),
                first_tried_at: self.first_tried_ms.map(UnixMillis),
                tried_at: self.tried_ms.map(UnixMillis),
                error: self.error,
            },
            notice,
        })
    }
}

/// The later try counts, of one try its outcome, and without one whoever claimed it first.
fn version(attempts: u32, is_outcome: bool, at: UnixMillis) -> u64 {
    u64::from(attempts.min(0xffff)) << 48 | u64::from(is_outcome) << 47 | earlier_first(at)
}

impl Store {
    /// Makes deliveries, or notes what came of their last try; when it answers, that is durable.
    ///
    /// # Errors
    /// [`StoreError::Retry`] when the same call may succeed later.
    pub async fn save_deliveries(&self, deliveries: &[Delivery], now: UnixMillis) -> Result<(), StoreError> {
        self.write_deliveries(deliveries, Uuid::nil(), |delivery| version(delivery.attempts, delivery.attempts > 0, now)).await
    }

    /// Claims deliveries for a try that ends at `until` at the latest; answers those that nobody claimed before.
    ///
    /// # Errors
    /// [`StoreError::Retry`] when the same call may succeed later.
    pub async fn claim_deliveries(
        &self,
        tenant: &TenantId,
        due: Vec<DueNotice>,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Vec<DueNotice>, StoreError> {
        let mut claimed = due;
        if claimed.is_empty() {
            return Ok(claimed);
        }
        for DueNotice { delivery, .. } in &mut claimed {
            delivery.attempts = delivery.attempts.saturating_add(1);
            (delivery.next_at, delivery.tried_at) = (until, Some(now));
            delivery.first_tried_at.get_or_insert(now);
        }
        let claim = Uuid::now_v7();
        let deliveries: Vec<Delivery> = claimed.iter().map(|one| one.delivery.clone()).collect();
        self.write_deliveries(&deliveries, claim, |delivery| version(delivery.attempts, false, now)).await?;
        let mut sql = Statement::new("SELECT key, channel, claim FROM notice_deliveries FINAL WHERE ");
        sql.bind("tenant = ?", tenant.as_str());
        sql.bind(" AND toString(key) IN ?", deliveries.iter().map(|one| one.key.to_string()).collect::<Vec<_>>());
        let holders: Vec<ClaimRow> = self.fetch(CLAIM, sql).await?;
        let is_ours =
            |one: &Delivery| holders.iter().any(|row| row.key == one.key && row.channel == one.channel.as_str() && row.claim == claim);
        claimed.retain(|one| is_ours(&one.delivery));
        Ok(claimed)
    }

    /// Deliveries that are due, the longest first, so many of each tenant's at most; none to the tenants in `quiet`, and to those in
    /// `urgent_only` those that are urgent.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn due_deliveries(
        &self,
        now: UnixMillis,
        quiet: Vec<String>,
        urgent_only: Vec<String>,
        limit: usize,
    ) -> Result<Vec<DueNotice>, StoreError> {
        let mut sql = Statement::new(
            "SELECT tenant, key, channel, is_urgent, attempts, toUnixTimestamp64Milli(created_at) AS created_ms, \
             toUnixTimestamp64Milli(next_at) AS next_ms, toUnixTimestamp64Milli(first_tried_at) AS first_tried_ms, \
             toUnixTimestamp64Milli(tried_at) AS tried_ms, error FROM notice_deliveries FINAL WHERE state = 'pending'",
        );
        sql.bind(" AND next_at <= fromUnixTimestamp64Milli(toInt64(?), 'UTC')", now.0);
        if !quiet.is_empty() {
            sql.bind(" AND tenant NOT IN ?", quiet);
        }
        if !urgent_only.is_empty() {
            sql.bind(" AND (is_urgent OR tenant NOT IN ?)", urgent_only);
        }
        sql.bind(" ORDER BY next_at, key LIMIT ? BY tenant", PER_TENANT).bind(" LIMIT ?", limit);
        let due: Vec<DueRow> = self.fetch(DUE, sql).await?;
        let notices = self.notices_of(&due).await?;
        Ok(due.into_iter().filter_map(|row| notices.get(&row.key).cloned().and_then(|notice| row.due(notice))).collect())
    }

    /// The notices of these deliveries, by key, which is of one tenant alone. Asked for by their keys, since the table has those of years.
    async fn notices_of(&self, due: &[DueRow]) -> Result<HashMap<u128, NoticeRecord>, StoreError> {
        if due.is_empty() {
            return Ok(HashMap::new());
        }
        let tenants: BTreeSet<String> = due.iter().map(|row| row.tenant.clone()).collect();
        let mut sql = Statement::new(format!("SELECT {COLUMNS} FROM notices FINAL WHERE "));
        sql.bind("tenant IN ?", tenants.into_iter().collect::<Vec<_>>());
        sql.bind(" AND toString(key) IN ?", due.iter().map(|row| row.key.to_string()).collect::<Vec<_>>());
        let rows: Vec<ReadRow> = self.fetch(DUE, sql).await?;
        Ok(rows.into_iter().map(NoticeRecord::from).map(|notice| (notice.key, notice)).collect())
    }

    async fn write_deliveries(&self, deliveries: &[Delivery], claim: Uuid, version: impl Fn(&Delivery) -> u64) -> Result<(), StoreError> {
        if deliveries.is_empty() {
            return Ok(());
        }
        let rows: Vec<NewRow<'_>> = deliveries
            .iter()
            .map(|one| NewRow {
                tenant: one.tenant.as_str(),
                key: one.key,
                channel: one.channel.as_str(),
                is_urgent: one.is_urgent,
                version: version(one),
                claim,
                state: one.state.as_str(),
                attempts: one.attempts,
                created_at: within(one.created_at),
                next_at: within(one.next_at),
                first_tried_at: one.first_tried_at.map(within),
                tried_at: one.tried_at.map(within),
                error: &one.error,
            })
            .collect();
        insert::within_deadline(SAVE, async {
            let mut insert = self.open::<NewRow<'static>>("notice_deliveries", SAVE).await?;
            for row in &rows {
                insert.write(row).await.action(SAVE)?;
            }
            insert.end().await.action(SAVE)
        })
        .await
    }
}
