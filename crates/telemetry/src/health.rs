//! Whether this process lives and can work.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::RwLock;

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
    use super::*;

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
