//! Reports as senders make them, the same for the same seed.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use serde_json::{Value, json};
use tlsrpt_report::{Day, UnixMillis};

use crate::encoding::Encoding;

/// One report (RFC 8460 4.4).
#[derive(Clone, Debug)]
pub struct Report {
    /// `organization-name`.
    pub organization: String,
    /// `report-id`.
    pub report_id: String,
    /// The day of `date-range`.
    pub day: Day,
    /// `policies`.
    pub policies: Vec<Policy>,
}

/// One element of `policies`.
#[derive(Clone, Debug)]
pub struct Policy {
    /// `policy-domain`.
    pub domain: String,
    /// `policy-type`.
    pub policy_type: &'static str,
    /// MTA-STS mode, of a policy of type `sts`; empty when it could not be fetched.
    pub mode: &'static str,
    /// `total-successful-session-count`.
    pub successful: u64,
    /// `total-failure-session-count`.
    pub failed: u64,
    /// `failure-details`.
    pub details: Vec<Detail>,
}

/// One element of `failure-details`.
#[derive(Clone, Debug)]
pub struct Detail {
    /// `result-type`.
    pub result_type: &'static str,
    /// `sending-mta-ip`.
    pub sending_ip: String,
    /// `receiving-mx-hostname`.
    pub receiving_mx: String,
    /// `failed-session-count`.
    pub sessions: u64,
}

/// About how long a generated report is as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 650 bytes.
    Small,
    /// 2.5 KB.
    Medium,
    /// 260 KB.
    Large,
}

/// Sums over reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Successful sessions.
    pub successful: u64,
    /// Failed sessions.
    pub failed: u64,
    /// Report documents.
    pub reports: u64,
}

impl Totals {
    /// Of an answer of `/v1/summary`.
    pub fn of_summary(summary: &Value) -> Self {
        let count = |name: &str| summary[name].as_u64().unwrap_or_else(|| panic!("no {name}: {summary}"));
        Self { successful: count("successful_sessions"), failed: count("failed_sessions"), reports: count("reports") }
    }

    /// Adds one report of one policy.
    pub fn add(&mut self, report: &Report) {
        self.successful += report.policies[0].successful;
        self.failed += report.policies[0].failed;
        self.reports += 1;
    }
}

impl Policy {
    /// A policy of type `sts` in mode `testing` without details.
    pub fn sts(domain: &str, successful: u64, failed: u64) -> Self {
        Self { domain: domain.to_owned(), policy_type: "sts", mode: "testing", successful, failed, details: Vec::new() }
    }

    fn document(&self) -> Value {
        let mut policy = json!({"policy-type": self.policy_type, "policy-domain": self.domain});
        match self.policy_type {
            // A policy that could not be fetched has no text.
            "sts" if self.mode.is_empty() => {}
            "sts" => {
                policy["policy-string"] =
                    json!(["version: STSv1", format!("mode: {}", self.mode), format!("mx: *.{}", self.domain), "max_age: 604800"]);
                policy["mx-host"] = json!([format!("*.{}", self.domain)]);
            }
            "tlsa" => policy["policy-string"] = json!(["3 1 1 1F850A337E6DB9C609C522D136A475638CC43E1ED424F8EEC8513D747D1D085D"]),
            _ => {}
        }
        let details: Vec<Value> = self
            .details
            .iter()
            .map(|detail| {
                json!({
                    "result-type": detail.result_type,
                    "sending-mta-ip": detail.sending_ip,
                    "receiving-mx-hostname": detail.receiving_mx,
                    "receiving-ip": "192.0.2.25",
                    "failed-session-count": detail.sessions,
                })
            })
            .collect();
        json!({
            "policy": policy,
            "summary": {"total-successful-session-count": self.successful, "total-failure-session-count": self.failed},
            "failure-details": details,
        })
    }
}

impl Report {
    /// A report of these policies on [`reported_day`].
    pub fn new(organization: &str, report_id: &str, policies: Vec<Policy>) -> Self {
        Self { organization: organization.to_owned(), report_id: report_id.to_owned(), day: reported_day(), policies }
    }

    /// As JSON.
    pub fn document(&self) -> Value {
        json!({
            "organization-name": self.organization,
            "date-range": {"start-datetime": format!("{}T00:00:00Z", self.day), "end-datetime": format!("{}T23:59:59Z", self.day)},
            "contact-info": "smtp-tls-reporting@sender.example",
            "report-id": self.report_id,
            "policies": self.policies.iter().map(Policy::document).collect::<Vec<_>>(),
        })
    }

    /// As it is sent.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        encoding.encode(&self.document())
    }

    /// As JSON text.
    pub fn text(&self) -> String {
        self.document().to_string()
    }
}

const RESULT_TYPES: [&str; 4] = ["certificate-expired", "starttls-not-supported", "validation-failure", "certificate-host-mismatch"];

/// Makes reports of one policy each, all distinct.
pub struct Generator {
    random: SmallRng,
    number: u64,
}

impl Generator {
    /// The same seed makes the same reports.
    pub fn new(seed: u64) -> Self {
        Self { random: SmallRng::seed_from_u64(seed), number: 0 }
    }

    /// The next report, about `domain`.
    pub fn report(&mut self, domain: &str, size: Size) -> Report {
        self.number += 1;
        let details = match size {
            Size::Small => 1,
            Size::Medium => 11,
            Size::Large => 1_400,
        };
        let details: Vec<Detail> = (0..details).map(|_| self.detail(domain)).collect();
        let failed = details.iter().map(|detail| detail.sessions).sum();
        let successful = self.random.random_range(0..1_000);
        let policy = Policy { details, failed, ..Policy::sts(domain, successful, 0) };
        let day = reported_day().plus(-self.random.random_range(0..20));
        let organization = format!("Sender {}", self.random.random_range(1..9));
        Report { day, ..Report::new(&organization, &format!("{day}T00:00:00Z_{}_{domain}", self.number), vec![policy]) }
    }

    fn detail(&mut self, domain: &str) -> Detail {
        Detail {
            result_type: RESULT_TYPES[self.random.random_range(0..RESULT_TYPES.len())],
            sending_ip: format!("198.51.100.{}", self.random.random_range(1..255)),
            receiving_mx: format!("mx{}.{domain}", self.random.random_range(1..40)),
            sessions: self.random.random_range(1..20),
        }
    }
}

/// Today's UTC day.
pub fn today() -> Day {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixMillis(i64::try_from(now.as_millis()).unwrap()).day()
}

/// The day that most reports are about: recent enough for the default period, whatever the hour.
pub fn reported_day() -> Day {
    today().plus(-3)
}

/// `from=…&to=…` around every day that the tests report, and today.
pub fn wide_period() -> String {
    format!("from={}&to={}", today().plus(-60), today().plus(1))
}
