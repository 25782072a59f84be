//! Who reports: figures of each reporter, and the days on which it reported.

use std::collections::BTreeMap;

use clickhouse::Row;
use serde::Deserialize;
use tlsrpt_report::{Day, Trust};

use super::TenantQueries;
use crate::{
    condition::{self, REPORTER},
    counting::{headline, saturated, successful},
    error::StoreError,
    filter::Filter,
    statement::Statement,
};

/// Most domains that are named of a reporter.
const DOMAINS_MAX: usize = 100;

/// One organisation that reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reporter {
    /// Organisation, as it spells itself now; empty when the reports do not say.
    pub name: String,
    /// Days that it reported on, in order, each once: of all its reports, also those before the period.
    pub days: Vec<Day>,
    /// Report documents.
    pub reports: u64,
    /// Successful sessions.
    pub successful_sessions: u64,
    /// Failed sessions.
    pub failed_sessions: u64,
    /// Those sessions of both kinds whose reports were [`Trust::DkimAligned`].
    pub verified_sessions: u64,
    /// Warning codes, and how many report documents have each.
    pub warnings: BTreeMap<String, u64>,
    /// Policy domains by name, a hundred at most.
    pub domains: Vec<String>,
    /// How many there are.
    pub domains_total: u64,
}

#[derive(Row, Deserialize)]
struct DaysRow {
    reporter: String,
    name: String,
    days: Vec<u16>,
}

#[derive(Row, Deserialize)]
struct FiguresRow {
    reporter: String,
    ok: u64,
    bad: u64,
    verified: u64,
    reports: u64,
    domains: Vec<String>,
    domains_total: u64,
}

#[derive(Row, Deserialize)]
struct WarningRow {
    reporter: String,
    warning: String,
    reports: u64,
}

impl TenantQueries {
    /// Figures of each reporter in the period, by name without regard to case. The days are those since `days_from`, or since the
    /// period began if that is earlier. Who reported on such a day and not in the period is there with zeros, unless the filter asks
    /// for policy types or failures: those are in some reports and say nothing of when the others come.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
    pub async fn reporters(&self, filter: &Filter, days_from: Day) -> Result<Vec<Reporter>, StoreError> {
        let of_all = Filter {
            from: days_from.min(filter.from),
            policy_types: Vec::new(),
            result_types: Vec::new(),
            receiving_mx: Vec::new(),
            sending_nets: Vec::new(),
            ..filter.clone()
        };
        let is_narrowed = !filter.policy_types.is_empty() || condition::detail(filter).is_some();
        let (days, figures, warnings) = tokio::try_join!(
            self.store.fetch::<DaysRow>("list days of reporters", self.days_statement(&of_all)),
            self.store.fetch::<FiguresRow>("sum up reporters", self.reporters_statement(filter)),
            self.store.fetch::<WarningRow>("count warnings of reporters", self.warnings_statement(filter)),
        )?;
        let mut reporters: BTreeMap<String, (bool, Reporter)> = BTreeMap::new();
        for DaysRow { reporter, name, days } in days {
            let days = days.into_iter().map(|day| Day(day.into())).collect();
            reporters.insert(reporter, (!is_narrowed, Reporter { name, days, ..Reporter::default() }));
        }
        for row in figures {
            // Rows that came between the statements are of the next answer.
            let Some((is_shown, of)) = reporters.get_mut(&row.reporter) else { continue };
            *is_shown = true;
            (of.reports, of.successful_sessions, of.failed_sessions) = (row.reports, row.ok, row.bad);
            (of.verified_sessions, of.domains, of.domains_total) = (row.verified, row.domains, row.domains_total);
        }
        for row in warnings {
            if let Some((_, of)) = reporters.get_mut(&row.reporter) {
                of.warnings.insert(row.warning, row.reports);
            }
        }
        Ok(reporters.into_values().filter(|(is_shown, _)| *is_shown).map(|(_, reporter)| reporter).collect())
    }

    fn days_statement(&self, filter: &Filter) -> Statement {
        let mut sql = Statement::new(format!(
            "SELECT {REPORTER} AS reporter, argMax(trimBoth(organization), received_at) AS name, arraySort(groupUniqArray(day)) AS days \
             FROM reports FINAL WHERE ",
        ));
        sql.append(condition::rows(&self.tenant, filter)).push(" GROUP BY reporter");
        sql
    }

    fn reporters_statement(&self, filter: &Filter) -> Statement {
        let (ok, bad) = (successful(), condition::failed(filter));
        let mut sql = Statement::new(format!(
            "SELECT reporter, {} AS ok, {} AS bad, {} AS verified, uniqExactArray(documents) AS reports, \
             arraySlice(arraySort(groupUniqArray(policy_domain) AS names), 1, {DOMAINS_MAX}) AS domains, length(names) AS domains_total \
             FROM (SELECT {REPORTER} AS reporter, policy_domain, groupUniqArray(document) AS documents, ",
            saturated("sum(sum_ok)"),
            saturated("sum(sum_bad)"),
            saturated("sum(sum_verified)"),
        ));
        sql.append(headline(&ok)).push(" AS sum_ok, ").append(headline(&bad)).push(" AS sum_bad, ");
        sql.append(headline(&verified(ok))).push(" + ").append(headline(&verified(bad)));
        sql.push(" AS sum_verified FROM reports FINAL WHERE ").append(condition::rows(&self.tenant, filter));
        sql.push(" GROUP BY reporter, report_group, policy_domain) GROUP BY reporter");
        sql
    }

    fn warnings_statement(&self, filter: &Filter) -> Statement {
        let mut sql = Statement::new(format!(
            "SELECT {REPORTER} AS reporter, toString(code) AS warning, uniqExact(document) AS reports \
             FROM reports FINAL ARRAY JOIN warnings AS code WHERE ",
        ));
        sql.append(condition::rows(&self.tenant, filter)).push(" GROUP BY reporter, warning");
        sql
    }
}

/// A measure of a row, and 0 where the report's origin is not verified.
fn verified(measure: Statement) -> Statement {
    let mut sql = Statement::new(format!("if(trust = '{}', ", Trust::DkimAligned.as_str()));
    sql.append(measure).push(", toUInt128(0))");
    sql
}
