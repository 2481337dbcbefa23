//! The gateway as a part of this process: on Pingora's own runtimes, until a signal.

use super::hand_over::{HandOver, Sockets};
use super::place::Role;
use super::signal::Drain;
use super::{CannotStart, banner, dev_certificate};
use aldgate_core::token::identity_assertion::SigningKey;
use aldgate_gateway::assemble::{Shared, assemble};
use aldgate_gateway::clock::Stopwatch;
use aldgate_gateway::config::Config;
use aldgate_gateway::config::source::Source;
use aldgate_gateway::reload::{self, Started};
use aldgate_gateway::state::EdgeState;
use aldgate_gateway::{breaker, listener, snapshot, token};
use pingora::server::{RunArgs, Server};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

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
        let server = listener::server(&self.config.edge, &self.state, None);
        let server = server.map_err(|error| CannotStart(error.to_string()))?;
        self.serve(server, role, runtime, Arc::default());
        Ok(())
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
        before: Option<UnixStream>,
    ) -> Result<(), CannotStart> {
        let inherit = before.is_some().then_some(sockets.listeners.as_path());
        let server = listener::server(&self.config.edge, &self.state, inherit);
        let mut server = server.map_err(|error| CannotStart(error.to_string()))?;
        let replaced = Arc::new(Notify::new());
        server.add_service(HandOver::new(sockets.clone(), before, replaced.clone()));
        self.serve(server, role, runtime, replaced);
        Ok(())
    }

    fn serve(&self, server: Server, role: Role, runtime: &Runtime, replaced: Arc<Notify>) {
        announce(self.config.clone(), role, self.began, runtime);
        let announce = self.config.edge.announce;
        let shutdown_signal = Box::new(Drain { state: self.state.clone(), announce, replaced });
        server.run(RunArgs { shutdown_signal });
        self.state.access_log.flush();
    }
}

/// An address that listens on all interfaces is reached on loopback.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// Says that everything is ready, once it is.
fn announce(config: Config, role: Role, began: Stopwatch, runtime: &Runtime) {
    runtime.spawn(async move {
        let listeners: Vec<_> =
            [config.edge.http, config.edge.https, Some(config.edge.private), config.edge.authz_grpc]
                .into_iter()
                .flatten()
                .map(reachable)
                .collect();
        let answers = |address: &SocketAddr| TcpStream::connect_timeout(address, Duration::from_millis(100)).is_ok();
        while !listeners.iter().all(answers) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        banner::ready(&config, role, began.elapsed());
    });
}
