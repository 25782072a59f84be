//! Where the broker's jars are.

use std::{
    env,
    path::{Path, PathBuf},
};

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
        None => cache().join("kafka").join(version()),
    };
    if has_jars(&directory) { Ok(directory) } else { Err(ClusterError::NoJars { directory }) }
}

fn version() -> &'static str {
    LOCK.lines().find_map(|line| line.strip_prefix("version ")).unwrap_or_default()
}

fn cache() -> PathBuf {
    let of_the_user = || {
        let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
        cache.unwrap_or_default().join("tlsrpt")
    };
    set("TLSRPT_CACHE_DIR").unwrap_or_else(of_the_user)
}

fn set(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn has_jars(directory: &Path) -> bool {
    let is_jar =
        |entry: std::io::Result<std::fs::DirEntry>| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|it| it == "jar"));
    std::fs::read_dir(directory).is_ok_and(|mut entries| entries.any(is_jar))
}
