//! A DNS domain in the one spelling that the whole pipeline compares by.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest name in presentation form without the final dot (RFC 1035 2.3.4).
pub const DOMAIN_MAX_BYTES: usize = 253;
/// Longest label (RFC 1035 2.3.4).
pub const LABEL_MAX_BYTES: usize = 63;

/// A domain name: A-labels, lower case, no final dot, no surrounding space.
///
/// Two spellings of one name give equal values, so equality is ownership's test and never a substring.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "example.com", pattern = "^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?([.][a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$")]
pub struct Domain(Box<str>);

/// Why a text is no domain name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// Nothing is left after trimming.
    #[error("the domain is empty")]
    Empty,
    /// Longer than [`DOMAIN_MAX_BYTES`] or with a label longer than [`LABEL_MAX_BYTES`].
    #[error("the domain is longer than DNS allows (253 bytes, 63 a label)")]
    TooLong,
    /// Not a name that IDNA (UTS 46) or DNS knows.
    #[error("the text is not a domain name: use letters, digits, hyphens and dots")]
    Invalid,
}

impl Domain {
    /// Normalises `text`: trims space and one final dot, maps U-labels to A-labels (UTS 46), lower-cases.
    ///
    /// # Errors
    /// [`DomainError`] when nothing usable is left.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        let trimmed = text.trim();
        let trimmed = trimmed.strip_suffix('.').unwrap_or(trimmed);
        if trimmed.is_empty() {
            return Err(DomainError::Empty);
        }
        if trimmed.len() > DOMAIN_MAX_BYTES * 4 {
            return Err(DomainError::TooLong);
        }
        // Most names arrive in their normal form: no allocation but the result's.
        if is_normal(trimmed) {
            return Ok(Self(trimmed.into()));
        }
        let ascii = idna::domain_to_ascii(trimmed).map_err(|_| DomainError::Invalid)?;
        if ascii.len() > DOMAIN_MAX_BYTES || ascii.split('.').any(|label| label.len() > LABEL_MAX_BYTES) {
            return Err(DomainError::TooLong);
        }
        if is_normal(&ascii) { Ok(Self(ascii.into())) } else { Err(DomainError::Invalid) }
    }

    /// The normal form, such as `xn--bcher-kva.example`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name itself and then each parent by whole labels: `a.b.c`, `b.c`, `c`.
    pub fn self_and_parents(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.as_str()), |name| name.split_once('.').map(|(_, parent)| parent))
    }
}

/// Whether `name` is in normal form already. A name with an `xn--` label is checked by IDNA first time round only when
/// it has upper case or other odd bytes; a made-up A-label is still a distinct, harmless DNS name.
fn is_normal(name: &str) -> bool {
    name.len() <= DOMAIN_MAX_BYTES
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= LABEL_MAX_BYTES
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        })
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Domain {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Domain {
    type Error = DomainError;
    fn try_from(text: String) -> Result<Self, DomainError> {
        Self::parse(&text)
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.0.into()
    }
}

impl std::borrow::Borrow<str> for Domain {
    fn borrow(&self) -> &str {
        &self.0
    }
}
