//! `aldgate up`: everything in one process, on embedded defaults.
//!
//! The backend runs on its own Tokio runtime behind a Unix socket, the demonstration service on another, the gateway
//! on Pingora's. The warm tier is the embedded one, on the backend's own store.

use super::signal::Drain;
use super::{CannotStart, banner, demo, dev_certificate, keys, log, ports};
use aldgate_backend::store::Store;
use aldgate_backend::warm::embedded::EmbeddedWarm;
use aldgate_backend::{Backend, OnMessage};
use aldgate_core::entropy::Entropy;
use aldgate_core::time::Clock;
use aldgate_gateway::assemble::{Shared, assemble as assemble_gateway};
use aldgate_gateway::clock::{Stopwatch, SystemClock, SystemEntropy};
use aldgate_gateway::config::{AccessLog, Config};
use aldgate_gateway::listener::{self, Certificate};
use aldgate_gateway::snapshot;
use aldgate_gateway::state::EdgeState;
use pingora::server::{RunArgs, Server};
use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// How long the backend may take to end after the gateway has.
const BACKEND_END: Duration = Duration::from_secs(2);

/// Runs until a signal.
#[expect(clippy::print_stderr, reason = "a command speaks to its user")]
pub(crate) fn run(path: Option<&Path>) -> ExitCode {
    log::diagnostics();
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(faults) => return super::report_faults(path, &faults),
    };
    match up(&config) {
        Ok(()) => {
            banner::stopped();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("aldgate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn up(config: &Config) -> Result<(), CannotStart> {
    let started = Stopwatch::start();
    let place = Place::claim(config)?;
    ports::all_free(config)?;
    let backend_runtime = runtime("backend", config.edge.threads)?;
    let demo_runtime = runtime("demo", 1)?;
    let parts = backend_runtime.block_on(assemble(config))?;
    let server = server(config, &parts.state)?;
    if let Some(listen) = config.demo {
        demo_runtime.block_on(demo::serve(listen, demo_of(config, parts.state.clock.clone())))?;
    }
    announce(config.clone(), started, &backend_runtime);
    server.run(RunArgs {
        shutdown_signal: Box::new(Drain { state: parts.state.clone(), announce: config.edge.announce }),
    });
    backend_runtime.block_on(parts.end());
    demo_runtime.shutdown_timeout(Duration::ZERO);
    backend_runtime.shutdown_timeout(BACKEND_END);
    drop(place);
    Ok(())
}

fn runtime(name: &'static str, threads: usize) -> Result<Runtime, CannotStart> {
    let built = Builder::new_multi_thread().thread_name(name).worker_threads(threads).enable_all().build();
    built.map_err(|error| CannotStart::because("cannot start threads", error))
}

fn server(config: &Config, state: &Arc<EdgeState>) -> Result<Server, CannotStart> {
    let pair = match config.edge.https {
        Some(_) => Some(dev_certificate::pair(config)?),
        None => None,
    };
    let certificate = pair.as_ref().map(|(chain, key)| Certificate { chain, key });
    listener::server(&config.edge, certificate, state).map_err(|error| CannotStart(error.to_string()))
}

/// The directory in which this process alone works, while this value lives.
struct Place {
    pid_file: PathBuf,
    socket: PathBuf,
    _lock: File,
}

impl Place {
    fn claim(config: &Config) -> Result<Self, CannotStart> {
        let data = &config.data;
        for dir in ["", "keys", "run", "outbox", "log"] {
            keys::private_dir(&data.join(dir))?;
        }
        let failed = |error: &dyn std::fmt::Display| {
            CannotStart(format!("cannot write in the directory {}: {error}", data.display()))
        };
        let lock = File::create(data.join("run/lock")).map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let line = format!("another Aldgate runs on {}: stop that one first", data.display());
                return Err(CannotStart(line));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let pid_file = data.join("run/aldgate.pid");
        std::fs::write(&pid_file, format!("{}\n", std::process::id())).map_err(|error| failed(&error))?;
        Ok(Self { pid_file, socket: config.backend_socket(), _lock: lock })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left behind is replaced by the next start.
        let _ = std::fs::remove_file(&self.pid_file);
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// What runs beside the gateway.
struct Parts {
    state: Arc<EdgeState>,
    store: Store,
    stop_backend: oneshot::Sender<()>,
}

impl Parts {
    async fn end(self) {
        self.state.access_log.flush();
        let _ = self.stop_backend.send(()); // Gone already: then there is nothing to stop.
        if tokio::time::timeout(BACKEND_END, self.store.close()).await.is_err() {
            tracing::warn!("the store did not close in time; nothing that was acknowledged is lost");
        }
    }
}

async fn assemble(config: &Config) -> Result<Parts, CannotStart> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let key_dir = config.data.join("keys");
    let master = Arc::new(keys::master_key(&key_dir, &*entropy)?);
    let store = Store::open(&config.data.join("aldgate.db"), &master, entropy.clone()).await;
    let store = store.map_err(|error| CannotStart(error.to_string()))?;
    let warm = Arc::new(EmbeddedWarm::new(store.clone()));
    let shared = Shared { master, clock, entropy, warm };
    let signing_key = keys::signing_key(&key_dir)?;
    let (state, touch_writer) =
        assemble_gateway(config, signing_key, &shared).map_err(|error| CannotStart(error.to_string()))?;
    let stop_backend = start_backend(config, &state.key_set, &store, &shared)?;
    tokio::spawn(touch_writer.run());
    tokio::spawn(snapshot::rotate_keys(state.clone()));
    tokio::spawn(aldgate_gateway::token::keep_fresh(state.clone()));
    Ok(Parts { state, store, stop_backend })
}

fn start_backend(
    config: &Config,
    key_set: &str,
    store: &Store,
    shared: &Shared,
) -> Result<oneshot::Sender<()>, CannotStart> {
    let backend_config = aldgate_backend::Config {
        relying_party: config.relying_party.clone(),
        lifetimes: config.lifetimes,
        origins: config.relying_party.origins.clone(),
        issuer: config.issuer.clone(),
        login_host: config.login_host.clone(),
        key_set: key_set.to_owned(),
        outbox: config.data.join("outbox"),
        argon2_threads: config.password_threads,
    };
    let backend = Backend::new(
        backend_config,
        store.clone(),
        shared.warm.clone(),
        shared.master.clone(),
        shared.clock.clone(),
        shared.entropy.clone(),
        on_message(config)?,
    );
    let backend = backend.map_err(|error| CannotStart(error.to_string()))?;
    let listener = backend_listener(&config.backend_socket())?;
    let (stop, stopped) = oneshot::channel();
    let tended = backend.clone();
    tokio::spawn(async move { tended.tend(None).await });
    tokio::spawn(async move {
        let until = async { drop(stopped.await) };
        if let Err(error) = backend.serve(listener, until).await {
            tracing::error!(%error, "the backend has ended");
        }
    });
    Ok(stop)
}

/// Messages are shown in the terminal, but not where standard output is the access log: codes are no log's affair.
fn on_message(config: &Config) -> Result<Option<OnMessage>, CannotStart> {
    if config.access_log == AccessLog::Stdout {
        return Ok(None);
    }
    banner::show_messages().map(Some).map_err(|error| CannotStart::because("cannot start threads", error))
}

fn backend_listener(socket: &Path) -> Result<UnixListener, CannotStart> {
    let failed = |error| CannotStart::because(&format!("cannot listen on {}", socket.display()), error);
    if socket.exists() {
        std::fs::remove_file(socket).map_err(failed)?; // Ours, from a run that was killed: the lock says so.
    }
    let listener = UnixListener::bind(socket).map_err(failed)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

fn demo_of(config: &Config, clock: Arc<dyn Clock>) -> demo::Demo {
    let http = config.edge.http.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)));
    demo::Demo {
        gate: reachable(http),
        host: config.login_host.clone(),
        issuer: config.issuer.clone(),
        clock,
        verifier: tokio::sync::Mutex::new(None),
    }
}

/// An address that listens on all interfaces is reached on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
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
