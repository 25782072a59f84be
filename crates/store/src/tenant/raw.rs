//! The payload behind a report.

use clickhouse::Row;
use serde::Deserialize;
use tlsrpt_record::{Channel, SubmissionId};
use tlsrpt_report::ReportKey;
use uuid::Uuid;

use super::TenantQueries;
use crate::{answer::RawReport, error::StoreError, payload::Payload, rows::received_at, statement::Statement};

#[derive(Row, Deserialize)]
struct PayloadRow {
    channel_name: String,
    payload: Payload,
    report_keys: Vec<u128>,
}

#[derive(Row, Deserialize)]
struct SourceRow {
    #[serde(with = "clickhouse::serde::uuid")]
    submission_id: Uuid,
}

const ACTION: &str = "read a report's payload";

impl TenantQueries {
    /// The payload behind one report; none when the tenant has no such report, or when its payload was kept long enough and
    /// is gone. The keys are those that the submission led to and of which the tenant has a row.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn raw(&self, key: ReportKey) -> Result<Option<RawReport>, StoreError> {
        let mut sql = Statement::new("SELECT submission_id FROM reports FINAL WHERE ");
        sql.bind("tenant = ?", self.tenant.as_str()).bind(" AND report_key = toUInt128(?) LIMIT 1", key.0);
        let sources: Vec<SourceRow> = self.store.fetch(ACTION, sql).await?;
        let Some(submission_id) = sources.first().map(|row| SubmissionId(row.submission_id)) else { return Ok(None) };

        let mut sql = Statement::new("SELECT toString(channel) AS channel_name, payload, report_keys FROM submissions FINAL WHERE ");
        sql.bind("received_at = fromUnixTimestamp64Milli(toInt64(?), 'UTC')", received_at(submission_id).0);
        sql.bind(" AND submission_id = toUUID(?) LIMIT 1", submission_id.0);
        let payloads: Vec<PayloadRow> = self.store.fetch_beside(submission_id, ACTION, sql).await?;
        let Some(row) = payloads.into_iter().next().filter(|row| !row.payload.0.is_empty()) else { return Ok(None) };

        let mut sql = Statement::new("SELECT DISTINCT report_key FROM reports FINAL WHERE ");
        sql.bind("tenant = ?", self.tenant.as_str());
        let keys: Vec<String> = row.report_keys.iter().map(u128::to_string).collect();
        sql.bind(" AND report_key IN (SELECT toUInt128(arrayJoin(?::Array(String)))) ORDER BY report_key", keys);
        let own: Vec<u128> = self.store.fetch(ACTION, sql).await?;
        Ok(Some(RawReport {
            submission_id,
            channel: Channel::from_name(&row.channel_name).unwrap_or(Channel::Import),
            payload: row.payload.0,
            own_keys: own.into_iter().map(ReportKey).collect(),
        }))
    }
}
