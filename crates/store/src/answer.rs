//! What queries answer, in the shapes that the API shows.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use tlsrpt_record::{Channel, SubmissionId};
use tlsrpt_report::{Day, PolicyClass, PolicyMode, ReportKey, ResultType, Trust};
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, Schema, Type, schema::SchemaType},
};

/// `GET /v1/summary`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Summary {
    /// Successful sessions by the counting rule.
    pub successful_sessions: u64,
    /// Failed sessions by the counting rule.
    pub failed_sessions: u64,
    /// Failed share of all sessions, 0 to 1; 0 without sessions.
    pub failure_rate: f64,
    /// Report documents.
    pub reports: u64,
    /// Organisations.
    pub reporters: u64,
    /// The split by policy type: `sts`, `tlsa`, `no-policy-found`, `other`; each as reported, so they may add up to more.
    pub policies: BTreeMap<String, Sessions>,
}

/// Sessions of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sessions {
    /// Successful sessions.
    pub successful_sessions: u64,
    /// Failed sessions.
    pub failed_sessions: u64,
}

/// One point of `GET /v1/timeseries`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Point {
    /// The step's first day.
    pub t: Day,
    /// Null without `group_by`, a string for one dimension, an object for several. Shared by the points of a group.
    #[serde(serialize_with = "shared")]
    #[schema(schema_with = series_group)]
    pub group: Arc<serde_json::Value>,
    /// Successful sessions.
    pub successful_sessions: u64,
    /// Failed sessions.
    pub failed_sessions: u64,
}

/// One group of `GET /v1/failures`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FailureGroup {
    /// The dimensions asked for and their values.
    #[serde(flatten)]
    #[schema(value_type = FailureDimensions)]
    pub group: serde_json::Map<String, serde_json::Value>,
    /// Failed sessions.
    pub failed_sessions: u64,
    /// First reported day.
    pub first_seen: Day,
    /// Last reported day.
    pub last_seen: Day,
}

/// The dimensions of a failure group as they are described: those that were grouped by are there. Null or empty: the reports do not say.
#[allow(dead_code, reason = "a description of `FailureGroup::group`, whose names are chosen by the request")]
#[derive(ToSchema)]
struct FailureDimensions {
    #[schema(required = false)]
    result_type: Option<ResultType>,
    #[schema(required = false)]
    receiving_mx: Option<String>,
    #[schema(required = false)]
    reporter: Option<String>,
    #[schema(required = false)]
    sending_ip: Option<String>,
    #[schema(required = false)]
    receiving_ip: Option<String>,
    #[schema(required = false)]
    reason: Option<String>,
    #[schema(required = false)]
    domain: Option<String>,
    #[schema(required = false)]
    policy_type: Option<PolicyClass>,
}

/// One entry of `GET /v1/reports`: one policy of one report.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ReportItem {
    /// Identity.
    #[serde(serialize_with = "display")]
    pub report_key: ReportKey,
    /// Organisation.
    pub reporter: String,
    /// `report-id`.
    pub report_id: String,
    /// Policy domain.
    pub domain: String,
    /// `sts`, `tlsa`, `no-policy-found` or `other`.
    #[schema(value_type = PolicyClass)]
    pub policy_type: String,
    /// `none`, `testing` or `enforce`, when the policy text tells.
    #[schema(value_type = Option<PolicyMode>)]
    pub policy_mode: Option<String>,
    /// `date-range`.
    pub period: ReportPeriod,
    /// Successful sessions; null when the report does not say.
    pub successful_sessions: Option<u64>,
    /// Failed sessions; null when the report does not say.
    pub failed_sessions: Option<u64>,
    /// Verdict on the origin.
    #[schema(value_type = Trust)]
    pub trust: String,
    /// Warning codes.
    pub warnings: Vec<String>,
}

/// `date-range` in RFC 3339; null where the report has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReportPeriod {
    /// Start.
    #[schema(format = DateTime)]
    pub from: Option<String>,
    /// End.
    #[schema(format = DateTime)]
    pub to: Option<String>,
}

/// `GET /v1/reports/{report_key}`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ReportDetail {
    /// The report.
    #[serde(flatten)]
    pub report: WholeReport,
    /// The results of DKIM, SPF and the connecting host's name (RFC 8601 2.2), when it came by mail.
    pub authentication: Option<String>,
}

/// One policy of one report with its failures: what the row holds.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct WholeReport {
    /// What the list shows.
    #[serde(flatten)]
    pub item: ReportItem,
    /// `contact-info`.
    pub contact: Option<String>,
    /// The UTC day that the report is shown under.
    pub day: Day,
    /// `policy-domain` as sent, when it differs.
    pub domain_sent: Option<String>,
    /// `policy-type` as sent, when it differs.
    pub policy_type_sent: Option<String>,
    /// `policy-string`.
    pub policy_strings: Vec<String>,
    /// MTA-STS `max_age` in seconds.
    pub policy_max_age: Option<u64>,
    /// `mx-host`.
    pub mx_hosts: Vec<String>,
    /// `failure-details`.
    pub failures: Vec<FailureItem>,
    /// The submission that it came from.
    #[serde(serialize_with = "display")]
    pub submission_id: SubmissionId,
    /// When that submission was received, RFC 3339.
    #[schema(format = DateTime)]
    pub received_at: String,
    /// The domain whose signature verified, when it came by mail.
    pub signer: Option<String>,
}

/// One element of `failure-details`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FailureItem {
    /// The registry's name, or `other`.
    #[schema(value_type = ResultType)]
    pub result_type: String,
    /// `result-type` as sent, when it differs.
    pub result_type_sent: Option<String>,
    /// `sending-mta-ip`: the address, else the text as sent.
    pub sending_ip: Option<String>,
    /// `receiving-mx-hostname`.
    pub receiving_mx: Option<String>,
    /// `receiving-mx-helo`.
    pub receiving_mx_helo: Option<String>,
    /// `receiving-ip`: the address, else the text as sent.
    pub receiving_ip: Option<String>,
    /// `failed-session-count`; null when unknown.
    pub failed_sessions: Option<u64>,
    /// `failure-reason-code`.
    pub reason: Option<String>,
    /// `additional-information`.
    pub additional_information: Option<String>,
}

/// The payload behind a report, and which of its policies the asking tenant owns.
#[derive(Clone, Debug, PartialEq)]
pub struct RawReport {
    /// The submission.
    pub submission_id: SubmissionId,
    /// The way it came in.
    pub channel: Channel,
    /// The payload as received.
    pub payload: Vec<u8>,
    /// Keys of all rows of this submission's document that belong to the tenant.
    pub own_keys: Vec<ReportKey>,
}

/// Figures of one domain for `GET /v1/domains`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct DomainFigures {
    /// Successful sessions.
    pub successful_sessions: u64,
    /// Failed sessions.
    pub failed_sessions: u64,
    /// Report documents.
    pub reports: u64,
    /// Newest reported day.
    pub last_reported: Option<Day>,
}

impl DomainFigures {
    /// Adds those of another domain. Sessions stay at their greatest value, as everywhere.
    pub fn add(&mut self, other: &Self) {
        self.successful_sessions = self.successful_sessions.saturating_add(other.successful_sessions);
        self.failed_sessions = self.failed_sessions.saturating_add(other.failed_sessions);
        self.reports = self.reports.saturating_add(other.reports);
        self.last_reported = self.last_reported.max(other.last_reported);
    }
}

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// At least one of its rows is the one that counts, and has an owner.
    Stored,
    /// All its rows came in before (or came better verified).
    Duplicate,
    /// Its rows count, and nobody owns their domains.
    Unclaimed,
    /// Nothing countable.
    Rejected,
}

/// `GET /admin/v1/ledger`, without what is still on the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fates {
    /// See [`Fate::Stored`].
    pub stored: u64,
    /// See [`Fate::Duplicate`].
    pub duplicate: u64,
    /// See [`Fate::Unclaimed`].
    pub unclaimed: u64,
    /// See [`Fate::Rejected`].
    pub rejected: u64,
}

/// One entry of `GET /admin/v1/submissions`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SubmissionItem {
    /// Its id.
    #[serde(serialize_with = "display")]
    pub submission_id: SubmissionId,
    /// When it was received, RFC 3339.
    #[schema(format = DateTime)]
    pub received_at: String,
    /// `https`, `smtp` or `import`.
    #[schema(value_type = Channel)]
    pub channel: String,
    /// The reporting address that it was sent to.
    pub address: Option<String>,
    /// The peer.
    pub remote_ip: Option<String>,
    /// The media type that the sender claimed.
    pub content_type: Option<String>,
    /// The `From` header, decoded.
    pub sender: Option<String>,
    /// The `Subject` header, decoded.
    pub subject: Option<String>,
    /// How a mail was delivered; null of what is no mail.
    pub envelope: Option<Envelope>,
    /// Verdict on the origin.
    #[schema(value_type = Trust)]
    pub trust: String,
    /// The results of DKIM, SPF and the connecting host's name (RFC 8601 2.2).
    pub authentication: Option<String>,
    /// The domain whose signature verified.
    pub signer: Option<String>,
    /// Whether DNS was away, so that the trust is not the last word; null of what is no mail.
    pub deferred: Option<bool>,
    /// Size of the payload as received, bytes.
    pub payload_bytes: u64,
    /// What became of it.
    pub fate: Fate,
    /// Code of the reject's reason.
    pub reason: Option<String>,
    /// The reject in a sentence.
    pub detail: Option<String>,
    /// Keys of its rows.
    pub report_keys: Vec<String>,
}

/// What the client said when it delivered a mail, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Envelope {
    /// The host name that it gave.
    pub helo: Option<String>,
    /// The reverse-path; empty when it is the null one.
    pub mail_from: Option<String>,
    /// The addresses here that it was sent to.
    pub recipients: Vec<String>,
    /// The TLS version; null in plain text.
    pub tls: Option<String>,
}

/// One entry of `GET /admin/v1/unclaimed`: a domain with reports that nobody owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnclaimedDomain {
    /// The policy domain; empty for reports whose domain is unknown.
    pub domain: String,
    /// Report documents.
    pub reports: u64,
    /// Sessions of both kinds, by the counting rule.
    pub sessions: u64,
    /// First reported day.
    pub first_seen: Day,
    /// Last reported day.
    pub last_seen: Day,
}

/// [`Point::group`] as it is described.
fn series_group() -> Schema {
    let value = || ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let several = ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(value()));
    OneOfBuilder::new()
        .item(value())
        .item(several)
        .description(Some("Null without `group_by`, a string for one dimension, an object for several; null where the reports do not say."))
        .into()
}

fn shared<S: serde::Serializer>(value: &Arc<serde_json::Value>, serializer: S) -> Result<S::Ok, S::Error> {
    value.serialize(serializer)
}

fn display<T: std::fmt::Display, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
