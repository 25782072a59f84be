//! The MTA-STS policies that reporters saw.

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tlsrpt_report::{Day, PolicyMode};
use utoipa::ToSchema;

use super::{
    TenantQueries,
    spelling::{SPELLING, SPELLING_OF_ROWS, Spellings},
};
use crate::{
    condition::{self, REPORTER},
    counting::{headline, saturated, successful},
    error::StoreError,
    filter::Filter,
    statement::Statement,
};

/// What a reporter saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyKind {
    /// An MTA-STS policy of which the report shows something.
    Sts,
    /// An MTA-STS policy of which the report shows nothing that can be read.
    StsWithoutText,
    /// No policy.
    NoPolicyFound,
}

/// A policy that one reporter saw: of two alike in mode, MX patterns and `max_age` the order of the lines makes no difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenPolicy {
    /// Organisation; empty when the reports do not say.
    pub reporter: String,
    /// What it saw.
    pub kind: PolicyKind,
    /// `mode`, when the text tells.
    pub mode: Option<PolicyMode>,
    /// MX patterns in lower case without a final dot, sorted, each once; empty when the text does not tell.
    pub mx: Vec<String>,
    /// `max_age` in seconds, when the text tells.
    pub max_age: Option<u64>,
    /// First reported day in the period.
    pub first_seen: Day,
    /// Last reported day in the period.
    pub last_seen: Day,
    /// Report documents.
    pub reports: u64,
    /// Sessions of both kinds.
    pub sessions: u64,
}

#[derive(Row, Deserialize)]
struct SeenRow {
    reporter: String,
    spelling: String,
    newest: i64,
    type_name: String,
    mode_name: String,
    mx: Vec<String>,
    max_age: Option<u64>,
    first: u16,
    last: u16,
    reports: u64,
    sessions: u64,
}

impl TenantQueries {
    /// The MTA-STS policies that reporters saw on the policy domains of the filter, and that they found none; what was seen last first.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
    pub async fn seen_policies(&self, filter: &Filter) -> Result<Vec<SeenPolicy>, StoreError> {
        let rows: Vec<SeenRow> = self.store.fetch("list seen policies", self.seen_statement(filter)).await?;
        let spellings = Spellings::of_rows(rows.iter().map(|row| (&row.reporter, &row.spelling, row.newest)));
        Ok(rows.into_iter().map(|row| seen(&spellings, row)).collect())
    }

    fn seen_statement(&self, filter: &Filter) -> Statement {
        let mut sql = Statement::new(format!(
            "SELECT reporter, {SPELLING}, type_name, mode_name, mx, max_age, min(first_day) AS first, max(last_day) AS last, \
             uniqExactArray(documents) AS reports, {} AS sessions FROM (SELECT {REPORTER} AS reporter, {SPELLING_OF_ROWS}, \
             toString(policy_type) AS type_name, if(policy_type = 'sts', toString(policy_mode), '') AS mode_name, \
             if(policy_type = 'sts', arraySort(arrayDistinct(arrayFilter(host -> host != '', \
             arrayMap(host -> trim(TRAILING '.' FROM lower(trimBoth(host))), mx_hosts)))), []) AS mx, \
             if(policy_type = 'sts', policy_max_age, NULL) AS max_age, \
             min(day) AS first_day, max(day) AS last_day, groupUniqArray(document) AS documents, ",
            saturated("sum(both)"),
        ));
        sql.append(headline(&successful())).push(" + ").append(headline(&condition::failed(filter)));
        sql.push(" AS both FROM reports FINAL WHERE policy_type IN ('sts', 'no-policy-found') AND ");
        sql.append(condition::rows(&self.tenant, filter));
        sql.push(
            " GROUP BY reporter, type_name, mode_name, mx, max_age, report_group, policy_domain) \
             GROUP BY reporter, type_name, mode_name, mx, max_age \
             ORDER BY last DESC, first DESC, reporter, type_name, mode_name, mx, max_age",
        );
        sql
    }
}

fn seen(spellings: &Spellings, row: SeenRow) -> SeenPolicy {
    let mode = PolicyMode::from_name(&row.mode_name);
    let is_empty = mode.is_none() && row.mx.is_empty() && row.max_age.is_none();
    SeenPolicy {
        reporter: spellings.of(&row.reporter).to_owned(),
        kind: match row.type_name.as_str() {
            "sts" if is_empty => PolicyKind::StsWithoutText,
            "sts" => PolicyKind::Sts,
            _ => PolicyKind::NoPolicyFound,
        },
        mode,
        mx: row.mx,
        max_age: row.max_age,
        first_seen: Day(row.first.into()),
        last_seen: Day(row.last.into()),
        reports: row.reports,
        sessions: row.sessions,
    }
}
