//! One submission in, one normalized record out: pure but for the tenants' view and the time, which the caller brings.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tlsrpt_log::{Delivered, Record};
use tlsrpt_record::{
    FailureRecord, Normalized, NormalizedError, Outcome, PolicyRecord, REASON_UNREADABLE, SUBMISSIONS, Submission, TenantId, unreadable,
};
use tlsrpt_report::{Context, Document, Domain, Failure, Policy, Reject, Report, UnixMillis};

/// Reject reason of a submission that this program failed on: a fault of ours, rationed.
pub const REASON_INTERNAL: &str = "internal-error";
/// Reject reason of a payload that says more than one record of the log can hold.
pub const REASON_OUTCOME_TOO_LARGE: &str = "outcome-too-large";
/// Warning on the reports of an archive in which another document was rejected.
pub const WARNING_SIBLING_REJECTED: &str = "sibling-document-rejected";

/// Who owns a domain.
pub trait Owners {
    /// The owner of `domain`: exact, else its closest registered parent.
    fn owner_of(&self, domain: &Domain) -> Option<TenantId>;
}

impl Owners for tlsrpt_registry::Registry {
    fn owner_of(&self, domain: &Domain) -> Option<TenantId> {
        Self::owner_of(self, domain)
    }
}

/// What became of one record.
#[derive(Debug)]
pub struct Work {
    /// The record to append.
    pub record: Record,
    /// For the counters.
    pub tally: Tally,
}

/// What one record came to, for the counters; totals that users see come from the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tally {
    /// Rows, with the codes of their warnings.
    Stored {
        /// Rows.
        rows: usize,
        /// Warning codes, one entry an occurrence.
        warnings: Vec<&'static str>,
    },
    /// A reject for a reason that lies in the payload.
    Rejected(&'static str),
    /// A reject because we failed: it takes from the ration.
    Poison(&'static str),
}

/// Works on one record of the submissions topic. Never panics and always answers: what cannot be understood becomes a
/// reject; so does what does not fit into a record of `record_max_bytes`.
///
/// # Errors
/// When the outcome cannot be encoded, which no input causes.
pub fn normalize(delivered: &Delivered, owners: &impl Owners, now: UnixMillis, record_max_bytes: usize) -> Result<Work, NormalizedError> {
    let submission = match Submission::from_record(&delivered.record) {
        Ok(submission) => submission,
        Err(error) => {
            let record = unreadable(SUBMISSIONS.name, delivered, &error.to_string()).encode(&delivered.record.value)?;
            return Ok(Work { record, tally: Tally::Poison(REASON_UNREADABLE) });
        }
    };
    // A fault in parsing must cost the one submission that shows it, not the role.
    match catch_unwind(AssertUnwindSafe(|| outcome(&submission, owners, now, record_max_bytes))) {
        Ok(work) => work,
        Err(_) => {
            let rejected =
                Outcome::Rejected { reason: REASON_INTERNAL, detail: "the program failed on this payload; it is kept and can be replayed" };
            let record = envelope(&submission, now, rejected).encode(&submission.payload)?;
            Ok(Work { record, tally: Tally::Poison(REASON_INTERNAL) })
        }
    }
}

fn outcome(submission: &Submission, owners: &impl Owners, now: UnixMillis, record_max_bytes: usize) -> Result<Work, NormalizedError> {
    let documents = match tlsrpt_report::open(&submission.payload) {
        Ok(documents) => documents,
        Err(reject) => return rejected(submission, reject.code(), &reject.to_string(), now),
    };
    let context = Context { received_at: submission.id.received_at(), report_domain: None, subject: None, file_name: None };
    let (reports, rejects) = parse_all(&documents, &context);
    if reports.is_empty() {
        // `open` gives at least one document, so there is a reject where there is no report.
        let reject = rejects.into_iter().next().unwrap_or(Reject::UnknownForm);
        return rejected(submission, reject.code(), &reject.to_string(), now);
    }
    let policies: Vec<(&Report<'_>, &Policy<'_>)> =
        reports.iter().flat_map(|report| report.policies.iter().map(move |policy| (report, policy))).collect();
    let tenants: Vec<Option<TenantId>> =
        policies.iter().map(|(_, policy)| policy.domain.as_ref().and_then(|domain| owners.owner_of(domain))).collect();
    let rows: Vec<PolicyRecord<'_>> = policies
        .iter()
        .zip(&tenants)
        .map(|((report, policy), tenant)| policy_record(report, policy, tenant.as_ref(), !rejects.is_empty()))
        .collect();
    let warnings =
        policies.iter().flat_map(|(report, policy)| report.warnings.iter().chain(&policy.warnings)).map(|code| code.as_str()).collect();
    let tally = Tally::Stored { rows: rows.len(), warnings };
    let record = envelope(submission, now, Outcome::Stored(rows)).encode(&submission.payload)?;
    if record.size_bytes() > record_max_bytes {
        let detail = format!("what was read from the payload takes {} bytes, the log takes {record_max_bytes}", record.size_bytes());
        return rejected(submission, REASON_OUTCOME_TOO_LARGE, &detail, now);
    }
    Ok(Work { record, tally })
}

fn parse_all<'d>(documents: &'d [Document<'_>], context: &Context<'_>) -> (Vec<Report<'d>>, Vec<Reject>) {
    let mut reports = Vec::with_capacity(documents.len());
    let mut rejects = Vec::new();
    for document in documents {
        match tlsrpt_report::parse(document, context) {
            Ok(report) => reports.push(report),
            Err(reject) => rejects.push(reject),
        }
    }
    (reports, rejects)
}

fn rejected(submission: &Submission, reason: &'static str, detail: &str, now: UnixMillis) -> Result<Work, NormalizedError> {
    let record = envelope(submission, now, Outcome::Rejected { reason, detail }).encode(&submission.payload)?;
    Ok(Work { record, tally: Tally::Rejected(reason) })
}

fn envelope<'a>(submission: &'a Submission, now: UnixMillis, outcome: Outcome<'a>) -> Normalized<'a> {
    Normalized {
        submission_id: submission.id,
        channel: submission.channel,
        address: submission.address.as_deref(),
        remote_ip: submission.remote_ip,
        content_type: submission.content_type.as_deref(),
        trust: submission.trust,
        replay: submission.replay,
        normalized_at: now,
        outcome,
        mail: None,
    }
}

fn policy_record<'a>(
    report: &'a Report<'_>,
    policy: &'a Policy<'_>,
    tenant: Option<&'a TenantId>,
    sibling_rejected: bool,
) -> PolicyRecord<'a> {
    let codes = report.warnings.iter().chain(&policy.warnings).map(|code| code.as_str());
    PolicyRecord {
        tenant: tenant.map_or("", TenantId::as_str),
        key: policy.key,
        document: report.document,
        group: report.group,
        organization: &report.organization,
        report_id: &report.report_id,
        contact: report.contact.as_deref().unwrap_or_default(),
        period: report.period,
        key_day: report.key_day,
        day: report.period.day(),
        domain: policy.domain.as_ref().map_or("", Domain::as_str),
        domain_sent: policy.domain_sent.as_deref().unwrap_or_default(),
        class: policy.class,
        type_sent: policy.type_sent.as_deref().unwrap_or_default(),
        strings: policy.strings.iter().map(AsRef::as_ref).collect(),
        mode: policy.mode,
        max_age: policy.max_age,
        mx_hosts: policy.mx_hosts.iter().map(AsRef::as_ref).collect(),
        successful: policy.successful,
        failed: policy.failed,
        failures: policy.failures.iter().map(failure_record).collect(),
        warnings: codes.chain(sibling_rejected.then_some(WARNING_SIBLING_REJECTED)).collect(),
    }
}

fn failure_record<'a>(failure: &'a Failure<'_>) -> FailureRecord<'a> {
    FailureRecord {
        result: failure.result,
        result_sent: failure.result_sent.as_deref().unwrap_or_default(),
        sending_ip: failure.sending_ip,
        sending_ip_sent: failure.sending_ip_sent.as_deref().unwrap_or_default(),
        receiving_mx: failure.receiving_mx.as_deref().unwrap_or_default(),
        receiving_helo: failure.receiving_helo.as_deref().unwrap_or_default(),
        receiving_ip: failure.receiving_ip,
        receiving_ip_sent: failure.receiving_ip_sent.as_deref().unwrap_or_default(),
        sessions: failure.sessions,
        reason: failure.reason.as_deref().unwrap_or_default(),
        additional: failure.additional.as_deref().unwrap_or_default(),
    }
}
