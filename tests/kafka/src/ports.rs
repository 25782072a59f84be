//! Free ports on loopback.

use std::{
    collections::BTreeSet,
    io,
    net::{Ipv4Addr, TcpListener},
};

use parking_lot::Mutex;

use crate::error::ClusterError;

/// Where free ports are looked for: below those that the system gives to outgoing connections, so that a broker that is restarted
/// finds its port free.
const RANGE: std::ops::Range<u16> = 12_000..32_000;
const TRIES_MAX: usize = 1_000;

/// Ports that clusters of this process were given. A broker listens on its own only seconds later, and not while it is stopped:
/// meanwhile nobody else may be given it.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

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
    let of_broker = |index: usize| -> io::Result<Ports> {
        let client = match fixed.and_then(|ports| ports.get(index)) {
            Some(port) => *port,
            None => free()?,
        };
        Ok(Ports { client, backend: free()?, peer: free()?, controller: free()? })
    };
    (0..brokers).map(of_broker).collect::<io::Result<_>>().map_err(ClusterError::system("find free ports"))
}

fn free() -> io::Result<u16> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..TRIES_MAX {
        let port = rand::random_range(RANGE);
        if !GIVEN.lock().insert(port) {
            continue;
        }
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = error,
        }
    }
    Err(last)
}
