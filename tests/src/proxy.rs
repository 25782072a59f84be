//! A TCP proxy that can be cut and restored, in front of something that a service depends on.

use std::net::SocketAddr;

use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// Forwards connections to its target until it is cut.
pub struct Proxy {
    listen: SocketAddr,
    target: SocketAddr,
    forwarding: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy on a free port of this machine; cut until it is restored.
    pub async fn reserve(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listen: listener.local_addr().unwrap(), target, forwarding: None }
    }

    /// Where it listens, when it does.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Closes the port and every connection, in the middle of whatever they carry.
    pub async fn cut(&mut self) {
        if let Some(forwarding) = self.forwarding.take() {
            forwarding.abort();
            // The port is closed once the task is gone.
            assert!(forwarding.await.unwrap_err().is_cancelled());
        }
    }

    /// Opens the port again.
    pub async fn restore(&mut self) {
        assert!(self.forwarding.is_none(), "the proxy is up already");
        let listener = TcpListener::bind(self.listen).await.unwrap();
        self.forwarding = Some(tokio::spawn(forward_all(listener, self.target)));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(forwarding) = &self.forwarding {
            forwarding.abort();
        }
    }
}

async fn forward_all(listener: TcpListener, target: SocketAddr) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        while connections.try_join_next().is_some() {}
        connections.spawn(forward(client, target));
    }
}

async fn forward(mut client: TcpStream, target: SocketAddr) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    // A connection that either side breaks off is what this is for.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}
