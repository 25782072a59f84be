//! Accepting connections until the order to stop.

use std::{future::Future, io, net::IpAddr, time::Duration};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

/// Wait after an accept that failed for want of a resource.
const RETRY: Duration = Duration::from_millis(100);

/// What accepts connections.
pub(crate) trait Accept {
    /// A connection.
    type Stream;

    /// The next connection, and the IP address of its other end if it has one.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Option<IpAddr>)>> + Send;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Option<IpAddr>)> {
        Self::accept(self).await.map(|(stream, remote)| (stream, Some(remote.ip())))
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Option<IpAddr>)> {
        Self::accept(self).await.map(|(stream, _)| (stream, None))
    }
}

/// Gives every connection to `take`, which must not wait, until `shutdown`.
pub(crate) async fn until<L: Accept>(shutdown: &CancellationToken, listener: &L, mut take: impl FnMut(L::Stream, Option<IpAddr>)) {
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                failing = false;
                take(stream, remote);
            }
            Err(error) if is_peers_doing(&error) => {}
            Err(error) => {
                // Out of file descriptors, most likely: those that are open must end first.
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(%error, "accept a connection: raise the limit on open files or lower connections_max");
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Whether an accept failed because of that one peer, so that the next may be accepted at once.
fn is_peers_doing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused)
}
