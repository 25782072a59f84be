//! The listener: accepts, within the limits on connections, until it is told to stop.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tlsrpt_record::Channel;
use tlsrpt_telemetry::{Dependency, Health};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::{HttpsConfig, TlsMode},
    error::EdgeError,
    https::{
        body::BodyTimes,
        connection::Serving,
        connections::{Connections, Place},
        receive::Receiver,
        tls::Tls,
    },
    intake::Intake,
    peer::Peer,
};

/// Wait after an accept that failed for want of a resource.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What the HTTPS receiver works with.
pub struct HttpsParts {
    /// Its limits.
    pub config: HttpsConfig,
    /// Where its certificate comes from.
    pub tls: TlsMode,
    /// Where a self-signed certificate is kept.
    pub data_dir: PathBuf,
    /// Host names that a self-signed certificate is for, beside `localhost` and the loopback addresses.
    pub hosts: Vec<String>,
    /// The way to the log.
    pub intake: Arc<Intake>,
    /// Where it says, as `https`, whether it is listening.
    pub health: Health,
}

/// The HTTPS receiver, bound and not yet serving.
pub struct Https {
    listener: TcpListener,
    local_addr: SocketAddr,
    tls: Option<Arc<Tls>>,
    config: HttpsConfig,
    intake: Arc<Intake>,
    ready: Dependency,
}

impl Https {
    /// Sets TLS up and takes the port; port 0 takes a free one.
    ///
    /// # Errors
    /// [`EdgeError::Certificate`], [`EdgeError::Listen`].
    pub async fn bind(listen: SocketAddr, parts: HttpsParts) -> Result<Self, EdgeError> {
        let HttpsParts { config, tls, data_dir, hosts, intake, health } = parts;
        let ready = health.dependency("https");
        let tls = Tls::new(&tls, &hosts, &data_dir).map_err(EdgeError::Certificate)?.map(Arc::new);
        let listen_error = |source| EdgeError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(listen_error)?;
        let local_addr = listener.local_addr().map_err(listen_error)?;
        Ok(Self { listener, local_addr, tls, config, intake, ready })
    }

    /// The address and port that are listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown`, then finishes the requests that were begun, within the configured grace.
    pub async fn serve(self, shutdown: CancellationToken) {
        let Self { listener, local_addr, tls, config, intake, ready } = self;
        let counters = intake.metrics.channel(Channel::Https);
        let receiver = Receiver { intake: Arc::clone(&intake), counters, times: BodyTimes::new(&config) };
        let acceptor = Arc::new(Acceptor {
            serving: Arc::new(Serving::new(&config, receiver)),
            tls: tls.clone(),
            handshake: Duration::from_millis(config.tls_handshake_timeout_ms),
        });
        let connections = Connections::new(config.connections_max, config.connections_per_ip_max);
        let refusals = intake.metrics.channel(Channel::Https);
        let open = TaskTracker::new();
        let scheme = if tls.is_some() { "https" } else { "http" };
        if let Some(tls) = tls {
            let interval = Duration::from_millis(config.tls_poll_interval_ms);
            let shutdown = shutdown.clone();
            open.spawn(async move { tls.follow_files(interval, shutdown).await });
        }
        tracing::info!(url = %format_args!("{scheme}://{local_addr}/v1/tlsrpt"), "HTTPS edge is listening");
        ready.ready();

        let mut failing = false;
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let (stream, remote) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_peers_doing(&error) => continue,
                Err(error) => {
                    // Out of file descriptors, most likely: those that are open must end first.
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(%error, "accept a connection: raise the limit on open files or lower connections_max");
                    }
                    tokio::time::sleep(ACCEPT_RETRY).await;
                    continue;
                }
            };
            failing = false;
            let peer = intake.peer(remote.ip());
            match connections.place(peer) {
                Ok(place) => {
                    let counted = intake.metrics.connection();
                    let served = Arc::clone(&acceptor).serve(stream, peer, place, shutdown.child_token());
                    open.spawn(async move {
                        served.await;
                        drop(counted);
                    });
                }
                Err(no_place) => {
                    refusals.refused(no_place.reason());
                    tracing::debug!(peer = %peer.ip, reason = no_place.reason(), "connection refused");
                }
            }
        }

        ready.missing("stopping");
        drop(listener);
        open.close();
        tracing::info!(open = open.len(), "HTTPS edge stops: requests that were begun are finished");
        // Each connection ends itself within the grace.
        open.wait().await;
        tracing::info!("HTTPS edge has stopped");
    }
}

/// Brings a connection up to HTTP.
struct Acceptor {
    serving: Arc<Serving>,
    tls: Option<Arc<Tls>>,
    handshake: Duration,
}

impl Acceptor {
    async fn serve(self: Arc<Self>, stream: TcpStream, peer: Peer, place: Place, shutdown: CancellationToken) {
        // Answers are small and whole: waiting to fill a segment only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(peer = %peer.ip, %error, "connection lost");
            return;
        }
        let serving = Arc::clone(&self.serving);
        match &self.tls {
            None => serving.serve(stream, peer, shutdown).await,
            Some(tls) => {
                let handshake = tokio::time::timeout(self.handshake, tls.acceptor.accept(stream));
                match shutdown.run_until_cancelled(handshake).await {
                    Some(Ok(Ok(stream))) => serving.serve(stream, peer, shutdown).await,
                    Some(Ok(Err(error))) => tracing::debug!(peer = %peer.ip, %error, "TLS handshake failed"),
                    Some(Err(_)) => tracing::debug!(peer = %peer.ip, "TLS handshake took too long"),
                    None => {}
                }
            }
        }
        drop(place);
    }
}

/// Whether an accept failed because of that one peer, so that the next may be accepted at once.
fn is_peers_doing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused)
}
