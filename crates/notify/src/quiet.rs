//! Hours in which a tenant is told nothing.

use jiff::{Timestamp, civil::Time, tz::TimeZone};
use serde::{Deserialize, Serialize};
use tlsrpt_report::UnixMillis;

/// Hours of every day, by the clock of a place. They may go over midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct QuietHours {
    from: Time,
    to: Time,
    zone: TimeZone,
    name: String,
}

/// As they are written.
#[derive(Serialize, Deserialize)]
struct Written {
    from: String,
    to: String,
    time_zone: String,
}

/// Not quiet hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuietHoursError {
    /// Not a time of a clock.
    #[error("a time is written as hours and minutes, from 00:00 to 23:59")]
    Time,
    /// They would begin when they end.
    #[error("quiet hours begin and end at different times: leave them out for none")]
    Empty,
    /// No such time zone.
    #[error("a time zone is one of IANA's, such as Europe/Berlin or UTC")]
    Zone,
}

/// Longest name of a time zone, bytes.
const ZONE_MAX_BYTES: usize = 64;

impl QuietHours {
    /// From `from` to `to`, each as `HH:MM`, by the clock of this IANA time zone.
    ///
    /// # Errors
    /// [`QuietHoursError`].
    pub fn new(from: &str, to: &str, time_zone: &str) -> Result<Self, QuietHoursError> {
        let (from, to) = (time(from)?, time(to)?);
        if from == to {
            return Err(QuietHoursError::Empty);
        }
        if time_zone.len() > ZONE_MAX_BYTES {
            return Err(QuietHoursError::Zone);
        }
        let zone = TimeZone::get(time_zone).map_err(|_| QuietHoursError::Zone)?;
        let name = zone.iana_name().ok_or(QuietHoursError::Zone)?.to_owned();
        Ok(Self { from, to, zone, name })
    }

    /// Whether it is quiet at this moment: from the first minute to before the last.
    #[must_use]
    pub fn holds(&self, at: UnixMillis) -> bool {
        let Ok(at) = Timestamp::from_millisecond(at.0) else { return false };
        let time = at.to_zoned_datetime(self.zone.clone()).time();
        if self.from < self.to { (self.from..self.to).contains(&time) } else { time >= self.from || time < self.to }
    }

    /// When they begin, `HH:MM`.
    #[must_use]
    pub fn from(&self) -> String {
        written(self.from)
    }

    /// When they end, `HH:MM`.
    #[must_use]
    pub fn to(&self) -> String {
        written(self.to)
    }

    /// By which clock.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        &self.name
    }
}

fn time(text: &str) -> Result<Time, QuietHoursError> {
    let two = |digits: &str| if digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse::<i8>().ok() } else { None };
    let (hours, minutes) = text.split_once(':').ok_or(QuietHoursError::Time)?;
    let (hours, minutes) = two(hours).zip(two(minutes)).ok_or(QuietHoursError::Time)?;
    Time::new(hours, minutes, 0, 0).map_err(|_| QuietHoursError::Time)
}

fn written(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

impl TryFrom<Written> for QuietHours {
    type Error = QuietHoursError;
    fn try_from(written: Written) -> Result<Self, QuietHoursError> {
        Self::new(&written.from, &written.to, &written.time_zone)
    }
}

impl From<QuietHours> for Written {
    fn from(hours: QuietHours) -> Self {
        Self { from: hours.from(), to: hours.to(), time_zone: hours.name }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[track_caller]
    fn check(hours: &QuietHours, at: &str, holds: bool) {
        assert_eq!(hours.holds(at.parse().unwrap()), holds, "{at}");
    }

    #[test]
    fn quiet_hours_go_over_midnight_by_the_clock_of_their_place_in_summer_and_winter() {
        let hours = QuietHours::new("22:00", "07:00", "Europe/Berlin").unwrap();
        check(&hours, "2026-01-15T20:59:59Z", false);
        check(&hours, "2026-01-15T21:00:00Z", true);
        check(&hours, "2026-01-16T05:59:59Z", true);
        check(&hours, "2026-01-16T06:00:00Z", false);
        // An hour earlier in summer.
        check(&hours, "2026-07-15T20:00:00Z", true);
        check(&hours, "2026-07-16T05:00:00Z", false);
        let lunch = QuietHours::new("12:00", "13:30", "UTC").unwrap();
        check(&lunch, "2026-07-16T12:00:00Z", true);
        check(&lunch, "2026-07-16T13:30:00Z", false);
    }

    #[test]
    fn what_is_no_time_or_no_zone_is_refused() {
        for (from, to, zone) in [
            ("24:00", "07:00", "UTC"),
            ("7:00", "08:00", "UTC"),
            ("22:00:00", "07:00", "UTC"),
            ("+1:00", "07:00", "UTC"),
            ("", "07:00", "UTC"),
            ("22:00", "22:00", "UTC"),
            ("22:00", "07:00", "Mars/Olympus"),
            ("22:00", "07:00", ""),
        ] {
            assert!(QuietHours::new(from, to, zone).is_err(), "{from} {to} {zone}");
        }
    }

    #[test]
    fn quiet_hours_are_written_and_read_as_they_stand() {
        let text = r#"{"from":"22:00","to":"07:00","time_zone":"Europe/Berlin"}"#;
        let hours: QuietHours = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&hours).unwrap(), text);
    }
}
