//! The MTA-STS policy (RFC 8461 3.2), as a server gives it out.

use tlsrpt_report::{Domain, PolicyMode};

use crate::finding::{Code, Finding};

/// Largest policy that is read (RFC 8461 3.3).
pub const POLICY_MAX_BYTES: usize = 64 << 10;
/// Longest `max_age`, seconds (RFC 8461 3.2).
pub const MAX_AGE_MAX_SECONDS: u32 = 31_557_600;
/// Below it a policy is soon forgotten, seconds.
const MAX_AGE_SHORT_SECONDS: u32 = 86_400;
const VERSION: &str = "STSv1";
/// The fields that are known, by their exact names.
const NAMES: [&str; 4] = ["version", "mode", "max_age", "mx"];

/// A pattern of mail servers' names: a name, or `*.` and a name (RFC 8461 4.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MxPattern {
    is_wildcard: bool,
    domain: Domain,
}

impl MxPattern {
    /// Reads a pattern; none when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (is_wildcard, name) = text.strip_prefix("*.").map_or((false, text), |name| (true, name));
        Some(Self { is_wildcard, domain: Domain::parse(name).ok()? })
    }

    /// Whether a host's name matches. A `*` stands for the first label, whole and alone (RFC 8461 4.1).
    #[must_use]
    pub fn matches(&self, host: &Domain) -> bool {
        if self.is_wildcard {
            host.as_str().split_once('.').is_some_and(|(_, parent)| parent == self.domain.as_str())
        } else {
            *host == self.domain
        }
    }
}

impl std::fmt::Display for MxPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.is_wildcard { "*." } else { "" }, self.domain)
    }
}

/// What a policy says, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Its mode.
    pub mode: Option<PolicyMode>,
    /// Its patterns, in their order.
    pub mx: Vec<MxPattern>,
    /// How long senders keep it, seconds.
    pub max_age_seconds: Option<u32>,
}

/// Reads the policy at `url`; says of everything that does not follow RFC 8461 3.2 what it is. Fields that are not known are
/// passed over, and so is how lines end.
pub(crate) fn read(url: &str, text: &str, findings: &mut Vec<Finding>) -> Policy {
    let mut policy = Policy::default();
    let mut seen: Vec<&str> = Vec::new();
    let at = |code: Code| Finding::new(code, url);
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).filter(|line| !line.trim().is_empty());
    for (place, line) in lines.enumerate() {
        let Some((written, value)) = line.split_once(':') else {
            findings.push(at(Code::PolicyLine).found(line));
            continue;
        };
        let value = value.trim();
        let Some(name) = NAMES.into_iter().find(|name| name.eq_ignore_ascii_case(written.trim())) else {
            let is_name = !written.is_empty() && written.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
            if !is_name {
                findings.push(at(Code::PolicyLine).found(line));
            }
            continue;
        };
        if name != written {
            findings.push(at(Code::PolicyLine).found(line));
        }
        if seen.contains(&name) && name != "mx" {
            findings.push(at(Code::PolicyFieldRepeated).found(line));
            continue;
        }
        seen.push(name);
        match name {
            "version" if value != VERSION => findings.push(at(Code::PolicyVersionUnknown).found(value)),
            "version" if place > 0 => findings.push(at(Code::PolicyVersionNotFirst)),
            "version" => {}
            "mode" => {
                policy.mode = PolicyMode::from_name(value);
                if policy.mode.is_none() {
                    findings.push(at(Code::PolicyModeUnknown).found(value));
                }
            }
            "max_age" => {
                policy.max_age_seconds = max_age(value);
                if policy.max_age_seconds.is_none() {
                    findings.push(at(Code::PolicyMaxAgeInvalid).found(value));
                }
            }
            _ => match MxPattern::parse(value) {
                Some(pattern) => policy.mx.push(pattern),
                None => findings.push(at(Code::PolicyMxInvalid).found(value)),
            },
        }
    }
    for (name, code) in [("version", Code::PolicyVersionMissing), ("mode", Code::PolicyModeMissing), ("max_age", Code::PolicyMaxAgeMissing)]
    {
        if !seen.contains(&name) {
            findings.push(at(code));
        }
    }
    let is_in_use = !matches!(policy.mode, None | Some(PolicyMode::None));
    if is_in_use && !seen.contains(&"mx") {
        findings.push(at(Code::PolicyNoMx));
    }
    if let (Some(PolicyMode::Enforce), Some(seconds)) = (policy.mode, policy.max_age_seconds)
        && seconds < MAX_AGE_SHORT_SECONDS
    {
        findings.push(at(Code::PolicyMaxAgeShort).found(seconds.to_string()));
    }
    policy
}

/// One to ten digits (RFC 8461 3.2).
fn max_age(value: &str) -> Option<u32> {
    let is_number = (1..=10).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    value.parse().ok().filter(|&seconds| is_number && seconds <= MAX_AGE_MAX_SECONDS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, codes: &[Code]) -> Policy {
        let mut findings = Vec::new();
        let policy = read("https://mta-sts.example.com/.well-known/mta-sts.txt", text, &mut findings);
        assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), codes, "{text:?}: {findings:?}");
        policy
    }

    #[test]
    fn a_policy_as_it_should_be_is_read_however_its_lines_end_and_with_fields_that_are_not_known() {
        let text = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.NET\r\nmax_age: 604800\r\n";
        let policy = check(text, &[]);
        assert_eq!((policy.mode, policy.max_age_seconds), (Some(PolicyMode::Enforce), Some(604_800)));
        assert_eq!(policy.mx.iter().map(MxPattern::to_string).collect::<Vec<_>>(), ["mail.example.com", "*.example.net"]);
        assert_eq!(check(&text.replace('\r', ""), &[]), policy);
        assert_eq!(check(&format!("{text}x-owner: somebody: else\r\n\r\n"), &[]), policy);
        check("version: STSv1\nmode: none\nmax_age: 0", &[]);
    }

    #[test]
    fn everything_that_is_wrong_is_said() {
        let whole = "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 86400\n";
        let with = |from: &str, to: &str| whole.replace(from, to);
        check(&with("version: STSv1\n", ""), &[Code::PolicyVersionMissing]);
        check(&with("STSv1", "STSv2"), &[Code::PolicyVersionUnknown]);
        check(&with("version: STSv1\nmode: testing\n", "mode: testing\nversion: STSv1\n"), &[Code::PolicyVersionNotFirst]);
        check(&with("mode: testing\n", ""), &[Code::PolicyModeMissing]);
        check(&with("testing", "strict"), &[Code::PolicyModeUnknown]);
        check(&with("testing", "Testing"), &[Code::PolicyModeUnknown]);
        check(&with("mx: a.example\n", ""), &[Code::PolicyNoMx]);
        check(&with("a.example", "a.*.example"), &[Code::PolicyMxInvalid]);
        check(&with("a.example", "*"), &[Code::PolicyMxInvalid]);
        check(&with("max_age: 86400\n", ""), &[Code::PolicyMaxAgeMissing]);
        for wrong in ["", "-1", "1d", "31557601", "99999999999", "+5"] {
            check(&with("86400", wrong), &[Code::PolicyMaxAgeInvalid]);
        }
        check(&with("testing", "enforce").replace("86400", "3600"), &[Code::PolicyMaxAgeShort]);
        check(&with("86400", "3600"), &[]);
        check(&with("mode: testing", "mode: testing\nmode: enforce"), &[Code::PolicyFieldRepeated]);
        check(&with("mode:", "Mode:"), &[Code::PolicyLine]);
        check(&with("mode:", " mode:"), &[Code::PolicyLine]);
        check(&format!("{whole}<html>\n"), &[Code::PolicyLine]);
        check("", &[Code::PolicyVersionMissing, Code::PolicyModeMissing, Code::PolicyMaxAgeMissing]);
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let matches = |pattern: &str, host: &str| MxPattern::parse(pattern).unwrap().matches(&Domain::parse(host).unwrap());
        assert!(matches("*.example.com", "mail.example.com"));
        assert!(!matches("*.example.com", "example.com"));
        assert!(!matches("*.example.com", "a.mail.example.com"));
        assert!(matches("mail.example.com", "MAIL.example.com."));
        assert!(!matches("mail.example.com", "a.mail.example.com"));
    }

    proptest! {
        #[test]
        fn no_text_whatever_makes_it_panic(text in "((version|mode|mx|max_age|Mode)?[: a-z0-9*.\r\n\\PC]{0,30}\n){0,6}") {
            let mut findings = Vec::new();
            let policy = read("url", &text, &mut findings);
            prop_assert!((policy.mode.is_some() && policy.max_age_seconds.is_some()) || !findings.is_empty());
        }
    }
}
