//! The running engine with its listener.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::config::{EmbeddedConfig, EmbeddedError, USER, find_library};
use super::endpoint::{self, Endpoint};
use super::engine::Engine;

/// How long [`Embedded::stop`] lets running statements finish before it ends them.
const FINISH_MAX: Duration = Duration::from_secs(10);

/// The running engine.
pub struct Embedded {
    /// Base URL, user and password to give to a client.
    pub config: crate::StoreConfig,
    endpoint: Arc<Endpoint>,
    stopping: CancellationToken,
    server: JoinHandle<()>,
}

impl Embedded {
    /// Loads the library, opens the data and listens.
    ///
    /// # Errors
    /// [`EmbeddedError`] when the address is not loopback or taken, or the library or the data cannot be opened. A process can run
    /// one engine at a time.
    pub async fn start(config: EmbeddedConfig) -> Result<Self, EmbeddedError> {
        if !config.listen.ip().is_loopback() {
            let reason = format!("{} is no loopback address: the engine serves this machine's own processes only", config.listen);
            return Err(EmbeddedError::new(reason));
        }
        let library = match &config.library {
            Some(library) => library.clone(),
            None => find_library()?,
        };
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| EmbeddedError::new(format!("listen on {}: {error}: name another address or port 0", config.listen)))?;
        let address = listener.local_addr().map_err(|error| EmbeddedError::new(format!("read the listener's address: {error}")))?;
        let token = config.token.clone().unwrap_or_else(random_token);

        let starting = config.clone();
        let engine = tokio::task::spawn_blocking(move || Engine::start(&starting, &library))
            .await
            .map_err(|error| EmbeddedError::new(format!("the thread that starts the engine ended: {error}")))??;
        let endpoint = Arc::new(Endpoint::new(engine, &config, token.clone()));
        let stopping = CancellationToken::new();
        let server = tokio::spawn(serve(listener, Arc::clone(&endpoint), stopping.clone()));
        let config = crate::StoreConfig {
            url: format!("http://{address}"),
            user: USER.to_owned(),
            password: token,
            database: "tlsrpt".to_owned(),
            cluster: None,
        };
        Ok(Self { config, endpoint, stopping, server })
    }

    /// Stops listening, lets running statements finish for ten seconds, ends those that are left, and closes the data.
    pub async fn stop(self) {
        self.stopping.cancel();
        let mut server = self.server;
        if tokio::time::timeout(FINISH_MAX, &mut server).await.is_err() {
            self.endpoint.kill_all().await;
            server.abort();
            let _ = server.await;
        }
        self.endpoint.close().await;
    }
}

async fn serve(listener: TcpListener, endpoint: Arc<Endpoint>, stopping: CancellationToken) {
    let served = axum::serve(listener, endpoint::router(endpoint)).with_graceful_shutdown(stopping.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the embedded ClickHouse no longer accepts connections");
    }
}

/// 256 random bits as hexadecimal digits.
fn random_token() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
