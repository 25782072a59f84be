//! What each reporter says of each day: on what the advice to a tenant rests.

use clickhouse::Row;
use serde::Deserialize;
use tlsrpt_report::{Day, PolicyMode, ResultType};

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

/// Modes, in the order of the columns below.
const MODES: [PolicyMode; 3] = PolicyMode::ALL;

/// Only reports that say of which day they are: the day of receipt is no evidence, and would be another when history is loaded later.
pub(super) const DATED: &str = " AND key_day != toDate(0)";

/// What one reporter says of a domain and one UTC day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReporterDay {
    /// The policy domain.
    pub domain: String,
    /// The day.
    pub day: Day,
    /// The organisation, in its newest spelling.
    pub reporter: String,
    /// Policies that it saw by their MTA-STS mode, in the order of [`PolicyMode::ALL`].
    pub seen_modes: [u64; 3],
    /// Reports of it that found no policy, and none that could not be fetched or read.
    pub seen_no_policy: u64,
    /// Successful sessions by the counting rule.
    pub successful_sessions: u64,
    /// Failed sessions by the counting rule.
    pub failed_sessions: u64,
    /// Failed sessions whose mail is not delivered under `enforce` (RFC 8461 5); of a failure without a number, one.
    pub blocked_sessions: u64,
    /// Those of them of which no failure details tell anything.
    pub unexplained_sessions: u64,
    /// Failures to fetch or read a policy, which stop no mail (RFC 8461 5.1); of a failure without a number, one.
    pub policy_errors: u64,
    /// Sessions of both kinds from reports whose origin was verified (`dkim-aligned`).
    pub verified_sessions: u64,
}

impl ReporterDay {
    /// The strictest mode that it saw.
    #[must_use]
    pub fn strictest_mode(&self) -> Option<PolicyMode> {
        MODES.into_iter().zip(self.seen_modes).filter(|(_, seen)| *seen > 0).map(|(mode, _)| mode).max()
    }
}

#[derive(Row, Deserialize)]
struct DailyRow {
    domain: String,
    day: u16,
    reporter: String,
    spelling: String,
    newest: i64,
    modes: Vec<u64>,
    no_policy: u64,
    ok: u64,
    bad: u64,
    blocked: u64,
    unexplained: u64,
    policy_errors: u64,
    verified: u64,
}

impl TenantQueries {
    /// What the reports of a filter say that have a day, by policy domain, day and reporter. Conditions on failure details narrow the reports alone.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
    pub async fn reporter_days(&self, filter: &Filter) -> Result<Vec<ReporterDay>, StoreError> {
        let rows: Vec<DailyRow> = self.store.fetch("sum up days", self.daily_statement(filter)).await?;
        let spellings = Spellings::of_rows(rows.iter().map(|row| (&row.reporter, &row.spelling, row.newest)));
        let day = |row: DailyRow| {
            let mut modes = row.modes.into_iter();
            ReporterDay {
                domain: row.domain,
                day: Day(row.day.into()),
                reporter: spellings.of(&row.reporter).to_owned(),
                seen_modes: MODES.map(|_| modes.next().unwrap_or_default()),
                seen_no_policy: row.no_policy,
                successful_sessions: row.ok,
                failed_sessions: row.bad,
                blocked_sessions: row.blocked,
                unexplained_sessions: row.unexplained,
                policy_errors: row.policy_errors,
                verified_sessions: row.verified,
            }
        };
        Ok(rows.into_iter().map(day).collect())
    }

    fn daily_statement(&self, filter: &Filter) -> Statement {
        let counts = MODES.iter().map(|mode| format!("sum(seen[{}])", *mode as usize + 1)).collect::<Vec<_>>().join(", ");
        let seen = MODES.iter().map(|mode| format!("countIf(policy_type = 'sts' AND policy_mode = '{}')", mode.as_str()));
        let sums = ["ok", "bad", "blocked", "unexplained", "policy_errors"];
        let mut sql =
            Statement::new(format!("SELECT domain, day, reporter, {SPELLING}, [{counts}] AS modes, sum(rows_no_policy) AS no_policy, "));
        for name in sums {
            sql.push(&format!("{} AS {name}, ", saturated(&format!("sum(sum_{name})"))));
        }
        sql.push(&format!(
            "{} AS verified FROM (SELECT policy_domain AS domain, day, {REPORTER} AS reporter, {SPELLING_OF_ROWS}, [{}] AS seen, \
             max(trust) = 'dkim-aligned' AS is_verified, ",
            saturated("sumIf(sum_ok + sum_bad, is_verified)"),
            seen.collect::<Vec<_>>().join(", "),
        ));
        sql.push("countIf(policy_type = 'no-policy-found' AND ").append(sessions_of(&policy_error())).push(" = 0) AS rows_no_policy");
        let measures =
            [successful(), Statement::new("toUInt128(ifNull(failed, 0))"), blocked(), unexplained(), sessions_of(&policy_error())];
        for (name, measure) in sums.into_iter().zip(&measures) {
            sql.push(", ").append(headline(measure)).push(&format!(" AS sum_{name}"));
        }
        sql.push(" FROM reports FINAL WHERE ").append(condition::rows(&self.tenant, filter)).push(DATED);
        sql.push(" GROUP BY domain, day, reporter, report_group) GROUP BY domain, day, reporter ORDER BY domain, day, reporter");
        sql
    }
}

/// Failed sessions of a row whose mail MTA-STS would not deliver, as UInt128.
fn blocked() -> Statement {
    let mut sql = sessions_of(&stops());
    sql.push(" + ").append(unexplained());
    sql
}

/// Failed sessions of a row that has no failure details: nobody knows what they were, so nobody should enforce a policy on the strength of
/// a guess. What DANE alone did is none of MTA-STS's.
fn unexplained() -> Statement {
    Statement::new("if(empty(failures.sessions) AND policy_type != 'tlsa', toUInt128(ifNull(failed, 0)), toUInt128(0))")
}

/// Whether a failure detail, as `(policy_type, f_result)`, stops mail under `enforce` (RFC 8461 5). What a sender says of DANE tells of
/// MTA-STS only that there was no TLS at all: which certificates DANE takes is another matter (RFC 7672 3.1).
pub(super) fn stops() -> Statement {
    let under_sts = names(|result| result.explanation().stops_mail_under_enforce);
    let mut sql = Statement::new("if(policy_type = 'tlsa', f_result = 'starttls-not-supported', ");
    sql.bind("toString(f_result) IN ?)", under_sts);
    sql
}

/// Whether a failure detail is one of a policy that could not be fetched or read (RFC 8460 4.3.2.2).
pub(super) fn policy_error() -> Statement {
    let mut sql = Statement::default();
    sql.bind("toString(f_result) IN ?", names(ResultType::is_policy_error));
    sql
}

fn names(of: impl Fn(ResultType) -> bool) -> Vec<String> {
    ResultType::ALL.into_iter().filter(|&result| of(result)).map(|result| result.as_str().to_owned()).collect()
}

/// Sessions of the failure details of a row that a condition means, as UInt128.
fn sessions_of(condition: &Statement) -> Statement {
    let mut sql = Statement::new("arrayReduce('sum', arrayMap(n -> toUInt128(ifNull(n, 1)), arrayFilter((n, f_result) -> ");
    sql.append(condition.clone()).push(", failures.sessions, failures.result_type)))");
    sql
}
