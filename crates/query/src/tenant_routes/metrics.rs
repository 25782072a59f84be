//! `GET /v1/metrics`: the tenant's figures of the last days for a Prometheus of its own.
//!
//! Gauges and not counters: the figures are of a moving period, and reports come days late, are replaced by better verified ones and
//! are taken back. Every series has the claimed domain that its rows count for; beyond the greatest so many domains, all others
//! stand under `other`, which no claimed domain can be called.

use std::collections::{BTreeMap, BTreeSet};

use prometheus::{Encoder, GaugeVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use tlsrpt_advisor::{Rule, State};
use tlsrpt_report::{Day, Domain, UnixMillis};
use tlsrpt_store::{DomainFigures, FailureDimension, FailureGroup, FailureOrder, Filter};
use utoipa::openapi::Schema;

use super::{domains::closest, narrow::Counted};
use crate::{
    auth::{Metrics, TenantKey},
    clock::now,
    config::QueryConfig,
    description::{Media, Sent, schemas},
    parameters::{Asked, FromParameters, Parameter, Parameters, invalid},
    problem::{Problem, echo},
    readiness::{Verdict, history, verdicts},
};

/// Days of the period when the request does not say, today included.
const DEFAULT_DAYS: u32 = 30;
/// What stands for the domains beyond the bound.
const OTHER: &str = "other";
const MILLIS_PER_SECOND: f64 = 1000.0;

/// The period, which ends today.
pub(crate) struct Period {
    days: u32,
    domains_max: usize,
    rule: Rule,
}

impl FromParameters for Period {
    const PARAMETERS: &'static [Parameter] =
        &[Parameter::new("days", "Days of the period, which ends today; 30 when left out.", |config| {
            schemas::whole(config.period_max_days as usize)
        })
        .example("7")];
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        let period = |days| Self { days, domains_max: config.metrics_max_domains, rule: config.readiness };
        let Some(text) = parameters.one("days")? else { return Ok(period(DEFAULT_DAYS)) };
        match text.parse() {
            Ok(days) if (1..=config.period_max_days).contains(&days) => Ok(period(days)),
            _ => Err(invalid("days", format!("`days={}`: write a whole number from 1 to {}.", echo(text), config.period_max_days))),
        }
    }
}

/// Prometheus' text format.
pub(crate) enum Exposition {}

impl Media for Exposition {
    const ABOUT: &'static str = "The figures as gauges, in Prometheus' text format.";
    fn types() -> Vec<(&'static str, Schema)> {
        vec![("text/plain", schemas::lines())]
    }
}

pub(crate) async fn answer(key: TenantKey<Metrics>, Asked(period): Asked<Period>) -> Result<Sent<Exposition>, Problem> {
    let now = now();
    let to = now.day();
    let from = to.plus(1 - i32::try_from(period.days).unwrap_or(i32::MAX));
    let filter = Counted::of(Filter::period(from, to)).by(&key);
    let by = [FailureDimension::Domain, FailureDimension::ResultType];
    let (history, rule) = (Counted::of(history(to)).by(&key), key.rule(&period.rule));
    let (figures, failures, summary, verdicts) = tokio::try_join!(
        key.queries.domains(&filter),
        key.queries.failures(&filter, &by, FailureOrder::default()),
        key.queries.summary(&filter),
        verdicts(&key.queries, &history, &rule)
    )?;
    let claimed = key.domains().into_iter().map(|claim| claim.domain).collect::<Vec<_>>();
    let figures = Figures::new(&claimed, &figures, &failures, &verdicts, period.domains_max);
    let text = figures.text(summary.reporters, now).map_err(|error| Problem::internal("write metrics", &error))?;
    Ok(Sent::new(prometheus::TEXT_FORMAT, text))
}

/// Figures by claimed domain, those beyond the bound joined.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures<'a> {
    claimed: usize,
    domains: BTreeMap<&'a str, DomainFigures>,
    failures: BTreeMap<(&'a str, &'a str), u64>,
    /// Claimed domains by how far they are with MTA-STS.
    states: BTreeMap<(&'a str, State), i64>,
}

impl<'a> Figures<'a> {
    fn new(
        claimed: &'a [Domain],
        figures: &BTreeMap<String, DomainFigures>,
        failures: &'a [FailureGroup],
        verdicts: &BTreeMap<String, Verdict>,
        domains_max: usize,
    ) -> Self {
        let names: BTreeSet<&str> = claimed.iter().map(Domain::as_str).collect();
        let mut all: BTreeMap<&str, DomainFigures> = names.iter().map(|&name| (name, DomainFigures::default())).collect();
        for (policy_domain, figures) in figures {
            if let Some(name) = closest(&names, policy_domain) {
                all.entry(name).or_default().add(figures);
            }
        }
        // The greatest by sessions keep their names; of two alike the one that comes first.
        let mut by_size: Vec<&str> = all.keys().copied().collect();
        by_size.sort_by_key(|name| {
            std::cmp::Reverse(all.get(name).map_or(0, |sum| u128::from(sum.successful_sessions) + u128::from(sum.failed_sessions)))
        });
        let named: BTreeSet<&str> = by_size.into_iter().take(domains_max).collect();
        let shown = |name: &'a str| if named.contains(name) { name } else { OTHER };

        let mut of_all = Self { claimed: claimed.len(), ..Self::default() };
        for (name, sum) in &all {
            of_all.domains.entry(shown(name)).or_default().add(sum);
        }
        for name in &names {
            let state = verdicts.get(*name).map_or(State::NoReports, |verdict| verdict.readiness.state);
            *of_all.states.entry((shown(name), state)).or_default() += 1;
        }
        for group in failures {
            let of = |dimension: &str| group.group.get(dimension).and_then(serde_json::Value::as_str);
            let (Some(policy_domain), Some(result_type)) = (of("domain"), of("result_type")) else { continue };
            if let Some(name) = closest(&names, policy_domain) {
                let sum = of_all.failures.entry((shown(name), result_type)).or_default();
                *sum = sum.saturating_add(group.failed_sessions);
            }
        }
        of_all
    }

    /// In the text format of Prometheus.
    #[expect(clippy::cast_precision_loss, reason = "Prometheus has floats only")]
    fn text(&self, reporters: u64, now: UnixMillis) -> Result<String, prometheus::Error> {
        let registry = Registry::new();
        let by = |name: &str, help: &str, labels: &[&str]| {
            let gauge = GaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone())).map(|()| gauge)
        };
        let one = |name: &str, help: &str, value: u64| {
            let gauge = IntGauge::new(name, help)?;
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            registry.register(Box::new(gauge))
        };
        let sessions =
            by("tlsrpt_tenant_sessions", "Sessions that reports of the period tell of, by the counting rule.", &["domain", "outcome"])?;
        let reports = by("tlsrpt_tenant_reports", "Report documents of the period.", &["domain"])?;
        let age = by(
            "tlsrpt_tenant_newest_report_age_seconds",
            "Time since the end of the newest reported day of the period; no series where there is no report.",
            &["domain"],
        )?;
        let failed = by(
            "tlsrpt_tenant_failed_sessions",
            "Failed sessions of the period by the result type of their failure details (RFC 8460 4.3).",
            &["domain", "result_type"],
        )?;
        let states = IntGaugeVec::new(
            Opts::new(
                "tlsrpt_tenant_readiness",
                "Claimed domains in this state of readiness for MTA-STS; no series for a state without any.",
            ),
            &["domain", "state"],
        )?;
        registry.register(Box::new(states.clone()))?;
        for ((domain, state), count) in &self.states {
            states.with_label_values(&[domain, state.as_str()]).set(*count);
        }
        one("tlsrpt_tenant_reporters", "Organisations that sent reports of the period.", reporters)?;
        one("tlsrpt_tenant_domains", "Claimed domains.", self.claimed as u64)?;
        for (domain, sum) in &self.domains {
            sessions.with_label_values(&[domain, "successful"]).set(sum.successful_sessions as f64);
            sessions.with_label_values(&[domain, "failed"]).set(sum.failed_sessions as f64);
            reports.with_label_values(&[domain]).set(sum.reports as f64);
            if let Some(day) = sum.last_reported {
                age.with_label_values(&[domain]).set(seconds_since_the_end_of(day, now));
            }
        }
        for ((domain, result_type), sum) in &self.failures {
            failed.with_label_values(&[domain, result_type]).set(*sum as f64);
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}

/// 0 for a day that is not over: a report tells of it all the same.
#[expect(clippy::cast_precision_loss, reason = "Prometheus has floats only")]
fn seconds_since_the_end_of(day: Day, now: UnixMillis) -> f64 {
    let end_ms = day.plus(1).start().0.saturating_mul(1000);
    now.0.saturating_sub(end_ms).max(0) as f64 / MILLIS_PER_SECOND
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tlsrpt_store::ReporterDay;

    use super::*;

    fn domain_figures(rows: &[(&str, u64, u64, i32)]) -> BTreeMap<String, DomainFigures> {
        let figures = |&(name, successful_sessions, failed_sessions, last): &(&str, u64, u64, i32)| {
            (name.to_owned(), DomainFigures { successful_sessions, failed_sessions, reports: 1, last_reported: Some(Day(last)) })
        };
        rows.iter().map(figures).collect()
    }

    fn failure(domain: &str, result_type: &str, failed_sessions: u64) -> FailureGroup {
        let group = [("domain", domain), ("result_type", result_type)];
        FailureGroup {
            group: group.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
            failed_sessions,
            first_seen: Day(0),
            last_seen: Day(0),
        }
    }

    #[test]
    fn the_greatest_domains_keep_their_names_and_the_rest_is_other_with_every_session_in_it() {
        let claimed = ["a.example", "b.example", "c.example", "quiet.example"].map(|name| Domain::parse(name).unwrap());
        let figures = domain_figures(&[("a.example", 1, 2, 9), ("mail.b.example", 50, 0, 9), ("c.example", 3, 3, 7), ("x.org", 9, 9, 9)]);
        let failures = [failure("a.example", "certificate-expired", 2), failure("c.example", "certificate-expired", 3)];
        let found = Figures::new(&claimed, &figures, &failures, &BTreeMap::new(), 1);
        let sums = |name: &str| found.domains.get(name).map(|sum| (sum.successful_sessions, sum.failed_sessions, sum.last_reported));
        assert_eq!(sums("b.example"), Some((50, 0, Some(Day(9)))));
        assert_eq!(sums(OTHER), Some((4, 5, Some(Day(9)))));
        assert_eq!(found.domains.len(), 2);
        assert_eq!(found.failures, BTreeMap::from([((OTHER, "certificate-expired"), 5)]));
        assert_eq!(found.states, BTreeMap::from([(("b.example", State::NoReports), 1), ((OTHER, State::NoReports), 3)]));
    }

    /// A clean day on which a reporter saw mode `enforce`.
    fn enforced(day: Day) -> ReporterDay {
        ReporterDay {
            domain: "a.example".to_owned(),
            day,
            reporter: "Alpha".to_owned(),
            seen_modes: [0, 0, 1],
            seen_no_policy: 0,
            successful_sessions: 5,
            failed_sessions: 0,
            blocked_sessions: 0,
            unexplained_sessions: 0,
            policy_errors: 0,
            verified_sessions: 0,
        }
    }

    #[test]
    fn the_text_has_each_series_once_and_no_age_where_there_is_no_report() {
        let claimed = ["a.example", "quiet.example"].map(|name| Domain::parse(name).unwrap());
        let figures = domain_figures(&[("a.example", 5, 1, 10)]);
        let failures = [failure("a.example", "validation-failure", 1)];
        let verdicts = BTreeMap::from([("a.example".to_owned(), Verdict::at(vec![enforced(Day(10))], &Rule::default(), Day(12)))]);
        let noon_of_the_day_after_next = UnixMillis((Day(12).start().0 + 43_200) * 1000);
        let text = Figures::new(&claimed, &figures, &failures, &verdicts, 10).text(3, noon_of_the_day_after_next).unwrap();
        let series: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            series,
            [
                "tlsrpt_tenant_domains 2",
                "tlsrpt_tenant_failed_sessions{domain=\"a.example\",result_type=\"validation-failure\"} 1",
                "tlsrpt_tenant_newest_report_age_seconds{domain=\"a.example\"} 129600",
                "tlsrpt_tenant_readiness{domain=\"a.example\",state=\"enforce\"} 1",
                "tlsrpt_tenant_readiness{domain=\"quiet.example\",state=\"no-reports\"} 1",
                "tlsrpt_tenant_reporters 3",
                "tlsrpt_tenant_reports{domain=\"a.example\"} 1",
                "tlsrpt_tenant_reports{domain=\"quiet.example\"} 0",
                "tlsrpt_tenant_sessions{domain=\"a.example\",outcome=\"failed\"} 1",
                "tlsrpt_tenant_sessions{domain=\"a.example\",outcome=\"successful\"} 5",
                "tlsrpt_tenant_sessions{domain=\"quiet.example\",outcome=\"failed\"} 0",
                "tlsrpt_tenant_sessions{domain=\"quiet.example\",outcome=\"successful\"} 0",
            ]
        );
    }
}
