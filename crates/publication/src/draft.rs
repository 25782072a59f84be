//! The policy that a domain's mail servers call for, ready to publish (RFC 8461 3.2).

use std::fmt::Write as _;

use serde::Serialize;
use tlsrpt_report::{Day, Domain, PolicyMode};
use utoipa::ToSchema;

/// While testing, and to get rid of a policy: a mistake is over within a day.
const SHORT_SECONDS: u32 = 86_400;
/// In mode `enforce`: two weeks, so that who hides the policy from a sender has to do so for long (RFC 8461 10.2).
const LONG_SECONDS: u32 = 1_209_600;

/// A mail server that reports name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedMx {
    /// Its name.
    pub host: Domain,
    /// The last day on which a session with it was reported.
    pub last_seen: Day,
    /// Whether reports whose origin was verified name it: anybody can send the others, and a policy with a host of theirs would let
    /// mail go there.
    pub is_verified: bool,
}

/// What a policy is drafted from.
#[derive(Clone, Debug)]
pub struct DraftInput<'a> {
    /// The domain.
    pub domain: &'a Domain,
    /// The hosts of its MX records, as [`Look::mx_hosts`](crate::Look::mx_hosts) has them; none that is known to be a null MX.
    pub mx_records: &'a [Domain],
    /// The mail servers that reports name.
    pub reported: &'a [ReportedMx],
    /// The furthest mode that readiness allows.
    pub mode: PolicyMode,
    /// Why it allows that and no more, in a sentence.
    pub mode_reason: &'a str,
}

/// A drafted policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PolicyDraft)]
pub struct Draft {
    /// The policy as it is to be served: lines that end with CRLF.
    pub text: String,
    /// Its mode.
    pub mode: PolicyMode,
    /// How long senders keep it, seconds.
    pub max_age_seconds: u32,
    /// The mail servers that it names, sorted.
    pub mx: Vec<Domain>,
    /// Hosts that reports name and the policy does not, sorted.
    pub left_out: Vec<Domain>,
    /// Why it is as it is, a sentence each.
    pub reasons: Vec<String>,
}

/// Drafts a policy.
#[must_use]
pub fn draft(input: &DraftInput<'_>) -> Draft {
    let &DraftInput { domain, mx_records, reported, mode, mode_reason } = input;
    let mut reasons = vec![mode_reason.to_owned()];
    let mut mx: Vec<Domain> = mx_records.to_vec();
    let mut left_out = Vec::new();
    if mx.is_empty() {
        // Without MX records mail goes to the domain's own address (RFC 5321 5.1).
        mx.push(domain.clone());
        reasons.push(format!("There are no MX records, so mail goes to {domain} itself."));
    } else {
        reasons.push(format!("{} of the `mx` lines come from the MX records.", mx.len()));
    }
    for ReportedMx { host, last_seen, is_verified } in reported {
        if mx.contains(host) || left_out.contains(host) {
            continue;
        }
        let is_kin = mx_records.iter().chain([domain]).any(|known| is_kin(known, host));
        let why_not = match (is_verified, is_kin) {
            (true, true) => {
                reasons.push(format!(
                    "{host} is in no MX record, but verified reports name it, last on {last_seen}: take its line out once it takes no more mail."
                ));
                mx.push(host.clone());
                continue;
            }
            (false, _) => "only reports whose origin is not verified name it",
            // Whoever owns any domain can sign reports with it.
            (true, false) => "it belongs neither to the domain nor to one of its mail servers",
        };
        reasons.push(format!("{host} is left out: it is in no MX record, and {why_not}, last on {last_seen}."));
        left_out.push(host.clone());
    }
    mx.sort();
    mx.dedup();
    left_out.sort();
    let (max_age_seconds, reason) = match mode {
        PolicyMode::None => (SHORT_SECONDS, "`max_age` is a day, after which senders have forgotten the policy."),
        PolicyMode::Testing => (SHORT_SECONDS, "`max_age` is a day while testing, so that a mistake is soon forgotten."),
        PolicyMode::Enforce => {
            (LONG_SECONDS, "`max_age` is two weeks in mode `enforce`: the longer, the harder it is to hide the policy (RFC 8461 10.2).")
        }
    };
    reasons.push(reason.to_owned());
    let mut text = format!("version: STSv1\r\nmode: {}\r\n", mode.as_str());
    if mode == PolicyMode::None {
        mx.clear();
    }
    for host in &mx {
        // A string takes whatever is written to it.
        let _ = write!(text, "mx: {host}\r\n");
    }
    let _ = write!(text, "max_age: {max_age_seconds}\r\n");
    Draft { text, mode, max_age_seconds, mx, left_out, reasons }
}

/// Whether two names are of one registered domain.
fn is_kin(one: &Domain, other: &Domain) -> bool {
    let registered = psl::domain_str(other.as_str());
    registered.is_some() && psl::domain_str(one.as_str()) == registered
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use proptest::prelude::*;

    use super::*;
    use crate::policy;

    fn name(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn drafted(mx_records: &[&str], reported: &[(&str, bool)], mode: PolicyMode) -> Draft {
        let mx_records: Vec<Domain> = mx_records.iter().map(|host| name(host)).collect();
        let reported: Vec<ReportedMx> =
            reported.iter().map(|&(host, is_verified)| ReportedMx { host: name(host), last_seen: Day(20_000), is_verified }).collect();
        draft(&DraftInput { domain: &name("example.com"), mx_records: &mx_records, reported: &reported, mode, mode_reason: "So it is." })
    }

    #[test]
    fn the_policy_names_the_hosts_of_dns_and_their_kin_of_verified_reports_and_no_forged_one() {
        let draft = drafted(
            &["b.example", "a.example"],
            &[("old.a.example", true), ("mx.example.com", true), ("evil.example", true), ("evil.b.example", false), ("a.example", false)],
            PolicyMode::Testing,
        );
        assert_eq!(
            draft.text,
            "version: STSv1\r\nmode: testing\r\nmx: a.example\r\nmx: b.example\r\nmx: mx.example.com\r\nmx: old.a.example\r\nmax_age: 86400\r\n"
        );
        assert_eq!(draft.left_out, [name("evil.b.example"), name("evil.example")]);
        for host in ["evil.example", "evil.b.example"] {
            assert!(draft.reasons.iter().any(|reason| reason.starts_with(&format!("{host} is left out"))), "{:?}", draft.reasons);
        }
        assert_eq!(draft.reasons[0], "So it is.");
    }

    #[test]
    fn without_mx_records_the_domain_itself_takes_the_mail() {
        assert_eq!(
            drafted(&[], &[], PolicyMode::Enforce).text,
            "version: STSv1\r\nmode: enforce\r\nmx: example.com\r\nmax_age: 1209600\r\n"
        );
        assert_eq!(drafted(&["a.example"], &[], PolicyMode::None).text, "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n");
    }

    proptest! {
        #[test]
        fn every_draft_reads_back_without_a_finding(
            hosts in prop::collection::vec("[a-z]{1,5}\\.example", 0..5),
            reported in prop::collection::vec(("[a-z]{1,5}\\.example", any::<bool>()), 0..5),
            mode in prop::sample::select(PolicyMode::ALL.to_vec()),
        ) {
            let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
            let reported: Vec<(&str, bool)> = reported.iter().map(|(host, is_verified)| (host.as_str(), *is_verified)).collect();
            let draft = drafted(&hosts, &reported, mode);
            let mut findings = Vec::new();
            let policy = policy::read("url", &draft.text, &mut findings);
            prop_assert_eq!(findings, vec![]);
            prop_assert_eq!(policy.mode, Some(mode));
            prop_assert_eq!(policy.max_age_seconds, Some(draft.max_age_seconds));
            if mode != PolicyMode::None {
                prop_assert!(hosts.iter().all(|host| policy.mx.iter().any(|pattern| pattern.matches(&name(host)))));
            }
        }
    }
}
