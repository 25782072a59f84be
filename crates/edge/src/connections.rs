//! How many connections there may be, in all and from one peer.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;

use crate::peer::Peer;

/// The connections that are open.
pub(crate) struct Connections {
    open: Mutex<Open>,
    max: usize,
    per_peer_max: usize,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_network: HashMap<IpAddr, usize>,
}

/// A connection's place; given back on drop.
pub(crate) struct Place {
    connections: Arc<Connections>,
    network: Option<IpAddr>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// All places are taken.
    All,
    /// The peer has taken all of its own.
    Peer,
}

impl NoPlace {
    /// Every code that [`NoPlace::reason`] gives.
    pub(crate) const REASONS: [&'static str; 2] = ["connections", "peer-connections"];

    /// The stable code that metrics carry.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::All => "connections",
            Self::Peer => "peer-connections",
        }
    }
}

impl Connections {
    pub(crate) fn new(max: usize, per_peer_max: usize) -> Arc<Self> {
        Arc::new(Self { open: Mutex::new(Open::default()), max, per_peer_max })
    }

    /// Takes a place for a connection of `peer`.
    pub(crate) fn place(self: &Arc<Self>, peer: Peer) -> Result<Place, NoPlace> {
        let mut place = self.place_of_nobody()?;
        place.give_to(peer)?;
        Ok(place)
    }

    /// Takes a place for a connection whose peer is not known yet.
    pub(crate) fn place_of_nobody(self: &Arc<Self>) -> Result<Place, NoPlace> {
        let mut open = self.open.lock();
        if open.all >= self.max {
            return Err(NoPlace::All);
        }
        open.all += 1;
        Ok(Place { connections: Arc::clone(self), network: None })
    }
}

impl Place {
    /// Counts nobody's place as one of `peer`'s.
    pub(crate) fn give_to(&mut self, peer: Peer) -> Result<(), NoPlace> {
        if peer.exempt || self.network.is_some() {
            return Ok(());
        }
        let mut open = self.connections.open.lock();
        let of_peer = open.by_network.entry(peer.network).or_insert(0);
        if *of_peer >= self.connections.per_peer_max {
            return Err(NoPlace::Peer);
        }
        *of_peer += 1;
        self.network = Some(peer.network);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock();
        open.all = open.all.saturating_sub(1);
        if let Some(network) = self.network
            && let Some(of_peer) = open.by_network.get_mut(&network)
        {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                open.by_network.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn one_peer_cannot_take_the_places_of_others_and_a_closed_connection_gives_its_place_back() {
        let peer = |ip: &str| Peer::new(ip.parse().unwrap(), &["127.0.0.0/8".parse().unwrap()]);
        let connections = Connections::new(4, 2);
        let first = connections.place(peer("2001:db8::1")).unwrap();
        let _second = connections.place(peer("2001:db8::2")).unwrap();
        assert_eq!(connections.place(peer("2001:db8::3")).err(), Some(NoPlace::Peer));
        let _exempt: Vec<Place> = (0..2).map(|_| connections.place(peer("127.0.0.1")).unwrap()).collect();
        assert_eq!(connections.place(peer("192.0.2.1")).err(), Some(NoPlace::All));
        drop(first);
        let last = connections.place(peer("192.0.2.1")).unwrap();
        drop(last);
        assert_eq!(connections.open.lock().by_network.len(), 1, "a peer that left takes no memory");
    }
}
