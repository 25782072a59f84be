//! Submission ids.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use tlsrpt_report::UnixMillis;
use utoipa::ToSchema;
use uuid::{Builder, Uuid};

/// The id of a submission: a UUIDv7 whose time is the receipt, so that ids sort by receipt and a submission is found by its id
/// alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[schema(value_type = String, format = Uuid)]
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

    /// The id of an imported submission: the same for one receipt and one content, so that importing twice changes nothing. The
    /// random part of a UUIDv7 (RFC 9562 5.7) is a hash of the content.
    #[must_use]
    pub fn of_import(received_at: UnixMillis, payload: &[u8]) -> Self {
        let hash = blake3::hash(payload);
        let tail = hash.as_bytes().first_chunk().copied().unwrap_or_default();
        Self(Builder::from_unix_timestamp_millis(u64::try_from(received_at.0).unwrap_or(0), &tail).into_uuid())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imported_submission_has_the_same_id_every_time_and_another_one_for_another_receipt_or_content() {
        const AT: UnixMillis = UnixMillis(1_500_000_000_123);
        let id = SubmissionId::of_import(AT, b"a report");
        assert_eq!(id, SubmissionId::of_import(AT, b"a report"));
        assert_ne!(id, SubmissionId::of_import(AT, b"a report\n"));
        assert_ne!(id, SubmissionId::of_import(UnixMillis(AT.0 + 1), b"a report"));
        assert_eq!((id.received_at(), id.0.get_version_num()), (AT, 7));
        // Ids are in ledgers: this one must stay what it is.
        assert_eq!(id.to_string(), "015d3ef7-987b-73d7-8254-1f5142b29329");
    }
}
