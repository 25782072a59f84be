//! Whether this process lives and can work.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::RwLock;
use prometheus::{
    Error, IntGaugeVec, Opts, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};

/// The health of a process: what it depends on, and whether each is there. Clones share one state.
#[derive(Clone, Default)]
pub struct Health {
    dependencies: Arc<RwLock<BTreeMap<&'static str, State>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Ready,
    Missing(String),
}

/// One thing that the process depends on. It is missing until it is said to be ready.
#[derive(Clone)]
pub struct Dependency {
    name: &'static str,
    health: Health,
}

impl Health {
    /// No dependencies yet, hence ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a dependency, missing until [`Dependency::ready`]; a name that is there already is shared.
    #[must_use]
    pub fn dependency(&self, name: &'static str) -> Dependency {
        self.dependencies.write().entry(name).or_insert_with(|| State::Missing("starting".to_owned()));
        Dependency { name, health: self.clone() }
    }

    /// Shows each dependency as a metric: `tlsrpt_dependency_up{dependency}`.
    ///
    /// # Errors
    /// When the name is registered already.
    pub fn register(&self, metrics: &Registry) -> Result<(), Error> {
        let opts = Opts::new("tlsrpt_dependency_up", "1 while this part of what readiness looks at is there, 0 while it is missing");
        let up = IntGaugeVec::new(opts, &["dependency"])?;
        metrics.register(Box::new(DependenciesUp { health: self.clone(), up }))
    }

    /// What is missing, with the reason; empty when the process can work.
    #[must_use]
    pub fn missing(&self) -> BTreeMap<&'static str, String> {
        let dependencies = self.dependencies.read();
        dependencies
            .iter()
            .filter_map(|(&name, state)| if let State::Missing(reason) = state { Some((name, reason.clone())) } else { None })
            .collect()
    }
}

/// Reads the states when the metrics are read; a dependency never goes away.
struct DependenciesUp {
    health: Health,
    up: IntGaugeVec,
}

impl Collector for DependenciesUp {
    fn desc(&self) -> Vec<&Desc> {
        self.up.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for (&name, state) in self.health.dependencies.read().iter() {
            self.up.with_label_values(&[name]).set(i64::from(*state == State::Ready));
        }
        self.up.collect()
    }
}

impl Dependency {
    /// It is there.
    pub fn ready(&self) {
        self.set(State::Ready);
    }

    /// It is not there, and why (nothing secret: `/readyz` shows it).
    pub fn missing(&self, reason: impl Into<String>) {
        self.set(State::Missing(reason.into()));
    }

    fn set(&self, state: State) {
        // Reports come often and change seldom: the write lock is for changes only.
        if self.health.dependencies.read().get(self.name) != Some(&state) {
            self.health.dependencies.write().insert(self.name, state);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn metrics_show_each_dependency_as_it_is_when_they_are_read() {
        let (health, metrics) = (Health::new(), Registry::new());
        health.register(&metrics).unwrap();
        let (log, database) = (health.dependency("log"), health.dependency("database"));
        let shown = || {
            let families = metrics.gather();
            let one = |metric: &prometheus::proto::Metric| (metric.get_label()[0].value().to_owned(), metric.get_gauge().get_value());
            families.iter().flat_map(|family| family.get_metric().iter().map(one)).collect::<Vec<_>>()
        };
        log.ready();
        assert_eq!(shown(), [("database".to_owned(), 0.0), ("log".to_owned(), 1.0)]);
        log.missing("disk full");
        database.ready();
        assert_eq!(shown(), [("database".to_owned(), 1.0), ("log".to_owned(), 0.0)]);
    }

    #[test]
    fn a_dependency_is_missing_until_it_is_said_to_be_ready() {
        let health = Health::new();
        assert!(health.missing().is_empty());
        let log = health.dependency("log");
        assert_eq!(health.missing().get("log").map(String::as_str), Some("starting"));
        log.ready();
        assert!(health.missing().is_empty());
        log.missing("disk full");
        assert_eq!(health.missing().get("log").map(String::as_str), Some("disk full"));
    }
}
