//! When an imported message was received: the time in its id, which makes importing twice the same as importing once.

use tlsrpt_report::UnixMillis;

/// 2015-01-01: nothing that is imported is older than the first draft of RFC 8460.
const RECEIVED_MIN: UnixMillis = UnixMillis(1_420_070_400_000);
/// How much earlier than its period's end a report may seem to come: clocks and zones are wrong.
const SLACK_MS: i64 = 86_400_000;

/// The first of `candidates` that can be: none is in the future, and none before 2015.
pub(super) fn first_possible(candidates: impl IntoIterator<Item = Option<UnixMillis>>, now: UnixMillis) -> Option<UnixMillis> {
    candidates.into_iter().flatten().find(|&at| (RECEIVED_MIN..=now).contains(&at))
}

/// The receipt of what does not say itself when it came: when its mailbox or its file says so, unless that is before the period
/// of its report was over (`last_end`), as after a copy by a machine whose clock was wrong; then that moment. Only what has none
/// of these came now.
pub(super) fn without_word_of_its_own(fallback: [Option<UnixMillis>; 2], last_end: Option<UnixMillis>, now: UnixMillis) -> UnixMillis {
    let last_end = first_possible([last_end], now);
    let not_before = last_end.map_or(RECEIVED_MIN.0, |end| end.0.saturating_sub(SLACK_MS));
    let late_enough = fallback.map(|at| at.filter(|at| at.0 >= not_before));
    first_possible(late_enough, now).or(last_end).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    #[test]
    fn the_first_time_that_can_be_is_taken() {
        let early = Some(UnixMillis(RECEIVED_MIN.0 - 1));
        let late = Some(UnixMillis(NOW.0 + 1));
        assert_eq!(first_possible([None, early, late, Some(NOW), Some(RECEIVED_MIN)], NOW), Some(NOW));
        assert_eq!(first_possible([Some(RECEIVED_MIN)], NOW), Some(RECEIVED_MIN));
        assert_eq!(first_possible([None, early, late], NOW), None);
    }

    #[test]
    fn a_file_from_before_its_report_was_made_says_nothing() {
        let end = UnixMillis(NOW.0 - 10 * SLACK_MS);
        let at = |ms: i64| Some(UnixMillis(ms));
        assert_eq!(without_word_of_its_own([at(end.0 - SLACK_MS), at(end.0)], Some(end), NOW), UnixMillis(end.0 - SLACK_MS));
        assert_eq!(without_word_of_its_own([at(end.0 - SLACK_MS - 1), at(end.0 + 1)], Some(end), NOW), UnixMillis(end.0 + 1));
        assert_eq!(without_word_of_its_own([at(RECEIVED_MIN.0), None], Some(end), NOW), end);
        assert_eq!(without_word_of_its_own([at(RECEIVED_MIN.0), None], at(i64::MAX), NOW), RECEIVED_MIN);
        assert_eq!(without_word_of_its_own([None, None], None, NOW), NOW);
    }
}
