//! One submission in, one normalized record out: pure but for the tenants' view and the time, which the caller brings.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tlsrpt_log::{Delivered, Record};
use tlsrpt_record::{
    Content, FailureRecord, MailRecord, Normalized, NormalizedError, Outcome, PolicyRecord, REASON_UNREADABLE, SUBMISSIONS, Submission,
    SubmissionError, TenantId, unreadable,
};
use tlsrpt_report::{Context, Document, Domain, Failure, Mail, Policy, Reject, Report, Trust, UnixMillis};

/// Reject reason of a submission that this program failed on: a fault of ours, rationed.
pub const REASON_INTERNAL: &str = "internal-error";
/// Reject reason of a payload that says more than one record of the log can hold.
pub const REASON_OUTCOME_TOO_LARGE: &str = "outcome-too-large";
/// Warning on the reports of an archive in which another document was rejected.
pub const WARNING_SIBLING_REJECTED: &str = "sibling-document-rejected";

/// Warning on a report about the host that takes our mails: how reports reach us, often that of the reports on such reports. It
/// counts like any other; nothing is ever sent from here, so nothing goes round.
pub const WARNING_REPORT_DELIVERY: &str = "about-report-delivery";

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

/// What is the same for every record of a batch.
pub struct Setting<'a, O> {
    /// Who owns a domain.
    pub owners: &'a O,
    /// Host parts of our reporting addresses, as far as they are configured.
    pub mail_hosts: &'a [Domain],
    /// The time.
    pub now: UnixMillis,
    /// The largest record that the log takes.
    pub record_max_bytes: usize,
}

/// Works on one record of the submissions topic, which was read as `submission`; the origin of a mail is verified before. Never
/// panics and always answers: what cannot be understood becomes a reject; so does what does not fit into a record.
///
/// # Errors
/// When the outcome cannot be encoded, which no input causes.
pub fn normalize(
    delivered: &Delivered,
    submission: &Result<Submission, SubmissionError>,
    setting: &Setting<'_, impl Owners>,
) -> Result<Work, NormalizedError> {
    let submission = match submission {
        Ok(submission) => submission,
        Err(error) => {
            let record = unreadable(SUBMISSIONS.name, delivered, &error.to_string()).encode(&delivered.record.value)?;
            return Ok(Work { record, tally: Tally::Poison(REASON_UNREADABLE) });
        }
    };
    // A fault in parsing must cost the one submission that shows it, not the role.
    match catch_unwind(AssertUnwindSafe(|| outcome(submission, setting))) {
        Ok(work) => work,
        Err(_) => {
            let rejected =
                Outcome::Rejected { reason: REASON_INTERNAL, detail: "the program failed on this payload; it is kept and can be replayed" };
            let record = envelope(submission, None, setting.now, rejected).encode(&submission.payload)?;
            Ok(Work { record, tally: Tally::Poison(REASON_INTERNAL) })
        }
    }
}

fn outcome(submission: &Submission, setting: &Setting<'_, impl Owners>) -> Result<Work, NormalizedError> {
    let content = Content::open(submission.channel, &submission.payload);
    let rejected = |reason: &'static str, detail: &str| {
        let outcome = Outcome::Rejected { reason, detail };
        let record = envelope(submission, Some(&content), setting.now, outcome).encode(&submission.payload)?;
        Ok(Work { record, tally: Tally::Rejected(reason) })
    };
    let documents = match content.documents(submission.id.received_at()) {
        Ok(documents) => documents,
        Err(reject) => return rejected(reject.code(), &reject.to_string()),
    };
    let (reports, rejects) = parse_all(&documents);
    if reports.is_empty() {
        // There is at least one document, so there is a reject where there is no report.
        let reject = rejects.into_iter().next().unwrap_or(Reject::UnknownForm);
        return rejected(reject.code(), &reject.to_string());
    }
    let policies: Vec<(&Report<'_>, &Policy<'_>)> =
        reports.iter().flat_map(|report| report.policies.iter().map(move |policy| (report, policy))).collect();
    let tenants: Vec<Option<TenantId>> =
        policies.iter().map(|(_, policy)| policy.domain.as_ref().and_then(|domain| setting.owners.owner_of(domain))).collect();
    let rows: Vec<PolicyRecord<'_>> = policies
        .iter()
        .zip(&tenants)
        .map(|((report, policy), tenant)| {
            let warnings = [
                (!rejects.is_empty()).then_some(WARNING_SIBLING_REJECTED),
                policy.domain.as_ref().filter(|domain| takes_our_mails(domain, submission, setting)).map(|_| WARNING_REPORT_DELIVERY),
            ];
            policy_record(report, policy, tenant.as_ref(), warnings.into_iter().flatten())
        })
        .collect();
    let warnings =
        policies.iter().flat_map(|(report, policy)| report.warnings.iter().chain(&policy.warnings)).map(|code| code.as_str()).collect();
    let tally = Tally::Stored { rows: rows.len(), warnings };
    let record = envelope(submission, Some(&content), setting.now, Outcome::Stored(rows)).encode(&submission.payload)?;
    if record.size_bytes() > setting.record_max_bytes {
        let taken = setting.record_max_bytes;
        let detail = format!("what was read from the payload takes {} bytes, the log takes {taken}", record.size_bytes());
        return rejected(REASON_OUTCOME_TOO_LARGE, &detail);
    }
    Ok(Work { record, tally })
}

/// Whether a domain is the host of our reporting addresses: a configured one, or the one that this mail was sent to.
fn takes_our_mails(domain: &Domain, submission: &Submission, setting: &Setting<'_, impl Owners>) -> bool {
    let recipients = submission.mail.iter().flat_map(|facts| &facts.recipients);
    let mut hosts = recipients.filter_map(|recipient| Domain::parse(recipient.rsplit_once('@')?.1).ok());
    setting.mail_hosts.contains(domain) || hosts.any(|host| host == *domain)
}

fn parse_all<'d>(documents: &[(&'d Document<'_>, Context<'_>)]) -> (Vec<Report<'d>>, Vec<Reject>) {
    let mut reports = Vec::with_capacity(documents.len());
    let mut rejects = Vec::new();
    for (document, context) in documents {
        match tlsrpt_report::parse(document, context) {
            Ok(report) => reports.push(report),
            Err(reject) => rejects.push(reject),
        }
    }
    (reports, rejects)
}

fn envelope<'a>(submission: &'a Submission, content: Option<&'a Content<'_>>, now: UnixMillis, outcome: Outcome<'a>) -> Normalized<'a> {
    // Whoever signs a mail vouches for what he wrote: a bounce holds what somebody sent him.
    let is_the_senders = content.is_none_or(Content::is_the_senders);
    let trust = if is_the_senders { submission.trust } else { submission.trust.min(Trust::DkimOther) };
    Normalized {
        submission_id: submission.id,
        channel: submission.channel,
        address: submission.address.as_deref(),
        remote_ip: submission.remote_ip,
        content_type: submission.content_type.as_deref(),
        trust,
        replay: submission.replay,
        normalized_at: now,
        outcome,
        mail: mail_record(submission, content.and_then(Content::mail)),
    }
}

/// What is known of a mail; none of what is no mail.
fn mail_record<'a>(submission: &'a Submission, mail: Option<&'a Mail<'_>>) -> Option<MailRecord<'a>> {
    let facts = submission.mail.as_ref();
    if facts.is_none() && mail.is_none() {
        return None;
    }
    let origin = facts.and_then(|facts| facts.origin.as_ref());
    Some(MailRecord {
        sender: mail.and_then(|mail| mail.sender.as_deref()).unwrap_or_default(),
        subject: mail.and_then(|mail| mail.subject.as_deref()).unwrap_or_default(),
        helo: facts.and_then(|facts| facts.helo.as_deref()).unwrap_or_default(),
        mail_from: facts.and_then(|facts| facts.mail_from.as_deref()),
        recipients: facts.map(|facts| facts.recipients.iter().map(String::as_str).collect()).unwrap_or_default(),
        tls: facts.and_then(|facts| facts.tls.as_deref()).unwrap_or_default(),
        authentication: origin.map_or("", |origin| &origin.authentication),
        signer: origin.map_or("", |origin| &origin.signer),
        deferred: origin.is_some_and(|origin| origin.deferred),
    })
}

fn policy_record<'a>(
    report: &'a Report<'_>,
    policy: &'a Policy<'_>,
    tenant: Option<&'a TenantId>,
    warnings: impl Iterator<Item = &'a str>,
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
        warnings: codes.chain(warnings).collect(),
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
