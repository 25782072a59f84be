//! The version of a report row: of rows with one identity the greatest counts, on every merge the same one, in whatever order
//! they came in.

use tlsrpt_record::SubmissionId;
use tlsrpt_report::{Trust, UnixMillis};

/// Bits of a time in milliseconds, as in a UUIDv7.
const TIME_BITS: u32 = 48;
const TIME_MAX: u128 = (1 << TIME_BITS) - 1;
const TIE_BITS: u32 = 30;

/// From high to low: trust (2 bits), earlier receipt (48), a part of the submission's id that breaks ties (30), later
/// normalisation (48). So a forger can neither overwrite nor pre-empt a signed report, the first of equals stays, and only a
/// later outcome of the same submission replaces its own row.
pub(crate) fn version(trust: Trust, id: SubmissionId, normalized_at: UnixMillis) -> u128 {
    let earlier = TIME_MAX - time(id.received_at());
    let id = id.0.as_u128();
    let tie = (id ^ (id >> 30) ^ (id >> 60)) & ((1 << TIE_BITS) - 1);
    (trust as u128) << 126 | earlier << 78 | tie << TIME_BITS | time(normalized_at)
}

/// The same row's version as of another normalisation.
pub(crate) fn renormalized(version: u128, normalized_at: UnixMillis) -> u128 {
    version & !TIME_MAX | time(normalized_at)
}

fn time(at: UnixMillis) -> u128 {
    u128::try_from(at.0).unwrap_or(0).min(TIME_MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use uuid::Uuid;

    fn id(millis: u128, rest: u128) -> SubmissionId {
        SubmissionId(Uuid::from_u128(millis << 80 | 7 << 76 | 2 << 62 | rest))
    }

    #[test]
    fn better_trust_wins_then_the_earlier_receipt_then_the_id_then_the_later_normalisation() {
        let at = UnixMillis;
        let base = version(Trust::None, id(1000, 1), at(2000));
        assert!(version(Trust::DkimAligned, id(9000, 1), at(0)) > version(Trust::DkimOther, id(1, 1), at(9000)));
        assert!(version(Trust::None, id(999, 1), at(0)) > base);
        assert!(version(Trust::None, id(1000, 1), at(2001)) > base);
        let other = version(Trust::None, id(1000, 2), at(9999));
        assert_ne!(other, base);
        assert_eq!(other > base, version(Trust::None, id(1000, 2), at(0)) > base, "a tie is broken by the id alone");
        assert_eq!(renormalized(base, at(2001)), version(Trust::None, id(1000, 1), at(2001)));
    }
}
