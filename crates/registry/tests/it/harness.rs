//! A registry in a directory of its own.

use std::sync::Arc;

use tempfile::TempDir;
use tlsrpt_log::{EmbeddedConfig, EmbeddedLog};
use tlsrpt_registry::{Registry, TenantId};
use tlsrpt_report::{Domain, UnixMillis};

/// Rounds of a race.
pub(crate) const RACES: usize = 60;

/// A log in a directory, and a registry over it.
pub(crate) struct Fixture {
    dir: TempDir,
    pub(crate) log: Arc<EmbeddedLog>,
    pub(crate) registry: Arc<Registry>,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = open_log(&dir);
        let registry = Registry::open(log.clone()).await.unwrap();
        Self { dir, log, registry }
    }

    /// Closes everything and opens it again from what is on disk.
    pub(crate) async fn restart(self) -> Self {
        let Self { dir, log, registry } = self;
        drop(registry);
        log.close();
        drop(log);
        let log = open_log(&dir);
        let registry = Registry::open(log.clone()).await.unwrap();
        Self { dir, log, registry }
    }
}

fn open_log(dir: &TempDir) -> Arc<EmbeddedLog> {
    EmbeddedLog::open(EmbeddedConfig { dir: dir.path().join("log"), record_max_bytes: 1 << 20, in_flight_max_bytes: 64 << 20 }).unwrap()
}

pub(crate) fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

pub(crate) fn domain(name: &str) -> Domain {
    Domain::parse(name).unwrap()
}

/// The tenant that a secret opens now.
pub(crate) fn opens(registry: &Registry, secret: &str) -> Option<TenantId> {
    registry.authenticate(secret, now()).map(|grant| grant.tenant)
}

pub(crate) fn now() -> UnixMillis {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixMillis(i64::try_from(since_1970.as_millis()).unwrap())
}
