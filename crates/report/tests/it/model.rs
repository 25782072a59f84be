//! Reports as a sender means them, and the JSON that says so.

use std::net::IpAddr;

use proptest::{collection::vec, option, prelude::*};
use serde_json::{Map, Value, json};
use tlsrpt_report::{Failure, PolicyClass, PolicyMode, Report, ResultType};

#[derive(Clone, Debug)]
pub(crate) struct ModelReport {
    pub(crate) organization: String,
    pub(crate) report_id: String,
    pub(crate) contact: Option<String>,
    pub(crate) begin: i64,
    pub(crate) end: i64,
    pub(crate) policies: Vec<ModelPolicy>,
}

#[derive(Clone, Debug)]
pub(crate) struct ModelPolicy {
    pub(crate) domain: String,
    pub(crate) class: PolicyClass,
    pub(crate) mode: PolicyMode,
    pub(crate) max_age: u64,
    pub(crate) mx_hosts: Vec<String>,
    pub(crate) successful: u64,
    pub(crate) failures: Vec<ModelFailure>,
}

#[derive(Clone, Debug)]
pub(crate) struct ModelFailure {
    pub(crate) result: ResultType,
    pub(crate) sending_ip: Option<IpAddr>,
    pub(crate) receiving_ip: Option<IpAddr>,
    pub(crate) receiving_mx: Option<String>,
    pub(crate) receiving_helo: Option<String>,
    pub(crate) sessions: u64,
    pub(crate) reason: Option<String>,
    pub(crate) additional: Option<String>,
}

/// Text without surrounding space, of any script, quotes and escapes included.
fn text() -> impl Strategy<Value = String> {
    "[!-~äß\u{4e2d}\u{1f600}]([ -~\\n\u{1}ä]{0,30}[!-~ö])?"
}

fn host() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9]{0,8}(\\.[a-z][a-z0-9-]{0,5}[a-z]){1,3}"
}

fn failure() -> impl Strategy<Value = ModelFailure> {
    let result = prop::sample::select(ResultType::ALL[..11].to_vec());
    let addresses = (option::of(any::<IpAddr>()), option::of(any::<IpAddr>()));
    (result, addresses, option::of(host()), option::of(text()), 0..u64::MAX >> 8, option::of(text()), option::of(text())).prop_map(
        |(result, (sending_ip, receiving_ip), receiving_mx, receiving_helo, sessions, reason, additional)| ModelFailure {
            result,
            sending_ip,
            receiving_ip,
            receiving_mx,
            receiving_helo,
            sessions,
            reason,
            additional,
        },
    )
}

fn policy() -> impl Strategy<Value = ModelPolicy> {
    let class = prop::sample::select(PolicyClass::ALL[..3].to_vec());
    let mode = prop::sample::select(PolicyMode::ALL.to_vec());
    (host(), class, mode, any::<u64>(), vec(host(), 1..4), any::<u64>(), vec(failure(), 0..5)).prop_map(
        |(domain, class, mode, max_age, mx_hosts, successful, failures)| ModelPolicy {
            domain,
            class,
            mode,
            max_age,
            mx_hosts,
            successful,
            failures,
        },
    )
}

pub(crate) fn report() -> impl Strategy<Value = ModelReport> {
    // 2015 to 2026.
    let begin = 1_420_070_400_i64..1_778_000_000;
    (text(), text(), option::of(text()), begin, 0..700_000_i64, vec(policy(), 1..4)).prop_map(
        |(organization, report_id, contact, begin, length, mut policies)| {
            // One block a domain: equal blocks are another subject.
            policies.iter_mut().enumerate().for_each(|(n, policy)| policy.domain.insert_str(0, &format!("n{n}.")));
            ModelReport { organization, report_id, contact, begin, end: begin + length, policies }
        },
    )
}

impl ModelReport {
    pub(crate) fn json(&self) -> Value {
        let time = |seconds| tlsrpt_report::UnixSeconds(seconds).rfc3339();
        let mut report = json!({
            "organization-name": self.organization,
            "date-range": {"start-datetime": time(self.begin), "end-datetime": time(self.end)},
            "report-id": self.report_id,
            "policies": self.policies.iter().map(ModelPolicy::json).collect::<Vec<_>>(),
        });
        put(report.as_object_mut().unwrap(), "contact-info", &self.contact);
        report
    }

    /// Whether `report` says what this means.
    pub(crate) fn check(&self, report: &Report<'_>) {
        assert_eq!((&*report.organization, &*report.report_id), (&*self.organization, &*self.report_id));
        assert_eq!(report.contact.as_deref(), self.contact.as_deref());
        assert_eq!(report.period.begin.map(|t| t.0), Some(self.begin));
        assert_eq!(report.period.end.map(|t| t.0), Some(self.end));
        assert_eq!(report.policies.len(), self.policies.len());
        for (index, (read, meant)) in report.policies.iter().zip(&self.policies).enumerate() {
            assert_eq!(read.index as usize, index);
            assert_eq!(read.domain.as_ref().map(|domain| domain.as_str()), Some(&*meant.domain));
            assert_eq!((&read.domain_sent, &read.type_sent, read.class), (&None, &None, meant.class));
            let is_sts = meant.class == PolicyClass::Sts;
            assert_eq!((read.mode, read.max_age), (is_sts.then_some(meant.mode), is_sts.then_some(meant.max_age)));
            assert_eq!(read.strings, meant.lines());
            assert_eq!(read.mx_hosts, meant.mx_hosts);
            assert_eq!((read.successful, read.failed), (Some(meant.successful), Some(meant.failed())));
            assert_eq!(read.failures.len(), meant.failures.len());
            read.failures.iter().zip(&meant.failures).for_each(|(read, meant)| meant.check(read));
        }
    }
}

impl ModelPolicy {
    fn failed(&self) -> u64 {
        self.failures.iter().map(|failure| failure.sessions).sum()
    }

    fn lines(&self) -> Vec<String> {
        match self.class {
            PolicyClass::Sts => {
                vec!["version: STSv1".into(), format!("mode: {}", self.mode.as_str()), format!("max_age: {}", self.max_age)]
            }
            PolicyClass::Tlsa => vec!["3 1 1 0123abcd".into()],
            _ => Vec::new(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "policy": {
                "policy-type": self.class.as_str(),
                "policy-string": self.lines(),
                "policy-domain": self.domain,
                "mx-host": self.mx_hosts,
            },
            "summary": {"total-successful-session-count": self.successful, "total-failure-session-count": self.failed()},
            "failure-details": self.failures.iter().map(ModelFailure::json).collect::<Vec<_>>(),
        })
    }
}

impl ModelFailure {
    fn json(&self) -> Value {
        let mut failure = json!({"result-type": self.result.as_str(), "failed-session-count": self.sessions});
        let fields = failure.as_object_mut().unwrap();
        put(fields, "sending-mta-ip", &self.sending_ip.map(|ip| ip.to_string()));
        put(fields, "receiving-ip", &self.receiving_ip.map(|ip| ip.to_string()));
        put(fields, "receiving-mx-hostname", &self.receiving_mx);
        put(fields, "receiving-mx-helo", &self.receiving_helo);
        put(fields, "failure-reason-code", &self.reason);
        put(fields, "additional-information", &self.additional);
        failure
    }

    fn check(&self, read: &Failure<'_>) {
        assert_eq!((read.result, &read.result_sent, read.sessions), (self.result, &None, Some(self.sessions)));
        assert_eq!((read.sending_ip, read.receiving_ip), (self.sending_ip, self.receiving_ip));
        assert_eq!((&read.sending_ip_sent, &read.receiving_ip_sent), (&None, &None));
        assert_eq!(read.receiving_mx.as_deref(), self.receiving_mx.as_deref());
        assert_eq!(read.receiving_helo.as_deref(), self.receiving_helo.as_deref());
        assert_eq!(read.reason.as_deref(), self.reason.as_deref());
        assert_eq!(read.additional.as_deref(), self.additional.as_deref());
    }
}

fn put(fields: &mut Map<String, Value>, key: &str, value: &Option<String>) {
    if let Some(value) = value {
        fields.insert(key.into(), json!(value));
    }
}
