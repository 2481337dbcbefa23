//! The ground that all sides stand on: one directory, free ports, and the processes, killed when it is dropped.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Every port that a configuration names, as it stands there between two `@`.
const PORTS: [&str; 13] = [
    "UPSTREAM",
    "CHECKER",
    "NGINX_BARE",
    "NGINX_CHECKER",
    "NGINX_ALDGATE",
    "HAPROXY",
    "HAPROXY_TLS",
    "HTTP",
    "HTTPS",
    "PRIVATE",
    "SLOW_HTTP",
    "SLOW_HTTPS",
    "SLOW_PRIVATE",
];

/// How many times it is looked whether a process listens, 20 ms apart.
const LOOKS: usize = 1_500;

/// The ground.
pub(crate) struct Ground {
    /// The load generator.
    pub(crate) loadtest: PathBuf,
    dir: TempDir,
    ports: BTreeMap<&'static str, u16>,
    processes: RefCell<BTreeMap<&'static str, Child>>,
}

/// Where cargo puts a binary of a profile: beside this bench's own profile.
pub(crate) fn built(profile: &str, name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a path");
    let target = own.ancestors().nth(3).expect("target/PROFILE/deps/NAME").to_owned();
    target.join(profile).join(name)
}

impl Ground {
    /// Starts everything and makes a population.
    pub(crate) fn lay(aldgate: &Path, loadtest: &Path) -> Self {
        for binary in [aldgate, loadtest] {
            assert!(binary.is_file(), "{} is not built: see the head of benches/peers/main.rs", binary.display());
        }
        let held: Vec<_> = PORTS.iter().map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")).collect();
        let ports = held.iter().map(|held| held.local_addr().expect("an address").port());
        let ports = PORTS.into_iter().zip(ports).collect();
        drop(held);
        let dir = TempDir::new().expect("a directory");
        let ground = Self { loadtest: loadtest.into(), dir, ports, processes: RefCell::default() };
        ground.make_certificate();
        ground.start("upstream", nginx(&ground.write("upstream.conf", include_str!("upstream.conf"))), &["UPSTREAM"]);
        ground.start("checker", nginx(&ground.write("checker.conf", include_str!("checker.conf"))), &["CHECKER"]);
        ground.start_aldgate("aldgate", aldgate, "fast_lane = true");
        ground.start_aldgate("slow", aldgate, "fast_lane = false");
        let ports = ["NGINX_BARE", "NGINX_CHECKER", "NGINX_ALDGATE"];
        ground.start("nginx", nginx(&ground.write("nginx.conf", include_str!("nginx.conf"))), &ports);
        let mut haproxy = Command::new("haproxy");
        haproxy.arg("-db").arg("-f").arg(ground.write("haproxy.cfg", include_str!("haproxy.cfg")));
        ground.start("haproxy", haproxy, &["HAPROXY", "HAPROXY_TLS"]);
        ground
    }

    /// A file of the ground.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The port of a name.
    pub(crate) fn port(&self, name: &str) -> u16 {
        *self.ports.get(name).expect("a port of that name")
    }

    /// The process of a name.
    pub(crate) fn pid(&self, name: &str) -> u32 {
        self.processes.borrow().get(name).expect("a process of that name").id()
    }

    /// Writes a configuration with the ground's own ports and paths in it.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let mut text = text.replace("@DIR@", &self.dir.path().display().to_string());
        for (name, port) in &self.ports {
            text = text.replace(&format!("@{name}@"), &port.to_string());
        }
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// A gate with a population of its own. The second one, `slow`, stands on ports of its own.
    fn start_aldgate(&self, name: &'static str, aldgate: &Path, edge: &str) {
        let mut text = include_str!("aldgate.toml").replace("@EDGE@", edge).replace("/data", &format!("/data-{name}"));
        if name == "slow" {
            for port in ["HTTP", "HTTPS", "PRIVATE"] {
                text = text.replace(&format!("@{port}@"), &format!("@SLOW_{port}@"));
            }
        }
        let config = self.write(&format!("{name}.toml"), &text);
        let mut command = Command::new(aldgate);
        command.arg("up").arg("--config").arg(config);
        self.start(name, command, &[if name == "slow" { "SLOW_HTTP" } else { "HTTP" }]);
        let data = self.path(&format!("data-{name}"));
        let mut populate = Command::new(&self.loadtest);
        populate.arg("populate").arg("--data").arg(data).args(["--accounts", "200", "--seed", "7"]);
        finish(populate);
    }

    /// A P-256 certificate that all TLS listeners serve with.
    fn make_certificate(&self) {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        openssl.args(["-days", "7", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
        openssl.arg("-keyout").arg(self.path("key.pem")).arg("-out").arg(self.path("chain.pem"));
        finish(openssl);
        let read = |name: &str| std::fs::read_to_string(self.path(name)).expect("a file");
        std::fs::write(self.path("both.pem"), read("chain.pem") + &read("key.pem")).expect("a file");
    }

    fn start(&self, name: &'static str, mut command: Command, ports: &[&str]) {
        let errors = std::fs::File::create(self.path(&format!("{name}.stderr"))).expect("a file");
        let child = command.stdout(Stdio::null()).stderr(errors).spawn();
        let child = child.unwrap_or_else(|error| panic!("{name}: {error}; is it installed?"));
        self.processes.borrow_mut().insert(name, child);
        for port in ports {
            let listens = || TcpStream::connect((Ipv4Addr::LOCALHOST, self.port(port))).is_ok();
            let up = (0..LOOKS).any(|_| listens() || wait());
            let said = std::fs::read_to_string(self.path(&format!("{name}.stderr"))).unwrap_or_default();
            assert!(up, "{name} does not listen: {said}");
        }
    }
}

/// Waits a little; never the end of a search.
#[expect(clippy::disallowed_methods, reason = "nothing else runs in this thread")]
fn wait() -> bool {
    std::thread::sleep(Duration::from_millis(20));
    false
}

fn nginx(config: &Path) -> Command {
    let mut command = Command::new("nginx");
    command.arg("-e").arg("stderr").arg("-c").arg(config);
    command
}

fn finish(mut command: Command) {
    let output = command.output().expect("a program");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Drop for Ground {
    fn drop(&mut self) {
        for child in self.processes.get_mut().values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
