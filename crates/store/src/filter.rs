//! What a tenant query asks for.

use tlsrpt_report::{Day, Domain, PolicyClass, Trust};

/// Narrows a tenant query; an empty list does not narrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// First UTC day, inclusive.
    pub from: Day,
    /// Last UTC day, inclusive.
    pub to: Day,
    /// Policy domains.
    pub domains: Vec<Domain>,
    /// Whether `domains` stand for everything below them too.
    pub subdomains: bool,
    /// Organisation names, compared without regard to case.
    pub reporters: Vec<String>,
    /// Policy types.
    pub policy_types: Vec<PolicyClass>,
    /// Result types by name; failures only count, and reports only match, when one of these occurs.
    pub result_types: Vec<String>,
    /// Receiving MX host names.
    pub receiving_mx: Vec<String>,
    /// Networks of sending addresses, in CIDR form.
    pub sending_nets: Vec<String>,
    /// Verdicts on the origin.
    pub trust: Vec<Trust>,
}

impl Filter {
    /// Everything of these UTC days, inclusive.
    #[must_use]
    pub fn period(from: Day, to: Day) -> Self {
        Self {
            from,
            to,
            domains: Vec::new(),
            subdomains: false,
            reporters: Vec::new(),
            policy_types: Vec::new(),
            result_types: Vec::new(),
            receiving_mx: Vec::new(),
            sending_nets: Vec::new(),
            trust: Vec::new(),
        }
    }

    /// The same, but for reports whose verdict is worse than `minimum`, unless it names verdicts itself.
    #[must_use]
    pub fn above(mut self, minimum: Option<Trust>) -> Self {
        if let Some(minimum) = minimum.filter(|_| self.trust.is_empty()) {
            self.trust = Trust::ALL.into_iter().filter(|&trust| trust >= minimum).collect();
        }
        self
    }
}

/// Length of one point of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A UTC day.
    Day,
    /// A week from Monday.
    Week,
    /// A calendar month.
    Month,
}

/// What a series can be split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeriesDimension {
    /// `reporter`: the organisation.
    Reporter,
    /// `result_type`.
    ResultType,
    /// `policy_type`.
    PolicyType,
    /// `domain`.
    Domain,
}

/// What failures can be grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureDimension {
    /// `result_type`.
    ResultType,
    /// `receiving_mx`.
    ReceivingMx,
    /// `reporter`.
    Reporter,
    /// `sending_ip`.
    SendingIp,
    /// `receiving_ip`.
    ReceivingIp,
    /// `reason`.
    Reason,
    /// `domain`: the policy domain.
    Domain,
    /// `policy_type`: the split as it was reported.
    PolicyType,
}

/// What groups of failures are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureSort {
    /// Number of failed sessions.
    FailedSessions,
    /// First reported day.
    FirstSeen,
    /// Last reported day.
    LastSeen,
    /// The value of a dimension that is grouped by, as text.
    Dimension(FailureDimension),
}

/// Order and number of groups; of two that sort alike the one with the smaller dimensions comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureOrder {
    /// What decides.
    pub by: FailureSort,
    /// Greatest first.
    pub descending: bool,
    /// Most groups; all when none.
    pub limit: Option<usize>,
}

impl Default for FailureOrder {
    /// All, most failed sessions first.
    fn default() -> Self {
        Self { by: FailureSort::FailedSessions, descending: true, limit: None }
    }
}
