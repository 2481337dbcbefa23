//! Which network addresses the provider may call by itself. A client says where it is to be called; without a bound it
//! could let us call what only we can reach: the database, a cloud's metadata, other services' insides (server-side
//! request forgery).
//!
//! The public internet may be called, and beyond it only the networks that the configuration names. What is public is
//! what the registries of IANA do not keep for something special (IPv4 and IPv6 Special-Purpose Address Registries).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network: an address, and how many of its first bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// The text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a network, such as 10.1.0.0/16")]
pub struct NotANetwork;

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Network {
    Network { address: IpAddr::V4(Ipv4Addr::new(a, b, c, 0)), prefix }
}

const fn v6(a: u16, b: u16, prefix: u8) -> Network {
    Network { address: IpAddr::V6(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0)), prefix }
}

/// All of IPv4 that is not public.
const SPECIAL_V4: [Network; 15] = [
    v4(0, 0, 0, 8),       // This network
    v4(10, 0, 0, 8),      // Private
    v4(100, 64, 0, 10),   // Carriers' address translation
    v4(127, 0, 0, 8),     // Loopback
    v4(169, 254, 0, 16),  // Link-local: metadata of clouds
    v4(172, 16, 0, 12),   // Private
    v4(192, 0, 0, 24),    // Protocols' own
    v4(192, 0, 2, 24),    // Documentation
    v4(192, 88, 99, 24),  // Relays of 6to4
    v4(192, 168, 0, 16),  // Private
    v4(198, 18, 0, 15),   // Benchmarks
    v4(198, 51, 100, 24), // Documentation
    v4(203, 0, 113, 24),  // Documentation
    v4(224, 0, 0, 4),     // Multicast
    v4(240, 0, 0, 4),     // Reserved, and broadcast
];

/// All of IPv6 that is given out; what else there is, is loopback, link-local, private, multicast, or a translation of
/// IPv4.
const UNICAST_V6: Network = v6(0x2000, 0, 3);

/// What of it is not public.
const SPECIAL_V6: [Network; 3] = [
    v6(0x2001, 0, 23),     // Protocols' own, Teredo among them, which leads to IPv4
    v6(0x2001, 0xdb8, 32), // Documentation
    v6(0x2002, 0, 16),     // 6to4, which leads to IPv4
];

/// Documentation, too (RFC 9637).
const DOCUMENTATION_V6: Network = v6(0x3fff, 0, 20);

/// Which addresses may be called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    beyond: Vec<Network>,
}

impl Reach {
    /// The public internet, and these networks.
    pub const fn beyond_public(networks: Vec<Network>) -> Self {
        Self { beyond: networks }
    }

    /// Whether an address may be called. One of IPv4 in the dress of IPv6 is judged as what it is.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.beyond.iter().any(|network| network.contains(address))
    }
}

fn is_public(address: IpAddr) -> bool {
    let within = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
    match address {
        IpAddr::V4(_) => !within(&SPECIAL_V4),
        IpAddr::V6(_) => within(&[UNICAST_V6]) && !within(&SPECIAL_V6) && !within(&[DOCUMENTATION_V6]),
    }
}

impl Network {
    /// Whether an address lies in it.
    pub fn contains(self, address: IpAddr) -> bool {
        let same = |own: u128, other: u128, width: u8| {
            let shift = u32::from(width.saturating_sub(self.prefix));
            own.checked_shr(shift).unwrap_or(0) == other.checked_shr(shift).unwrap_or(0)
        };
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same(own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, prefix) = text.split_once('/').ok_or(NotANetwork)?;
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let prefix: u8 = prefix.parse().map_err(|_| NotANetwork)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        if prefix > width { Err(NotANetwork) } else { Ok(Self { address, prefix }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn only_the_public_internet_is_reached() {
        let reach = Reach::default();
        for public in ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "2a00::1"]
        {
            assert!(reach.allows(address(public)), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.255.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.19.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "4000::1",
        ] {
            assert!(!reach.allows(address(special)), "{special}");
        }
    }

    #[test]
    fn what_the_configuration_names_is_reached_too_and_nothing_beside_it() {
        let networks = ["10.1.0.0/16", "::1/128", "127.0.0.1/32"].map(|text| text.parse().expect(text));
        let reach = Reach::beyond_public(networks.into());
        for allowed in ["10.1.2.3", "::ffff:10.1.2.3", "::1", "127.0.0.1", "1.1.1.1"] {
            assert!(reach.allows(address(allowed)), "{allowed}");
        }
        for refused in ["10.2.0.1", "::2", "127.0.0.2", "192.168.0.1"] {
            assert!(!reach.allows(address(refused)), "{refused}");
        }
        assert!(Reach::beyond_public(vec!["0.0.0.0/0".parse().expect("all")]).allows(address("10.0.0.1")));
    }

    #[test]
    fn texts_that_are_no_networks_are_refused() {
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "localhost/8", "10.0.0.0/8/8"] {
            assert_eq!(bad.parse::<Network>(), Err(NotANetwork), "{bad}");
        }
        assert_eq!("10.1.0.0/16".parse::<Network>().map(|network| network.to_string()), Ok("10.1.0.0/16".into()));
    }
}
