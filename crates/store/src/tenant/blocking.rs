//! The failures that stop mail under `enforce`, by what an administrator can put right.

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tlsrpt_report::{Day, ResultType};
use utoipa::ToSchema;

use super::{
    TenantQueries,
    address::address,
    daily::{DATED, stops},
};
use crate::{
    condition,
    counting::{headline, saturated},
    error::StoreError,
    filter::Filter,
    statement::Statement,
};

/// Most sending addresses that one class names.
const ADDRESSES_MAX: usize = 20;
/// Most classes of one domain.
const CLASSES_MAX: usize = 100;

/// Failures of one type at one mail server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BlockingClass {
    /// The policy domain.
    #[serde(skip)]
    #[schema(ignore)]
    pub domain: String,
    /// The result type.
    pub result_type: ResultType,
    /// The mail server; null when the reports do not tell.
    pub receiving_mx: Option<String>,
    /// Addresses of senders, 20 at most.
    pub sending_ips: Vec<String>,
    /// Failed sessions; of a failure without a number, one.
    pub failed_sessions: u64,
    /// The first reported day.
    pub first_seen: Day,
    /// The last reported day.
    pub last_seen: Day,
}

#[derive(Row, Deserialize)]
struct ClassRow {
    domain: String,
    result: String,
    mx: String,
    ips: Vec<String>,
    bad: u64,
    first: u16,
    last: u16,
}

impl TenantQueries {
    /// What of a filter's failures, in reports that have a day, stops mail under `enforce` (RFC 8461 5), by policy domain, result type and mail server; of each domain the
    /// hundred with the most sessions.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
    pub async fn blocking(&self, filter: &Filter) -> Result<Vec<BlockingClass>, StoreError> {
        let rows: Vec<ClassRow> = self.store.fetch("find blocking failures", self.blocking_statement(filter)).await?;
        let class = |row: ClassRow| BlockingClass {
            domain: row.domain,
            result_type: ResultType::from_name(&row.result).unwrap_or(ResultType::Other),
            receiving_mx: Some(row.mx).filter(|mx| !mx.is_empty()),
            sending_ips: row.ips,
            failed_sessions: row.bad,
            first_seen: Day(row.first.into()),
            last_seen: Day(row.last.into()),
        };
        Ok(rows.into_iter().map(class).collect())
    }

    fn blocking_statement(&self, filter: &Filter) -> Statement {
        let ip = address!("f_sending_ip", "f_sending_ip_sent");
        let mut sql = Statement::new(format!(
            "SELECT domain, result, mx, arrayFilter(ip -> ip != '', arraySort(groupUniqArrayArray({ADDRESSES_MAX})(group_ips))) AS ips, \
             {} AS bad, min(first_day) AS first, max(last_day) AS last FROM (SELECT policy_domain AS domain, toString(f_result) AS result, \
             f_mx AS mx, groupUniqArray({ADDRESSES_MAX})({ip}) AS group_ips, min(day) AS first_day, max(day) AS last_day, ",
            saturated("sum(sum_bad)"),
        ));
        sql.append(headline(&Statement::new("toUInt128(ifNull(f_sessions, 1))")));
        sql.push(
            " AS sum_bad FROM reports FINAL ARRAY JOIN failures.sessions AS f_sessions, failures.result_type AS f_result, \
             failures.receiving_mx AS f_mx, failures.sending_ip AS f_sending_ip, failures.sending_ip_sent AS f_sending_ip_sent WHERE ",
        );
        sql.append(condition::rows(&self.tenant, filter)).push(DATED).push(" AND ").append(stops());
        sql.push(
            " GROUP BY domain, result, mx, report_group) GROUP BY domain, result, mx HAVING bad > 0 ORDER BY domain, bad DESC, result, mx ",
        );
        sql.push(&format!("LIMIT {CLASSES_MAX} BY domain"));
        sql
    }
}
