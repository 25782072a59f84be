//! Every query that only the operator may run.

use tlsrpt_record::SubmissionId;
use tlsrpt_report::Day;

use crate::{
    answer::{Fate, Fates, SubmissionItem, UnclaimedDomain},
    error::StoreError,
    store::Store,
};

/// Narrows the list of submissions.
#[derive(Clone, Debug, Default)]
pub struct SubmissionFilter {
    /// Only this fate.
    pub fate: Option<Fate>,
    /// Only this reject reason.
    pub reason: Option<String>,
}

impl Store {
    /// Fates of the submissions received on these UTC days, inclusive; open ends are unbounded.
    pub async fn fates(&self, _from: Option<Day>, _to: Option<Day>) -> Result<Fates, StoreError> {
        todo!()
    }
    /// A page of submissions, newest first; the second value is the cursor of the next page.
    pub async fn submissions(
        &self,
        _filter: &SubmissionFilter,
        _limit: usize,
        _cursor: Option<&str>,
    ) -> Result<(Vec<SubmissionItem>, Option<String>), StoreError> {
        todo!()
    }
    /// One submission.
    pub async fn submission(&self, _id: SubmissionId) -> Result<Option<SubmissionItem>, StoreError> {
        todo!()
    }
    /// A submission's payload as received, with what is needed to send it through again.
    pub async fn submission_raw(&self, _id: SubmissionId) -> Result<Option<tlsrpt_record::Submission>, StoreError> {
        todo!()
    }
    /// Domains with reports that nobody owns, most reports first.
    pub async fn unclaimed(&self, _limit: usize) -> Result<Vec<UnclaimedDomain>, StoreError> {
        todo!()
    }
}
