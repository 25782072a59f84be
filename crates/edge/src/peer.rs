//! Who is at the other end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A peer, and what limits count it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its IP address; an IPv4 address that came in over an IPv6 socket is IPv4.
    pub(crate) ip: IpAddr,
    /// Its IPv4 address or IPv6 /64: whoever has one address of a /64 usually has them all.
    pub(crate) network: IpAddr,
    /// Whether it is in a network that no limit per peer applies to.
    pub(crate) exempt: bool,
}

impl Peer {
    /// The same peer, without limits.
    pub(crate) fn exempted(self) -> Self {
        Self { exempt: true, ..self }
    }

    /// Somebody on this machine, whom no limit per peer applies to.
    pub(crate) fn local() -> Self {
        Self::new(IpAddr::V4(Ipv4Addr::LOCALHOST), &[]).exempted()
    }

    pub(crate) fn new(ip: IpAddr, exempt_networks: &[IpNet]) -> Self {
        let ip = ip.to_canonical();
        let network = match ip {
            IpAddr::V4(_) => ip,
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        };
        Self { ip, network, exempt: exempt_networks.iter().any(|net| net.contains(&ip)) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    fn peer(ip: &str) -> Peer {
        Peer::new(ip.parse().unwrap(), &["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()])
    }

    #[test]
    fn ipv6_peers_count_by_their_64_and_ipv4_peers_by_their_address() {
        assert_eq!(peer("2001:db8:1:2::1").network, peer("2001:db8:1:2:ffff::9").network);
        assert_ne!(peer("2001:db8:1:2::1").network, peer("2001:db8:1:3::1").network);
        assert_ne!(peer("192.0.2.1").network, peer("192.0.2.2").network);
    }

    #[test]
    fn an_ipv4_peer_on_an_ipv6_socket_is_the_ipv4_peer() {
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert!(peer("::ffff:127.0.0.9").exempt);
    }

    #[test]
    fn only_peers_of_exempt_networks_are_exempt() {
        assert!(peer("127.1.2.3").exempt && peer("::1").exempt);
        assert!(!peer("128.0.0.1").exempt && !peer("::2").exempt);
    }
}
