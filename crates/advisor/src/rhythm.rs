//! How often a reporter reports, and whether it fell silent.

use serde::Serialize;
use tlsrpt_report::Day;
use utoipa::ToSchema;

/// Fewest reported days from which a rhythm can be told.
const DAYS_MIN: usize = 5;
/// How late a report may be without a word being lost of it, days: a day's report is made on the next, and senders retry for a day
/// (RFC 8460 4.1).
const LATE_DAYS: i64 = 2;

/// A reporter's days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rhythm {
    /// Days that it reported on.
    pub days: usize,
    /// Days from one reported day to the next, the middle of all; null with fewer than five reported days, from which no rhythm can be
    /// told.
    pub usual_gap_days: Option<u16>,
    /// Its first reported day of those that were looked at.
    pub first_day: Day,
    /// Its last reported day.
    pub last_day: Day,
    /// Whether it usually reports and stopped: nothing came for longer than nine of ten times before, one usual time and two days more.
    pub is_silent: bool,
}

impl Rhythm {
    /// The rhythm as of a day, from the days that a reporter reported on, in any order; none when there is none up to it.
    pub fn of(days: impl IntoIterator<Item = Day>, as_of: Day) -> Option<Self> {
        let mut days: Vec<Day> = days.into_iter().filter(|&day| day <= as_of).collect();
        days.sort_unstable();
        days.dedup();
        let (&first_day, &last_day) = (days.first()?, days.last()?);
        let mut gaps: Vec<i64> = days.iter().zip(days.iter().skip(1)).map(|(a, b)| i64::from(b.0) - i64::from(a.0)).collect();
        gaps.sort_unstable();
        let since = i64::from(as_of.0) - i64::from(last_day.0);
        let told = gaps.get(gaps.len() / 2).zip(gaps.get(gaps.len() * 9 / 10)).filter(|_| days.len() >= DAYS_MIN);
        Some(Self {
            days: days.len(),
            usual_gap_days: told.and_then(|(&usual, _)| u16::try_from(usual).ok()),
            first_day,
            last_day,
            is_silent: told.is_some_and(|(usual, long)| since > long + usual + LATE_DAYS),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[track_caller]
    fn check(days: impl IntoIterator<Item = i32>, as_of: i32, usual: Option<u16>, is_silent: bool) {
        let found = Rhythm::of(days.into_iter().map(Day), Day(as_of)).unwrap();
        assert_eq!((found.usual_gap_days, found.is_silent), (usual, is_silent), "{found:?}");
    }

    #[test]
    fn a_daily_reporter_is_silent_after_four_days_and_a_weekly_one_after_sixteen() {
        check(1..=30, 34, Some(1), false);
        check(1..=30, 35, Some(1), true);
        check((1..=50).step_by(7), 66, Some(7), false);
        check((1..=50).step_by(7), 67, Some(7), true);
    }

    #[test]
    fn a_reporter_that_comes_now_and_then_is_given_the_time_that_it_takes() {
        let days = [1, 2, 9, 10, 24, 25, 26, 40, 41, 55];
        check(days, 55 + 14 + 1 + 2, Some(1), false);
        check(days, 55 + 14 + 1 + 3, Some(1), true);
    }

    #[test]
    fn who_reported_a_few_times_only_has_no_rhythm_and_is_not_silent() {
        check([1, 2, 3, 4], 90, None, false);
        check([4, 2, 3, 1, 5], 90, Some(1), true);
        assert_eq!(Rhythm::of([Day(5)], Day(4)), None);
    }

    #[test]
    fn later_days_change_nothing_nor_does_the_order() {
        let forward = Rhythm::of((1..=20).map(Day), Day(10));
        assert_eq!(forward, Rhythm::of((1..=10).rev().map(Day), Day(10)));
    }
}
