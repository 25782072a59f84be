//! What the role counts about itself. Totals that users see come from the store, never from here.

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::clock::now;

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

const DURATION_BUCKETS_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];

impl QueryMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// When one of the names is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new("tlsrpt_query_requests_total", "Requests answered, by method, route and status."),
                &["method", "route", "status"],
            )?,
            duration: HistogramVec::new(
                HistogramOpts::new("tlsrpt_query_request_duration_seconds", "Time from a request's head to its answer, by route.")
                    .buckets(DURATION_BUCKETS_SECONDS.to_vec()),
                &["method", "route"],
            )?,
            in_flight: IntGauge::new("tlsrpt_query_requests_in_flight", "Requests being worked on.")?,
            adopted_rows: IntCounter::new(
                "tlsrpt_query_adoption_rows_total",
                "Unclaimed rows moved to a tenant that claimed their domain.",
            )?,
            adoption_failures: IntCounter::new(
                "tlsrpt_query_adoption_failures_total",
                "Looks for unclaimed rows that failed and are tried again.",
            )?,
            adoption_duration: Histogram::with_opts(
                HistogramOpts::new("tlsrpt_query_adoption_duration_seconds", "Time of one look for unclaimed rows of claimed domains.")
                    .buckets(DURATION_BUCKETS_SECONDS.to_vec()),
            )?,
            adoption_waiting_domains: IntGauge::new(
                "tlsrpt_query_adoption_waiting_domains",
                "Policy domains with an owner that the last look found among the unclaimed rows.",
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
        Ok(metrics)
    }

    /// Counts one answer. `route` is the pattern, never the path, so that the number of series is bounded.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, seconds: f64) {
        self.requests.with_label_values(&[method, route, &status.to_string()]).inc();
        self.duration.with_label_values(&[method, route]).observe(seconds);
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
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            tokens: IntCounterVec::new(
                Opts::new("tlsrpt_query_oidc_tokens_total", "Tokens presented on tenants' routes, by what became of them."),
                &["outcome"],
            )?,
            looks: IntCounterVec::new(
                Opts::new("tlsrpt_query_oidc_looks_total", "Looks at the keys of the OIDC issuer, by outcome."),
                &["outcome"],
            )?,
            keys: IntGauge::new("tlsrpt_query_oidc_keys", "Keys of the OIDC issuer that check signatures.")?,
            keys_seen: IntGauge::new(
                "tlsrpt_query_oidc_keys_timestamp_seconds",
                "When the keys of the OIDC issuer were last seen, in seconds since 1970; 0 when they never were.",
            )?,
        };
        registry.register(Box::new(metrics.tokens.clone()))?;
        registry.register(Box::new(metrics.looks.clone()))?;
        registry.register(Box::new(metrics.keys.clone()))?;
        registry.register(Box::new(metrics.keys_seen.clone()))?;
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
