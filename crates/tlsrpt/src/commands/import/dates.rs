//! Moments as mailboxes write them: the `From ` line of an mbox, and IMAP's INTERNALDATE.

use tlsrpt_report::{Day, UnixMillis};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The number of a month, from 1, by its English abbreviation.
fn month(text: &str) -> Option<usize> {
    MONTHS.iter().position(|month| month.eq_ignore_ascii_case(text)).map(|index| index + 1)
}

/// `hh:mm` or `hh:mm:ss` as seconds of the day.
fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let mut part = |max: i64| parts.next().and_then(|part| number(part, 1..=2)).filter(|&part| part <= max);
    let (hour, minute) = (part(23)?, part(59)?);
    // 60 is a leap second.
    let second = part(60);
    if parts.next().is_some() || (second.is_none() && text.matches(':').count() > 1) {
        return None;
    }
    Some(hour * 3600 + minute * 60 + second.unwrap_or(0))
}

/// `+hhmm` or `-hhmm` as seconds east of UTC (RFC 5322 3.3).
fn zone(text: &str) -> Option<i64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let number = number(digits, 4..=4)?;
    Some(sign * (number / 100 * 3600 + number % 100 * 60))
}

/// A number of so many digits.
fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
    if digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn moment(year: i64, month: usize, day: i64, second_of_day: i64, zone: i64) -> Option<UnixMillis> {
    let day: Day = format!("{year:04}-{month:02}-{day:02}").parse().ok()?;
    Some(UnixMillis((day.start().0 + second_of_day - zone) * 1000))
}

/// The moment in what follows `From ` on the line that begins a message of an mbox (RFC 4155): the sender, and a date such as
/// `Thu Nov 26 09:48:51 2026`, with a zone before or after the year or none, which is UTC then. None when there is no such date:
/// then the line is text of a message.
pub(super) fn of_from_line(line: &str) -> Option<UnixMillis> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let at = words.iter().position(|word| month(word.trim_end_matches(',')).is_some())?;
    let month = month(words.get(at)?.trim_end_matches(','))?;
    let rest = words.get(at + 1..)?;
    let day = rest.first().and_then(|day| number(day, 1..=2)).or_else(|| number(words.get(at.checked_sub(1)?)?, 1..=2))?;
    let second_of_day = rest.iter().find_map(|word| time_of_day(word))?;
    let year = rest.iter().find_map(|word| number(word, 4..=4))?;
    moment(year, month, day, second_of_day, rest.iter().find_map(|word| zone(word)).unwrap_or(0))
}

/// The moment of an INTERNALDATE such as ` 1-Nov-2026 09:48:51 +0100` (RFC 3501 9, `date-time`).
pub(super) fn of_internal_date(text: &str) -> Option<UnixMillis> {
    let mut words = text.split_ascii_whitespace();
    let mut date = words.next()?.split('-');
    let (day, month, year) = (number(date.next()?, 1..=2)?, month(date.next()?)?, number(date.next()?, 4..=4)?);
    moment(year, month, day, time_of_day(words.next()?)?, zone(words.next()?)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shown(at: Option<UnixMillis>) -> String {
        at.map_or_else(|| "none".to_owned(), UnixMillis::rfc3339)
    }

    #[test]
    fn the_date_of_a_from_line_is_read_in_every_form_that_programs_write() {
        for (line, expected) in [
            ("a@example.com Thu Nov 26 09:48:51 2026", "2026-11-26T09:48:51.000Z"),
            ("MAILER-DAEMON Thu Nov  6 09:48 2026", "2026-11-06T09:48:00.000Z"),
            ("- Thu Nov 26 09:48:51 2026", "2026-11-26T09:48:51.000Z"),
            ("1790000000000@xxx Thu Nov 26 09:48:51 +0000 2026", "2026-11-26T09:48:51.000Z"),
            ("a@example.com Thu Nov 26 09:48:51 2026 +0100", "2026-11-26T08:48:51.000Z"),
            ("a@example.com Thu, 26 Nov 2026 09:48:51 -0230", "2026-11-26T12:18:51.000Z"),
            ("the first of Nov on we met at 9:30", "none"),
            ("time to time", "none"),
            ("a@example.com Thu Nov 31 09:48:51 2026", "none"),
            ("", "none"),
        ] {
            assert_eq!(shown(of_from_line(line)), expected, "{line}");
        }
    }

    #[test]
    fn an_internal_date_is_read_with_its_zone() {
        assert_eq!(shown(of_internal_date(" 1-Nov-2026 09:48:51 +0100")), "2026-11-01T08:48:51.000Z");
        assert_eq!(shown(of_internal_date("26-nov-2026 23:48:51 -0230")), "2026-11-27T02:18:51.000Z");
        for text in [
            "",
            "1-Nov-2026",
            "1-Nov-2026 09:48:51",
            "31-Feb-2026 09:48:51 +0000",
            "1-Xyz-2026 09:48:51 +0000",
            "1-Nov-2026 25:00:00 +0000",
        ] {
            assert_eq!(of_internal_date(text), None, "{text}");
        }
    }
}
