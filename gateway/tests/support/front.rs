//! Another proxy in front of a service: the real nginx, HAProxy or Caddy with the sample configuration of `config/`,
//! its ports replaced by free ones. Killed when dropped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long a proxy may take to listen; a loaded machine is slow.
const READY: Duration = Duration::from_secs(30);

/// The addresses that stand in the samples, and what they become.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// The gate's private listener.
    pub private: SocketAddr,
    /// The gate's public listener.
    pub public: SocketAddr,
    /// The service.
    pub service: SocketAddr,
}

/// A proxy that this code knows how to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Haproxy,
    Caddy,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Nginx, Self::Haproxy, Self::Caddy];
}

pub struct Front {
    pub address: SocketAddr,
    child: Child,
    _dir: TempDir,
}

/// A directory with a proxy's configuration, and the commands to check it and to run it.
struct Set {
    dir: TempDir,
    address: SocketAddr,
    check: Command,
    run: Command,
}

fn free() -> SocketAddr {
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    held.local_addr().expect("an address")
}

/// A sample's text with other addresses; `own` is where the proxy itself listens.
fn sample(path: &str, addresses: Addresses, own: (&str, &str)) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(path);
    let mut text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let changes = [
        ("127.0.0.1:8081", addresses.private.to_string()),
        ("127.0.0.1:8080", addresses.public.to_string()),
        ("127.0.0.1:9000", addresses.service.to_string()),
        (own.0, own.1.to_owned()),
        ("app.example.org", "localhost".to_owned()),
    ];
    // In two steps, so that what was put in is not replaced again.
    for (at, (from, _)) in changes.iter().enumerate() {
        text = text.replace(from, &format!("\u{1}{at}\u{1}"));
    }
    for (at, (_, to)) in changes.iter().enumerate() {
        text = text.replace(&format!("\u{1}{at}\u{1}"), to);
    }
    text
}

fn write(dir: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

/// For a sample in which nothing listens.
const NOTHING: (&str, &str) = ("\u{2}", "");

fn set_up(kind: Kind, addresses: Addresses) -> Set {
    let dir = TempDir::new().expect("a directory");
    let address = free();
    let own = address.to_string();
    let at = |name: &str| dir.path().join(name).display().to_string();
    match kind {
        Kind::Nginx => {
            write(&dir, "site.conf", &sample("nginx/aldgate.conf", addresses, ("127.0.0.1:8088", &own)));
            write(&dir, "aldgate-identity.conf", &sample("nginx/aldgate-identity.conf", addresses, NOTHING));
            let whole = format!(
                "daemon off; master_process off; pid {}; error_log {} warn; events {{}} http {{ access_log off; \
                 client_body_temp_path {}; proxy_temp_path {}; fastcgi_temp_path {}; uwsgi_temp_path {}; \
                 scgi_temp_path {}; include {}; }}",
                at("pid"),
                at("error.log"),
                at("body"),
                at("proxy"),
                at("fastcgi"),
                at("uwsgi"),
                at("scgi"),
                at("site.conf"),
            );
            let conf = write(&dir, "nginx.conf", &whole);
            let command = || {
                let mut command = Command::new("nginx");
                command.args(["-p", &at("")]).arg("-e").arg(at("error.log")).arg("-c").arg(&conf);
                command
            };
            let mut check = command();
            check.arg("-t");
            Set { address, check, run: command(), dir }
        }
        Kind::Haproxy => {
            let text = sample("haproxy/haproxy.cfg", addresses, ("127.0.0.1:8089", &own));
            let lua = sample("haproxy/aldgate.lua", addresses, NOTHING);
            let lua = write(&dir, "aldgate.lua", &lua);
            let text = text.replace("/etc/haproxy/aldgate.lua", &lua.display().to_string());
            let conf = write(&dir, "haproxy.cfg", &text);
            let command = |flag: &str| {
                let mut command = Command::new("haproxy");
                command.arg(flag).arg("-f").arg(&conf);
                command
            };
            Set { address, check: command("-c"), run: command("-db"), dir }
        }
        Kind::Caddy => {
            let own = format!(":{} {{", address.port());
            let text = sample("caddy/Caddyfile", addresses, (":8087 {", &own));
            let text = format!("{{\n\tadmin off\n\tauto_https off\n}}\n{text}");
            let conf = write(&dir, "Caddyfile", &text);
            let command = |what: &str| {
                let mut command = Command::new("caddy");
                command.args([what, "--adapter", "caddyfile", "--config"]).arg(&conf).env("HOME", dir.path());
                command
            };
            Set { address, check: command("validate"), run: command("run"), dir }
        }
    }
}

/// Whether the proxy itself finds the sample good; what it says if not.
pub fn check(kind: Kind) -> Result<(), String> {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let mut set = set_up(kind, Addresses { private: anywhere, public: anywhere, service: anywhere });
    let output = set.check.output().unwrap_or_else(|error| panic!("{kind:?} is not installed: {error}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

impl Front {
    /// Starts one and waits until it listens.
    pub async fn start(kind: Kind, addresses: Addresses) -> Self {
        let mut set = set_up(kind, addresses);
        let child = set.run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{kind:?} is not installed: {error}"));
        let mut front = Self { address: set.address, child, _dir: set.dir };
        let listens = async {
            while TcpStream::connect_timeout(&front.address, Duration::from_millis(100)).is_err() {
                if let Some(status) = front.child.try_wait().expect("a child") {
                    panic!("{kind:?} ended with {status}: {:?}", check(kind));
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(READY, listens).await.expect("ready in time");
        front
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
