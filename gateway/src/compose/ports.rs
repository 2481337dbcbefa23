//! Whether the addresses can be listened on. Pingora tries a taken one for half a minute; a person wants to know now.

use super::CannotStart;
use aldgate_gateway::config::Config;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

/// Tries every address of the configuration.
///
/// # Errors
/// One line that names the address, its key, and what to do.
pub(crate) fn all_free(config: &Config) -> Result<(), CannotStart> {
    let addresses = [
        ("edge.http", config.edge.http.filter(|_| !config.edge.reuse_port)),
        ("edge.https", config.edge.https.filter(|_| !config.edge.reuse_port)),
        ("edge.private", Some(config.edge.private)),
        ("edge.authz_grpc", config.edge.authz_grpc),
        ("demo.listen", config.demo),
    ];
    for (key, address) in addresses {
        address.map_or(Ok(()), |address| free(key, address))?;
    }
    Ok(())
}

fn free(key: &str, address: SocketAddr) -> Result<(), CannotStart> {
    TcpListener::bind(address).map(drop).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => CannotStart(format!(
            "{address} is in use by another program: end that one, or set {key} to another address"
        )),
        _ => CannotStart(format!("cannot listen on {address} ({key}): {error}")),
    })
}
