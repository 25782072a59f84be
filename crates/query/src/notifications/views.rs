//! What is known of a tenant's domains now.

use std::collections::BTreeMap;

use tlsrpt_advisor::{Rule, State};
use tlsrpt_notify::{DomainView, FailureClass, QUIET_DAYS};
use tlsrpt_report::{Day, Domain, Trust};
use tlsrpt_store::{Filter, StoreError, TenantQueries};

use crate::readiness::{history, silent, verdicts};

/// What is known of these domains as of a day, from reports of this trust at least; all count when none is given.
///
/// # Errors
/// What the database answers.
pub(super) async fn views(
    queries: &TenantQueries,
    domains: Vec<Domain>,
    rule: &Rule,
    minimum: Option<Trust>,
    today: Day,
) -> Result<Vec<DomainView>, StoreError> {
    let mut verdicts = verdicts(queries, &history(today).above(minimum), rule).await?;
    // Twice the days, so that the first of a class that goes on is no surprise.
    let recent = Filter::period(today.plus(1 - 2 * QUIET_DAYS), today).above(minimum);
    let mut classes: BTreeMap<String, Vec<FailureClass>> = BTreeMap::new();
    for class in queries.blocking(&recent).await? {
        classes.entry(class.domain).or_default().push(FailureClass {
            result: class.result_type,
            receiving_mx: class.receiving_mx.unwrap_or_default(),
            first_seen: class.first_seen,
            last_seen: class.last_seen,
            failed_sessions: class.failed_sessions,
        });
    }
    let view = |domain: Domain| {
        let verdict = verdicts.remove(domain.as_str());
        let (state, since) =
            verdict.as_ref().map_or((State::NoReports, None), |verdict| (verdict.readiness.state, verdict.readiness.since));
        let blocking = classes.remove(domain.as_str()).unwrap_or_default();
        let silent_reporters = verdict
            .iter()
            .flat_map(|verdict| silent(&verdict.days, today))
            .map(|silent| (silent.reporter, silent.rhythm.last_day))
            .collect();
        DomainView { domain, state, since, blocking, silent_reporters }
    };
    Ok(domains.into_iter().map(view).collect())
}
