//! ClickHouse inside this process: `libchdb.so` loaded at run time behind a loopback HTTP endpoint.

use std::path::PathBuf;

/// Where the engine's library and data are.
#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// Directory of the engine's data; made when missing.
    pub data_dir: PathBuf,
    /// The library; none: looked for as [`find_library`] does.
    pub library: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one. Loopback only.
    pub listen: std::net::SocketAddr,
    /// The password that every client must present; none makes a random one.
    pub token: Option<String>,
}

/// The running engine.
pub struct Embedded {
    /// Base URL, user and password to give to a client.
    pub config: crate::StoreConfig,
}

/// The engine could not be started.
#[derive(Debug, thiserror::Error)]
#[error("start the embedded ClickHouse: {reason}")]
pub struct EmbeddedError {
    /// What is wrong and what to do.
    pub reason: String,
}

/// Looks for `libchdb.so`: `TLSRPT_LIBCHDB`, then the cache directory that `make libchdb` fills, then the loader's paths.
///
/// # Errors
/// [`EmbeddedError`] tells where it looked.
pub fn find_library() -> Result<PathBuf, EmbeddedError> {
    todo!()
}

impl Embedded {
    /// Loads the library, opens the data and listens.
    ///
    /// # Errors
    /// [`EmbeddedError`] when the library or the data cannot be opened.
    pub async fn start(_config: EmbeddedConfig) -> Result<Self, EmbeddedError> {
        todo!()
    }
    /// Ends running queries, stops listening and closes the data.
    pub async fn stop(self) {
        todo!()
    }
}
