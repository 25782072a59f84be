//! Submission ids.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use tlsrpt_report::UnixMillis;
use uuid::Uuid;

/// The id that the edge gives a submission: a UUIDv7 whose time is the receipt, so that ids sort by receipt and a submission
/// is found by its id alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubmissionId(pub Uuid);

/// A text or a UUID that is no submission id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a submission id: a UUIDv7, as the edge's 201 answers it")]
pub struct SubmissionIdError;

impl SubmissionId {
    /// A new id for a submission that is received at this moment, to the millisecond; the rest is random and rising.
    #[must_use]
    pub fn now() -> Self {
        Self(Uuid::now_v7())
    }

    /// When the submission was received.
    #[must_use]
    pub fn received_at(self) -> UnixMillis {
        // The first 48 bits of a UUIDv7 (RFC 9562 5.7).
        UnixMillis(i64::try_from(self.0.as_u128() >> 80).unwrap_or(i64::MAX))
    }
}

impl TryFrom<Uuid> for SubmissionId {
    type Error = SubmissionIdError;
    fn try_from(uuid: Uuid) -> Result<Self, SubmissionIdError> {
        if uuid.get_version_num() == 7 { Ok(Self(uuid)) } else { Err(SubmissionIdError) }
    }
}

impl fmt::Display for SubmissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for SubmissionId {
    type Err = SubmissionIdError;
    fn from_str(text: &str) -> Result<Self, SubmissionIdError> {
        Uuid::parse_str(text).map_err(|_| SubmissionIdError)?.try_into()
    }
}
