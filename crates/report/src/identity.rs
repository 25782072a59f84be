//! What makes two reports the same report.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The identity of one policy's block in one report: 128 bits of a BLAKE3 hash over organisation, report-id, policy
/// domain, policy type, policy text and period. Written as 32 lower-case hexadecimal digits.
///
/// A cryptographic hash, since anybody may post: nobody can make a report that takes another's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReportKey(pub u128);

/// A text that is not a report key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a report key: 32 hexadecimal digits, as `report_key` in the list of reports shows them")]
pub struct ReportKeyError;

impl fmt::Display for ReportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for ReportKey {
    type Err = ReportKeyError;
    fn from_str(text: &str) -> Result<Self, ReportKeyError> {
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(ReportKeyError);
        }
        u128::from_str_radix(text, 16).map(ReportKey).map_err(|_| ReportKeyError)
    }
}
