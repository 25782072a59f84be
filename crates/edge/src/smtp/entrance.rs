//! From an accepted connection to a session: its place, whose it is, its rate, TLS if it begins with that.

use std::{future::Future, io::Write as _, net::IpAddr, sync::Arc, time::Duration};

use ipnet::IpNet;
use tokio::net::{TcpStream, UnixStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    connections::{Connections, NoPlace, Place},
    peer::Peer,
    smtp::{
        connection::{Client, Serving},
        proxy,
        reply::Reply,
        session::Protocol,
        wire::Wire,
    },
};

/// What is spoken at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Smtp,
    Smtps,
    Lmtp,
}

/// The listeners as metrics name them.
pub(crate) const LISTENERS: [&str; 3] = ["smtp", "smtps", "lmtp"];

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
pub(crate) struct Entrance {
    pub(crate) kind: Kind,
    pub(crate) serving: Arc<Serving>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) proxy_networks: Arc<[IpNet]>,
    pub(crate) proxy: Duration,
    pub(crate) open: TaskTracker,
    pub(crate) shutdown: CancellationToken,
}

impl Entrance {
    /// A TCP connection.
    pub(crate) fn tcp(&self, stream: TcpStream, remote: Option<IpAddr>) {
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

    /// A connection over a socket in the file system.
    pub(crate) fn unix(&self, stream: UnixStream) {
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
