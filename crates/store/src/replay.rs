//! What sending a submission through again needs: its payload with all that was known of it, and which ones have to go again.

use std::net::Ipv6Addr;

use clickhouse::Row;
use serde::Deserialize;
use tlsrpt_record::{Channel, MailFacts, Origin, Submission, SubmissionId};
use tlsrpt_report::{Trust, UnixMillis};

use crate::{
    error::StoreError,
    ledger::Receipts,
    operator::{DAY_MILLIS, canonical, ids},
    payload::Payload,
    rows::received_at,
    statement::Statement,
    store::Store,
    tenant::some,
};

/// A mail whose verdict is not the last word is tried again for this long after its receipt, in days: its keys are as good as gone
/// after it.
const DEFERRED_MAX_DAYS: i64 = 3;

#[derive(Row, Deserialize)]
struct RawRow {
    channel_name: String,
    address: String,
    remote_ip: Option<Ipv6Addr>,
    content_type: String,
    trust_name: String,
    helo: String,
    mail_from: Option<String>,
    recipients: Vec<String>,
    tls: String,
    authentication: String,
    signer: String,
    deferred: u8,
    payload: Payload,
}

impl RawRow {
    /// Its verdict goes along: keys do not stay where they were. What came before anybody looked at origins has none.
    fn submission(self, id: SubmissionId) -> Submission {
        let origin = (!self.authentication.is_empty()).then_some(Origin {
            authentication: self.authentication,
            signer: self.signer,
            deferred: self.deferred != 0,
        });
        let facts =
            MailFacts { helo: some(self.helo), mail_from: self.mail_from, recipients: self.recipients, tls: some(self.tls), origin };
        Submission {
            id,
            channel: Channel::from_name(&self.channel_name).unwrap_or(Channel::Import),
            address: some(self.address),
            remote_ip: self.remote_ip.map(canonical),
            content_type: some(self.content_type),
            trust: Trust::from_name(&self.trust_name).unwrap_or(Trust::None),
            mail: Some(facts).filter(|facts| *facts != MailFacts::default()),
            replay: true,
            payload: self.payload.0.into(),
        }
    }
}

impl Store {
    /// A submission's payload as received, with what is needed to send it through again; none when it is unknown, or when its
    /// payload was kept long enough and is gone.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn submission_raw(&self, id: SubmissionId) -> Result<Option<Submission>, StoreError> {
        let mut sql = Statement::new(
            "SELECT toString(channel) AS channel_name, address, remote_ip, content_type, toString(trust) AS trust_name, helo, mail_from, \
             recipients, tls, authentication, signer, deferred, payload FROM submissions FINAL WHERE ",
        );
        sql.append(only(id)).bind(" AND submission_id = toUUID(?) LIMIT 1", id.0);
        let rows: Vec<RawRow> = self.fetch("read a submission's payload", sql).await?;
        Ok(rows.into_iter().next().filter(|row| !row.payload.0.is_empty()).map(|row| row.submission(id)))
    }

    /// Submissions whose verdict is deferred and whose last try was long enough ago, oldest first: at least `retry_ms`, and at least
    /// half of the time that passed between receipt and that try, so that tries become rarer. None that was received more than three
    /// days ago.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn deferred(&self, now: UnixMillis, retry_ms: i64, limit: usize) -> Result<Vec<SubmissionId>, StoreError> {
        let receipts = Receipts { from: now.0.saturating_sub(DEFERRED_MAX_DAYS * DAY_MILLIS), ..Receipts::ALL };
        let mut sql = Statement::new("SELECT submission_id FROM submissions FINAL WHERE ");
        sql.append(receipts.condition()).push(" AND deferred = 1 AND toUnixTimestamp64Milli(normalized_at) + ");
        sql.bind("greatest(toInt64(?), intDiv(toUnixTimestamp64Milli(normalized_at) - toUnixTimestamp64Milli(received_at), 2))", retry_ms);
        sql.bind(" <= toInt64(?)", now.0).bind(" ORDER BY received_at, submission_id LIMIT ?", limit);
        Ok(ids(self.fetch("list deferred verdicts", sql).await?))
    }
}

fn only(id: SubmissionId) -> Statement {
    let at = received_at(id).0;
    Receipts { from: at, to: at }.condition()
}
