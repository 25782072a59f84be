//! A TCP proxy in front of something that a service depends on, with the faults of a network.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// How the network behaves between a client and the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// As it should.
    Sound,
    /// Every piece takes this much longer, each way.
    Slow(Duration),
    /// No more than so many bytes a second go through, each way.
    Narrow(u32),
    /// Nothing goes through, and nobody is told: connections stay open.
    HalfOpen,
    /// Connections go through for so many bytes from the client, and are reset then.
    ResetAfter(usize),
    /// Clients get so many bytes of a connection's answers, and then its end, as if that were all.
    EndsAnswersAfter(usize),
    /// Nothing reaches the target: every request gets this answer.
    Answers(&'static str),
}

/// An address that nobody has now, and that no outgoing connection gets while whoever listens there is away: below the ports that the
/// system gives to those.
pub async fn free_address() -> SocketAddr {
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], rand::random_range(12_000..32_000)));
        if TcpListener::bind(address).await.is_ok() {
            return address;
        }
    }
}

/// Forwards connections to its target until it is cut.
pub struct Proxy {
    listen: SocketAddr,
    target: SocketAddr,
    network: watch::Sender<Network>,
    forwarding: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy on a free port of this machine; cut until it is restored.
    pub async fn reserve(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listen: listener.local_addr().unwrap(), target, network: watch::Sender::new(Network::Sound), forwarding: None }
    }

    /// A proxy on this port, cut until it is restored.
    pub fn at(listen: SocketAddr, target: SocketAddr) -> Self {
        Self { listen, target, network: watch::Sender::new(Network::Sound), forwarding: None }
    }

    /// Where it listens, when it does.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Changes how the network behaves, for the connections that are there too.
    pub fn network(&self, network: Network) {
        self.network.send_replace(network);
    }

    /// Makes the network behave so; none cuts it.
    pub async fn disturb(&mut self, network: Option<Network>) {
        match network {
            Some(network) => self.network(network),
            None => self.cut().await,
        }
    }

    /// Ends whatever [`Proxy::disturb`] began.
    pub async fn mend(&mut self) {
        self.network(Network::Sound);
        if self.forwarding.is_none() {
            self.restore().await;
        }
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
        self.forwarding = Some(tokio::spawn(forward_all(listener, self.target, self.network.subscribe())));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(forwarding) = &self.forwarding {
            forwarding.abort();
        }
    }
}

async fn forward_all(listener: TcpListener, target: SocketAddr, network: watch::Receiver<Network>) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        while connections.try_join_next().is_some() {}
        connections.spawn(forward(client, target, network.clone()));
    }
}

/// A connection that either side breaks off is what this is for.
async fn forward(client: TcpStream, target: SocketAddr, network: watch::Receiver<Network>) {
    let answers = if let Network::Answers(answer) = *network.borrow() { Some(answer) } else { None };
    if let Some(answer) = answers {
        answer_all(client, answer).await;
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    // Small pieces must not wait for each other here: that is what `Slow` is for.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let carried = {
        let up = pump(&mut from_client, &mut to_server, network.clone(), true);
        let down = pump(&mut from_server, &mut to_client, network, false);
        // One direction that ends in order leaves the other: a client of HTTP may close its own.
        tokio::try_join!(up, down)
    };
    if carried.is_err()
        && let Ok(client) = from_client.reunite(to_client)
    {
        // The client hears RST and not an orderly end.
        let _ = client.set_zero_linger();
    }
}

/// The connection is to be reset.
struct Reset;

/// Carries one direction to its end.
async fn pump(
    from: &mut tokio::net::tcp::OwnedReadHalf,
    to: &mut tokio::net::tcp::OwnedWriteHalf,
    mut network: watch::Receiver<Network>,
    is_up: bool,
) -> Result<(), Reset> {
    let mut carried = 0;
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        carried += read;
        let kept = loop {
            let now = network.borrow_and_update().clone();
            match now {
                Network::Sound => break read,
                Network::Slow(wait) => {
                    tokio::time::sleep(wait).await;
                    break read;
                }
                Network::Narrow(bytes_a_second) => {
                    let pieces = u32::try_from(read).unwrap_or(u32::MAX);
                    tokio::time::sleep(Duration::from_secs(1) * pieces / bytes_a_second.max(1)).await;
                    break read;
                }
                // Also what an endpoint that answers for itself does to a connection that it has already.
                Network::HalfOpen | Network::Answers(_) => {
                    if network.changed().await.is_err() {
                        return Err(Reset);
                    }
                }
                Network::ResetAfter(bytes) if is_up && carried > bytes => return Err(Reset),
                Network::EndsAnswersAfter(bytes) if !is_up => break read.saturating_sub(carried.saturating_sub(bytes)),
                Network::ResetAfter(_) | Network::EndsAnswersAfter(_) => break read,
            }
        };
        if to.write_all(&buffer[..kept]).await.is_err() || kept < read {
            break;
        }
    }
    let _ = to.shutdown().await;
    Ok(())
}

/// Answers whatever comes, and closes.
async fn answer_all(mut client: TcpStream, answer: &str) {
    let mut buffer = vec![0; 64 << 10];
    if client.read(&mut buffer).await.is_ok_and(|read| read > 0) {
        let _ = client.write_all(answer.as_bytes()).await;
        let _ = client.shutdown().await;
    }
}
