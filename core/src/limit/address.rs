//! What one subscriber holds of the address space.

use std::net::IpAddr;

/// An IPv4 address, or the 64 bits that every IPv6 subscriber has at least (RFC 6177): whoever is counted by whole IPv6
/// addresses has 2^64 of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix(u64);

impl Prefix {
    /// The prefix of an address. An IPv4 address that is written as an IPv6 one is the same.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            // 64:ff9b::/32 of NAT64 (RFC 6052), which no subscriber has: no IPv6 prefix is taken for an IPv4 address.
            IpAddr::V4(address) => Self(0x0064_ff9b << 32 | u64::from(address.to_bits())),
            IpAddr::V6(address) => Self(u64::try_from(address.to_bits() >> 64).unwrap_or(u64::MAX)),
        }
    }

    /// The number by which it is counted.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        Prefix::of(text.parse().expect("address"))
    }

    #[test]
    fn a_subscriber_is_an_ipv4_address_or_64_bits() {
        assert_eq!(prefix("::ffff:192.0.2.1"), prefix("192.0.2.1"));
        assert_ne!(prefix("192.0.2.1"), prefix("192.0.2.2"));
        assert_eq!(prefix("2001:db8::1"), prefix("2001:db8::ffff:ffff:ffff:ffff"));
        assert_ne!(prefix("2001:db8::1"), prefix("2001:db8:0:1::1"));
        assert_ne!(prefix("0.0.0.0"), prefix("::"));
    }
}
