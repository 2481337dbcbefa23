//! Where requests go: peers that are built once and cloned for each request, with every deadline set.

use crate::lane::pool::Pool;
use crate::lane::socket::{Address, Deadlines};
use aldgate_core::policy::route::{Service, Target};
use pingora::upstreams::peer::{H1UpgradePolicy, HttpPeer};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The backend is on this machine and accepts at once, or refuses at once. What is longer than a moment is this process
/// itself, on a machine that is busy: no reason to give up.
const BACKEND_CONNECT: Duration = Duration::from_secs(1);
const SERVICE_CONNECT: Duration = Duration::from_secs(1);
const READ: Duration = Duration::from_secs(30); // The slowest page that anybody waits for.
const WRITE: Duration = Duration::from_secs(10);
/// How long a WebSocket may be silent, either way.
pub const UPGRADED_IDLE: Duration = Duration::from_mins(10);

const IDLE: Duration = Duration::from_secs(60);

/// The peers.
pub struct Upstreams {
    backend: HttpPeer,
    services: HashMap<String, ServiceUpstream>,
}

/// A service, as both ways reach it.
struct ServiceUpstream {
    peer: HttpPeer,
    lane: Arc<Pool>,
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

fn service(upstream: &str) -> Result<ServiceUpstream, BadUpstream> {
    let (peer, address) = match upstream.strip_prefix("unix:") {
        Some(path) => (socket_peer(path)?, Address::Unix(path.into())),
        None => {
            let address: SocketAddr = upstream.parse().map_err(|_| BadUpstream(upstream.into()))?;
            (HttpPeer::new(address, false, String::new()), Address::Tcp(address))
        }
    };
    let peer = with_deadlines(peer, SERVICE_CONNECT, H1UpgradePolicy::WebSocketOnly);
    let deadlines = Deadlines { connect: SERVICE_CONNECT, read: READ, write: WRITE };
    Ok(ServiceUpstream { peer, lane: Arc::new(Pool::new(address, deadlines, IDLE)) })
}

impl Upstreams {
    /// Peers for the backend's socket and for every service that has an address.
    ///
    /// # Errors
    /// [`BadUpstream`].
    pub fn new<'a>(
        backend_socket: &Path,
        services: impl IntoIterator<Item = &'a Service>,
    ) -> Result<Self, BadUpstream> {
        let socket = backend_socket.to_string_lossy();
        let backend = with_deadlines(socket_peer(&socket)?, BACKEND_CONNECT, H1UpgradePolicy::Deny);
        let addressed = services.into_iter().filter_map(|s| Some((s.name.clone(), s.upstream.as_deref()?)));
        let services = addressed.map(|(name, upstream)| Ok((name, service(upstream)?))).collect::<Result<_, _>>()?;
        Ok(Self { backend, services })
    }

    /// The peer for a target; `None` for what the edge answers itself, and for a service behind another proxy.
    pub fn peer(&self, target: &Target) -> Option<&HttpPeer> {
        match target {
            Target::Edge(_) => None,
            Target::Backend => Some(&self.backend),
            Target::Service(service) => self.services.get(&service.name).map(|service| &service.peer),
        }
    }

    /// The connections of the fast lane, which leads to services only.
    pub fn lane(&self, target: &Target) -> Option<&Arc<Pool>> {
        match target {
            Target::Edge(_) | Target::Backend => None,
            Target::Service(service) => self.services.get(&service.name).map(|service| &service.lane),
        }
    }
}
