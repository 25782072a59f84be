//! What can be wrong with what a domain publishes: the one table of it.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = FindingSeverity)]
pub enum Severity {
    /// Something does not work: no reports come, or a policy does not hold or stops mail.
    Error,
    /// It works, and not as it should or not for long.
    Warning,
    /// Nothing is wrong.
    Info,
}

impl Severity {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// Longest text of a domain's own that a finding repeats.
const FOUND_MAX_CHARS: usize = 200;

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// What kind it is.
    pub code: Code,
    /// How much it matters here.
    pub severity: Severity,
    /// The DNS name, or the URL of the policy, that it is about.
    pub name: String,
    /// The part of what is there that is meant, or what stands there instead; shortened.
    pub found: Option<String>,
    /// What it means.
    pub text: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

impl Finding {
    /// A finding at a DNS name or URL.
    #[must_use]
    pub fn new(code: Code, name: impl Into<String>) -> Self {
        Self { code, severity: code.severity(), name: name.into(), found: None, text: code.text(), remedy: code.remedy() }
    }

    /// With the part that is meant.
    #[must_use]
    pub fn found(mut self, text: impl AsRef<str>) -> Self {
        let shown = text.as_ref().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
        self.found = Some(shown.take(FOUND_MAX_CHARS).collect());
        self
    }

    /// With another severity than the kind usually has.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

/// Declares the codes once: variant, severity, name, what it means, what to do.
macro_rules! codes {
    ($($variant:ident = $severity:ident $slug:literal: $text:literal, $remedy:literal;)+) => {
        /// What kind of finding it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Code {
            $(#[doc = $text] #[serde(rename = $slug)] $variant,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $slug,)+
                }
            }

            /// How much it matters, unless the finding says otherwise.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => Severity::$severity,)+
                }
            }

            /// What it means.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// What to do.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$variant => $remedy,)+
                }
            }
        }
    };
}

// By hand: the derivation does not see a name that a macro gives.
impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Self::ALL.iter().map(|code| code.as_str()))).into()
    }
}

impl ToSchema for Code {
    fn name() -> Cow<'static, str> {
        "FindingCode".into()
    }
}

codes! {
    // Any name.
    DnsFailed = Warning "dns-failed":
        "DNS gave no answer, or that of a failure, so it is not known what is published.",
        "Ask again in a minute. If it stays so, look at the zone's name servers, its delegation and its DNSSEC signatures.";
    AliasNowhere = Error "alias-nowhere":
        "The name is an alias (CNAME), and what it leads to does not exist.",
        "Publish the records at the alias's target, or replace the CNAME by the records themselves.";
    DnssecBogus = Error "dnssec-bogus":
        "The signatures of the answer do not validate (DNSSEC), so resolvers that check them have no answer.",
        "Check the zone's signatures and the DS record at its parent.";

    // The TLS-RPT record (RFC 8460 3).
    TlsrptMissing = Error "tlsrpt-missing":
        "There is no TLS-RPT record, so nobody sends reports.",
        "Publish the TXT record that `publish` shows.";
    TlsrptSeveral = Error "tlsrpt-several":
        "There are several TLS-RPT records; senders then act as if there were none (RFC 8460 3).",
        "Leave one record, with all addresses in its `rua`, separated by commas.";
    TlsrptVersion = Error "tlsrpt-version":
        "The record does not begin with exactly `v=TLSRPTv1`, so senders pass it over (RFC 8460 3).",
        "Begin the record with `v=TLSRPTv1;`, in this spelling, with nothing before it.";
    TlsrptSemicolon = Error "tlsrpt-semicolon":
        "A semicolon is missing between two fields of the record (RFC 8460 3).",
        "Put a `;` after `v=TLSRPTv1` and between all fields.";
    TlsrptField = Warning "tlsrpt-field":
        "A field of the record is not of the form `name=value` (RFC 8460 3), so a sender may pass over the whole record.",
        "Take the field out, or write it as `name=value`; field names are written in lower case.";
    TlsrptNoRua = Error "tlsrpt-no-rua":
        "The record has no `rua`, so it names nobody to send reports to.",
        "Add the `rua=` that `publish` shows.";
    TlsrptRuaRepeated = Warning "tlsrpt-rua-repeated":
        "The record has several `rua` fields; senders may use one of them alone.",
        "Put all addresses into one `rua`, separated by commas.";
    TlsrptRuaMany = Warning "tlsrpt-rua-many":
        "The `rua` has many addresses; senders may use the first ones alone.",
        "Leave the addresses that are read.";
    TlsrptUri = Error "tlsrpt-uri":
        "An address in `rua` is not a URI that a report could be sent to (RFC 8460 3).",
        "Write `mailto:` and a mail address, or an `https:` URL.";
    TlsrptUriUnescaped = Error "tlsrpt-uri-unescaped":
        "An address in `rua` has a `,`, `;` or `!` as it is; these have to be encoded (RFC 8460 3).",
        "Write `%2C` for a comma, `%3B` for a semicolon and `%21` for an exclamation mark.";
    TlsrptScheme = Error "tlsrpt-scheme":
        "An address in `rua` is of a kind that senders do not use: only `mailto:` and `https:` are known (RFC 8460 3).",
        "Write `mailto:` and a mail address, or an `https:` URL.";
    TlsrptHttp = Error "tlsrpt-http":
        "An address in `rua` is `http:`; reports go over `https:` alone (RFC 8460 3).",
        "Write `https:`.";
    TlsrptRuaNotHere = Error "tlsrpt-rua-not-here":
        "None of the addresses in `rua` is the one here, so no reports come in here.",
        "Add the address that `publish` shows to `rua`.";
    TlsrptRuaAddress = Error "tlsrpt-rua-address":
        "An address in `rua` is on a host of this service and not the tenant's own.",
        "Replace it by the address that `publish` shows.";
    TlsrptRuaElsewhere = Info "tlsrpt-rua-elsewhere":
        "Reports also go to somebody else.",
        "Nothing, if that is meant.";

    // The MTA-STS record (RFC 8461 3.1).
    MtaStsMissing = Info "mta-sts-missing":
        "There is no MTA-STS record, so senders look for no policy.",
        "To require TLS of senders, publish a policy in mode `testing`, then the record that `publish` shows.";
    MtaStsWithoutRecord = Warning "mta-sts-without-record":
        "There is a policy, and no MTA-STS record that tells senders of it.",
        "Publish the record that `publish` shows.";
    MtaStsWithoutPolicy = Error "mta-sts-without-policy":
        "There is an MTA-STS record, and no valid policy.",
        "Publish the policy at `https://mta-sts.` of the domain `/.well-known/mta-sts.txt`, or take the record away.";
    MtaStsSeveral = Error "mta-sts-several":
        "There are several MTA-STS records; senders then act as if there were none (RFC 8461 3.1).",
        "Leave one record.";
    MtaStsVersion = Error "mta-sts-version":
        "The record does not begin with exactly `v=STSv1;`, so senders pass it over (RFC 8461 3.1).",
        "Begin the record with `v=STSv1;`, in this spelling, with nothing before it.";
    MtaStsField = Warning "mta-sts-field":
        "A field of the record is not of the form `name=value` (RFC 8461 3.1), so a sender may pass over the whole record.",
        "Take the field out, or write it as `name=value`.";
    MtaStsIdMissing = Error "mta-sts-id-missing":
        "The record has no `id`, by which senders see that the policy has changed (RFC 8461 3.1).",
        "Add an `id` of 1 to 32 letters and digits, such as the date and time of the last change.";
    MtaStsIdLong = Error "mta-sts-id-long":
        "The record's `id` is longer than 32 characters (RFC 8461 3.1).",
        "Take an `id` of 1 to 32 letters and digits, such as the date and time of the last change.";
    MtaStsIdInvalid = Error "mta-sts-id-invalid":
        "The record's `id` has other characters than letters and digits (RFC 8461 3.1).",
        "Take an `id` of 1 to 32 letters and digits, such as the date and time of the last change.";

    // Getting the policy (RFC 8461 3.3).
    PolicyHostMissing = Error "policy-host-missing":
        "The policy's host does not exist or has no address, so no policy can be fetched.",
        "Give `mta-sts.` of the domain an address record of a web server.";
    PolicyHostForbidden = Warning "policy-host-forbidden":
        "The policy's host has no address that this service may connect to: addresses that are not public are left alone.",
        "Give the host a public address; senders on the Internet reach no other.";
    PolicyConnection = Error "policy-connection":
        "The policy's host takes no connection, or answers too slowly.",
        "Look whether the web server runs, listens on port 443 and is let through by the firewall.";
    PolicyCertificateExpired = Error "policy-certificate-expired":
        "The certificate of the policy's host has expired or is not valid yet.",
        "Renew the certificate, and make the renewal reload the web server.";
    PolicyCertificateHost = Error "policy-certificate-host":
        "The certificate of the policy's host is for other names.",
        "Get a certificate for `mta-sts.` of the domain.";
    PolicyCertificateUntrusted = Error "policy-certificate-untrusted":
        "The certificate of the policy's host comes from no authority that is known, or an intermediate one is left out.",
        "Take a certificate of a public authority, and let the web server send its whole chain.";
    PolicyTls = Error "policy-tls":
        "TLS with the policy's host failed.",
        "Look at the web server's TLS configuration: senders need TLS 1.2 or newer.";
    PolicyRedirect = Error "policy-redirect":
        "The policy's host answers with a redirect, which senders do not follow (RFC 8461 3.3).",
        "Answer 200 with the policy itself at this URL.";
    PolicyStatus = Error "policy-status":
        "The policy's host does not answer 200, so senders have no policy (RFC 8461 3.3).",
        "Answer 200 with the policy at this URL.";
    PolicyMediaType = Error "policy-media-type":
        "The policy's media type is not `text/plain`, so senders may refuse it (RFC 8461 3.3).",
        "Let the web server send `Content-Type: text/plain`.";
    PolicyTooLarge = Error "policy-too-large":
        "The policy is larger than 64 KiB, of which senders read no more (RFC 8461 3.3).",
        "Serve a shorter policy.";

    // What the policy says (RFC 8461 3.2).
    PolicyNotText = Error "policy-not-text":
        "The policy is not UTF-8 text.",
        "Serve the policy as plain text.";
    PolicyLine = Error "policy-line":
        "A line of the policy is not of the form `name: value` (RFC 8461 3.2).",
        "Write each line as `name: value`, names in lower case, with nothing before them.";
    PolicyFieldRepeated = Warning "policy-field-repeated":
        "A field that may be there once is repeated; senders take the first (RFC 8461 3.2).",
        "Leave one line of it.";
    PolicyVersionMissing = Error "policy-version-missing":
        "The policy has no `version: STSv1` (RFC 8461 3.2).",
        "Make `version: STSv1` the first line.";
    PolicyVersionUnknown = Error "policy-version-unknown":
        "The policy's version is not `STSv1` (RFC 8461 3.2).",
        "Make `version: STSv1` the first line.";
    PolicyVersionNotFirst = Warning "policy-version-not-first":
        "The policy's version is not its first line, where some senders look for it.",
        "Make `version: STSv1` the first line.";
    PolicyModeMissing = Error "policy-mode-missing":
        "The policy has no `mode` (RFC 8461 3.2).",
        "Add `mode: testing`, `mode: enforce` or `mode: none`.";
    PolicyModeUnknown = Error "policy-mode-unknown":
        "The policy's mode is none that there is (RFC 8461 3.2).",
        "Write `testing`, `enforce` or `none`.";
    PolicyNoMx = Error "policy-no-mx":
        "The policy names no mail server, which a policy in mode `testing` or `enforce` has to (RFC 8461 3.2).",
        "Add a line `mx: ` for every host of the MX records.";
    PolicyMxInvalid = Error "policy-mx-invalid":
        "An `mx` of the policy is no host name; a `*` may be its first label alone (RFC 8461 3.2).",
        "Write a host name, or `*.` and a host name.";
    PolicyMaxAgeMissing = Error "policy-max-age-missing":
        "The policy has no `max_age` (RFC 8461 3.2).",
        "Add `max_age: ` and a number of seconds, such as 86400 while testing.";
    PolicyMaxAgeInvalid = Error "policy-max-age-invalid":
        "The policy's `max_age` is no number from 0 to 31557600 (RFC 8461 3.2).",
        "Write a number of seconds up to 31557600.";
    PolicyMaxAgeShort = Warning "policy-max-age-short":
        "The policy's `max_age` is below a day, so that a sender soon forgets it and who stands in between can hide it (RFC 8461 10.2).",
        "Take weeks in mode `enforce`, such as 1209600.";

    // The policy and the mail servers.
    PolicyMxUncovered = Error "policy-mx-uncovered":
        "A mail server of the MX records matches no `mx` of the policy: in mode `enforce` senders do not deliver to it (RFC 8461 4.1).",
        "Add an `mx` line for the host, then change the record's `id`; or take the MX record away.";
    PolicyMxUnused = Warning "policy-mx-unused":
        "An `mx` of the policy matches no host of the MX records.",
        "Take it out when the host no longer takes mail; leave it while a change is under way.";
    PolicySeenOther = Warning "policy-seen-other":
        "A reporter saw another policy than the one that is published; it may go on with it until that one's `max_age` is over.",
        "See that the record's `id` was changed with the policy, and take no old mail server away before the reporters see the new one.";

    // Mail servers (RFC 5321 5.1).
    MxMissing = Warning "mx-missing":
        "There are no MX records; senders then deliver to the domain's own address.",
        "Publish an MX record for each mail server, or a null MX when the domain takes no mail.";
    MxNull = Info "mx-null":
        "The domain takes no mail: its MX record is the null MX (RFC 7505).",
        "Nothing, if that is meant.";
    MxNullAmongOthers = Error "mx-null-among-others":
        "There is a null MX beside other MX records, which it must not be (RFC 7505 3).",
        "Take the null MX away, or all others.";
    MxIsAddress = Error "mx-is-address":
        "An MX record names an IP address in place of a host (RFC 5321 5.1).",
        "Give the mail server a name, and name that.";
    MxIsAlias = Warning "mx-is-alias":
        "An MX record names an alias (CNAME), which it must not (RFC 2181 10.3).",
        "Name the host that the alias leads to.";
    MxWithoutAddress = Error "mx-without-address":
        "The host of an MX record does not exist or has no address.",
        "Give the host an address record, or take the MX record away.";
    MxMany = Info "mx-many":
        "The domain has more mail servers than are looked at; those with the lowest preference values were.",
        "Nothing.";

    // DANE (RFC 7672).
    TlsaWithoutDnssec = Warning "tlsa-without-dnssec":
        "There are TLSA records in a zone that is not signed (DNSSEC), so senders pass them over (RFC 7672 2.2).",
        "Sign the zone of the mail server, or take the TLSA records away.";
    TlsaMxWithoutDnssec = Warning "tlsa-mx-without-dnssec":
        "A mail server has TLSA records, and the MX records that lead to it are not signed (DNSSEC), so senders may pass them over (RFC 7672 2.2.1).",
        "Sign the domain's zone.";
    TlsaUsage = Warning "tlsa-usage":
        "A TLSA record has a usage that is not for mail; usable are 3 (DANE-EE) and 2 (DANE-TA) (RFC 7672 3.1.3).",
        "Publish a record `3 1 1` of the mail server's key.";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_and_says_in_sentences_what_it_means_and_what_to_do() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.text().ends_with('.') && code.remedy().ends_with('.'), "{}", code.as_str());
        }
    }

    #[test]
    fn every_code_is_in_the_documentation_with_its_severity() {
        let docs = include_str!("../../../docs/publication.md");
        for code in Code::ALL {
            let row = format!("| `{}` | {} |", code.as_str(), code.severity().as_str());
            assert!(docs.contains(&row), "docs/publication.md has no row that begins {row:?}");
        }
    }

    #[test]
    fn what_is_repeated_of_others_is_short_and_without_control_characters() {
        let finding = Finding::new(Code::PolicyLine, "x.example").found(format!("a\u{1b}[0m\n{}", "b".repeat(1_000)));
        let found = finding.found.unwrap();
        assert_eq!(found.chars().count(), FOUND_MAX_CHARS);
        assert!(!found.chars().any(char::is_control));
    }
}
