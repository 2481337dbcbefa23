//! The gateway as a part of this process: on Pingora's own runtimes, until a signal.

use super::hand_over::{Before, HandOver, Sockets};
use super::place::Role;
use super::ports::Ports;
use super::signal::Drain;
use super::{CannotStart, banner, dev_certificate};
use aldgate_core::token::identity_assertion::SigningKey;
use aldgate_gateway::assemble::{Shared, assemble};
use aldgate_gateway::clock::Stopwatch;
use aldgate_gateway::config::Config;
use aldgate_gateway::config::source::Source;
use aldgate_gateway::listener::Listeners;
use aldgate_gateway::reload::{self, Started};
use aldgate_gateway::state::EdgeState;
use aldgate_gateway::{breaker, listener, snapshot, token};
use pingora::server::RunArgs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, oneshot};

/// What the process is started with.
pub(crate) struct Start<'a> {
    /// The configuration.
    pub(crate) config: Config,
    /// The file that it was read from, if one was.
    pub(crate) path: Option<&'a Path>,
    /// The text that it was read from.
    pub(crate) source: Source,
    /// Since when the process runs.
    pub(crate) began: Stopwatch,
}

/// A gateway, put together.
pub(crate) struct Edge {
    /// What its requests share.
    pub(crate) state: Arc<EdgeState>,
    config: Config,
    began: Stopwatch,
}

impl Edge {
    /// Puts it together, with the tasks that it needs beside its listeners, on the runtime that this is called on.
    ///
    /// # Errors
    /// One line that says what to do.
    pub(crate) fn assemble(start: &Start<'_>, signing_key: SigningKey, shared: &Shared) -> Result<Self, CannotStart> {
        let mut config = start.config.clone();
        let development = dev_certificate::needed(&config)?;
        config.edge.certificate = config.edge.certificate.or_else(|| development.clone());
        let assembled = assemble(&config, signing_key, shared);
        let (state, touch_writer) = assembled.map_err(|error| CannotStart(error.to_string()))?;
        tokio::spawn(touch_writer.run());
        tokio::spawn(snapshot::rotate_keys(state.clone()));
        tokio::spawn(token::keep_fresh(state.clone()));
        tokio::spawn(breaker::watch(state.breaker.clone(), config.backend_socket()));
        reload::start(&state, start.path, Started { source: start.source.clone(), development })
            .map_err(|error| CannotStart::because("cannot watch signals", error))?;
        Ok(Self { state, config, began: start.began })
    }

    /// Listens until a signal, and then until the requests that were begun are answered. Says on `runtime` when it is
    /// ready, as a process of this role.
    ///
    /// # Errors
    /// One line that says what to do.
    pub(crate) fn run(&self, role: Role, runtime: &Runtime) -> Result<(), CannotStart> {
        let listeners = self.listeners(None)?;
        self.serve(listeners, false, role, runtime, Arc::default())
    }

    /// The same for a gateway that can be replaced: with the listening sockets of `before`, if it replaces one, and
    /// until another one has those of this.
    ///
    /// # Errors
    /// One line that says what to do.
    pub(crate) fn run_replaceable(
        &self,
        role: Role,
        runtime: &Runtime,
        sockets: &Sockets,
        before: Option<Before>,
    ) -> Result<(), CannotStart> {
        let takes_over = before.is_some();
        let mut listeners = self.listeners(takes_over.then_some(sockets.listeners.as_path()))?;
        let replaced = Arc::new(Notify::new());
        let hand_over = HandOver::new(sockets.clone(), before, replaced.clone());
        listeners.services.push(listeners.server.add_service(hand_over));
        self.serve(listeners, takes_over, role, runtime, replaced)
    }

    fn listeners(&self, inherit: Option<&Path>) -> Result<Listeners, CannotStart> {
        let listeners = listener::listeners(&self.config.edge, &self.state, inherit);
        listeners.map_err(|error| CannotStart(error.to_string()))
    }

    fn serve(
        &self,
        listeners: Listeners,
        takes_over: bool,
        role: Role,
        runtime: &Runtime,
        replaced: Arc<Notify>,
    ) -> Result<(), CannotStart> {
        let Listeners { mut server, services } = listeners;
        let (held, are_held) = oneshot::channel();
        let ports = Ports::new(&self.config, takes_over, held);
        let refused = ports.refused();
        let ports = server.add_service(ports);
        services.iter().for_each(|service| service.add_dependency(&ports));
        self.announce(role, runtime, are_held);
        let (state, announce) = (self.state.clone(), self.config.edge.announce);
        let drain = Drain { state, announce, replaced, refused: refused.clone() };
        server.run(RunArgs { shutdown_signal: Box::new(drain) });
        self.state.access_log.flush();
        refused.why().map_or(Ok(()), Err)
    }

    /// Says that everything is ready, once it is.
    fn announce(&self, role: Role, runtime: &Runtime, are_held: oneshot::Receiver<()>) {
        let (config, began) = (self.config.clone(), self.began);
        runtime.spawn(async move {
            if are_held.await.is_ok() {
                banner::ready(&config, role, began.elapsed());
            }
        });
    }
}

/// An address that listens on all interfaces is reached on loopback.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}
