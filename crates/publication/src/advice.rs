//! All that is said of a domain, as the API and the command line show it.

use serde::Serialize;
use tlsrpt_report::Domain;
use utoipa::ToSchema;

use crate::{
    checker::Checked,
    finding::{Finding, Severity},
    judge::{Expected, judge},
    receiver::Record,
    shown::Published,
};

/// What a domain is to publish, what it publishes, and what is wrong with it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DomainDns)]
pub struct Advice {
    /// The domain.
    pub domain: Domain,
    /// When it was looked at.
    #[schema(format = DateTime)]
    pub checked_at: String,
    /// How long ago that is.
    pub age_seconds: u64,
    /// The records to publish, exactly.
    pub publish: Vec<Record>,
    /// What is published.
    pub published: Published,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
}

impl Advice {
    /// Says what there is to say.
    #[must_use]
    pub fn new(checked: &Checked, expected: Expected<'_>) -> Self {
        let look = &*checked.look;
        let judgement = judge(look, expected);
        let id = judgement.mta_sts.as_ref().and_then(|record| record.id.as_deref());
        Self {
            domain: look.domain.clone(),
            checked_at: look.checked_at.rfc3339(),
            age_seconds: checked.age.as_secs(),
            publish: expected.receiver.records(&look.domain, expected.address, id, look.checked_at),
            published: Published::new(look, &judgement),
            findings: judgement.findings,
        }
    }

    /// Whether something does not work.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}
