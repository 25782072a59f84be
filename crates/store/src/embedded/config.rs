//! What the embedded engine is told, and where its library is looked for.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::layout::ClusterName;

/// The user that may do everything; its password is [`EmbeddedConfig::token`].
pub const USER: &str = "tlsrpt";
/// The user that may only read; its password is in [`EmbeddedConfig::readonly`], and so is what it may read.
pub const READONLY_USER: &str = "tlsrpt_readonly";

/// Version of the engine's package; `scripts/fetch-libchdb` pins the same.
const PACKAGE_VERSION: &str = "26.7.3-stable.1";

/// Where the engine's library and data are, and its limits.
#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// Directory of the engine's data; made when missing.
    pub data_dir: PathBuf,
    /// The library; none: looked for as [`find_library`] does.
    pub library: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one. Loopback only.
    pub listen: SocketAddr,
    /// The password of the user [`USER`]; none makes a random one.
    pub token: Option<String>,
    /// The user [`READONLY_USER`]; none: there is no such user.
    pub readonly: Option<Readonly>,
    /// Memory that the engine may use for all queries together; a query that would pass it fails.
    pub memory_max_bytes: u64,
    /// Statements that run at the same time; more wait.
    pub concurrent_queries_max: usize,
    /// Directory below which the engine may write backups and read them; none: it makes none.
    pub backups_dir: Option<PathBuf>,
    /// A cluster of which this engine is the only server, so that what is laid out over a cluster can be tried on it; none: there
    /// is no cluster.
    pub cluster: Option<ClusterName>,
}

/// Who may only read.
#[derive(Clone, Debug)]
pub struct Readonly {
    /// The password.
    pub password: String,
    /// What may be read, as GRANT statements have it between GRANT and TO: `SELECT ON tlsrpt.reports`.
    pub grants: Vec<String>,
}

impl EmbeddedConfig {
    /// The defaults, with the data in `data_dir`.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            library: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: None,
            readonly: None,
            memory_max_bytes: 2 << 30,
            concurrent_queries_max: 8,
            backups_dir: None,
            cluster: None,
        }
    }
}

/// The engine could not be started.
#[derive(Debug, thiserror::Error)]
#[error("start the embedded ClickHouse: {reason}")]
pub struct EmbeddedError {
    /// What is wrong and what to do.
    pub reason: String,
}

impl EmbeddedError {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// Looks for `libchdb.so`: `TLSRPT_LIBCHDB`, then the cache directory that `make libchdb` fills, then the loader's paths.
///
/// # Errors
/// [`EmbeddedError`] tells where it looked.
pub fn find_library() -> Result<PathBuf, EmbeddedError> {
    if let Some(path) = std::env::var_os("TLSRPT_LIBCHDB").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(EmbeddedError::new(format!(
                "TLSRPT_LIBCHDB names {}, which is no file: correct it, or unset it and run `make libchdb`",
                path.display()
            )))
        };
    }
    let cached = cached_library();
    if let Some(path) = cached.as_ref().filter(|path| path.is_file()) {
        return Ok(path.clone());
    }
    let by_loader = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    std::env::split_paths(&by_loader)
        .chain(["/usr/local/lib", "/usr/lib", "/lib"].map(PathBuf::from))
        .map(|directory| directory.join("libchdb.so"))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            let cached = cached.map_or_else(|| "no cache directory (HOME is unset)".to_owned(), |path| path.display().to_string());
            EmbeddedError::new(format!(
                "libchdb.so is neither in TLSRPT_LIBCHDB (unset), nor at {cached}, nor on the loader's path: run `make libchdb`"
            ))
        })
}

/// Where `scripts/fetch-libchdb` puts the library.
fn cached_library() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("TLSRPT_CACHE_DIR")
        .or_else(|| set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache"))).map(|cache| cache.join("tlsrpt")))?;
    Some(cache.join("libchdb").join(PACKAGE_VERSION).join(std::env::consts::ARCH).join("libchdb.so"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_library_that_is_looked_for_is_the_one_that_the_script_fetches() {
        let lock = include_str!("../../../../scripts/libchdb.lock");
        assert!(lock.lines().any(|line| line == format!("version {}", super::PACKAGE_VERSION)), "{lock}");
    }
}
