//! Whole reports one after the other, for an export of any size.
//!
//! The order is that of the sorting key, in which the table is stored: the database begins where the page before ended and stops
//! once a page is full, so a page costs the same however many reports there are. A row's place never changes, so what arrives meanwhile neither repeats nor skips a report.

use tlsrpt_report::{Day, ReportKey};

use super::{
    TenantQueries,
    reports::{DETAIL_COLUMNS, DetailRow, ITEM_COLUMNS, detail},
};
use crate::{answer::WholeReport, condition, cursor, error::StoreError, filter::Filter, statement::Statement};

/// A place in an export: behind a report, or behind some of its failures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportPlace {
    domain: String,
    key_day: Day,
    key: ReportKey,
    /// How many of the report's failures lie before; none when all of it does.
    failures: Option<usize>,
}

/// A report of an export.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The report, with the failures that were not had before.
    pub report: WholeReport,
    /// How many of its failures were.
    pub had: usize,
    /// The place behind it.
    pub place: ExportPlace,
}

/// Reports in a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExportPage {
    /// The reports.
    pub reports: Vec<Exported>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<ExportPlace>,
}

impl ExportPlace {
    /// The place that a cursor names.
    ///
    /// # Errors
    /// [`StoreError::Cursor`] for what [`ExportPlace::cursor`] did not give.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let [domain, key_day, key, failures] = cursor::decode(text)?;
        let failures = if failures.is_empty() { None } else { Some(failures.parse().map_err(|_| StoreError::Cursor)?) };
        Ok(Self {
            domain,
            key_day: key_day.parse().map_err(|_| StoreError::Cursor)?,
            key: key.parse().map_err(|_| StoreError::Cursor)?,
            failures,
        })
    }

    /// The place as text.
    #[must_use]
    pub fn cursor(&self) -> String {
        let failures = self.failures.map_or_else(String::new, |failures| failures.to_string());
        cursor::encode([&self.domain, &self.key_day.to_string(), &self.key.to_string(), &failures])
    }

    /// The place in the same report behind this many of its failures.
    #[must_use]
    pub fn inside(&self, failures: usize) -> Self {
        Self { failures: Some(failures), ..self.clone() }
    }
}

impl TenantQueries {
    /// The next reports behind `after`, by domain, day and key: `rows_max` at most, and fewer once they are larger than
    /// `bytes_max` together, but at least one. With conditions on failure details, a report holds only the failures that match.
    /// Of the report that `after` lies in, the failures behind it are given.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of a query; else what the database answers.
    pub async fn export(
        &self,
        filter: &Filter,
        after: Option<&ExportPlace>,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<ExportPage, StoreError> {
        let mut page = ExportPage::default();
        let (mut rows, mut bytes) = (0, 0);
        let statement = self.export_statement(filter, after, rows_max);
        self.store
            .fetch_while("export reports", statement, |row: DetailRow| {
                rows += 1;
                bytes += row.bytes();
                let key_day = Day(row.key_day.into());
                let mut report = detail(row);
                let item = &report.item;
                let place = ExportPlace { domain: item.domain.clone(), key_day, key: item.report_key, failures: None };
                let had = after.filter(|after| after.key == place.key).and_then(|after| after.failures).unwrap_or(0);
                // A report that came in again, better verified, may have fewer: then nothing of it is left.
                page.next = (rows >= rows_max || bytes >= bytes_max).then(|| place.clone());
                if had == 0 || had < report.failures.len() {
                    report.failures.drain(..had);
                    page.reports.push(Exported { report, had, place });
                }
                bytes < bytes_max
            })
            .await?;
        Ok(page)
    }

    fn export_statement(&self, filter: &Filter, after: Option<&ExportPlace>, rows_max: usize) -> Statement {
        let mut sql = Statement::new(format!("SELECT {ITEM_COLUMNS}, {DETAIL_COLUMNS}, "));
        sql.append(condition::matching(Some(filter))).push(" AS d_match FROM reports FINAL WHERE ");
        sql.append(condition::rows(&self.tenant, filter));
        if let Some(after) = after {
            // Spelled out, since the primary index does not look into a comparison of tuples.
            sql.bind(" AND policy_domain >= ?", after.domain.as_str()).bind(" AND (policy_domain > ?", after.domain.as_str());
            sql.bind(" OR key_day > toDate(?)", after.key_day).bind(" OR key_day = toDate(?)", after.key_day);
            sql.push(if after.failures.is_some() { " AND report_key >= " } else { " AND report_key > " });
            sql.bind("toUInt128(?))", after.key.0);
        }
        sql.bind(" ORDER BY policy_domain, key_day, report_key LIMIT ?", rows_max);
        sql
    }
}
