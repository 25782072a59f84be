//! The listeners: accept, within the limits on connections, until they are told to stop.

use std::{
    io::Write as _,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ipnet::IpNet;
use tlsrpt_telemetry::{Dependency, Health};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    accept,
    config::SmtpConfig,
    connections::{Connections, NoPlace, Place},
    error::EdgeError,
    intake::Intake,
    peer::Peer,
    smtp::{
        connection::{Client, Serving},
        lmtp::{LmtpAddress, UnixSocket},
        proxy,
        reply::Reply,
        session::Protocol,
        wire::Wire,
    },
    tls::Tls,
};

/// Where the SMTP receiver listens; port 0 takes a free one.
#[derive(Clone, Debug)]
pub struct SmtpListen {
    /// SMTP, with STARTTLS.
    pub smtp: SocketAddr,
    /// SMTP within TLS.
    pub smtps: Option<SocketAddr>,
    /// LMTP.
    pub lmtp: Option<LmtpAddress>,
}

/// What the SMTP receiver works with.
pub struct SmtpParts {
    /// Its limits.
    pub config: SmtpConfig,
    /// Its TLS.
    pub tls: Arc<Tls>,
    /// Host names that mail is received for, the first being our own; when there is none, any host part of a known address will do.
    pub hosts: Vec<String>,
    /// The way to the log.
    pub intake: Arc<Intake>,
    /// Where it says, as `smtp`, whether it is listening.
    pub health: Health,
}

/// The SMTP receiver, bound and not yet serving.
pub struct Smtp {
    smtp: TcpListener,
    smtps: Option<TcpListener>,
    lmtp: Option<Lmtp>,
    listens: SmtpListen,
    config: SmtpConfig,
    serving: Arc<Serving>,
    ready: Dependency,
}

enum Lmtp {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

impl Smtp {
    /// Takes the ports, and makes the socket.
    ///
    /// # Errors
    /// [`EdgeError::Listen`], [`EdgeError::ListenUnix`].
    pub async fn bind(listen: SmtpListen, parts: SmtpParts) -> Result<Self, EdgeError> {
        let SmtpParts { config, tls, hosts, intake, health } = parts;
        let ready = health.dependency("smtp");
        let (smtp, smtp_addr) = bind(listen.smtp).await?;
        let smtps = match listen.smtps {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let (smtps, smtps_addr) = smtps.unzip();
        let lmtp = match listen.lmtp {
            Some(LmtpAddress::Tcp(address)) => {
                let (listener, address) = bind(address).await?;
                Some((Lmtp::Tcp(listener), LmtpAddress::Tcp(address)))
            }
            Some(LmtpAddress::Unix(path)) => {
                let socket = UnixSocket::bind(&path).map_err(|source| EdgeError::ListenUnix { path: path.clone(), source })?;
                Some((Lmtp::Unix(socket), LmtpAddress::Unix(path)))
            }
            None => None,
        };
        let (lmtp, lmtp_address) = lmtp.unzip();
        let serving = Arc::new(Serving::new(&config, hosts, tls, intake));
        let listens = SmtpListen { smtp: smtp_addr, smtps: smtps_addr, lmtp: lmtp_address };
        Ok(Self { smtp, smtps, lmtp, listens, config, serving, ready })
    }

    /// What is listened on.
    #[must_use]
    pub fn listens(&self) -> &SmtpListen {
        &self.listens
    }

    /// Serves until `shutdown`, then finishes the mails whose text has begun, within the configured grace.
    pub async fn serve(self, shutdown: CancellationToken) {
        let Self { smtp, smtps, lmtp, listens, config, serving, ready } = self;
        let open = TaskTracker::new();
        let entrance = |kind, connections: &Arc<Connections>| Entrance {
            kind,
            serving: Arc::clone(&serving),
            connections: Arc::clone(connections),
            proxy_networks: config.proxy_networks.clone(),
            proxy: Duration::from_millis(config.proxy_timeout_ms),
            open: open.clone(),
            shutdown: shutdown.clone(),
        };
        let from_outside = Connections::new(config.connections_max, config.connections_per_ip_max);
        // A flood from outside keeps nobody out who hands mail over.
        let from_own = Connections::new(config.connections_max, config.connections_per_ip_max);
        let by_smtp = entrance(Kind::Smtp, &from_outside);
        let by_smtps = entrance(Kind::Smtps, &from_outside);
        let by_lmtp = entrance(Kind::Lmtp, &from_own);

        tracing::info!(listen = %listens.smtp, "SMTP edge is listening");
        if let Some(listen) = listens.smtps {
            tracing::info!(%listen, "SMTPS edge is listening");
        }
        if let Some(listen) = listens.lmtp {
            tracing::info!(%listen, "LMTP edge is listening");
        }
        ready.ready();
        tokio::join!(
            accept::until(&shutdown, &smtp, |stream, remote| by_smtp.tcp(stream, remote)),
            async {
                if let Some(smtps) = &smtps {
                    accept::until(&shutdown, smtps, |stream, remote| by_smtps.tcp(stream, remote)).await;
                }
            },
            async {
                match &lmtp {
                    Some(Lmtp::Tcp(listener)) => accept::until(&shutdown, listener, |stream, remote| by_lmtp.tcp(stream, remote)).await,
                    Some(Lmtp::Unix(socket)) => accept::until(&shutdown, &socket.listener, |stream, _| by_lmtp.unix(stream)).await,
                    None => {}
                }
            },
        );

        ready.missing("stopping");
        drop((smtp, smtps, lmtp));
        open.close();
        tracing::info!(open = open.len(), "SMTP edge stops: mails whose text has begun are finished");
        // Each connection ends itself within the grace.
        open.wait().await;
        tracing::info!("SMTP edge has stopped");
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), EdgeError> {
    let error = |source| EdgeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let local = listener.local_addr().map_err(error)?;
    Ok((listener, local))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Smtp,
    Smtps,
    Lmtp,
}

impl Kind {
    /// As metrics name it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Smtps => "smtps",
            Self::Lmtp => "lmtp",
        }
    }
}

/// The way in from one listener.
#[derive(Clone)]
struct Entrance {
    kind: Kind,
    serving: Arc<Serving>,
    connections: Arc<Connections>,
    proxy_networks: Vec<IpNet>,
    proxy: Duration,
    open: TaskTracker,
    shutdown: CancellationToken,
}

impl Entrance {
    fn tcp(&self, stream: TcpStream, remote: Option<IpAddr>) {
        let peer = remote.map_or_else(Peer::local, |ip| self.serving.intake.peer(ip));
        if self.kind == Kind::Lmtp {
            // The limits of one peer are not for who hands over the mail of all.
            let peer = peer.exempted();
            let place = self.connections.place(peer);
            self.begin(stream, peer, place, |entrance, stream, place| async move {
                entrance.session(Wire::Plain(stream), peer, None, place).await;
            });
            return;
        }
        if self.proxy_networks.iter().any(|network| network.contains(&peer.ip)) {
            let place = self.connections.place_of_nobody();
            self.begin(stream, peer, place, |entrance, stream, place| entrance.behind_proxy(stream, peer, place));
        } else {
            let place = self.connections.place(peer);
            self.begin(stream, peer, place, |entrance, stream, place| entrance.public(stream, peer, place));
        }
    }

    fn unix(&self, stream: UnixStream) {
        let peer = Peer::local();
        let Some(place) = self.placed(self.connections.place(peer), peer) else { return };
        let entrance = self.clone();
        self.open.spawn(async move { entrance.session(Wire::Unix(stream), peer, None, place).await });
    }

    /// Lets `serve` go on with a connection that has a place.
    fn begin<F: Future<Output = ()> + Send + 'static>(
        &self,
        stream: TcpStream,
        peer: Peer,
        place: Result<Place, NoPlace>,
        serve: impl FnOnce(Self, TcpStream, Place) -> F,
    ) {
        match self.placed(place, peer) {
            Some(place) => {
                // Replies are small and whole: waiting to fill a segment only delays them.
                match stream.set_nodelay(true) {
                    Ok(()) => drop(self.open.spawn(serve(self.clone(), stream, place))),
                    Err(error) => tracing::debug!(peer = %peer.ip, %error, "connection lost"),
                }
            }
            None if self.kind == Kind::Smtps => {}
            None => {
                let mut text = String::new();
                Reply::crowded().write(&mut text);
                // A fresh socket has room for a line; nobody is waited for.
                let _ = stream.into_std().and_then(|mut stream| stream.write_all(text.as_bytes()));
            }
        }
    }

    fn placed(&self, place: Result<Place, NoPlace>, peer: Peer) -> Option<Place> {
        place
            .inspect_err(|no_place| {
                self.serving.counters.refused(no_place.reason());
                tracing::debug!(peer = %peer.ip, reason = no_place.reason(), "connection refused");
            })
            .ok()
    }

    /// A connection from a load balancer, which says whose it is.
    async fn behind_proxy(self, mut stream: TcpStream, balancer: Peer, mut place: Place) {
        let header = tokio::time::timeout(self.proxy, proxy::read_header(&mut stream));
        let peer = match self.shutdown.run_until_cancelled(header).await {
            Some(Ok(Ok(Some(ip)))) => self.serving.intake.peer(ip),
            Some(Ok(Ok(None))) => balancer,
            None => return,
            Some(Ok(Err(error))) => return self.no_header(balancer, &error),
            Some(Err(elapsed)) => return self.no_header(balancer, &elapsed),
        };
        match place.give_to(peer) {
            Ok(()) => self.public(stream, peer, place).await,
            Err(no_place) => {
                let _ = self.placed(Err(no_place), peer);
                self.turn_away(stream, peer, Reply::crowded()).await;
            }
        }
    }

    fn no_header(&self, balancer: Peer, error: &(dyn std::error::Error + 'static)) {
        self.serving.counters.refused("proxy-header");
        tracing::debug!(peer = %balancer.ip, error, "connection refused: it is from proxy_networks and has no PROXY protocol header");
    }

    /// A connection from outside.
    async fn public(self, stream: TcpStream, peer: Peer, place: Place) {
        if let Err(refusal) = self.serving.intake.admit_peer(peer) {
            return self.turn_away(stream, peer, Reply::from(&refusal).ending()).await;
        }
        let wire = if self.kind == Kind::Smtps {
            match self.shutdown.run_until_cancelled(self.serving.tls.accept_smtp(stream)).await {
                Some(Ok(stream)) => Wire::Tls(Box::new(stream)),
                Some(Err(error)) => {
                    tracing::debug!(peer = %peer.ip, %error, "TLS handshake failed");
                    return;
                }
                None => return,
            }
        } else {
            Wire::Plain(stream)
        };
        self.session(wire, peer, Some(peer.ip), place).await;
    }

    async fn turn_away(&self, stream: TcpStream, peer: Peer, reply: Reply) {
        self.serving.note(peer, &reply);
        // Within TLS nothing can be said before the handshake, which is not worth it.
        if self.kind != Kind::Smtps {
            Serving::turn_away(Wire::Plain(stream), &reply).await;
        }
    }

    async fn session(self, wire: Wire, peer: Peer, remote_ip: Option<IpAddr>, place: Place) {
        let metrics = &self.serving.intake.metrics;
        metrics.session(self.kind.as_str());
        let counted = metrics.connection();
        let protocol = if self.kind == Kind::Lmtp { Protocol::Lmtp } else { Protocol::Smtp };
        self.serving.serve(wire, Client { protocol, peer, remote_ip }, &self.shutdown).await;
        drop((counted, place));
    }
}
