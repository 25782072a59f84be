//! Free ports on loopback.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
};

use crate::error::ClusterError;

/// Where free ports are looked for: below those that the system gives to outgoing connections, so that a broker that is restarted
/// finds its port free.
const RANGE: std::ops::Range<u16> = 12_000..32_000;
const TRIES_MAX: usize = 1_000;

/// Ports of one broker.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    /// For clients.
    pub(crate) client: u16,
    /// For clients that come through a proxy.
    pub(crate) backend: u16,
    /// For the other brokers.
    pub(crate) peer: u16,
    /// For the controllers' quorum.
    pub(crate) controller: u16,
}

/// Ports for each broker that nobody listens on, the clients' ones from `fixed` when there are.
///
/// # Errors
/// [`ClusterError::System`] when none is free.
pub(crate) fn choose(brokers: usize, fixed: Option<&[u16]>) -> Result<Vec<Ports>, ClusterError> {
    // Held until all are chosen, so that they differ.
    let mut held = Vec::new();
    let mut free = || -> io::Result<u16> {
        let listener = bind_somewhere()?;
        let port = listener.local_addr()?.port();
        held.push(listener);
        Ok(port)
    };
    let mut of_broker = |index: usize| -> io::Result<Ports> {
        let client = match fixed.and_then(|ports| ports.get(index)) {
            Some(port) => *port,
            None => free()?,
        };
        Ok(Ports { client, backend: free()?, peer: free()?, controller: free()? })
    };
    (0..brokers).map(&mut of_broker).collect::<io::Result<_>>().map_err(ClusterError::system("find free ports"))
}

fn bind_somewhere() -> io::Result<TcpListener> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..TRIES_MAX {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, rand::random_range(RANGE))) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}
