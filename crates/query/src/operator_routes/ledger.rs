//! `GET /admin/v1/ledger`: what was accepted, and what became of it.

use axum::Json;
use serde::Serialize;
use tlsrpt_report::Day;
use tlsrpt_store::Fates;
use utoipa::ToSchema;

use crate::{
    auth::Support,
    clock::today,
    config::QueryConfig,
    parameters::{Asked, FROM, FromParameters, Parameter, Parameters, TO, invalid},
    pending::Pending,
    problem::Problem,
};

/// UTC days of receipt, inclusive; an end that is not given is open.
pub(crate) struct Received {
    from: Option<Day>,
    to: Option<Day>,
}

impl FromParameters for Received {
    const PARAMETERS: &'static [Parameter] = &[FROM, TO];
    fn read(parameters: &Parameters, _: &QueryConfig) -> Result<Self, Problem> {
        let (from, to) = period(parameters)?;
        Ok(Self { from, to })
    }
}

/// UTC days, inclusive; an end that is not given is open.
pub(super) fn period(parameters: &Parameters) -> Result<(Option<Day>, Option<Day>), Problem> {
    match (parameters.day("from")?, parameters.day("to")?) {
        (Some(from), Some(to)) if from > to => Err(invalid("from", format!("The period ends on {to}, before it begins on {from}."))),
        period => Ok(period),
    }
}

/// The ledger; `accepted` is the sum of the rest.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Ledger {
    accepted: u64,
    stored: u64,
    duplicate: u64,
    unclaimed: u64,
    rejected: u64,
    /// Submissions and replays on the log; see [`Pending`] for what the number promises.
    pending: u64,
}

impl Ledger {
    /// The log knows when it took a submission and not whose day it counts for, so all that is pending counts when the period
    /// meets the days from the oldest of it to today.
    fn new(received: &Received, pending: Pending, fates: Fates, today: Day) -> Self {
        let oldest = pending.oldest.unwrap_or(today).min(today);
        let counts = received.to.is_none_or(|to| to >= oldest) && received.from.is_none_or(|from| from <= today);
        let pending = if counts { pending.submissions } else { 0 };
        let Fates { stored, duplicate, unclaimed, rejected } = fates;
        Self { accepted: stored + duplicate + unclaimed + rejected + pending, stored, duplicate, unclaimed, rejected, pending }
    }
}

pub(crate) async fn answer(support: Support, Asked(received): Asked<Received>) -> Result<Json<Ledger>, Problem> {
    // The log before the store: what is written in between counts in both for once, and never in neither.
    let pending = support.pipeline().pending().await.map_err(|error| Problem::log("ask the log how much is pending", &error))?;
    let fates = support.store().fates(received.from, received.to).await?;
    Ok(Json(Ledger::new(&received, pending, fates, today())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_is_the_sum_and_what_is_pending_counts_only_for_periods_that_it_may_belong_to() {
        let fates = Fates { stored: 5, duplicate: 4, unclaimed: 3, rejected: 2 };
        let today = Day(100);
        let check = |from: Option<i32>, to: Option<i32>, oldest: Option<i32>, accepted: u64| {
            let pending = Pending { submissions: 7, oldest: oldest.map(Day) };
            let ledger = Ledger::new(&Received { from: from.map(Day), to: to.map(Day) }, pending, fates, today);
            assert_eq!((ledger.accepted, ledger.pending), (accepted, accepted - 14), "{from:?} {to:?} {oldest:?}");
        };
        check(None, None, Some(100), 21);
        check(Some(100), Some(100), Some(100), 21);
        check(None, Some(99), Some(100), 14);
        check(None, Some(99), Some(98), 21);
        check(Some(50), Some(97), Some(98), 14);
        check(Some(101), None, Some(98), 14);
        check(Some(100), None, None, 21);
    }
}
