//! Points in time as plain numbers: the crate has no clock, so whoever calls brings the time.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnixMillis(pub i64);

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnixSeconds(pub i64);

/// A UTC day as days since 1970-01-01; written `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = Date, example = "2026-05-13")]
pub struct Day(pub i32);

/// A text that is not a calendar day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a day: write YYYY-MM-DD, for example 2026-05-13")]
pub struct DayError;

/// A text that is not a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a moment: write RFC 3339 with a zone, for example 2026-05-13T08:30:00Z")]
pub struct UnixMillisError;

const SECONDS_PER_DAY: i64 = 86_400;

impl UnixMillis {
    /// The UTC day that holds this moment.
    #[must_use]
    pub fn day(self) -> Day {
        UnixSeconds(self.0.div_euclid(1000)).day()
    }

    /// RFC 3339 in UTC with milliseconds, such as `2026-05-13T00:00:00.000Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).map(|t| format!("{t:.3}")).unwrap_or_default()
    }
}

impl FromStr for UnixMillis {
    type Err = UnixMillisError;
    fn from_str(text: &str) -> Result<Self, UnixMillisError> {
        text.parse().map(|at: jiff::Timestamp| Self(at.as_millisecond())).map_err(|_| UnixMillisError)
    }
}

impl UnixSeconds {
    /// The UTC day that holds this moment.
    #[must_use]
    pub fn day(self) -> Day {
        let days = self.0.div_euclid(SECONDS_PER_DAY);
        Day(i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX }))
    }

    /// RFC 3339 in UTC, such as `2026-05-13T00:00:00Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_second(self.0).map(|t| t.to_string()).unwrap_or_default()
    }
}

impl Day {
    fn date(self) -> Option<jiff::civil::Date> {
        jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(i64::from(self.0)).ok()?).ok()
    }

    /// The first moment of the day.
    #[must_use]
    pub fn start(self) -> UnixSeconds {
        UnixSeconds(i64::from(self.0) * SECONDS_PER_DAY)
    }

    /// The day `days` later (earlier when negative).
    #[must_use]
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date() {
            Some(date) => write!(f, "{date}"),
            None => write!(f, "day {}", self.0),
        }
    }
}

impl FromStr for Day {
    type Err = DayError;
    fn from_str(text: &str) -> Result<Self, DayError> {
        let shaped =
            text.len() == 10 && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
        if !shaped {
            return Err(DayError);
        }
        let date: jiff::civil::Date = text.parse().map_err(|_| DayError)?;
        Ok(UnixSeconds(date.duration_since(jiff::civil::date(1970, 1, 1)).as_secs()).day())
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i32(self.0) }
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            i32::deserialize(deserializer).map(Day)
        }
    }
}
