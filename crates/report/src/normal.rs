//! The normal form: what the rest of the pipeline knows of a report. It borrows from the document that it was read from.

use std::{borrow::Cow, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{
    domain::Domain,
    identity::ReportKey,
    time::{Day, UnixSeconds},
    vocabulary::{PolicyClass, PolicyMode, ResultType},
    warning::WarningCode,
};

/// One report document (RFC 8460 4.4) in normal form.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<'a> {
    /// `organization-name` as sent, trimmed and bounded; empty when the report has none.
    pub organization: Cow<'a, str>,
    /// `report-id` as sent; when missing, an id derived from the content.
    pub report_id: Cow<'a, str>,
    /// `contact-info`, when there is one.
    pub contact: Option<Cow<'a, str>>,
    /// `date-range`, as far as it is believed.
    pub period: Period,
    /// The day that the report is filed under: of the dates as sent, between 2015 and 2070, whether they are believed at this
    /// receipt or not, so that a resend on another day is filed under the same.
    pub key_day: Option<Day>,
    /// Identity of the whole document: organisation, report-id, period and the set of its policy domains.
    /// Counting documents by it counts each once, however its policies are split over tenants.
    pub document: ReportKey,
    /// Identity of the report without its domains and policies: organisation, report-id, period. Rows of one
    /// `group` and one domain are alternatives of the same sessions (the counting rule).
    pub group: ReportKey,
    /// One entry a usable policy, in the order sent.
    pub policies: Vec<Policy<'a>>,
    /// What was odd in the document itself; each policy has its own list beside.
    pub warnings: Vec<WarningCode>,
}

/// `date-range`, as far as it could be read; never invented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Period {
    /// `start-datetime`.
    pub begin: Option<UnixSeconds>,
    /// `end-datetime`.
    pub end: Option<UnixSeconds>,
}

impl Period {
    /// The reported day: the UTC day of the start; without one, the day that the end closes (an end at midnight closes
    /// the day before); none without any date.
    #[must_use]
    pub fn day(&self) -> Option<Day> {
        self.begin.map(UnixSeconds::day).or_else(|| self.end.map(|end| UnixSeconds(end.0.saturating_sub(1)).day()))
    }
}

/// One element of `policies` in normal form.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy<'a> {
    /// Identity of this policy's block: two blocks of one key are the same block.
    pub key: ReportKey,
    /// Position in the document's `policies` array, from 0.
    pub index: u32,
    /// The policy domain, normalised; none when neither the block nor its surroundings name one.
    pub domain: Option<Domain>,
    /// `policy-domain` as sent, when it differs from `domain`.
    pub domain_sent: Option<Cow<'a, str>>,
    /// What kind of policy it is.
    pub class: PolicyClass,
    /// `policy-type` as sent, when it differs from the class's name.
    pub type_sent: Option<Cow<'a, str>>,
    /// `policy-string`, line by line.
    pub strings: Vec<Cow<'a, str>>,
    /// Mode parsed from the lines of an `sts` policy (RFC 8461 3.2).
    pub mode: Option<PolicyMode>,
    /// `max_age` in seconds, parsed from the lines of an `sts` policy.
    pub max_age: Option<u64>,
    /// `mx-host`, prefix stripped; when it is missing, the `mx` lines of an `sts` policy.
    pub mx_hosts: Vec<Cow<'a, str>>,
    /// `total-successful-session-count`; none when unknown.
    pub successful: Option<u64>,
    /// `total-failure-session-count`; none when unknown.
    pub failed: Option<u64>,
    /// `failure-details`.
    pub failures: Vec<Failure<'a>>,
    /// What was odd in this block.
    pub warnings: Vec<WarningCode>,
}

/// One element of `failure-details` in normal form.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure<'a> {
    /// The registry's name (RFC 8460 4.3), or class `other` with the text kept.
    pub result: ResultType,
    /// `result-type` as sent, when it differs from the registry's name.
    pub result_sent: Option<Cow<'a, str>>,
    /// `sending-mta-ip`, when it is an IP.
    pub sending_ip: Option<IpAddr>,
    /// `sending-mta-ip` as sent, when it is not an IP.
    pub sending_ip_sent: Option<Cow<'a, str>>,
    /// `receiving-mx-hostname`, lower case without the final dot.
    pub receiving_mx: Option<Cow<'a, str>>,
    /// `receiving-mx-helo`.
    pub receiving_helo: Option<Cow<'a, str>>,
    /// `receiving-ip`, when it is an IP.
    pub receiving_ip: Option<IpAddr>,
    /// `receiving-ip` as sent, when it is not an IP.
    pub receiving_ip_sent: Option<Cow<'a, str>>,
    /// `failed-session-count`; none when unknown.
    pub sessions: Option<u64>,
    /// `failure-reason-code`.
    pub reason: Option<Cow<'a, str>>,
    /// `additional-information` or `additional-info-uri`.
    pub additional: Option<Cow<'a, str>>,
}

impl Report<'_> {
    /// The same report without its ties to the document.
    #[must_use]
    pub fn into_owned(self) -> Report<'static> {
        Report {
            organization: own(self.organization),
            report_id: own(self.report_id),
            contact: self.contact.map(own),
            period: self.period,
            key_day: self.key_day,
            document: self.document,
            group: self.group,
            policies: self.policies.into_iter().map(Policy::into_owned).collect(),
            warnings: self.warnings,
        }
    }
}

impl Policy<'_> {
    /// The same policy without its ties to the document.
    #[must_use]
    pub fn into_owned(self) -> Policy<'static> {
        Policy {
            key: self.key,
            index: self.index,
            domain: self.domain,
            domain_sent: self.domain_sent.map(own),
            class: self.class,
            type_sent: self.type_sent.map(own),
            strings: self.strings.into_iter().map(own).collect(),
            mode: self.mode,
            max_age: self.max_age,
            mx_hosts: self.mx_hosts.into_iter().map(own).collect(),
            successful: self.successful,
            failed: self.failed,
            failures: self.failures.into_iter().map(Failure::into_owned).collect(),
            warnings: self.warnings,
        }
    }
}

impl Failure<'_> {
    /// The same failure without its ties to the document.
    #[must_use]
    pub fn into_owned(self) -> Failure<'static> {
        Failure {
            result: self.result,
            result_sent: self.result_sent.map(own),
            sending_ip: self.sending_ip,
            sending_ip_sent: self.sending_ip_sent.map(own),
            receiving_mx: self.receiving_mx.map(own),
            receiving_helo: self.receiving_helo.map(own),
            receiving_ip: self.receiving_ip,
            receiving_ip_sent: self.receiving_ip_sent.map(own),
            sessions: self.sessions,
            reason: self.reason.map(own),
            additional: self.additional.map(own),
        }
    }
}

fn own(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}
