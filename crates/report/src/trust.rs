//! How the origin of a report was verified.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The verdict on a submission's origin, from worst to best, so that `max` is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Trust {
    /// A DKIM signature that did not verify.
    DkimFail = 0,
    /// Nothing to verify: HTTPS, or a mail without a signature.
    None = 1,
    /// DKIM passes for a domain that is not the submitter's.
    DkimOther = 2,
    /// DKIM passes for the submitter's domain (RFC 8460 3).
    DkimAligned = 3,
}

impl Trust {
    /// Every verdict, worst first.
    pub const ALL: [Self; 4] = [Self::DkimFail, Self::None, Self::DkimOther, Self::DkimAligned];

    /// The name that the API and the database use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DkimFail => "dkim-fail",
            Self::None => "none",
            Self::DkimOther => "dkim-other",
            Self::DkimAligned => "dkim-aligned",
        }
    }

    /// The verdict with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trust| trust.as_str() == name)
    }
}
