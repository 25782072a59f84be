//! A policy against the mail servers, and against what reporters saw.

use serde::Serialize;
use tlsrpt_report::{Day, Domain, PolicyMode};
use utoipa::ToSchema;

use crate::{
    finding::{Code, Finding, Severity},
    policy::{MxPattern, Policy},
};

/// The policy of a domain that a reporter saw last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SeenPolicy {
    /// The reporting organisation.
    pub reporter: String,
    /// Its mode; none when the reporter did not say.
    pub mode: Option<PolicyMode>,
    /// Its `mx` patterns, as the reporter wrote them.
    pub mx: Vec<String>,
    /// The last day on which it saw it.
    pub last_seen: Day,
}

/// Compares a policy with the hosts of the MX records (RFC 8461 4.1).
pub(crate) fn with_mx(url: &str, policy: &Policy, hosts: &[Domain], findings: &mut Vec<Finding>) {
    let severity = match policy.mode {
        Some(PolicyMode::Enforce) => Severity::Error,
        Some(PolicyMode::Testing) => Severity::Warning,
        // Nothing is asked of mail servers then.
        Some(PolicyMode::None) | None => return,
    };
    // No pattern at all is a finding of the policy itself.
    if policy.mx.is_empty() {
        return;
    }
    let is_covered = |host: &&Domain| policy.mx.iter().any(|pattern| pattern.matches(host));
    for host in hosts.iter().filter(|host| !is_covered(host)) {
        findings.push(Finding::new(Code::PolicyMxUncovered, url).found(host.as_str()).severity(severity));
    }
    for pattern in policy.mx.iter().filter(|pattern| !hosts.iter().any(|host| pattern.matches(host))) {
        findings.push(Finding::new(Code::PolicyMxUnused, url).found(pattern.to_string()));
    }
}

/// Compares a valid policy with what reporters saw.
pub(crate) fn with_seen(url: &str, policy: &Policy, seen: &[SeenPolicy], findings: &mut Vec<Finding>) {
    let mx = sorted(policy.mx.iter().cloned());
    for one in seen {
        let is_same_mode = one.mode.is_none() || one.mode == policy.mode;
        // Reporters leave the patterns out, or write them in ways of their own: what is no pattern says nothing.
        let seen_mx = sorted(one.mx.iter().filter_map(|text| MxPattern::parse(text.trim())));
        let is_same_mx = seen_mx.is_empty() || seen_mx == mx;
        if !(is_same_mode && is_same_mx) {
            let mode = one.mode.map_or("of a mode not told", PolicyMode::as_str);
            let text = format!("{} saw {mode}, mx {}, last on {}", one.reporter, one.mx.join(" "), one.last_seen);
            findings.push(Finding::new(Code::PolicySeenOther, url).found(text));
        }
    }
}

fn sorted(patterns: impl Iterator<Item = MxPattern>) -> Vec<MxPattern> {
    let mut patterns: Vec<MxPattern> = patterns.collect();
    patterns.sort();
    patterns.dedup();
    patterns
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn policy(mode: PolicyMode, mx: &[&str]) -> Policy {
        Policy { mode: Some(mode), mx: mx.iter().filter_map(|text| MxPattern::parse(text)).collect(), max_age_seconds: Some(86_400) }
    }

    #[track_caller]
    fn check_mx(policy: &Policy, hosts: &[&str], expected: &[(Code, Severity, &str)]) {
        let hosts: Vec<Domain> = hosts.iter().map(|host| Domain::parse(host).unwrap()).collect();
        let mut findings = Vec::new();
        with_mx("url", policy, &hosts, &mut findings);
        let found: Vec<_> = findings.iter().map(|one| (one.code, one.severity, one.found.as_deref().unwrap_or_default())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_mail_server_that_no_line_covers_is_found_and_every_line_that_covers_none() {
        use {PolicyMode::*, Severity::*};
        check_mx(&policy(Enforce, &["*.example.com"]), &["a.example.com", "b.example.com"], &[]);
        check_mx(
            &policy(Enforce, &["*.example.com"]),
            &["a.example.com", "a.b.example.com"],
            &[(Code::PolicyMxUncovered, Error, "a.b.example.com")],
        );
        check_mx(
            &policy(Testing, &["a.example", "old.example"]),
            &["a.example", "b.example"],
            &[(Code::PolicyMxUncovered, Warning, "b.example"), (Code::PolicyMxUnused, Warning, "old.example")],
        );
        check_mx(&policy(PolicyMode::None, &[]), &["a.example"], &[]);
    }

    #[test]
    fn a_reporter_that_sees_another_policy_is_named_and_one_that_says_little_is_not() {
        let current = policy(PolicyMode::Enforce, &["a.example", "*.b.example"]);
        let seen = |mode, mx: &[&str]| SeenPolicy {
            reporter: "Reporter".to_owned(),
            mode,
            mx: mx.iter().map(|&text| text.to_owned()).collect(),
            last_seen: Day(20_000),
        };
        for (one, is_other) in [
            (seen(Some(PolicyMode::Enforce), &["*.B.example", "a.example"]), false),
            (seen(None, &[]), false),
            (seen(Some(PolicyMode::Enforce), &[]), false),
            (seen(Some(PolicyMode::Testing), &["*.b.example", "a.example"]), true),
            (seen(Some(PolicyMode::Enforce), &["a.example"]), true),
        ] {
            let mut findings = Vec::new();
            with_seen("url", &current, std::slice::from_ref(&one), &mut findings);
            assert_eq!(findings.len(), usize::from(is_other), "{one:?}: {findings:?}");
        }
    }
}
