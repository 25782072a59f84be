//! The UTC days that a route gives figures of.

use tlsrpt_report::Day;

use crate::{
    config::QueryConfig,
    parameters::{Parameters, invalid},
    problem::Problem,
};

/// The days asked for by `from` and `to`, inclusive: so many up to `to`, and `to` is today, unless the request says otherwise.
pub(crate) fn period(parameters: &Parameters, config: &QueryConfig, today: Day, default_days: i32) -> Result<(Day, Day), Problem> {
    let to = parameters.day("to")?.unwrap_or(today);
    let from = parameters.day("from")?.unwrap_or_else(|| to.plus(1 - default_days));
    if from > to {
        return Err(invalid("from", format!("The period ends on {to}, before it begins on {from}.")));
    }
    let days = i64::from(to.0) - i64::from(from.0) + 1;
    if days > i64::from(config.period_max_days) {
        return Err(invalid("from", format!("The period has {days} days: ask for {} at most.", config.period_max_days)));
    }
    Ok((from, to))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::parameters::{FROM, TO};

    fn asked(query: &str) -> Result<(Day, Day), Problem> {
        let parameters = Parameters::parse(query, &[FROM, TO])?;
        period(&parameters, &QueryConfig::default(), "2026-03-31".parse().unwrap(), 30)
    }

    #[test]
    fn the_default_period_is_the_last_30_days_with_today() {
        assert_eq!(asked("").unwrap(), ("2026-03-02".parse().unwrap(), "2026-03-31".parse().unwrap()));
        assert_eq!(asked("to=2026-01-30").unwrap(), ("2026-01-01".parse().unwrap(), "2026-01-30".parse().unwrap()));
        assert_eq!(asked("from=2026-03-31").unwrap(), ("2026-03-31".parse().unwrap(), "2026-03-31".parse().unwrap()));
    }

    #[test]
    fn a_period_that_ends_before_it_begins_or_is_too_long_is_refused() {
        assert!(asked("from=2026-04-01").is_err());
        assert!(asked("from=2026-02-02&to=2026-02-01").is_err());
        assert!(asked("from=2016-01-01&to=2026-03-31").is_err());
    }
}
