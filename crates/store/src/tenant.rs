//! Every query that a tenant's key may run. [`TenantQueries`] cannot be built without a tenant, and each of its statements has
//! that tenant in its WHERE.

use std::collections::BTreeMap;

use tlsrpt_record::TenantId;
use tlsrpt_report::ReportKey;

use crate::{
    answer::{DomainFigures, FailureGroup, Point, RawReport, ReportDetail, ReportItem, Summary},
    error::StoreError,
    filter::{FailureDimension, Filter, SeriesDimension, Step},
    store::Store,
};

/// One tenant's queries.
#[derive(Clone)]
pub struct TenantQueries {
    #[expect(dead_code)]
    store: Store,
    #[expect(dead_code)]
    tenant: TenantId,
}

impl Store {
    /// The queries of one tenant.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> TenantQueries {
        TenantQueries { store: self.clone(), tenant }
    }
}

impl TenantQueries {
    /// Headline figures.
    pub async fn summary(&self, _filter: &Filter) -> Result<Summary, StoreError> {
        todo!()
    }
    /// A series, by time and then by group; steps without reports are left out unless there is no `group_by`.
    pub async fn timeseries(&self, _filter: &Filter, _step: Step, _by: &[SeriesDimension]) -> Result<Vec<Point>, StoreError> {
        todo!()
    }
    /// Failures by group, most first.
    pub async fn failures(&self, _filter: &Filter, _by: &[FailureDimension]) -> Result<Vec<FailureGroup>, StoreError> {
        todo!()
    }
    /// A page of reports, newest day first, then by domain and key; the second value is the cursor of the next page.
    pub async fn reports(
        &self,
        _filter: &Filter,
        _limit: usize,
        _cursor: Option<&str>,
    ) -> Result<(Vec<ReportItem>, Option<String>), StoreError> {
        todo!()
    }
    /// One report.
    pub async fn report(&self, _key: ReportKey) -> Result<Option<ReportDetail>, StoreError> {
        todo!()
    }
    /// The payload behind one report.
    pub async fn raw(&self, _key: ReportKey) -> Result<Option<RawReport>, StoreError> {
        todo!()
    }
    /// Figures by policy domain.
    pub async fn domains(&self, _filter: &Filter) -> Result<BTreeMap<String, DomainFigures>, StoreError> {
        todo!()
    }
}
