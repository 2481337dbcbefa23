//! Where requests go: peers that are built once and cloned for each request, with every deadline set.

use aldgate_core::policy::route::{Service, Target};
use pingora::upstreams::peer::{H1UpgradePolicy, HttpPeer};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The backend is on this machine: if it does not accept at once, it is down.
const BACKEND_CONNECT: Duration = Duration::from_millis(200);
const SERVICE_CONNECT: Duration = Duration::from_secs(1);
const READ: Duration = Duration::from_secs(30); // The slowest page that anybody waits for.
const WRITE: Duration = Duration::from_secs(10);
/// How long a WebSocket may be silent, either way.
pub const UPGRADED_IDLE: Duration = Duration::from_mins(10);

const IDLE: Duration = Duration::from_secs(60);

/// The peers.
pub struct Upstreams {
    backend: HttpPeer,
    services: HashMap<String, (Arc<Service>, HttpPeer)>,
}

/// An upstream's address does not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the upstream {0:?} is not an address")]
pub struct BadUpstream(String);

fn socket_peer(path: &str) -> Result<HttpPeer, BadUpstream> {
    HttpPeer::new_uds(path, false, String::new()).map_err(|_| BadUpstream(path.into()))
}

fn with_deadlines(mut peer: HttpPeer, connect: Duration, upgrade: H1UpgradePolicy) -> HttpPeer {
    let options = &mut peer.options;
    options.connection_timeout = Some(connect);
    options.total_connection_timeout = Some(connect);
    options.read_timeout = Some(READ);
    options.write_timeout = Some(WRITE);
    options.idle_timeout = Some(IDLE);
    options.http_upstream_request_policy.h1_upgrade = upgrade;
    peer
}

fn service_peer(service: &Service) -> Result<HttpPeer, BadUpstream> {
    let peer = match service.upstream.strip_prefix("unix:") {
        Some(path) => socket_peer(path)?,
        None => {
            let address: SocketAddr = service.upstream.parse().map_err(|_| BadUpstream(service.upstream.clone()))?;
            HttpPeer::new(address, false, String::new())
        }
    };
    Ok(with_deadlines(peer, SERVICE_CONNECT, H1UpgradePolicy::WebSocketOnly))
}

impl Upstreams {
    /// Peers for the backend's socket and for every service.
    ///
    /// # Errors
    /// [`BadUpstream`].
    pub fn new(backend_socket: &Path, services: impl IntoIterator<Item = Arc<Service>>) -> Result<Self, BadUpstream> {
        let socket = backend_socket.to_string_lossy();
        let backend = with_deadlines(socket_peer(&socket)?, BACKEND_CONNECT, H1UpgradePolicy::Deny);
        let services = services.into_iter().map(|service| {
            let peer = service_peer(&service)?;
            Ok((service.name.clone(), (service, peer)))
        });
        Ok(Self { backend, services: services.collect::<Result<_, _>>()? })
    }

    /// The peer for a target; `None` for what the edge answers itself.
    ///
    /// A request may have been judged just before another configuration was taken over: it goes where its own route
    /// leads, whatever a service of that name is now.
    pub fn peer(&self, target: &Target) -> Option<HttpPeer> {
        match target {
            Target::Edge(_) => None,
            Target::Backend => Some(self.backend.clone()),
            Target::Service(service) => match self.services.get(&service.name) {
                Some((known, peer)) if known == service => Some(peer.clone()),
                Some(_) | None => service_peer(service).ok(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pingora::upstreams::peer::Peer as _;

    fn service(upstream: &str) -> Arc<Service> {
        Arc::new(Service { name: "a".into(), index: 0, upstream: upstream.into() })
    }

    #[test]
    fn a_request_goes_where_the_route_leads_that_it_was_judged_by() {
        let upstreams = Upstreams::new(Path::new("/run/backend.sock"), [service("127.0.0.1:2")]).expect("upstreams");
        for upstream in ["127.0.0.1:2", "127.0.0.1:1"] {
            let peer = upstreams.peer(&Target::Service(service(upstream))).expect("a peer");
            assert_eq!(peer.address().to_string(), upstream);
            assert_eq!(peer.options.read_timeout, Some(READ), "with every deadline");
        }
    }
}
