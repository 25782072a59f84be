//! Dates of `date-range`, in each form that senders are known to write.

/// Whether a date was written as RFC 8460 4.4 asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// RFC 3339, with a zone.
    Rfc3339,
    /// Another form.
    Otherwise,
}

/// Seconds since 1970-01-01T00:00:00Z of a date text.
///
/// RFC 3339, and beyond it: no zone (read as UTC), a blank instead of `T`, a date alone (its midnight), no seconds, epoch
/// seconds. Fractions are dropped.
pub(crate) fn parse(text: &str) -> Option<(i64, Written)> {
    fast(text.as_bytes()).map(|seconds| (seconds, Written::Rfc3339)).or_else(|| lenient(text.trim()))
}

/// Epoch seconds; as milliseconds when only that gives a date of this age.
pub(crate) fn of_epoch(number: i64) -> Option<(i64, Written)> {
    const MILLIS_FROM: i64 = 100_000_000_000;
    let seconds = if number >= MILLIS_FROM { number / 1000 } else { number };
    // 0 and small numbers are how a missing date is written, not 1970.
    (seconds > 86_400).then_some((seconds, Written::Otherwise))
}

/// Epoch seconds with a fraction.
pub(crate) fn of_epoch_float(number: f64) -> Option<(i64, Written)> {
    // The cast saturates, and what is out of range is sorted out by its value later.
    if number.is_nan() { None } else { of_epoch(number.floor() as i64) }
}

/// `YYYY-MM-DDTHH:MM:SSZ` exactly.
fn fast(text: &[u8]) -> Option<i64> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'Z'] = text else { return None };
    let two = |a: u8, b: u8| -> Option<i64> {
        (a.is_ascii_digit() && b.is_ascii_digit()).then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    seconds(year, two(m1, m2)?, two(d1, d2)?, two(h1, h2)?, two(n1, n2)?, two(s1, s2)?)
}

fn lenient(text: &str) -> Option<(i64, Written)> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return of_epoch(text.parse().unwrap_or(i64::MAX));
    }
    let mut rest = Rest(text.as_bytes());
    let year = rest.digits(4)?;
    rest.expect(b'-')?;
    let month = rest.digits(2)?;
    rest.expect(b'-')?;
    let day = rest.digits(2)?;
    if rest.0.is_empty() {
        return Some((seconds(year, month, day, 0, 0, 0)?, Written::Otherwise));
    }
    let mut written = Written::Rfc3339;
    if !rest.accept(b"Tt") {
        rest.accept(b" ").then_some(())?;
        rest.skip_blanks();
        written = Written::Otherwise;
    }
    let hour = rest.digits(2)?;
    rest.expect(b':')?;
    let minute = rest.digits(2)?;
    let mut second = 0;
    if rest.accept(b":") {
        second = rest.digits(2)?;
        if rest.accept(b".,") {
            rest.digits(1)?;
            while rest.digits(1).is_some() {}
        }
    } else {
        written = Written::Otherwise;
    }
    if rest.0.starts_with(b" ") {
        rest.skip_blanks();
        written = Written::Otherwise;
    }
    let offset = match rest.0 {
        b"Z" | b"z" => 0,
        b"" | b"UTC" | b"utc" | b"GMT" | b"gmt" => {
            written = Written::Otherwise;
            0
        }
        _ => {
            let sign = if rest.accept(b"+") { 1 } else { rest.accept(b"-").then_some(-1)? };
            let hours = rest.digits(2)?;
            if !rest.accept(b":") {
                written = Written::Otherwise;
            }
            let minutes = if rest.0.is_empty() { 0 } else { rest.digits(2)? };
            if !rest.0.is_empty() || hours > 23 || minutes > 59 {
                return None;
            }
            sign * (hours * 3600 + minutes * 60)
        }
    };
    Some((seconds(year, month, day, hour, minute, second)? - offset, written))
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// The number that the next `count` bytes write.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let mut number = 0;
        for digit in digits {
            number = number * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        }
        self.0 = rest;
        Some(number)
    }

    fn accept(&mut self, any: &[u8]) -> bool {
        let Some((first, rest)) = self.0.split_first() else { return false };
        let accepted = any.contains(first);
        if accepted {
            self.0 = rest;
        }
        accepted
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.accept(&[byte]).then_some(())
    }

    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }
}

/// Seconds since 1970 of a UTC date and time. 24:00:00 is the next midnight, and second 60 a leap second (RFC 3339 5.6).
fn seconds(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    let end_of_day = hour == 24 && minute == 0 && second == 0;
    if day < 1 || day > month_days || minute > 59 || second > 60 || (hour > 23 && !end_of_day) {
        return None;
    }
    // Days since 1970 by counting from March, so that the leap day is the last of its year.
    let shifted = if month > 2 { year } else { year - 1 };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    const MIDNIGHT: i64 = 1_778_630_400; // 2026-05-13T00:00:00Z

    fn check(text: &str, seconds: i64, written: Written) {
        assert_eq!(parse(text), Some((seconds, written)), "{text:?}");
    }

    #[test]
    fn rfc_3339_is_read_with_any_zone_and_fraction() {
        check("2026-05-13T00:00:00Z", MIDNIGHT, Written::Rfc3339);
        check("2026-05-13t00:00:00z", MIDNIGHT, Written::Rfc3339);
        check("2026-05-13T00:00:00+00:00", MIDNIGHT, Written::Rfc3339);
        check("2026-05-13T02:00:00+02:00", MIDNIGHT, Written::Rfc3339);
        check("2026-05-12T18:30:00-05:30", MIDNIGHT, Written::Rfc3339);
        check("2026-05-13T23:59:59.999999999Z", MIDNIGHT + 86_399, Written::Rfc3339);
        check("2026-06-30T23:59:60Z", 1_782_864_000, Written::Rfc3339);
    }

    #[test]
    fn other_forms_are_read_and_told() {
        check("2026-05-13T00:00:00", MIDNIGHT, Written::Otherwise);
        check("2026-05-13T00:00:00.000", MIDNIGHT, Written::Otherwise);
        check("2026-05-13 00:00:00", MIDNIGHT, Written::Otherwise);
        check("2026-05-13 00:00:00 UTC", MIDNIGHT, Written::Otherwise);
        check("2026-05-13 00:00:00 +0000", MIDNIGHT, Written::Otherwise);
        check("2026-05-13 00:00:00Z", MIDNIGHT, Written::Otherwise);
        check("2026-05-13T02:00:00+0200", MIDNIGHT, Written::Otherwise);
        check("2026-05-13T00:00Z", MIDNIGHT, Written::Otherwise);
        check("2026-05-13", MIDNIGHT, Written::Otherwise);
        check(" 2026-05-13T24:00:00Z ", MIDNIGHT + 86_400, Written::Rfc3339);
        check("1778630400", MIDNIGHT, Written::Otherwise);
        check("1778630400000", MIDNIGHT, Written::Otherwise);
        assert_eq!(of_epoch(MIDNIGHT), Some((MIDNIGHT, Written::Otherwise)));
        assert_eq!(of_epoch_float(MIDNIGHT as f64 + 0.5), Some((MIDNIGHT, Written::Otherwise)));
    }

    #[test]
    fn what_is_no_date_is_never_1970() {
        for text in [
            "",
            "0",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-05-13T25:00:00Z",
            "2026-05-13T24:00:01Z",
            "2026-05-13T00:00:00Zjunk",
            "2026-05-13T00:00:00+",
            "2026-5-13",
            "13.05.2026",
            "2026-05-13T00:00:00.Z",
            "2026-00-10",
            "2026-05-13T00:61:00Z",
            "２０２６-05-13",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(of_epoch(0), None);
        assert_eq!(of_epoch(-5), None);
        assert_eq!(of_epoch_float(f64::NAN), None);
    }

    #[test]
    fn every_day_from_2015_to_2100_agrees_with_the_calendar() {
        let mut day: jiff::civil::Date = "2015-01-01".parse().unwrap();
        let mut expected = crate::limits::DATE_MIN_UNIX_SECONDS;
        while day.year() < 2101 {
            assert_eq!(parse(&format!("{day}T00:00:00Z")), Some((expected, Written::Rfc3339)), "{day}");
            day = day.tomorrow().unwrap();
            expected += 86_400;
        }
    }
}
