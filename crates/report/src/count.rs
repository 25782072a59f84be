//! Numbers of sessions. Wide (a busy sender passes 32 bits in a day) and never invented.

use crate::{json::Scalar, warning::WarningCode};

/// What a count's field holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Count {
    /// No field, null, or a blank text.
    #[default]
    Missing,
    /// Not a whole number from 0.
    Invalid,
    /// A number.
    Known(u64),
    /// A whole number beyond 64 bits, which stands at the largest.
    Saturated,
}

impl Count {
    /// Reads a field. A whole number may be written as text; a fraction of zero is none.
    pub(crate) fn of(scalar: &Scalar<'_>) -> Self {
        match scalar {
            Scalar::Null => Self::Missing,
            Scalar::Unsigned(number) => Self::Known(*number),
            Scalar::Float(number) => of_float(*number),
            Scalar::Text(text) => of_text(text.trim()),
            Scalar::Signed(_) | Scalar::Other => Self::Invalid,
        }
    }

    /// The number, with `missing` or `invalid` told to `mark` when there is none.
    pub(crate) fn known(self, missing: WarningCode, invalid: WarningCode, mut mark: impl FnMut(WarningCode)) -> Option<u64> {
        match self {
            Self::Known(number) => return Some(number),
            Self::Saturated => {
                mark(WarningCode::CountSaturated);
                return Some(u64::MAX);
            }
            Self::Missing => mark(missing),
            Self::Invalid => mark(invalid),
        }
        None
    }
}

/// 2^64, the first whole number that does not fit.
const TOO_LARGE: f64 = 18_446_744_073_709_551_616.0;

/// serde_json gives numbers beyond 64 bits, and those with a fraction or an exponent, as floats.
fn of_float(number: f64) -> Count {
    if number.fract() != 0.0 || number < 0.0 || number.is_nan() {
        Count::Invalid
    } else if number >= TOO_LARGE {
        Count::Saturated
    } else {
        // In range and whole, by the tests above.
        Count::Known(number as u64)
    }
}

fn of_text(text: &str) -> Count {
    if text.is_empty() {
        return Count::Missing;
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Count::Invalid;
    }
    // Digits only, so the one thing that can be wrong is the size.
    text.parse().map_or(Count::Saturated, Count::Known)
}

/// A sum that stops at the largest number; whether it did.
pub(crate) fn sum(counts: impl Iterator<Item = u64>) -> (u64, bool) {
    counts.fold((0, false), |(total, over), count| match u64::checked_add(total, count) {
        Some(total) => (total, over),
        None => (u64::MAX, true),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn text(text: &str) -> Count {
        Count::of(&Scalar::Text(text.into()))
    }

    #[test]
    fn whole_numbers_count_however_they_are_written() {
        assert_eq!(Count::of(&Scalar::Unsigned(7)), Count::Known(7));
        assert_eq!(Count::of(&Scalar::Float(7.0)), Count::Known(7));
        assert_eq!(Count::of(&Scalar::Float(-0.0)), Count::Known(0));
        assert_eq!(text(" 7 "), Count::Known(7));
        assert_eq!(text("007"), Count::Known(7));
        assert_eq!(text("18446744073709551615"), Count::Known(u64::MAX));
    }

    #[test]
    fn what_is_no_count_is_never_taken_for_zero() {
        assert_eq!(Count::of(&Scalar::Null), Count::Missing);
        assert_eq!(text(" "), Count::Missing);
        for scalar in [Scalar::Signed(-1), Scalar::Float(0.5), Scalar::Float(-2.0), Scalar::Float(-1e300), Scalar::Other] {
            assert_eq!(Count::of(&scalar), Count::Invalid, "{scalar:?}");
        }
        for sent in ["-1", "+1", "1.5", "0x10", "three", "1 000", "1e3"] {
            assert_eq!(text(sent), Count::Invalid, "{sent}");
        }
    }

    #[test]
    fn numbers_beyond_64_bits_stand_at_the_largest() {
        assert_eq!(Count::of(&Scalar::Float(TOO_LARGE)), Count::Saturated);
        assert_eq!(Count::of(&Scalar::Float(1e300)), Count::Saturated);
        assert_eq!(text("18446744073709551616"), Count::Saturated);
        assert_eq!(text(&"9".repeat(500)), Count::Saturated);
    }

    #[test]
    fn a_sum_stops_at_the_largest_number() {
        assert_eq!(sum([1, 2, 3].into_iter()), (6, false));
        assert_eq!(sum([u64::MAX, 1, 1].into_iter()), (u64::MAX, true));
    }
}
