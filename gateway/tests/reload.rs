//! A changed configuration is taken over whole or refused whole, under load, by signal and by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::token::identity_assertion::REUSE;
use aldgate_gateway::config::Config;
use aldgate_gateway::config::source::Source;
use aldgate_gateway::reload::{Refused, take_over};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use support::http::Answer;
use support::instance::{Instance, Ports, config};
use support::world::World;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A service that says its own name and repeats the header that it received.
async fn upstream(name: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                let mut piece = [0; 4096];
                while !head.windows(4).any(|w| w == b"\r\n\r\n") {
                    match stream.read(&mut piece).await {
                        Ok(n @ 1..) => head.extend_from_slice(&piece[..n]),
                        _ => return,
                    }
                }
                let length = head.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nx-upstream: {name}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
                );
                let _ = stream.write_all(&[answer.as_bytes(), &head].concat()).await;
            });
        }
    });
    port
}

/// A world's configuration with these services (name and port) and routes (path, service, access).
fn text(services: &[(&str, u16)], routes: &[(&str, &str, &str)]) -> String {
    let mut text = "demo = { enabled = false }\nlog = { access = \"off\" }\n".to_owned();
    for (name, port) in services {
        text.push_str(&format!("[[service]]\nname = \"{name}\"\nupstream = \"127.0.0.1:{port}\"\n"));
    }
    for (path, service, access) in routes {
        text.push_str(&format!("[[route]]\npath = \"{path}\"\nservice = \"{service}\"\naccess = \"{access}\"\n"));
    }
    text
}

fn serve(world: &World, text: &str) {
    let config = Config::parse(text).unwrap_or_else(|faults| panic!("{faults:?}"));
    world.state.snapshot.replace(&config, &world.state.master, support::world_now(world)).expect("served");
}

/// The audience of the assertion that the upstream received.
fn audience(answer: &Answer) -> String {
    let received = support::world::received(answer);
    let payload = received["aldgate-identity"].split('.').nth(1).expect("a payload");
    let payload: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON");
    payload["aud"].as_str().expect("an audience").to_owned()
}

#[tokio::test]
async fn no_service_gets_an_assertion_that_was_made_for_another_before_the_reload() {
    let world = World::new().await;
    let port = upstream("one").await;
    let cookie = world.open_by_password().await;
    let ask = async || audience(&world.get("/app/", &[("cookie", &cookie)]).await);
    // The first place of the table belongs to one service, then to another.
    serve(&world, &text(&[("alpha", port)], &[("/app/", "alpha", "session")]));
    assert_eq!(ask().await, "alpha");
    serve(&world, &text(&[("beta", port)], &[("/app/", "beta", "session")]));
    assert_eq!(ask().await, "beta");
    // A new service comes before it, and the route stays.
    serve(&world, &text(&[("gamma", port), ("beta", port)], &[("/app/", "beta", "session")]));
    assert_eq!(ask().await, "beta");
    serve(&world, &text(&[("gamma", port), ("beta", port)], &[("/app/", "gamma", "session")]));
    assert_eq!(ask().await, "gamma");
    serve(&world, &text(&[("alpha", port)], &[("/app/", "alpha", "session")]));
    assert_eq!(ask().await, "alpha");
    assert!(REUSE > Duration::ZERO, "cached assertions are given out again, or this shows nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_every_answer_belongs_wholly_to_one_configuration() {
    const SWAPS: usize = 200;
    let world = Arc::new(World::new().await);
    let (one, two) = (upstream("one").await, upstream("two").await);
    let cookie = world.open_by_password().await;
    let texts = [
        text(&[("alpha", one), ("same", one)], &[("/app/", "alpha", "session"), ("/one/", "same", "public")]),
        text(&[("beta", two), ("same", two)], &[("/app/", "beta", "session"), ("/two/", "same", "public")]),
    ];
    serve(&world, &texts[0]);
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let askers = ["/app/", "/app/", "/one/", "/two/"].map(|path| {
        let (world, cookie, over, answered) = (world.clone(), cookie.clone(), over.clone(), answered.clone());
        tokio::spawn(async move {
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            while !over.load(Ordering::SeqCst) {
                let answer = world.get(path, &[("cookie", &cookie)]).await;
                let status = answer.status.as_u16();
                let said = match status {
                    200 if path == "/app/" => format!("{} for {}", answer.header("x-upstream"), audience(&answer)),
                    200 => answer.header("x-upstream").to_owned(),
                    status => status.to_string(),
                };
                *seen.entry(format!("{path} {said}")).or_default() += 1;
                answered.fetch_add(1, Ordering::SeqCst);
            }
            seen
        })
    });
    for swap in 1..=SWAPS {
        let before = answered.load(Ordering::SeqCst);
        serve(&world, &texts[swap % 2]);
        while answered.load(Ordering::SeqCst) == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    over.store(true, Ordering::SeqCst);
    let mut seen = BTreeMap::new();
    for asker in askers {
        for (said, times) in asker.await.expect("no asker fails") {
            *seen.entry(said).or_default() += times;
        }
    }
    let total: usize = seen.values().sum();
    assert!(total >= SWAPS, "{total} requests");
    println!("{SWAPS} swaps, {total} requests: {seen:?}");
    let said: Vec<_> = seen.keys().map(String::as_str).collect();
    let whole = ["/app/ one for alpha", "/app/ two for beta", "/one/ 404", "/one/ one", "/two/ 404", "/two/ two"];
    assert_eq!(said, whole);
}

#[tokio::test]
async fn the_rotation_of_keys_does_not_undo_a_reload() {
    let world = World::new().await;
    let port = upstream("one").await;
    serve(&world, &text(&[("new", port)], &[("/new/", "new", "public")]));
    world.clock.advance(Duration::from_hours(31 * 24));
    let rotated = || world.state.snapshot.rotate(&world.state.master, support::world_now(&world));
    assert!(rotated(), "their period is 30 days");
    assert!(!rotated(), "once");
    assert_eq!(world.get("/new/", &[]).await.status, 200);
    assert_eq!(world.get("/open/", &[]).await.status, 404, "a route of the first configuration");
}

#[tokio::test]
async fn a_reload_does_not_undo_the_rotation_of_keys() {
    let world = World::new().await;
    let port = upstream("one").await;
    world.clock.advance(Duration::from_hours(31 * 24));
    assert!(world.state.snapshot.rotate(&world.state.master, support::world_now(&world)));
    let until = world.state.snapshot.load().tag_keys.until();
    serve(&world, &text(&[("new", port)], &[("/new/", "new", "public")]));
    assert_eq!(world.state.snapshot.load().tag_keys.until(), until);
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let world = World::new().await;
    let port = upstream("one").await;
    let good = |extra: &str| Source::of(format!("{}{extra}", text(&[("a", port)], &[("/a/", "a", "public")])));
    let started = good("");
    take_over(&world.state, &started, &started).expect("taken over");
    let faulty = good("[[route]]\npath = \"/b/\"\nservice = \"b\"\n[[route]]\npath = \"c\"\nservice = \"a\"\n");
    let Err(Refused::Faults(faults)) = take_over(&world.state, &started, &faulty) else { panic!("taken over") };
    assert_eq!(faults.len(), 2, "all faults at once: {faults:?}");
    let fixed = good("[[route]]\npath = \"/b/\"\nservice = \"a\"\naccess = \"public\"\n[session]\nidle = \"10m\"\n");
    let Err(Refused::NeedsRestart(keys)) = take_over(&world.state, &started, &fixed) else { panic!("taken over") };
    assert_eq!(keys, ["session.idle"]);
    assert_eq!(world.get("/a/", &[]).await.status, 200);
    assert_eq!(world.get("/b/", &[]).await.status, 404, "not even the part that could have changed");
}

#[tokio::test]
async fn the_platforms_own_routes_survive_every_reload() {
    let world = World::new().await;
    serve(&world, &text(&[], &[]));
    assert_eq!(world.get("/.well-known/aldgate/jwks.json", &[]).await.status, 200);
    assert_eq!(world.get("/app/", &[]).await.status, 404);
}

/// A process with one route, and how it is told of others.
struct Process {
    instance: Instance,
    port: u16,
    file: PathBuf,
}

/// Routes to one service, for everybody.
fn routes(port: u16, paths: &[&str]) -> String {
    let mut text = format!("[[service]]\nname = \"one\"\nupstream = \"127.0.0.1:{port}\"\n");
    for path in paths {
        text.push_str(&format!("[[route]]\npath = \"{path}\"\nservice = \"one\"\naccess = \"public\"\n"));
    }
    text
}

impl Process {
    async fn start() -> Self {
        let port = upstream("one").await;
        let instance = Instance::start_with(&routes(port, &["/old/"])).await;
        let file = instance.dir.path().join("aldgate.toml");
        Self { instance, port, file }
    }

    /// The whole file, with routes for these paths.
    fn text(&self, paths: &[&str]) -> String {
        config(self.instance.dir.path(), self.instance.ports, &routes(self.port, paths))
    }

    /// As editors do: whole, under the same name.
    fn write(&self, text: &str) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, text).expect("written");
        std::fs::rename(new, &self.file).expect("renamed");
    }

    async fn status(&self, path: &str) -> u16 {
        self.instance.client().get(path).await.status.as_u16()
    }

    async fn metrics(&self) -> String {
        self.instance.private_client().get("/metrics").await.body
    }

    /// Waits until the metrics have a line.
    async fn until_metrics_say(&self, line: &str) {
        let says = async {
            while !self.metrics().await.lines().any(|l| l == line) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), says).await;
        assert!(waited.is_ok(), "{line:?} is not in\n{}\n{}", self.metrics().await, self.instance.errors());
    }
}

fn info(text: &str) -> String {
    format!("aldgate_config_info{{checksum=\"{}\"}} 1", Source::of(text.to_owned()).checksum())
}

#[tokio::test]
async fn a_hang_up_signal_takes_a_good_file_over_and_refuses_a_broken_one() {
    let mut process = Process::start().await;
    process.until_metrics_say(&info(&process.text(&["/old/"]))).await;
    let good = process.text(&["/old/", "/new/"]);
    process.write(&good);
    process.instance.signal("HUP");
    process.until_metrics_say("aldgate_config_reloads_total{result=\"applied\"} 1").await;
    assert_eq!((process.status("/old/").await, process.status("/new/").await), (200, 200));
    process.until_metrics_say(&info(&good)).await;

    process.write(&format!("{}[[route]]\npath = \"/third/\"\nservice = \"nobody\"\n", process.text(&["/old/"])));
    process.instance.signal("HUP");
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 1").await;
    process.until_metrics_say("aldgate_config_last_reload_successful 0").await;
    process.until_metrics_say(&info(&good)).await;
    assert_eq!((process.status("/old/").await, process.status("/new/").await), (200, 200), "the good one serves on");
    assert!(process.instance.child.try_wait().expect("a child").is_none(), "it lives");
    let said = process.instance.errors();
    assert!(said.contains("route[1].service: must name one of the [[service]] tables"), "{said}");
    assert_eq!(said.matches("refused whole").count(), 1, "said once: {said}");

    process.write(&good);
    process.instance.signal("HUP");
    process.until_metrics_say("aldgate_config_last_reload_successful 1").await;
}

#[tokio::test]
async fn a_changed_file_is_taken_over_without_a_signal() {
    let process = Process::start().await;
    let good = process.text(&["/new/"]);
    process.write(&good);
    process.until_metrics_say(&info(&good)).await;
    assert_eq!((process.status("/old/").await, process.status("/new/").await), (404, 200));
    // A broken file is refused once, and tried again when it has changed.
    process.write(&format!("{good}[[rou"));
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 1").await;
    assert!(process.instance.errors().contains("line "), "{}", process.instance.errors());
    let better = process.text(&["/old/", "/new/"]);
    process.write(&better);
    process.until_metrics_say(&info(&better)).await;
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 1").await;
}

#[tokio::test]
async fn a_link_that_is_turned_to_another_file_is_noticed() {
    let (dir, ports, port) = (Arc::new(TempDir::new().expect("a directory")), Ports::free(), upstream("one").await);
    let data = dir.path().to_owned();
    let version = |name: &str, paths: &[&str]| {
        std::fs::create_dir(data.join(name)).expect("a directory");
        let text = config(&data, ports, &routes(port, paths));
        std::fs::write(data.join(name).join("aldgate.toml"), &text).expect("a file");
        text
    };
    let first = version("v1", &["/old/"]);
    let second = version("v2", &["/new/"]);
    // As Kubernetes mounts a ConfigMap: the file is a link into a directory that is a link too.
    symlink("v1", data.join("now")).expect("a link");
    symlink("now/aldgate.toml", data.join("aldgate.toml")).expect("a link");
    let instance = Instance::start_as(dir.clone(), ports, &first).await;
    let process = Process { instance, port, file: data.join("aldgate.toml") };
    symlink("v2", data.join("next")).expect("a link");
    std::fs::rename(data.join("next"), data.join("now")).expect("renamed");
    process.until_metrics_say(&info(&second)).await;
    assert_eq!((process.status("/old/").await, process.status("/new/").await), (404, 200));
}

#[tokio::test]
async fn a_change_that_needs_a_restart_is_refused_whole_with_its_keys() {
    let process = Process::start().await;
    let old = process.text(&["/old/"]);
    process.write(&process.text(&["/old/", "/new/"]).replace("threads = 2", "threads = 3"));
    process.instance.signal("HUP");
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 1").await;
    let said = process.instance.errors();
    assert!(said.contains("edge.threads: a change needs a restart"), "{said}");
    process.until_metrics_say(&info(&old)).await;
    assert_eq!((process.status("/old/").await, process.status("/new/").await), (200, 404));
    let private = format!("private = \"127.0.0.1:{}\"", process.instance.ports.private);
    process.write(&old.replace(&private, "private = \"127.0.0.1:1\""));
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 2").await;
    assert!(process.instance.errors().contains("edge.private: a change needs a restart"));
}

#[test]
fn check_says_the_checksum_that_the_metric_carries() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("aldgate.toml");
    let text = "[hot]\nsessions = 5\n";
    std::fs::write(&path, text).expect("a file");
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_aldgate"));
    let output = check.args(["check", "--config"]).arg(&path).output().expect("the binary");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success());
    assert!(said.contains(&Source::of(text.to_owned()).checksum()), "{said}");
}
