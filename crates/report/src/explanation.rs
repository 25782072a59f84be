//! What a result type or a warning means, whether it stops mail, and who can do something about it: the one table of it.
//!
//! Pure data. Each table is a `match` over its enum, so a name that is added does not build until it is explained.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{vocabulary::ResultType, warning::WarningCode};

/// Who can put it right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fixer {
    /// Whoever runs the domain's own mail servers: the hosts that its MX records name.
    Receiver,
    /// Whoever runs the domain's DNS zone or the zone of its mail servers, DNSSEC and TLSA records included.
    Dns,
    /// Whoever runs the web server that gives out the MTA-STS policy.
    PolicyHost,
    /// The organisation that sends: its mail servers, or the software that writes its reports.
    Sender,
}

/// An explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Explanation {
    /// A few words.
    pub title: &'static str,
    /// What it says, in a sentence or two.
    pub meaning: &'static str,
    /// Whether a sender that honours MTA-STS does not deliver such a session's mail to a domain in mode `enforce` (RFC 8461 5).
    pub stops_mail_under_enforce: bool,
    /// Whether a sender that honours DANE does not deliver such a session's mail (RFC 7672 2.2).
    pub stops_mail_under_dane: bool,
    /// Who can put it right.
    pub who: Fixer,
    /// Where to look first.
    pub look_first: &'static str,
    /// Where it is specified.
    pub rfc: &'static str,
}

/// What a result type does to mail under each kind of policy.
struct Stops {
    enforce: bool,
    dane: bool,
}

const ALWAYS: Stops = Stops { enforce: true, dane: true };
const DANE_ONLY: Stops = Stops { enforce: false, dane: true };
const NEVER: Stops = Stops { enforce: false, dane: false };

impl ResultType {
    /// What it means (RFC 8460 4.3).
    ///
    /// MTA-STS and DANE are apart: what is wrong with TLSA records stops no mail under MTA-STS, and a policy that cannot be had or
    /// read stops none at all, since without a valid policy there is none to enforce (RFC 8461 5.1). `other` is a name that the
    /// registry does not have; it counts as stopping mail, so that nobody enforces a policy on the strength of a guess.
    #[must_use]
    pub const fn explanation(self) -> Explanation {
        let (title, meaning, Stops { enforce, dane }, who, look_first, rfc) = match self {
            Self::StarttlsNotSupported => (
                "No STARTTLS",
                "The mail server did not offer STARTTLS, so the session could only have gone on in plain text.",
                ALWAYS,
                Fixer::Receiver,
                "Connect to the MX host on port 25 and see whether EHLO shows STARTTLS; a firewall that rewrites SMTP may hide it.",
                "RFC 8460 4.3.1; RFC 8461 5; RFC 7672 2.2",
            ),
            Self::CertificateHostMismatch => (
                "Certificate is for another host",
                "The certificate's names do not have the name that was expected: for MTA-STS the MX host's, for DANE-TA the TLSA base domain's.",
                ALWAYS,
                Fixer::Receiver,
                "Compare the certificate's subjectAltName entries with the MX host names of the domain.",
                "RFC 8460 4.3.1; RFC 8461 4.2; RFC 7672 3.2.3",
            ),
            Self::CertificateExpired => (
                "Certificate has expired",
                "The certificate's time was over when the sender connected. (DANE-EE does not look at it; DANE-TA and MTA-STS do.)",
                ALWAYS,
                Fixer::Receiver,
                "Renew the certificate of the MX host, and make the renewal restart or reload the mail server.",
                "RFC 8460 4.3.1; RFC 8461 4.2; RFC 7672 3.1",
            ),
            Self::CertificateNotTrusted => (
                "Certificate is not trusted",
                "No chain leads from the certificate to an authority that the sender trusts: self-signed, an intermediate left out, or an authority that it does not know.",
                ALWAYS,
                Fixer::Receiver,
                "See whether the mail server sends its whole chain, and whether a public authority issued it.",
                "RFC 8460 4.3.1; RFC 8461 4.2; RFC 7672 3.1",
            ),
            Self::ValidationFailure => (
                "Other failure of TLS",
                "The TLS session failed for a reason that no other result type names; `reason` may tell it.",
                ALWAYS,
                Fixer::Receiver,
                "Read `reason` and `additional_information` of the report, then the mail server's own TLS log of that day.",
                "RFC 8460 4.3.3; RFC 8461 4.2",
            ),
            Self::TlsaInvalid => (
                "TLSA records do not fit",
                "None of the TLSA records of the mail server was valid for it.",
                DANE_ONLY,
                Fixer::Dns,
                "Compare the TLSA records at `_25._tcp.` of the MX host with its certificate; a renewed key needs its record first.",
                "RFC 8460 4.3.2.1; RFC 7672 2.2",
            ),
            Self::DnssecInvalid => (
                "DNSSEC does not validate",
                "The sender's resolver had no valid records for the domain or its mail servers.",
                DANE_ONLY,
                Fixer::Dns,
                "Check the zone's signatures and the DS record at its parent: an expired signature or a wrong DS makes the zone bogus.",
                "RFC 8460 4.3.2.1; RFC 7672 2.1",
            ),
            Self::DaneRequired => (
                "DANE is required and missing",
                "The sender is set to require DANE for this domain, and a mail server has no TLSA records that DNSSEC validates.",
                DANE_ONLY,
                Fixer::Dns,
                "Publish signed TLSA records for every MX host, or agree with the sender that DANE is no longer required.",
                "RFC 8460 4.3.2.1; RFC 7672 6",
            ),
            Self::StsPolicyFetchError => (
                "MTA-STS policy cannot be fetched",
                "The policy could not be had over HTTPS. A sender that still has an earlier one goes on with it until its max_age is over.",
                NEVER,
                Fixer::PolicyHost,
                "Fetch `https://mta-sts.` of the domain `/.well-known/mta-sts.txt`: it must answer 200 without a redirect.",
                "RFC 8460 4.3.2.2; RFC 8461 3.3 and 5.1",
            ),
            Self::StsPolicyInvalid => (
                "MTA-STS policy cannot be read",
                "The policy was fetched and is not a valid one. A sender that still has an earlier one goes on with it until its max_age is over.",
                NEVER,
                Fixer::PolicyHost,
                "Check the policy's lines: `version: STSv1`, `mode`, `max_age`, and one `mx` at least unless the mode is none.",
                "RFC 8460 4.3.2.2; RFC 8461 3.2 and 5.1",
            ),
            Self::StsWebpkiInvalid => (
                "Policy host's certificate is not valid",
                "The HTTPS server of the policy could not be authenticated, so its policy was not taken.",
                NEVER,
                Fixer::PolicyHost,
                "Check the certificate of `mta-sts.` of the domain: its name, its time and its chain.",
                "RFC 8460 4.3.2.2; RFC 8461 3.3 and 5.1",
            ),
            Self::Other => (
                "Unknown result type",
                "The sender used a name that the registry of result types does not have; `result_type_sent` of the report shows it. What it does to mail cannot be told, so it counts as stopping it.",
                ALWAYS,
                Fixer::Sender,
                "Open the report and read `result_type_sent`, `reason` and `additional_information`.",
                "RFC 8460 4.3 and 6.6",
            ),
        };
        Explanation { title, meaning, stops_mail_under_enforce: enforce, stops_mail_under_dane: dane, who, look_first, rfc }
    }
}

const WRITER: &str = "Nothing to do: what the report says was understood. Its writer could follow the RFC.";
const NUMBERS: &str = "Take the numbers of this report with care; its writer has to correct them.";
const PARTS: &str = "Open the raw report and see what is missing; its writer has to correct it.";

impl WarningCode {
    /// What it means. A warning is about the report and never about a session: it stops no mail, and its sender alone can
    /// mend it.
    #[must_use]
    pub const fn explanation(self) -> Explanation {
        let (title, look_first, rfc) = match self {
            Self::GzipTrailingData => ("Bytes behind the gzip data", WRITER, "RFC 8460 5.2; RFC 1952 2.2"),
            Self::GzipTrailerMissing => ("Gzip data cut short", PARTS, "RFC 8460 5.2; RFC 1952 2.3"),
            Self::GzipMembers => ("Several gzip members", WRITER, "RFC 8460 5.2; RFC 1952 2.2"),
            Self::NestedCompression => ("Compressed twice", WRITER, "RFC 8460 5.2"),
            Self::ZipArchive => ("Zip archive", WRITER, "RFC 8460 5.2"),
            Self::ZipEntrySkipped => ("Part of the archive left out", PARTS, "RFC 8460 5.2"),
            Self::TransferEncoding => ("Wrong transfer encoding named", WRITER, "RFC 2045 6"),
            Self::Base64Stray => ("Stray characters in base64", WRITER, "RFC 2045 6.8"),
            Self::Uuencoded => ("Uuencoded", WRITER, "RFC 8460 5.3"),
            Self::InlineReport => ("Report in running text", WRITER, "RFC 8460 5.3"),
            Self::MailPartSkipped => ("Another attachment cannot be read", PARTS, "RFC 8460 5.3"),
            Self::ByteOrderMark => ("Byte-order mark", WRITER, "RFC 8259 8.1"),
            Self::Utf16 => ("UTF-16", WRITER, "RFC 8259 8.1"),
            Self::Latin1 => ("Latin-1", WRITER, "RFC 8259 8.1"),
            Self::InvalidText => ("Bytes that are no text", WRITER, "RFC 8259 8.1"),
            Self::NulPadding => ("Padded with NUL", WRITER, "RFC 8259 2"),
            Self::RepairedJson => ("JSON repaired", NUMBERS, "RFC 8460 4.4; RFC 8259 2"),
            Self::TrailingData => ("Something behind the JSON", WRITER, "RFC 8259 2"),
            Self::TextTruncated => ("Long text cut", WRITER, "RFC 8460 4.4"),
            Self::ListTruncated => ("Long list cut", WRITER, "RFC 8460 4.4"),
            Self::MissingOrganization => ("No organisation", PARTS, "RFC 8460 4.4"),
            Self::InvalidOrganization => ("Organisation is no text", PARTS, "RFC 8460 4.4"),
            Self::MissingReportId => ("No report id", WRITER, "RFC 8460 4.4"),
            Self::InvalidReportId => ("Report id is no text", WRITER, "RFC 8460 4.4"),
            Self::InvalidContact => ("Contact is no text", WRITER, "RFC 8460 4.4"),
            Self::MissingDate => ("No period", PARTS, "RFC 8460 4.4"),
            Self::InvalidDate => ("Date cannot be read", PARTS, "RFC 8460 4.4; RFC 3339 5.6"),
            Self::DateFormat => ("Date in another form", WRITER, "RFC 8460 4.4; RFC 3339 5.6"),
            Self::DateOutOfRange => ("Date cannot be true", PARTS, "RFC 8460 4.4"),
            Self::PeriodReversed => ("Period ends before it begins", NUMBERS, "RFC 8460 4.4"),
            Self::PeriodMismatch => ("File name has another period", WRITER, "RFC 8460 5.1"),
            Self::DomainMismatch => ("Mail names another domain", PARTS, "RFC 8460 5.1 and 5.3"),
            Self::InvalidPolicies => ("Policies are no list", PARTS, "RFC 8460 4.4"),
            Self::UncountablePolicy => ("Policy without counts left out", NUMBERS, "RFC 8460 4.4"),
            Self::DuplicatePolicy => ("Policy repeated", WRITER, "RFC 8460 4.4"),
            Self::InvalidPolicy => ("Policy is no object", PARTS, "RFC 8460 4.4"),
            Self::RepeatedPolicy => ("Policy twice with other numbers", NUMBERS, "RFC 8460 4.4"),
            Self::MissingPolicyDomain => ("No policy domain", PARTS, "RFC 8460 4.4"),
            Self::InvalidPolicyDomain => ("Policy domain is no domain", PARTS, "RFC 8460 4.4"),
            Self::MissingPolicyType => ("No policy type", PARTS, "RFC 8460 4.4"),
            Self::InvalidPolicyType => ("Policy type is no text", PARTS, "RFC 8460 4.4"),
            Self::PolicyTypeSpelling => ("Policy type spelled otherwise", WRITER, "RFC 8460 4.4"),
            Self::UnknownPolicyType => ("Unknown policy type", PARTS, "RFC 8460 4.4"),
            Self::PolicyStringForm => ("Policy text is no list of lines", WRITER, "RFC 8460 4.4"),
            Self::InvalidPolicyString => ("Policy line is no text", WRITER, "RFC 8460 4.4"),
            Self::MxHostForm => ("MX hosts are no list", WRITER, "RFC 8460 4.4"),
            Self::MxHostPrefix => ("MX host with a prefix", WRITER, "RFC 8460 4.4"),
            Self::InvalidMxHost => ("MX host is no text", WRITER, "RFC 8460 4.4"),
            Self::InvalidSummary => ("Summary is no object", NUMBERS, "RFC 8460 4.4"),
            Self::MissingSuccessfulCount => ("No count of successful sessions", NUMBERS, "RFC 8460 4.4"),
            Self::InvalidSuccessfulCount => ("Count of successful sessions is none", NUMBERS, "RFC 8460 4.4"),
            Self::MissingFailedCount => ("No count of failed sessions", NUMBERS, "RFC 8460 4.4"),
            Self::InvalidFailedCount => ("Count of failed sessions is none", NUMBERS, "RFC 8460 4.4"),
            Self::FailedCountFromDetails => ("Failed sessions added up from details", WRITER, "RFC 8460 4.4"),
            Self::DetailsMismatch => ("Details do not add up", NUMBERS, "RFC 8460 4.4"),
            Self::CountSaturated => ("Count beyond 64 bits", NUMBERS, "RFC 8460 4.4"),
            Self::FailureDetailsForm => ("Failure details are no list", WRITER, "RFC 8460 4.4"),
            Self::InvalidFailureDetails => ("Failure detail is no object", PARTS, "RFC 8460 4.4"),
            Self::MissingResultType => ("No result type", PARTS, "RFC 8460 4.3"),
            Self::InvalidResultType => ("Result type is no text", PARTS, "RFC 8460 4.3"),
            Self::ResultTypeSpelling => ("Result type spelled otherwise", WRITER, "RFC 8460 4.3"),
            Self::UnknownResultType => ("Unknown result type", PARTS, "RFC 8460 4.3"),
            Self::InvalidSendingIp => ("Sending address is no IP address", WRITER, "RFC 8460 4.4"),
            Self::InvalidReceivingIp => ("Receiving address is no IP address", WRITER, "RFC 8460 4.4"),
            Self::MissingDetailCount => ("Failure without a count", NUMBERS, "RFC 8460 4.4"),
            Self::InvalidDetailCount => ("Failure's count is none", NUMBERS, "RFC 8460 4.4"),
            Self::DetailCountFromSummary => ("Failure's count taken from the summary", WRITER, "RFC 8460 4.4"),
            Self::InvalidReceivingMx => ("MX host name is no text", WRITER, "RFC 8460 4.4"),
            Self::InvalidReceivingHelo => ("Greeting name is no text", WRITER, "RFC 8460 4.4"),
            Self::InvalidReason => ("Reason is no text", WRITER, "RFC 8460 4.4"),
            Self::InvalidAdditional => ("Additional information is no text", WRITER, "RFC 8460 4.4"),
        };
        let Stops { enforce, dane } = NEVER;
        Explanation {
            title,
            meaning: self.meaning(),
            stops_mail_under_enforce: enforce,
            stops_mail_under_dane: dane,
            who: Fixer::Sender,
            look_first,
            rfc,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use std::collections::HashSet;

    use super::*;

    fn all() -> impl Iterator<Item = Explanation> {
        let results = ResultType::ALL.into_iter().map(ResultType::explanation);
        results.chain(WarningCode::ALL.iter().map(|code| code.explanation()))
    }

    #[test]
    fn every_explanation_is_whole_and_short_and_names_an_rfc() {
        for one in all() {
            assert!(!one.title.is_empty() && one.title.len() <= 45 && !one.title.ends_with('.'), "{one:?}");
            assert!(one.meaning.ends_with(['.', ')']) && one.look_first.ends_with('.') && one.rfc.starts_with("RFC "), "{one:?}");
            assert!(one.meaning.len() <= 200 && one.look_first.len() <= 130, "{one:?}");
        }
    }

    #[test]
    fn no_two_result_types_and_no_two_warnings_have_the_same_title() {
        let titles =
            |explanations: Vec<Explanation>| (explanations.len(), explanations.iter().map(|one| one.title).collect::<HashSet<_>>().len());
        let (results, distinct) = titles(ResultType::ALL.map(ResultType::explanation).to_vec());
        assert_eq!(results, distinct);
        let (warnings, distinct) = titles(WarningCode::ALL.iter().map(|code| code.explanation()).collect());
        assert_eq!(warnings, distinct);
    }

    #[test]
    fn what_stops_mail_is_what_the_rfcs_say() {
        let stop = |stops: fn(&Explanation) -> bool| -> Vec<&str> {
            ResultType::ALL.into_iter().filter(|result| stops(&result.explanation())).map(ResultType::as_str).collect()
        };
        let of_tls =
            ["starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted", "validation-failure"];
        assert_eq!(stop(|one| one.stops_mail_under_enforce), [&of_tls[..], &["other"]].concat());
        let of_dane = ["tlsa-invalid", "dnssec-invalid", "dane-required"];
        assert_eq!(stop(|one| one.stops_mail_under_dane), [&of_tls[..], &of_dane, &["other"]].concat());
        assert!(WarningCode::ALL.iter().all(|code| !code.explanation().stops_mail_under_enforce));
    }
}
