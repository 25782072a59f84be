//! Where the broker's jars are.

use std::path::{Path, PathBuf};

use tlsrpt_fetched::{cache_directory, set, version};

use crate::error::ClusterError;

/// What `scripts/fetch-kafka` fetches.
const LOCK: &str = include_str!("../../../scripts/kafka/jars.lock");

/// The directory with the jars: `TLSRPT_KAFKA_JARS`, else where `scripts/fetch-kafka` puts them.
///
/// # Errors
/// [`ClusterError::NoJars`] when there are none.
pub(crate) fn directory() -> Result<PathBuf, ClusterError> {
    let directory = match set("TLSRPT_KAFKA_JARS") {
        Some(directory) => directory,
        None => cache_directory().join("kafka").join(version(LOCK)),
    };
    if has_jars(&directory) { Ok(directory) } else { Err(ClusterError::NoJars { directory }) }
}

fn has_jars(directory: &Path) -> bool {
    let is_jar =
        |entry: std::io::Result<std::fs::DirEntry>| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|it| it == "jar"));
    std::fs::read_dir(directory).is_ok_and(|mut entries| entries.any(is_jar))
}
