//! Warning codes: one for each way in which a report departs from RFC 8460 and is counted all the same.

/// Declares the codes once: variant, stable code, and the sentence that is both doc and [`WarningCode::meaning`].
macro_rules! warning_codes {
    ($($variant:ident = $code:literal: $meaning:literal,)+) => {
        /// A deviation. Its code is what the API shows and the database keeps.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum WarningCode {
            $(#[doc = $meaning] $variant,)+
        }

        impl WarningCode {
            /// Every code, the document's own first, then those of a policy's block.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable code, such as `missing-report-id`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// What it says about the report, in one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)+
                }
            }
        }
    };
}

warning_codes! {
    GzipTrailingData = "gzip-trailing-data": "Bytes that belong to no gzip member follow the compressed report; they were ignored.",
    GzipTrailerMissing = "gzip-trailer-missing": "The gzip data ends before its checksum, which could not be verified.",
    GzipMembers = "gzip-members": "The payload is several gzip members in a row.",
    NestedCompression = "nested-compression": "The report was compressed twice.",
    ZipArchive = "zip-archive": "The report came in a zip archive; RFC 8460 knows JSON and gzip.",
    ZipEntrySkipped = "zip-entry-skipped": "The archive holds an entry that is no report or cannot be read.",
    TransferEncoding = "transfer-encoding": "The mail names another transfer encoding than the attachment has.",
    Base64Stray = "base64-stray": "Characters that are not base64 stand in the base64 of the attachment; they were ignored.",
    Uuencoded = "uuencoded": "The report stands uuencoded in a text; RFC 8460 knows attachments.",
    InlineReport = "inline-report": "The report stands in a text between other lines; RFC 8460 knows attachments.",
    MailPartSkipped = "mail-part-skipped": "Another attachment of the mail was meant as a report but cannot be read.",
    ByteOrderMark = "byte-order-mark": "The text starts with a byte-order mark.",
    Utf16 = "utf-16": "The text is UTF-16; JSON in transit must be UTF-8.",
    Latin1 = "latin-1": "The text is not UTF-8 and was read as Latin-1.",
    InvalidText = "invalid-text": "Bytes that are no text in the report's encoding became replacement characters.",
    NulPadding = "nul-padding": "The text is padded with NUL bytes.",
    RepairedJson = "repaired-json": "The text is not quite JSON and was repaired before it was read.",
    TrailingData = "trailing-data": "Something follows the report's JSON object; it was ignored.",
    TextTruncated = "text-truncated": "A text is longer than what is kept of one; its end was cut.",
    ListTruncated = "list-truncated": "A list of policy lines or MX hosts is longer than what is kept of one; its end was cut.",
    MissingOrganization = "missing-organization": "`organization-name` is missing.",
    InvalidOrganization = "invalid-organization": "`organization-name` is not a text.",
    MissingReportId = "missing-report-id": "`report-id` is missing; one was derived from the content.",
    InvalidReportId = "invalid-report-id": "`report-id` is not a text.",
    InvalidContact = "invalid-contact": "`contact-info` is not a text.",
    MissingDate = "missing-date": "`date-range` or one of its dates is missing.",
    InvalidDate = "invalid-date": "A date of `date-range` cannot be read and counts as none.",
    DateFormat = "date-format": "A date of `date-range` is readable but not RFC 3339; without a zone it was read as UTC.",
    DateOutOfRange = "date-out-of-range": "A date lies before 2015 or more than two days after the receipt and counts as none.",
    PeriodReversed = "period-reversed": "`end-datetime` lies before `start-datetime`.",
    PeriodMismatch = "period-mismatch": "The file name gives another period than `date-range`, which was used.",
    DomainMismatch = "domain-mismatch": "The mail's header, subject or file name names a domain that no policy names; `policy-domain` was used.",
    InvalidPolicies = "invalid-policies": "`policies` is not an array of objects; what could be read of it was used.",
    UncountablePolicy = "uncountable-policy": "An element of `policies` has no session count at all and was left out.",
    DuplicatePolicy = "duplicate-policy": "An element of `policies` repeats an earlier one exactly and was counted once.",
    InvalidPolicy = "invalid-policy": "`policy` is missing or not an object.",
    RepeatedPolicy = "repeated-policy": "An earlier element of `policies` is about the same policy with other numbers; both were kept.",
    MissingPolicyDomain = "missing-policy-domain": "`policy-domain` is missing; it was taken from the report's surroundings when they name one.",
    InvalidPolicyDomain = "invalid-policy-domain": "`policy-domain` is not a domain name.",
    MissingPolicyType = "missing-policy-type": "`policy-type` is missing.",
    InvalidPolicyType = "invalid-policy-type": "`policy-type` is not a text.",
    PolicyTypeSpelling = "policy-type-spelling": "`policy-type` is spelled otherwise than RFC 8460 does.",
    UnknownPolicyType = "unknown-policy-type": "`policy-type` is none that RFC 8460 knows.",
    PolicyStringForm = "policy-string-form": "`policy-string` is not an array with one line an element; it was split into lines.",
    InvalidPolicyString = "invalid-policy-string": "`policy-string` holds something that is not a text.",
    MxHostForm = "mx-host-form": "`mx-host` is not an array of patterns, or is called `mx-host-pattern`.",
    MxHostPrefix = "mx-host-prefix": "An element of `mx-host` carries the prefix `mx:` of a policy line.",
    InvalidMxHost = "invalid-mx-host": "`mx-host` holds something that is not a text.",
    InvalidSummary = "invalid-summary": "`summary` is not an object.",
    MissingSuccessfulCount = "missing-successful-count": "`total-successful-session-count` is missing; the number is unknown.",
    InvalidSuccessfulCount = "invalid-successful-count": "`total-successful-session-count` is no whole number from 0; the number is unknown.",
    MissingFailedCount = "missing-failed-count": "`total-failure-session-count` is missing.",
    InvalidFailedCount = "invalid-failed-count": "`total-failure-session-count` is no whole number from 0.",
    FailedCountFromDetails = "failed-count-from-details": "The number of failed sessions is the sum of the details, since the summary has none.",
    DetailsMismatch = "details-mismatch": "The details do not add up to the summary's number of failed sessions; both were kept as sent.",
    CountSaturated = "count-saturated": "A count is larger than 64 bits hold and stands at the largest number.",
    FailureDetailsForm = "failure-details-form": "`failure-details` is null or a lone object instead of an array.",
    InvalidFailureDetails = "invalid-failure-details": "`failure-details` holds something that is not an object.",
    MissingResultType = "missing-result-type": "A failure has no `result-type`.",
    InvalidResultType = "invalid-result-type": "A failure's `result-type` is not a text.",
    ResultTypeSpelling = "result-type-spelling": "A `result-type` is spelled otherwise than the registry does.",
    UnknownResultType = "unknown-result-type": "A `result-type` is none of the registry's.",
    InvalidSendingIp = "invalid-sending-ip": "A `sending-mta-ip` is not an IP address; its text was kept.",
    InvalidReceivingIp = "invalid-receiving-ip": "A `receiving-ip` is not an IP address; its text was kept.",
    MissingDetailCount = "missing-detail-count": "A failure has no `failed-session-count`; the number is unknown.",
    InvalidDetailCount = "invalid-detail-count": "A failure's `failed-session-count` is no whole number from 0; the number is unknown.",
    DetailCountFromSummary = "detail-count-from-summary": "The only failure has no count of its own and took the summary's.",
    InvalidReceivingMx = "invalid-receiving-mx": "A `receiving-mx-hostname` is not a text.",
    InvalidReceivingHelo = "invalid-receiving-helo": "A `receiving-mx-helo` is not a text.",
    InvalidReason = "invalid-reason": "A `failure-reason-code` is neither text nor number.",
    InvalidAdditional = "invalid-additional": "An `additional-information` is neither text nor number.",
}

impl WarningCode {
    /// The code with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

/// A set of codes without an allocation: most reports have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks(u128);

impl Marks {
    pub(crate) fn add(&mut self, code: WarningCode) {
        self.0 |= 1 << (code as u32);
    }

    pub(crate) fn has(self, code: WarningCode) -> bool {
        self.0 & (1 << (code as u32)) != 0
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The codes in the order of [`WarningCode::ALL`].
    pub(crate) fn codes(self) -> Vec<WarningCode> {
        if self.0 == 0 {
            return Vec::new();
        }
        WarningCode::ALL.iter().copied().filter(|&code| self.has(code)).collect()
    }
}

impl From<&[WarningCode]> for Marks {
    fn from(codes: &[WarningCode]) -> Self {
        let mut marks = Self::default();
        codes.iter().for_each(|&code| marks.add(code));
        marks
    }
}

// Every code needs a bit of its own.
const _: () = assert!(WarningCode::ALL.len() <= 128);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_kebab_case_and_stands_for_one_warning_only() {
        let names: HashSet<&str> = WarningCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), WarningCode::ALL.len());
        for &code in WarningCode::ALL {
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{code:?}");
            assert!(code.meaning().ends_with('.'), "{code:?}");
            assert_eq!(WarningCode::from_name(code.as_str()), Some(code));
        }
    }

    #[test]
    fn a_set_of_marks_gives_back_the_codes_that_were_added() {
        let mut marks = Marks::default();
        assert_eq!(marks.codes(), []);
        marks.add(WarningCode::InvalidAdditional);
        marks.add(WarningCode::GzipTrailingData);
        marks.add(WarningCode::InvalidAdditional);
        assert_eq!(marks.codes(), [WarningCode::GzipTrailingData, WarningCode::InvalidAdditional]);
    }
}
