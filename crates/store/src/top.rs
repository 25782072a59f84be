//! Which tenants, domains and reporters weigh most, over everybody's rows. For the operator alone.

use std::collections::HashMap;

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tlsrpt_report::Day;
use utoipa::ToSchema;

use crate::{
    condition::{self, REPORTER},
    counting::{headline, saturated, successful},
    error::StoreError,
    statement::Statement,
    store::Store,
    tenant::some,
};

/// Who is weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopBy {
    /// Tenants; what nobody owns is one of them.
    Tenants,
    /// Policy domains.
    Domains,
    /// Organisations.
    Reporters,
}

/// What is weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Report documents.
    Reports,
    /// Sessions of both kinds.
    Sessions,
    /// Bytes of payloads as received.
    PayloadBytes,
}

/// One entry of `GET /admin/v1/top`: what was reported of it in the period and counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Heavy {
    /// The tenant's id, the policy domain or the organisation; null: nobody's, or not told by the reports.
    pub name: Option<String>,
    /// Report documents.
    pub reports: u64,
    /// Sessions of both kinds, by the counting rule.
    pub sessions: u64,
    /// Bytes of the payloads, as received. One that several share counts whole for each.
    pub payload_bytes: u64,
}

#[derive(Row, Deserialize)]
struct FiguresRow {
    name: String,
    shown: String,
    reports: u64,
    sessions: u64,
}

#[derive(Row, Deserialize)]
struct BytesRow {
    name: String,
    payload_bytes: u64,
}

/// The statements of one question.
#[derive(Clone, Copy)]
struct Asked {
    by: TopBy,
    from: Day,
    to: Day,
}

const ACTION: &str = "weigh what was reported";

impl Store {
    /// The `limit` greatest by this weight of what was reported on, from `from` to `to`, UTC days, inclusive; by name where they weigh alike.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
    pub async fn top(&self, by: TopBy, weight: Weight, from: Day, to: Day, limit: usize) -> Result<Vec<Heavy>, StoreError> {
        let asked = Asked { by, from, to };
        // What orders the list goes first, and the other is asked for those names alone.
        let (figures, bytes) = if weight == Weight::PayloadBytes {
            let bytes: Vec<BytesRow> = self.fetch(ACTION, asked.bytes(Chosen::Greatest(limit))).await?;
            let names = bytes.iter().map(|row| row.name.clone()).collect();
            (self.fetch::<FiguresRow>(ACTION, asked.figures(weight, Chosen::Named(names))).await?, bytes)
        } else {
            let figures: Vec<FiguresRow> = self.fetch(ACTION, asked.figures(weight, Chosen::Greatest(limit))).await?;
            let names = figures.iter().map(|row| row.name.clone()).collect();
            (figures, self.fetch(ACTION, asked.bytes(Chosen::Named(names))).await?)
        };
        let mut bytes: HashMap<String, u64> = bytes.into_iter().map(|row| (row.name, row.payload_bytes)).collect();
        let mut heavy: Vec<Heavy> = figures
            .into_iter()
            .map(|row| Heavy {
                payload_bytes: bytes.remove(&row.name).unwrap_or_default(),
                name: some(row.shown),
                reports: row.reports,
                sessions: row.sessions,
            })
            .collect();
        let of = |one: &Heavy| match weight {
            Weight::Reports => one.reports,
            Weight::Sessions => one.sessions,
            Weight::PayloadBytes => one.payload_bytes,
        };
        heavy.sort_by(|a, b| of(b).cmp(&of(a)).then_with(|| a.name.cmp(&b.name)));
        Ok(heavy)
    }
}

/// Which names a statement answers.
enum Chosen {
    Greatest(usize),
    Named(Vec<String>),
}

impl Asked {
    fn name(self) -> &'static str {
        match self.by {
            TopBy::Tenants => "toString(tenant)",
            TopBy::Domains => "policy_domain",
            TopBy::Reporters => REPORTER,
        }
    }

    /// What of a name is shown: of an organisation its newest spelling.
    fn shown(self) -> &'static str {
        match self.by {
            TopBy::Tenants => "toString(any(tenant))",
            TopBy::Domains => "any(policy_domain)",
            TopBy::Reporters => "argMax(trimBoth(organization), received_at)",
        }
    }

    /// The rows of the period, or those of them that have one of these names.
    fn rows(self, chosen: &Chosen) -> Statement {
        let mut sql = condition::days(self.from, self.to);
        if let Chosen::Named(names) = chosen {
            sql.push(&format!(" AND {} IN ", self.name())).bind("?", names.clone());
        }
        sql
    }

    /// Documents and sessions of each name.
    fn figures(self, weight: Weight, chosen: Chosen) -> Statement {
        let (name, shown) = (self.name(), self.shown());
        let mut sql = Statement::new(format!(
            "SELECT name, argMax(shown_of_rows, newest) AS shown, uniqExactArray(documents) AS reports, {} AS sessions \
             FROM (SELECT {name} AS name, {shown} AS shown_of_rows, max(received_at) AS newest, groupUniqArray(document) AS documents, ",
            saturated("sum(both)"),
        ));
        sql.append(headline(&successful())).push(" + ").append(headline(&Statement::new("toUInt128(ifNull(failed, 0))")));
        sql.push(" AS both FROM reports FINAL WHERE ").append(self.rows(&chosen));
        sql.push(" GROUP BY name, report_group, policy_domain) GROUP BY name");
        if let Chosen::Greatest(limit) = chosen {
            sql.push(if weight == Weight::Sessions { " ORDER BY sessions DESC" } else { " ORDER BY reports DESC" });
            sql.bind(", name LIMIT ?", limit);
        }
        sql
    }

    /// Bytes of each name: the rows that count and the ledger's entries are put together by submission, in a grouping, which goes to
    /// disk when it grows, and not in a join, which does not. A submission's entries all tell the same size.
    fn bytes(self, chosen: Chosen) -> Statement {
        let mut sql = Statement::new(format!(
            "SELECT name, {} AS payload_bytes FROM (SELECT groupUniqArrayIf(row_name, bytes = 0) AS names, max(bytes) AS payload FROM (\
             SELECT submission_id, {} AS row_name, toUInt64(0) AS bytes FROM reports FINAL WHERE ",
            saturated("sum(toUInt128(payload))"),
            self.name(),
        ));
        sql.append(self.rows(&chosen));
        sql.push(" UNION ALL SELECT submission_id, '' AS row_name, greatest(payload_bytes, 1) AS bytes FROM submissions WHERE received_at");
        // By the rows' receipts, so that other months of the ledger are not read.
        sql.push(" BETWEEN (SELECT min(received_at) FROM reports WHERE ").append(self.rows(&chosen));
        sql.push(") AND (SELECT max(received_at) FROM reports WHERE ").append(self.rows(&chosen));
        sql.push(")) GROUP BY submission_id) ARRAY JOIN names AS name GROUP BY name");
        if let Chosen::Greatest(limit) = chosen {
            sql.bind(" ORDER BY payload_bytes DESC, name LIMIT ?", limit);
        }
        sql
    }
}
