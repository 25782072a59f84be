//! The closed sets of names: policy types, MTA-STS modes, result types.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The registered policy types (RFC 8460 4.4) and the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum PolicyClass {
    /// `sts`: MTA-STS (RFC 8461).
    Sts = 0,
    /// `tlsa`: DANE (RFC 7672).
    Tlsa = 1,
    /// `no-policy-found`.
    NoPolicyFound = 2,
    /// Anything else; the text is kept.
    Other = 3,
}

impl PolicyClass {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Sts, Self::Tlsa, Self::NoPolicyFound, Self::Other];

    /// The name that RFC 8460 4.4 gives it, or `other`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Tlsa => "tlsa",
            Self::NoPolicyFound => "no-policy-found",
            Self::Other => "other",
        }
    }

    /// The class with exactly this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }
}

/// MTA-STS modes (RFC 8461 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum PolicyMode {
    /// `none`.
    None = 0,
    /// `testing`.
    Testing = 1,
    /// `enforce`.
    Enforce = 2,
}

impl PolicyMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::None, Self::Testing, Self::Enforce];

    /// The name that RFC 8461 3.2 gives it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Testing => "testing",
            Self::Enforce => "enforce",
        }
    }

    /// The mode with exactly this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }
}

/// Result types of RFC 8460 4.3 and the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum ResultType {
    /// `starttls-not-supported`.
    StarttlsNotSupported = 0,
    /// `certificate-host-mismatch`.
    CertificateHostMismatch = 1,
    /// `certificate-expired`.
    CertificateExpired = 2,
    /// `certificate-not-trusted`.
    CertificateNotTrusted = 3,
    /// `validation-failure`.
    ValidationFailure = 4,
    /// `tlsa-invalid`.
    TlsaInvalid = 5,
    /// `dnssec-invalid`.
    DnssecInvalid = 6,
    /// `dane-required`.
    DaneRequired = 7,
    /// `sts-policy-fetch-error`.
    StsPolicyFetchError = 8,
    /// `sts-policy-invalid`.
    StsPolicyInvalid = 9,
    /// `sts-webpki-invalid`.
    StsWebpkiInvalid = 10,
    /// Anything else; the text is kept.
    Other = 11,
}

impl ResultType {
    /// Every result type.
    pub const ALL: [Self; 12] = [
        Self::StarttlsNotSupported,
        Self::CertificateHostMismatch,
        Self::CertificateExpired,
        Self::CertificateNotTrusted,
        Self::ValidationFailure,
        Self::TlsaInvalid,
        Self::DnssecInvalid,
        Self::DaneRequired,
        Self::StsPolicyFetchError,
        Self::StsPolicyInvalid,
        Self::StsWebpkiInvalid,
        Self::Other,
    ];

    /// The registry's name (RFC 8460 4.3), or `other`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StarttlsNotSupported => "starttls-not-supported",
            Self::CertificateHostMismatch => "certificate-host-mismatch",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateNotTrusted => "certificate-not-trusted",
            Self::ValidationFailure => "validation-failure",
            Self::TlsaInvalid => "tlsa-invalid",
            Self::DnssecInvalid => "dnssec-invalid",
            Self::DaneRequired => "dane-required",
            Self::StsPolicyFetchError => "sts-policy-fetch-error",
            Self::StsPolicyInvalid => "sts-policy-invalid",
            Self::StsWebpkiInvalid => "sts-webpki-invalid",
            Self::Other => "other",
        }
    }

    /// The result type with exactly this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.as_str() == name)
    }

    /// Whether it says that an MTA-STS policy could not be fetched or read (RFC 8460 4.3.2.2).
    #[must_use]
    pub const fn is_policy_error(self) -> bool {
        matches!(self, Self::StsPolicyFetchError | Self::StsPolicyInvalid | Self::StsWebpkiInvalid)
    }
}

/// How a sent name matched a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match<T> {
    /// Written as the set writes it.
    Exact(T),
    /// Another spelling or a known alias of a name.
    Spelling(T),
    /// None of the names.
    Unknown,
}

/// Longest text that can be a spelling of a name.
const NAME_MAX_BYTES: usize = 64;

/// Lower case, `-` for `_` and blanks, no surrounding space.
fn plain(text: &str) -> Option<String> {
    let text = text.trim();
    (text.len() <= NAME_MAX_BYTES).then(|| text.chars().map(|c| if c == '_' || c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect())
}

/// Matches a `policy-type`. The name `other` is ours, not a sender's.
pub(crate) fn match_policy_class(text: &str) -> Match<PolicyClass> {
    let named = |name: &str| PolicyClass::from_name(name).filter(|&class| class != PolicyClass::Other);
    if let Some(class) = named(text) {
        return Match::Exact(class);
    }
    match plain(text).as_deref() {
        Some("dane" | "dane-only") => Match::Spelling(PolicyClass::Tlsa),
        Some(name) => named(name).map_or(Match::Unknown, Match::Spelling),
        None => Match::Unknown,
    }
}

/// Matches a `result-type`. The name `other` is ours, not a sender's.
pub(crate) fn match_result_type(text: &str) -> Match<ResultType> {
    let named = |name: &str| ResultType::from_name(name).filter(|&result| result != ResultType::Other);
    if let Some(result) = named(text) {
        return Match::Exact(result);
    }
    plain(text).and_then(|name| named(&name)).map_or(Match::Unknown, Match::Spelling)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn names_read_back_as_what_they_name_and_as_serde_writes_them() {
        for class in PolicyClass::ALL {
            assert_eq!(PolicyClass::from_name(class.as_str()), Some(class));
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
        }
        for mode in PolicyMode::ALL {
            assert_eq!(PolicyMode::from_name(mode.as_str()), Some(mode));
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
        }
        for result in ResultType::ALL {
            assert_eq!(ResultType::from_name(result.as_str()), Some(result));
            assert_eq!(serde_json::to_value(result).unwrap(), result.as_str());
        }
    }

    #[test]
    fn other_spellings_and_the_names_of_dane_find_their_class() {
        assert_eq!(match_policy_class("sts"), Match::Exact(PolicyClass::Sts));
        assert_eq!(match_policy_class(" STS "), Match::Spelling(PolicyClass::Sts));
        assert_eq!(match_policy_class("No_Policy_Found"), Match::Spelling(PolicyClass::NoPolicyFound));
        assert_eq!(match_policy_class("DANE"), Match::Spelling(PolicyClass::Tlsa));
        assert_eq!(match_policy_class("dane-only"), Match::Spelling(PolicyClass::Tlsa));
        assert_eq!(match_policy_class("other"), Match::Unknown);
        assert_eq!(match_policy_class("invalid-policy-type"), Match::Unknown);
    }

    #[test]
    fn other_spellings_of_a_result_type_find_the_registrys_name() {
        assert_eq!(match_result_type("certificate-expired"), Match::Exact(ResultType::CertificateExpired));
        assert_eq!(match_result_type("CERTIFICATE_EXPIRED"), Match::Spelling(ResultType::CertificateExpired));
        assert_eq!(match_result_type("other"), Match::Unknown);
        assert_eq!(match_result_type("expired"), Match::Unknown);
    }
}
