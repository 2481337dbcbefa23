//! A network of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use std::net::IpAddr;
use std::str::FromStr;

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// The text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a network such as \"10.0.0.0/8\" or \"2001:db8::/32\"")]
pub struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |bits| bits.parse().map_err(|_| NotANetwork))?;
        let network = Self { address, bits };
        // "10.1.2.3/8" is more likely a typing error than a network.
        let host_bits = network.prefix(address) != Some(bits_of(address));
        if bits > width || host_bits { Err(NotANetwork) } else { Ok(network) }
    }
}

/// The address as a number, to the left.
fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Network {
    fn prefix(&self, address: IpAddr) -> Option<u128> {
        let cut = 128 - u32::from(self.bits).min(128);
        let prefix = bits_of(address).checked_shr(cut).and_then(|bits| bits.checked_shl(cut)).unwrap_or(0);
        (address.is_ipv4() == self.address.is_ipv4()).then_some(prefix)
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.prefix(address.to_canonical()) == Some(bits_of(self.address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_other() {
        for (network, within, without) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::a00:1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
        ] {
            let parsed: Network = network.parse().expect("a network");
            assert!(parsed.contains(within.parse().expect("an address")), "{within} in {network}");
            assert!(!parsed.contains(without.parse().expect("an address")), "{without} in {network}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0/8", "a/8", "10.0.0.0/", "::/129", "10.0.0.0/-1"] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
    }
}
