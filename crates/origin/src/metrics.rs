//! What the verifier counts. Totals that users see come from the database.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use tlsrpt_report::Trust;

use crate::config::OriginError;

/// The metrics, each named in one place.
pub(crate) struct Metrics {
    verdicts: IntCounterVec,
    pub(crate) deferred: IntCounter,
    duration: Histogram,
    lookups: IntCounterVec,
    pub(crate) dns_away: IntGauge,
}

/// How one question to DNS ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// With records.
    Found,
    /// With the answer that there are none.
    NotFound,
    /// With the answer of a failure, such as SERVFAIL.
    Failed,
    /// Without an answer.
    Silent,
    /// It was not asked: DNS is away.
    Away,
}

impl Asked {
    const ALL: [Self; 5] = [Self::Found, Self::NotFound, Self::Failed, Self::Silent, Self::Away];

    fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NotFound => "not-found",
            Self::Failed => "failed",
            Self::Silent => "silent",
            Self::Away => "away",
        }
    }
}

const DURATION_BUCKETS_SECONDS: [f64; 9] = [0.000_1, 0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 2.5, 5.0];

impl Metrics {
    pub(crate) fn new() -> Result<Self, OriginError> {
        let make = || -> Result<Self, prometheus::Error> {
            Ok(Self {
                verdicts: IntCounterVec::new(
                    Opts::new("tlsrpt_origin_verdicts_total", "Mails whose origin was looked at, redeliveries included, by verdict"),
                    &["trust"],
                )?,
                deferred: IntCounter::new(
                    "tlsrpt_origin_deferred_total",
                    "Verdicts that are not the last word, since a key could not be had from DNS",
                )?,
                duration: Histogram::with_opts(
                    HistogramOpts::new("tlsrpt_origin_verify_duration_seconds", "Time from a mail to its verdict")
                        .buckets(DURATION_BUCKETS_SECONDS.to_vec()),
                )?,
                lookups: IntCounterVec::new(
                    Opts::new(
                        "tlsrpt_origin_lookups_total",
                        "DNS look-ups of keys and host names, cached answers included, by how they ended; those of SPF are not counted",
                    ),
                    &["outcome"],
                )?,
                dns_away: IntGauge::new("tlsrpt_origin_dns_away", "1 while DNS does not answer and verdicts are deferred at once, else 0")?,
            })
        };
        make().map_err(OriginError::Metrics)
    }

    pub(crate) fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.verdicts.clone()))?;
        registry.register(Box::new(self.deferred.clone()))?;
        registry.register(Box::new(self.duration.clone()))?;
        registry.register(Box::new(self.lookups.clone()))?;
        registry.register(Box::new(self.dns_away.clone()))?;
        // A counter that is there before it first counts shows its first step as a rise.
        for trust in Trust::ALL {
            self.verdicts.with_label_values(&[trust.as_str()]);
        }
        for ended in Asked::ALL {
            self.lookups.with_label_values(&[ended.as_str()]);
        }
        Ok(())
    }

    pub(crate) fn verdict(&self, trust: Trust, deferred: bool, seconds: f64) {
        self.verdicts.with_label_values(&[trust.as_str()]).inc();
        self.deferred.inc_by(u64::from(deferred));
        self.duration.observe(seconds);
    }

    pub(crate) fn asked(&self, ended: Asked) {
        self.lookups.with_label_values(&[ended.as_str()]).inc();
    }
}
