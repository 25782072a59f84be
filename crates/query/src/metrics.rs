//! What the role counts about itself. Totals that users see come from the store, never from here.

use prometheus::{Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use tlsrpt_store::NoticeChannel;

use crate::{clock::now, oidc::OUTCOMES};

/// The metrics of the query role.
#[derive(Clone)]
pub struct QueryMetrics {
    requests: IntCounterVec,
    duration: HistogramVec,
    pub(crate) in_flight: IntGauge,
    pub(crate) adopted_rows: IntCounter,
    pub(crate) adoption_failures: IntCounter,
    pub(crate) adoption_duration: Histogram,
    pub(crate) adoption_waiting_domains: IntGauge,
    pub(crate) oidc: OidcMetrics,
}

/// The route that needs no key and no database.
const DESCRIPTION_PATH: &str = "/openapi.json";

const DURATION_BUCKETS_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];

impl QueryMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// When one of the names is registered already.
    pub fn register(registry: &Registry) -> Result<Self, Error> {
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new("tlsrpt_query_requests_total", "Requests answered, by method, route and status"),
                &["method", "route", "status"],
            )?,
            duration: HistogramVec::new(
                HistogramOpts::new("tlsrpt_query_request_duration_seconds", "Time from a request's head to its answer, by route")
                    .buckets(DURATION_BUCKETS_SECONDS.to_vec()),
                &["method", "route"],
            )?,
            in_flight: IntGauge::new("tlsrpt_query_requests_in_flight", "Requests being worked on")?,
            adopted_rows: IntCounter::new(
                "tlsrpt_query_adoption_rows_total",
                "Unclaimed rows moved to a tenant that claimed their domain",
            )?,
            adoption_failures: IntCounter::new(
                "tlsrpt_query_adoption_failures_total",
                "Looks for unclaimed rows that failed and are tried again",
            )?,
            adoption_duration: Histogram::with_opts(
                HistogramOpts::new("tlsrpt_query_adoption_duration_seconds", "Time of one look for unclaimed rows of claimed domains")
                    .buckets(DURATION_BUCKETS_SECONDS.to_vec()),
            )?,
            adoption_waiting_domains: IntGauge::new(
                "tlsrpt_query_adoption_waiting_domains",
                "Policy domains with an owner that the last look found among the unclaimed rows",
            )?,
            oidc: OidcMetrics::register(registry)?,
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.duration.clone()))?;
        registry.register(Box::new(metrics.in_flight.clone()))?;
        registry.register(Box::new(metrics.adopted_rows.clone()))?;
        registry.register(Box::new(metrics.adoption_failures.clone()))?;
        registry.register(Box::new(metrics.adoption_duration.clone()))?;
        registry.register(Box::new(metrics.adoption_waiting_domains.clone()))?;
        // A family without a series shows nothing: these are there before anybody asks.
        metrics.requests.with_label_values(&["GET", DESCRIPTION_PATH, "200"]);
        metrics.duration.with_label_values(&["GET", DESCRIPTION_PATH]);
        Ok(metrics)
    }

    /// Counts one answer. `route` is the pattern, never the path, so that the number of series is bounded.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, seconds: f64) {
        self.requests.with_label_values(&[method, route, &status.to_string()]).inc();
        self.duration.with_label_values(&[method, route]).observe(seconds);
    }
}

/// Registers all metrics of the role, as its parts do when they are made: for a table of what there is.
///
/// # Errors
/// When one of the names is registered already.
pub fn register_metrics(registry: &Registry) -> Result<(), Error> {
    QueryMetrics::register(registry)?;
    FateMetrics::register(registry)?;
    VerdictMetrics::register(registry)?;
    ErasureMetrics::register(registry)?;
    RetentionMetrics::register(registry)?;
    NotificationMetrics::register(registry)?;
    Ok(())
}

/// A counter that is there before it first counts shows its first step as a rise.
fn begin_at_zero<const LABELS: usize>(counters: &IntCounterVec, values: impl IntoIterator<Item = [&'static str; LABELS]>) {
    for labels in values {
        counters.with_label_values(&labels);
    }
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, Error> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, Error> {
    let gauge = IntGauge::new(name, help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

/// Of today's submissions.
pub(crate) struct FateMetrics {
    pub(crate) submissions: IntGaugeVec,
}

impl FateMetrics {
    const FATES: [&'static str; 4] = ["stored", "duplicate", "unclaimed", "rejected"];

    pub(crate) fn register(registry: &Registry) -> Result<Self, Error> {
        let opts = Opts::new("tlsrpt_query_submissions", "Submissions received this UTC day that are in the database, by fate");
        let submissions = IntGaugeVec::new(opts, &["fate"])?;
        registry.register(Box::new(submissions.clone()))?;
        for fate in Self::FATES {
            submissions.with_label_values(&[fate]);
        }
        Ok(Self { submissions })
    }
}

/// Of mails whose verdict was deferred.
pub(crate) struct VerdictMetrics {
    pub(crate) due: IntGauge,
    pub(crate) retries: IntCounter,
}

impl VerdictMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, Error> {
        Ok(Self {
            due: gauge(
                registry,
                "tlsrpt_query_deferred_verdicts_due",
                "Mails whose verdict is deferred and that the last look found due for another try",
            )?,
            retries: counter(
                registry,
                "tlsrpt_query_deferred_verdict_retries_total",
                "Mails sent through again, since the verdict on their origin was deferred",
            )?,
        })
    }
}

/// Of the erasures of tenants.
pub(crate) struct ErasureMetrics {
    pub(crate) waiting: IntGauge,
    pub(crate) failures: IntCounter,
}

impl ErasureMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, Error> {
        Ok(Self {
            waiting: gauge(registry, "tlsrpt_query_erasures_waiting", "Deleted tenants of which something may be left")?,
            failures: counter(registry, "tlsrpt_query_erasure_failures_total", "Steps of erasures that failed and are tried again")?,
        })
    }
}

/// Of tenants' own retention.
pub(crate) struct RetentionMetrics {
    pub(crate) rows: IntCounter,
}

impl RetentionMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, Error> {
        Ok(Self { rows: counter(registry, "tlsrpt_query_retention_rows_total", "Report rows removed by the retention of their tenant")? })
    }
}

/// Of what tenants are told.
pub(crate) struct NotificationMetrics {
    pub(crate) noted: IntCounter,
    pub(crate) due: IntGauge,
    deliveries: IntCounterVec,
    failures: IntCounterVec,
}

impl NotificationMetrics {
    const OUTCOMES: [&'static str; 3] = ["delivered", "given-up", "failed"];
    const LOOKS: [&'static str; 3] = ["notice", "deliver", "tenant"];

    pub(crate) fn register(registry: &Registry) -> Result<Self, Error> {
        let metrics = Self {
            noted: counter(registry, "tlsrpt_query_notices_total", "Conditions that began, of which a tenant is told")?,
            due: gauge(registry, "tlsrpt_query_notice_deliveries_due", "Deliveries of notices that the last look found due")?,
            deliveries: counters(
                registry,
                "tlsrpt_query_notice_deliveries_total",
                "Tries to deliver a notice, by channel and outcome",
                &["channel", "outcome"],
            )?,
            failures: counters(
                registry,
                "tlsrpt_query_notification_failures_total",
                "Looks that failed and are tried again, by what they do",
                &["look"],
            )?,
        };
        for channel in [NoticeChannel::Webhook, NoticeChannel::Mail] {
            begin_at_zero(&metrics.deliveries, Self::OUTCOMES.map(|outcome| [channel.as_str(), outcome]));
        }
        begin_at_zero(&metrics.failures, Self::LOOKS.map(|look| [look]));
        Ok(metrics)
    }

    /// Counts a try.
    pub(crate) fn tried(&self, channel: NoticeChannel, outcome: &'static str) {
        self.deliveries.with_label_values(&[channel.as_str(), outcome]).inc();
    }

    /// Counts a look that failed.
    pub(crate) fn failed(&self, look: &'static str) {
        self.failures.with_label_values(&[look]).inc();
    }
}

/// What is counted of tokens and their issuer.
#[derive(Clone)]
pub(crate) struct OidcMetrics {
    tokens: IntCounterVec,
    looks: IntCounterVec,
    keys: IntGauge,
    keys_seen: IntGauge,
}

impl OidcMetrics {
    fn register(registry: &Registry) -> Result<Self, Error> {
        let metrics = Self {
            tokens: IntCounterVec::new(
                Opts::new("tlsrpt_query_oidc_tokens_total", "Tokens presented on tenants' routes, by what became of them"),
                &["outcome"],
            )?,
            looks: IntCounterVec::new(
                Opts::new("tlsrpt_query_oidc_looks_total", "Looks at the keys of the OIDC issuer, by outcome"),
                &["outcome"],
            )?,
            keys: IntGauge::new("tlsrpt_query_oidc_keys", "Keys of the OIDC issuer that check signatures")?,
            keys_seen: IntGauge::new(
                "tlsrpt_query_oidc_keys_timestamp_seconds",
                "When the keys of the OIDC issuer were last seen, in seconds since 1970; 0 when they never were",
            )?,
        };
        registry.register(Box::new(metrics.tokens.clone()))?;
        registry.register(Box::new(metrics.looks.clone()))?;
        registry.register(Box::new(metrics.keys.clone()))?;
        registry.register(Box::new(metrics.keys_seen.clone()))?;
        begin_at_zero(&metrics.tokens, OUTCOMES.map(|outcome| [outcome]));
        begin_at_zero(&metrics.looks, [["ok"], ["failed"]]);
        Ok(metrics)
    }

    /// Counts a token.
    pub(crate) fn presented(&self, outcome: &'static str) {
        self.tokens.with_label_values(&[outcome]).inc();
    }

    /// Counts a look, and how many keys it found.
    pub(crate) fn looked(&self, keys: Option<usize>) {
        self.looks.with_label_values(&[if keys.is_some() { "ok" } else { "failed" }]).inc();
        if let Some(keys) = keys {
            self.keys.set(i64::try_from(keys).unwrap_or(i64::MAX));
            self.keys_seen.set(now().0.div_euclid(1000));
        }
    }
}
