//! The listeners, with the defaults that a careful gateway must change: bounded buffers, bounded streams, deadlines.

use crate::authz::envoy_grpc::EnvoyGrpc;
use crate::config;
use crate::deadline::WithDeadline;
use crate::door::Door;
use crate::door::handshake::CannotShake;
use crate::door::watch::Watch;
use crate::edge::Edge;
use crate::general::{General, H2_IDLE, RETRIES_MAX};
use crate::private::Private;
use crate::state::EdgeState;
use pingora::apps::{HttpServerOptions, ServerApp};
use pingora::listeners::{L4BufferSettings, ListenerConfig};
use pingora::protocols::http::v2::server::default_h2_options;
use pingora::proxy::http_proxy;
use pingora::server::Server;
use pingora::server::configuration::{Opt, ServerConf};
use pingora::services::ServiceHandle;
use pingora::services::listening::Service;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// Read and write buffer of a connection. Pingora's 64 KiB for reading is far more than a header needs; its 1,460
/// bytes for writing would split most answers.
const READ_BUFFER_BYTES: usize = 8 * 1024;
const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// Requests on one connection, after which it is closed and its memory freed.
const REQUESTS_PER_CONNECTION_MAX: u32 = 1_000;

const H2_STREAMS_MAX: u32 = 64; // A browser opens a few dozen.
const H2_HEADER_LIST_BYTES_MAX: u32 = 32 * 1024; // As admit::HEADER_BYTES_MAX.
const H2_SEND_BUFFER_BYTES: usize = 64 * 1024; // Of a stream. The library's 400 KiB make 25 MiB for who reads nothing.

/// Idle connections to upstreams that are kept. It must exceed the number of concurrent requests: a pool that is too
/// small costs half as much again for each.
const UPSTREAM_POOL: usize = 1_024;

/// Threads that answer other proxies, if the edge has as many. A decision waits for nothing and costs a fraction of a
/// request that is forwarded, so a few threads keep up with a proxy that has all other cores.
const AUTHZ_THREADS_MAX: usize = 4;

/// How long runtimes are given to end after the drain.
const RUNTIME_END_SECS: u64 = 1;

/// The listeners cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the listeners cannot be made: {0}")]
pub struct BadListener(String);

impl From<CannotShake> for BadListener {
    fn from(error: CannotShake) -> Self {
        Self(error.to_string())
    }
}

/// A Pingora server, and its services that listen.
pub struct Listeners {
    /// The server.
    pub server: Server,
    /// The services. They find their sockets in the server's table, or bind their addresses themselves.
    pub services: Vec<ServiceHandle>,
}

/// A server with the edge and the private listeners on it. If it inherits, it waits at that socket for the listeners of
/// the process before it.
///
/// # Errors
/// [`BadListener`] when there shall be TLS and there is no certificate.
pub fn listeners(
    config: &config::Edge,
    state: &Arc<EdgeState>,
    inherit: Option<&Path>,
) -> Result<Listeners, BadListener> {
    let conf = ServerConf {
        threads: config.threads,
        grace_period_seconds: Some(config.drain.as_secs()),
        graceful_shutdown_timeout_seconds: Some(RUNTIME_END_SECS),
        max_retries: RETRIES_MAX,
        upstream_keepalive_pool_size: UPSTREAM_POOL,
        upgrade_sock: inherit.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default(),
        ..ServerConf::default()
    };
    let options = inherit.map(|_| Opt { upgrade: true, ..Opt::default() });
    let mut server = Server::new_with_opt_and_conf(options, conf);
    let mut options = HttpServerOptions::default();
    options.keepalive_request_limit = Some(REQUESTS_PER_CONNECTION_MAX);
    options.h2_idle_timeout = Some(H2_IDLE);
    let mut proxy = http_proxy(&server.configuration, General::new(state.clone()));
    proxy.server_options = Some(options);
    let mut h2 = default_h2_options();
    h2.max_concurrent_streams(H2_STREAMS_MAX).max_header_list_size(H2_HEADER_LIST_BYTES_MAX);
    h2.max_send_buffer_size(H2_SEND_BUFFER_BYTES);
    proxy.h2_options = Some(h2);
    let watched = Watch::new(Arc::new(Edge::new(state.clone(), proxy)), state.metrics.clone());
    let edge = WithDeadline::new(Arc::new(watched));
    let mut edge = Service::new("edge".into(), Door::new(Arc::new(edge), config, state)?);
    edge.threads = Some(config.threads);
    let buffers = || L4BufferSettings::new(READ_BUFFER_BYTES, WRITE_BUFFER_BYTES);
    // TLS is the door's affair, which knows the connections that came for it by their address.
    for address in [config.http, config.https].into_iter().flatten() {
        edge.add_listener(ListenerConfig::tcp(address.to_string()).l4_buffer(buffers()));
    }
    let mut services = vec![
        server.add_service(edge),
        server.add_service(for_proxies("private", config.private, Private::new(state.clone()), config.threads)),
    ];
    if let Some(address) = config.authz_grpc {
        let grpc = for_proxies("authz-grpc", address, EnvoyGrpc::new(state.clone()), config.threads);
        services.push(server.add_service(grpc));
    }
    server.bootstrap();
    Ok(Listeners { server, services })
}

/// A listener for this machine. What is served there has buffers of its own.
fn for_proxies<A: ServerApp + Send + Sync + 'static>(
    name: &str,
    address: SocketAddr,
    app: A,
    threads: usize,
) -> Service<A> {
    let mut service = Service::new(name.into(), app);
    service.threads = Some(threads.min(AUTHZ_THREADS_MAX));
    service.add_listener(ListenerConfig::tcp(address.to_string()).l4_buffer(L4BufferSettings::unbuffered()));
    service
}
