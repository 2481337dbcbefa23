//! A deployment of several processes: Redis as `config/redis` says, one `aldgate backend`, any number of
//! `aldgate gateway`. Killed when dropped.

use super::instance::{Instance, Ports, command_of};
use super::redis::Redis;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// The servers that hold what the processes share.
pub trait Tier {
    /// What a configuration says to reach them, `[warm]` and its keys; files that it names are written into `dir`.
    fn configuration(&self, dir: &Path) -> String;
}

pub struct Deployment<T = Redis> {
    pub redis: T,
    pub backend: Instance,
    pub gateways: Vec<Instance>,
    pub dir: Arc<TempDir>,
    shared: String,
}

impl Deployment {
    /// Starts one with this many gateways; `more` is appended to their configuration.
    pub async fn start(gateways: usize, more: &str) -> Self {
        Self::start_with(gateways, "", more).await
    }

    /// Starts one whose gateways announce their end for so long, and give requests under way so long.
    pub async fn start_ending(gateways: usize, announce: &str, drain: &str) -> Self {
        Self::start_with(gateways, &format!("announce = {announce:?}\ndrain = {drain:?}"), "").await
    }

    pub async fn start_with(gateways: usize, edge: &str, more: &str) -> Self {
        Self::start_on(Redis::start().await, gateways, edge, more).await
    }
}

impl<T: Tier> Deployment<T> {
    /// Starts one whose processes share these servers.
    pub async fn start_on(redis: T, gateways: usize, edge: &str, more: &str) -> Self {
        let dir = Arc::new(TempDir::new().expect("a directory"));
        let ports: Vec<_> = (0..gateways).map(|_| Ports::free()).collect();
        let origins = |ports: &Ports| [("http", ports.http), ("https", ports.https)];
        let origins = ports.iter().flat_map(origins).map(|(scheme, port)| format!("{scheme}://localhost:{port}"));
        let origins: Vec<_> = origins.collect();
        let shared = format!("{}\n[relying_party]\norigins = {origins:?}\n", redis.configuration(dir.path()));
        let backend = Self::backend(&dir, &shared).await;
        let mut deployment = Self { redis, backend, gateways: Vec::new(), dir, shared };
        for ports in ports {
            let gateway = deployment.gateway(ports, edge, more).await;
            deployment.gateways.push(gateway);
        }
        deployment
    }

    async fn backend(dir: &Arc<TempDir>, shared: &str) -> Instance {
        let text = format!("[data]\ndir = {:?}\n{shared}", dir.path().join("data"));
        let path = dir.path().join("backend.toml");
        std::fs::write(&path, text).expect("a file");
        let ready = "Aldgate's backend is ready";
        Instance::run(dir.clone(), Ports::free(), command_of("backend", &path), ready).await
    }

    /// Starts another gateway on the addresses of one that runs, which must share them; its private one is its own.
    pub async fn beside(&self, n: usize, edge: &str, more: &str) -> Instance {
        let ports = Ports { private: Ports::free().private, ..self.gateways[n].ports };
        self.gateway(ports, edge, more).await
    }

    /// Starts the backend again, after it was killed.
    pub async fn restart_backend(&mut self) {
        self.backend = Self::backend(&self.dir, &self.shared).await;
    }

    /// Where a gateway works.
    pub fn gateway_data(&self, n: usize) -> PathBuf {
        self.dir.path().join(format!("gateway-{}", self.gateways[n].ports.private))
    }

    /// Starts a gateway again, after it was killed.
    pub async fn start_again(&self, n: usize) -> Instance {
        let command = command_of("gateway", &self.gateway_file(n));
        Instance::run(self.dir.clone(), self.gateways[n].ports, command, "Aldgate is ready").await
    }

    /// The file with a gateway's configuration.
    pub fn gateway_file(&self, n: usize) -> PathBuf {
        self.dir.path().join(format!("gateway-{}.toml", self.gateways[n].ports.private))
    }

    /// Starts a gateway that takes over from one that runs.
    pub async fn take_over(&self, n: usize) -> Instance {
        let mut command = command_of("gateway", &self.gateway_file(n));
        command.arg("--take-over");
        Instance::run(self.dir.clone(), self.gateways[n].ports, command, "Aldgate is ready").await
    }

    async fn gateway(&self, ports: Ports, edge: &str, more: &str) -> Instance {
        let Ports { http, https, private, authz_grpc, .. } = ports;
        let shared = &self.shared;
        let dir = self.dir.path();
        let text = format!(
            r#"
            [data]
            dir = {:?}
            [keys]
            dir = {:?}
            [backend]
            sockets = {:?}
            [edge]
            http = "127.0.0.1:{http}"
            https = "127.0.0.1:{https}"
            private = "127.0.0.1:{private}"
            authz_grpc = "127.0.0.1:{authz_grpc}"
            threads = 1
            {edge}
            {shared}
            {more}
            "#,
            dir.join(format!("gateway-{private}")),
            dir.join("data/keys"),
            dir.join("data/run"),
        );
        let path = dir.join(format!("gateway-{private}.toml"));
        std::fs::write(&path, text).expect("a file");
        Instance::run(self.dir.clone(), ports, command_of("gateway", &path), "Aldgate is ready").await
    }
}
