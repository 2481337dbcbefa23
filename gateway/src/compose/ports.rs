//! The addresses that this process listens on: each of them is held before anything answers on any of them, or the
//! process ends and says which it cannot have.
//!
//! Pingora by itself binds an address when the service starts that listens there; it tries a taken one for half a minute,
//! and then the process lives on without it. Here a service of its own binds what was not inherited from the gateway
//! before this one and puts it into the table of sockets, in which Pingora looks first. Whatever listens, and the word by
//! which the gateway before is told to end, waits for that: a process that cannot have an address has accepted nothing.

use super::CannotStart;
use aldgate_gateway::config::Config;
use async_trait::async_trait;
use pingora::server::{ListenFds, ShutdownWatch};
use pingora::services::{ServiceReadyNotifier, ServiceWithDependents};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::IntoRawFd as _;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpSocket;
use tokio::sync::{Notify, oneshot};

/// Connections that may wait to be accepted; the kernel's own bound (`net.core.somaxconn`) is lower.
const BACKLOG: u32 = 65_535;

/// An address of the configuration.
struct Address {
    key: &'static str,
    at: SocketAddr,
    /// Whether another process of this user may listen there too.
    shared: bool,
}

impl Address {
    /// A socket there, which does not listen yet.
    fn bound(&self) -> Result<TcpSocket, CannotStart> {
        let bind = || -> io::Result<TcpSocket> {
            let socket = if self.at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_reuseaddr(true)?;
            socket.set_reuseport(self.shared)?;
            socket.bind(self.at)?;
            Ok(socket)
        };
        bind().map_err(|error| self.cannot(&error))
    }

    /// Listens there, for the service that will look for it in the table.
    fn hold(&self, sockets: &ListenFds) -> Result<(), CannotStart> {
        let name = self.at.to_string();
        if sockets.lock().get(&name).is_some() {
            return Ok(()); // Inherited: it listens already.
        }
        let listening = self.bound()?.listen(BACKLOG).and_then(tokio::net::TcpListener::into_std);
        let listening = listening.map_err(|error| self.cannot(&error))?;
        sockets.lock().add(name, listening.into_raw_fd());
        Ok(())
    }

    fn cannot(&self, error: &io::Error) -> CannotStart {
        let Self { key, at, .. } = self;
        CannotStart(match error.kind() {
            ErrorKind::AddrInUse => {
                format!("{at} is in use by another program: end that one, or set {key} to another address")
            }
            _ => format!("cannot listen on {at} ({key}): {error}"),
        })
    }
}

fn addresses(config: &Config, takes_over: bool) -> Vec<Address> {
    let edge = &config.edge;
    let shared = edge.reuse_port;
    let all = [
        ("edge.http", edge.http, shared),
        ("edge.https", edge.https, shared),
        ("edge.private", Some(edge.private), false),
        // A gateway of a version that does not hand this one over still listens there, and lets others.
        ("edge.authz_grpc", edge.authz_grpc, shared || takes_over),
    ];
    all.into_iter().filter_map(|(key, at, shared)| Some(Address { key, at: at?, shared })).collect()
}

/// Tries every address of the configuration, early: a person wants to know now, and not once all else is made.
///
/// # Errors
/// One line that names the address, its key, and what to do.
pub(crate) fn all_free(config: &Config) -> Result<(), CannotStart> {
    let demo = config.demo.map(|at| Address { key: "demo.listen", at, shared: false });
    addresses(config, false).iter().chain(&demo).try_for_each(|address| address.bound().map(drop))
}

/// The service that holds the addresses.
pub(crate) struct Ports {
    addresses: Vec<Address>,
    held: Option<oneshot::Sender<()>>,
    refused: Arc<Refused>,
}

impl Ports {
    /// For a process that takes over from another, or does not; `held` is told once all are held.
    pub(crate) fn new(config: &Config, takes_over: bool, held: oneshot::Sender<()>) -> Self {
        Self { addresses: addresses(config, takes_over), held: Some(held), refused: Arc::default() }
    }

    /// Why they cannot be held, should that be so.
    pub(crate) fn refused(&self) -> Arc<Refused> {
        self.refused.clone()
    }
}

/// Why the addresses cannot be held.
#[derive(Default)]
pub(crate) struct Refused {
    /// The reason, and what would let those start who wait: to be kept until nobody waits any more.
    why: Mutex<Option<(CannotStart, ServiceReadyNotifier)>>,
    told: Notify,
}

impl Refused {
    fn because(&self, why: CannotStart, starts_the_others: ServiceReadyNotifier) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some((why, starts_the_others));
        self.told.notify_one();
    }

    /// Comes when there is a reason.
    pub(crate) async fn told(&self) {
        self.told.notified().await;
    }

    /// The reason. To be asked when the services have ended.
    pub(crate) fn why(&self) -> Option<CannotStart> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).take().map(|(why, _)| why)
    }
}

#[async_trait]
impl ServiceWithDependents for Ports {
    async fn start_service(
        &mut self,
        sockets: Option<ListenFds>,
        _: ShutdownWatch,
        _: usize,
        ready: ServiceReadyNotifier,
    ) {
        let Some(sockets) = sockets else { return };
        if let Err(why) = self.addresses.iter().try_for_each(|address| address.hold(&sockets)) {
            return self.refused.because(why, ready);
        }
        ready.notify_ready();
        if let Some(held) = self.held.take() {
            let _ = held.send(()); // Nobody who starts it waits any more: it ends.
        }
    }

    fn name(&self) -> &'static str {
        "ports"
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        Some(Vec::new())
    }
}
