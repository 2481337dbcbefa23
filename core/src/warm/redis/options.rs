//! What an operator says about the servers.

use crate::secret::Secret;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long one call may take in all, unless it is configured otherwise: several times what a server under load needs,
/// and short enough that three calls fit into a log-in's patience.
pub const DEADLINE: Duration = Duration::from_millis(250);

/// Where one server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// The text is not `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not host:port")]
pub struct NotAnAddress(String);

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        match parts {
            Some((host, port)) if !host.is_empty() && port != 0 => {
                let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
                Ok(Self { host: host.into(), port })
            }
            _ => Err(NotAnAddress(text.into())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// TLS to the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The authorities that may have signed a server's certificate (PEM); `None` for those of the system.
    pub authorities: Option<Vec<u8>>,
}

/// The servers, and how to speak to them.
#[derive(Debug)]
pub struct Options {
    /// Where to begin. Of a cluster, any of its nodes; otherwise every server that may be the primary: the one whose
    /// `ROLE` says master is used, and looked for anew when it fails or is demoted.
    pub addresses: Vec<Address>,
    /// Whether it is a Redis Cluster.
    pub cluster: bool,
    /// TLS, if it is to be used.
    pub tls: Option<Tls>,
    /// The ACL user; `None` for the default user.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret<String>>,
    /// How long one call may take, with all that is tried for it.
    pub deadline: Duration,
    /// How the names of all keys begin.
    pub prefix: String,
}

impl Options {
    /// These servers, everything else as it mostly is: no cluster, no TLS, the default user without a password.
    pub fn new(addresses: Vec<Address>) -> Self {
        Self {
            addresses,
            cluster: false,
            tls: None,
            user: None,
            password: None,
            deadline: DEADLINE,
            prefix: "aldgate:".into(),
        }
    }
}

/// Why the tier could not be reached at the start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotConnected {
    /// No address is configured.
    #[error("no address of a Redis server is configured")]
    NoAddress,
    /// A brace in a prefix would be taken for a hash tag.
    #[error("the prefix of keys must not contain a brace")]
    Prefix,
    /// No usable primary was found.
    #[error("no usable Redis primary was found: {0}")]
    Unreachable(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let address = |host: &str, port| Ok(Address { host: host.into(), port });
        assert_eq!("cache.example:6379".parse(), address("cache.example", 6379));
        assert_eq!("[::1]:6379".parse(), address("::1", 6379));
        for bad in ["", "host", ":6379", "host:", "host:0", "host:65536"] {
            assert_eq!(bad.parse::<Address>(), Err(NotAnAddress(bad.into())));
        }
    }
}
