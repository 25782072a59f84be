//! Which addresses may be asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// IPv4 blocks that are not of the public internet (IANA IPv4 Special-Purpose Address Registry, RFC 6890), multicast and reserved ones
/// included.
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];
/// What is given out of IPv6 (RFC 4291 2.4): everything else is private, local, multicast, or stands for an IPv4 address.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0], 3);
/// Blocks of it that are not of the public internet, or that hold an IPv4 address (IANA IPv6 Special-Purpose Address Registry).
const SPECIAL_V6: [Ipv6Net; 4] = [v6([0x2001, 0], 23), v6([0x2001, 0x0db8], 32), v6([0x2002, 0], 16), v6([0x3fff, 0], 20)];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b]: [u16; 2], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// The addresses that may be asked: those of the public internet, and what the operator allows beside them.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    allowed: Vec<IpNet>,
}

impl Reach {
    /// The public internet and these networks.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Whether an address may be asked; an IPv4 address that is written as IPv6 is the same one.
    #[must_use]
    pub fn permits(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        is_public(ip) || self.allowed.iter().any(|net| net.contains(&ip))
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !SPECIAL_V4.iter().any(|net| net.contains(&ip)),
        IpAddr::V6(ip) => GLOBAL_V6.contains(&ip) && !SPECIAL_V6.iter().any(|net| net.contains(&ip)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(reach: &Reach, addresses: &[&str], permitted: bool) {
        for address in addresses {
            assert_eq!(reach.permits(address.parse().unwrap()), permitted, "{address}");
        }
    }

    #[test]
    fn the_public_internet_is_in_reach_and_no_private_local_or_special_address_is() {
        let reach = Reach::default();
        check(&reach, &["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "2a00:1450:4001::5e", "2606:4700::1111"], true);
        let v4 = ["0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "172.31.255.255"];
        check(&reach, &v4, false);
        check(&reach, &["192.168.0.1", "198.18.0.1", "192.0.2.1", "203.0.113.9", "224.0.0.1", "255.255.255.255"], false);
        check(&reach, &["::", "::1", "fe80::1", "fd00::1", "fc00::1", "ff02::1", "fec0::1", "2001:db8::1", "100::1"], false);
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_one_is_no_way_around() {
        let reach = Reach::default();
        // Mapped, compatible, NAT64, 6to4, Teredo.
        check(&reach, &["::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001::7f00:1"], false);
        check(&reach, &["::ffff:8.8.8.8"], true);
    }

    #[test]
    fn what_the_operator_allows_is_in_reach_and_nothing_beside_it() {
        let reach = Reach::new(vec!["10.20.0.0/16".parse().unwrap(), "fd00:1::/32".parse().unwrap()]);
        check(&reach, &["10.20.255.1", "::ffff:10.20.0.1", "fd00:1::7"], true);
        check(&reach, &["10.21.0.1", "fd00:2::7", "127.0.0.1"], false);
    }

    proptest! {
        #[test]
        fn an_address_and_its_mapped_form_are_the_same(bits: u32) {
            let ip = Ipv4Addr::from_bits(bits);
            prop_assert_eq!(Reach::default().permits(ip.into()), Reach::default().permits(ip.to_ipv6_mapped().into()));
            let is_special = ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast() || ip.is_documentation();
            prop_assert!(!(is_special && Reach::default().permits(ip.into())));
        }
    }
}
