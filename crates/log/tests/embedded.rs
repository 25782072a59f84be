//! The embedded log: what every backend must do, and what only this one can.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs, unreachable_pub)]

#[path = "conformance/mod.rs"]
mod conformance;
#[path = "embedded/copy.rs"]
mod copy;
#[path = "embedded/directory.rs"]
mod directory;
#[path = "embedded/full_disk.rs"]
mod full_disk;
#[path = "embedded/gap.rs"]
mod gap;
#[path = "embedded/lag_bytes.rs"]
mod lag_bytes;
#[path = "embedded/metered.rs"]
mod metered;
#[path = "embedded/trace.rs"]
mod trace;

use std::{path::PathBuf, sync::Arc};

use conformance::Backend;
use tlsrpt_log::{EmbeddedConfig, EmbeddedLog, Log};

pub struct Subject {
    dir: PathBuf,
    in_flight_max_bytes: usize,
    _removed_at_the_end: Option<tempfile::TempDir>,
}

#[async_trait::async_trait]
impl Backend for Subject {
    async fn fresh(in_flight_max_bytes: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir: dir.path().join("log"), in_flight_max_bytes, _removed_at_the_end: Some(dir) }
    }

    fn at(location: &str) -> Self {
        Self { dir: location.into(), in_flight_max_bytes: conformance::MIB, _removed_at_the_end: None }
    }

    fn location(&self) -> String {
        self.dir.to_str().unwrap().to_owned()
    }

    async fn open(&self) -> Arc<dyn Log> {
        self.open_embedded()
    }

    async fn close(&self, log: Arc<dyn Log>) {
        // The last handle closes the log, and waits until the directory is free.
        drop(log);
    }
}

impl Subject {
    fn open_embedded(&self) -> Arc<EmbeddedLog> {
        let config = EmbeddedConfig {
            dir: self.dir.clone(),
            record_max_bytes: 16 * conformance::MIB,
            in_flight_max_bytes: self.in_flight_max_bytes,
        };
        EmbeddedLog::open(config).unwrap()
    }
}
