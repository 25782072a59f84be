//! The listener: accepts, within the limits on connections, until it is told to stop.

use std::{net::SocketAddr, sync::Arc};

use tlsrpt_record::Channel;
use tlsrpt_telemetry::{Dependency, Health};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    accept,
    config::HttpsConfig,
    connections::{Connections, Place},
    error::EdgeError,
    https::{body::BodyTimes, connection::Serving, receive::Receiver},
    intake::Intake,
    peer::Peer,
    tls::Tls,
};

/// What the HTTPS receiver works with.
pub struct HttpsParts {
    /// Its limits.
    pub config: HttpsConfig,
    /// Its TLS; none when something in front ends it.
    pub tls: Option<Arc<Tls>>,
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
    /// Takes the port; port 0 takes a free one.
    ///
    /// # Errors
    /// [`EdgeError::Listen`].
    pub async fn bind(listen: SocketAddr, parts: HttpsParts) -> Result<Self, EdgeError> {
        let HttpsParts { config, tls, intake, health } = parts;
        let ready = health.dependency("https");
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
        let scheme = if tls.is_some() { "https" } else { "http" };
        let acceptor = Arc::new(Acceptor { serving: Arc::new(Serving::new(&config, receiver)), tls });
        let connections = Connections::new(config.connections_max, config.connections_per_ip_max);
        let refusals = intake.metrics.channel(Channel::Https);
        let open = TaskTracker::new();
        tracing::info!(url = %format_args!("{scheme}://{local_addr}/v1/tlsrpt"), "HTTPS edge is listening");
        ready.ready();

        accept::until(&shutdown, &listener, |stream, remote| {
            let peer = remote.map_or_else(Peer::local, |ip| intake.peer(ip));
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
        })
        .await;

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
            Some(tls) => match shutdown.run_until_cancelled(tls.accept_https(stream)).await {
                Some(Ok(stream)) => serving.serve(stream, peer, shutdown).await,
                Some(Err(error)) => tracing::debug!(peer = %peer.ip, %error, "TLS handshake failed"),
                None => {}
            },
        }
        drop(place);
    }
}
