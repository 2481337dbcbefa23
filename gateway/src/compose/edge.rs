//! The gateway as a part of this process: on Pingora's own runtimes, until a signal.

use super::signal::Drain;
use super::{CannotStart, banner, dev_certificate};
use aldgate_core::token::identity_assertion::SigningKey;
use aldgate_gateway::assemble::{Shared, assemble};
use aldgate_gateway::clock::Stopwatch;
use aldgate_gateway::config::Config;
use aldgate_gateway::config::source::Source;
use aldgate_gateway::listener::{self, Certificate};
use aldgate_gateway::state::EdgeState;
use aldgate_gateway::{reload, snapshot};
use pingora::server::{RunArgs, Server};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What a gateway of this process is started with.
pub(crate) struct Start<'a> {
    /// The configuration.
    pub(crate) config: &'a Config,
    /// The file that it was read from, if one was.
    pub(crate) path: Option<&'a Path>,
    /// The text that it was read from.
    pub(crate) source: Source,
    /// Since when the process runs.
    pub(crate) started: Stopwatch,
}

/// Puts it together, with the tasks that it needs beside its listeners, on the runtime that this is called on.
///
/// # Errors
/// One line that says what to do.
pub(crate) fn assembled(
    start: &Start<'_>,
    signing_key: SigningKey,
    shared: &Shared,
) -> Result<Arc<EdgeState>, CannotStart> {
    let assembled = assemble(start.config, signing_key, shared);
    let (state, touch_writer) = assembled.map_err(|error| CannotStart(error.to_string()))?;
    tokio::spawn(touch_writer.run());
    tokio::spawn(snapshot::rotate_keys(state.clone()));
    reload::start(&state, start.path, start.source.clone())
        .map_err(|error| CannotStart::because("cannot watch signals", error))?;
    Ok(state)
}

/// Listens until a signal, and then until the requests that were begun are answered.
///
/// # Errors
/// One line that says what to do.
pub(crate) fn run(start: &Start<'_>, state: &Arc<EdgeState>, runtime: &Runtime) -> Result<(), CannotStart> {
    let server = server(start.config, state)?;
    announce(start.config.clone(), start.started, runtime);
    let shutdown_signal = Box::new(Drain { state: state.clone(), announce: start.config.edge.announce });
    server.run(RunArgs { shutdown_signal });
    state.access_log.flush();
    Ok(())
}

fn server(config: &Config, state: &Arc<EdgeState>) -> Result<Server, CannotStart> {
    let pair = match config.edge.https {
        Some(_) => Some(dev_certificate::pair(config)?),
        None => None,
    };
    let certificate = pair.as_ref().map(|(chain, key)| Certificate { chain, key });
    listener::server(&config.edge, certificate, state).map_err(|error| CannotStart(error.to_string()))
}

/// An address that listens on all interfaces is reached on loopback.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// Says that everything is ready, once it is.
fn announce(config: Config, started: Stopwatch, runtime: &Runtime) {
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
        banner::ready(&config, started.elapsed());
    });
}
