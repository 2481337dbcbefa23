//! The real edge before raw upstreams, and what must hold for every attack.

use super::strict::{self, Answer, Unread};
use super::support::world::World;
use super::upstream::{self, Log, Script};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::timeout;

/// Longer than anything takes that is not a deadline of the gate's.
const SOON: Duration = Duration::from_secs(4);

/// Which way plain requests go through the edge to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As all others: through Pingora's own proxy.
    Proxy,
    /// Through the fast lane, which is the default.
    Lane,
}

impl Way {
    const fn configured(self) -> &'static str {
        match self {
            Self::Proxy => "[edge]\nfast_lane = false\n",
            Self::Lane => "[edge]\nfast_lane = true\n",
        }
    }
}

/// Runs tests of a file on both ways: those where what is sent reaches a service, and its answer comes back. What is
/// refused before anything is forwarded knows no ways.
macro_rules! on_both_ways {
    ($($test:ident),+ $(,)?) => {
        mod through_the_proxy {
            $(#[tokio::test] async fn $test() { super::$test(super::Way::Proxy).await; })+
        }
        mod through_the_lane {
            $(#[tokio::test] async fn $test() { super::$test(super::Way::Lane).await; })+
        }
    };
}
pub(crate) use on_both_ways;

/// Where an attack is aimed: at a service, or at the backend.
pub const SERVICE: &str = "/raw/x";
pub const BACKEND: &str = "/sign-in/x";

/// The edge, a raw service behind `/raw/`, and a raw backend.
pub struct Gate {
    pub world: World,
    pub log: Log,
    innocents: AtomicUsize,
    _sockets: TempDir,
}

/// What the gate sent on a connection that it then ended.
#[derive(Debug)]
pub struct Said {
    pub bytes: Vec<u8>,
    pub ended: bool,
}

impl Gate {
    pub async fn new() -> Self {
        Self::through(Way::Lane).await
    }

    /// One that is as it is by default but for the way that requests take.
    pub async fn through(way: Way) -> Self {
        Self::with(way, |_| None).await
    }

    /// A gate whose service answers some requests in its own way.
    pub async fn with(way: Way, scripted: impl Fn(&strict::Request) -> Option<Script> + Send + Sync + 'static) -> Self {
        let (log, sockets) = (Log::default(), TempDir::new().expect("a directory"));
        let address = upstream::tcp(log.clone(), Arc::new(scripted)).await;
        upstream::unix(&sockets.path().join("backend.sock"), log.clone());
        let more = format!(
            r#"
            [backend]
            sockets = {:?}
            [[service]]
            name = "raw"
            upstream = "{address}"
            [[route]]
            path = "/raw/"
            service = "raw"
            access = "public"
            [[route]]
            path = "/closed/"
            service = "raw"
            {}
            "#,
            sockets.path(),
            way.configured()
        );
        let world = World::with(&more).await;
        assert_eq!(world.state.fast_lane, way == Way::Lane);
        Self { world, log, innocents: AtomicUsize::new(0), _sockets: sockets }
    }

    /// The raw request of somebody who attacks nobody, and the answer that is due to it.
    pub fn innocent(&self) -> (String, String) {
        let target = format!("/raw/innocent-{}", self.innocents.fetch_add(1, Ordering::Relaxed));
        (format!("GET {target} HTTP/1.1\r\nhost: localhost:8080\r\n\r\n"), format!("GET {target} "))
    }

    /// What the gate says until it ends the connection.
    pub async fn hear(&self, client: &mut DuplexStream) -> Said {
        let (mut bytes, mut piece) = (Vec::new(), [0; 8192]);
        loop {
            match timeout(SOON, client.read(&mut piece)).await {
                Ok(Ok(n @ 1..)) => bytes.extend_from_slice(&piece[..n]),
                Ok(_) => return Said { bytes, ended: true },
                Err(_) => return Said { bytes, ended: false },
            }
        }
    }

    /// Sends pieces, a packet each, and hears the gate out.
    pub async fn exchange(&self, pieces: &[&[u8]]) -> Said {
        let mut client = self.world.connect();
        for piece in pieces {
            if client.write_all(piece).await.is_err() {
                break; // It was ended before all was sent.
            }
            tokio::task::yield_now().await;
        }
        self.hear(&mut client).await
    }

    /// The same for a client that then sends no more.
    pub async fn exchange_and_end(&self, pieces: &[&[u8]]) -> Said {
        let mut client = self.world.connect();
        for piece in pieces {
            if client.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(3)).await; // Long enough for an answer; the rest is judged as it is.
        let _ = client.shutdown().await;
        self.hear(&mut client).await
    }

    /// Waits until no request is half with the service: what was begun has come whole, or was given up with its
    /// connection.
    pub async fn is_settled(&self, before: &[upstream::Heard]) {
        let is_half = |(at, heard): (usize, &upstream::Heard)| {
            let old = before.get(at).map_or(0, |heard| heard.bytes.len());
            !heard.ended && matches!(strict::requests(&heard.bytes[old..]).1, Some(Unread::Unfinished))
        };
        let settling = async {
            while self.log.heard().iter().enumerate().any(is_half) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(SOON, settling).await.expect("a request is neither finished nor given up");
    }

    /// The requests that arrived whole since a moment; what is unfinished is none, anything else is a fault.
    pub fn whole_requests(&self, before: &[upstream::Heard]) -> Vec<strict::Request> {
        let now = self.log.heard();
        let new = now.iter().enumerate().map(|(at, heard)| {
            let old = before.get(at).map_or(0, |heard| heard.bytes.len());
            let (requests, left) = strict::requests(&heard.bytes[old..]);
            assert!(matches!(left, None | Some(Unread::Unfinished)), "the upstream saw {}", heard.bytes.escape_ascii());
            requests
        });
        new.flatten().collect()
    }

    /// Somebody else's request on a connection of their own is answered as itself.
    pub async fn serves_the_innocent(&self, name: &str) {
        let before = self.log.bytes();
        let (request, due) = self.innocent();
        let mut client = self.world.connect();
        client.write_all(request.as_bytes()).await.expect("written");
        let mut bytes = Vec::new();
        let answer = loop {
            match strict::answer(&bytes, "GET") {
                Ok((answer, [])) => break answer,
                Err(Unread::Unfinished) => {}
                other => panic!("{name}: the innocent got {other:?}"),
            }
            let mut piece = [0; 8192];
            match timeout(SOON, client.read(&mut piece)).await {
                Ok(Ok(n @ 1..)) => bytes.extend_from_slice(&piece[..n]),
                _ => panic!("{name}: the innocent got {}", bytes.escape_ascii()),
            }
        };
        assert_eq!((answer.status, answer.text()), (200, due), "{name}");
        assert!(self.log.bytes() > before, "{name}: the log does not work");
    }

    /// An attack is refused with one of the statuses, the connection ends, the upstream has seen not a byte of it, and
    /// neither what stands right behind it nor what comes after it is answered as anything but itself.
    pub async fn refuses(&self, name: &str, attack: &[u8], statuses: &[u16]) {
        self.refuses_in_pieces(name, &[attack], statuses).await;
    }

    /// The same for an attack of several packets.
    pub async fn refuses_in_pieces(&self, name: &str, attack: &[&[u8]], statuses: &[u16]) {
        let before = self.log.bytes();
        let (behind, _) = self.innocent();
        let mut pieces: Vec<Vec<u8>> = attack.iter().map(|piece| piece.to_vec()).collect();
        pieces.last_mut().expect("a piece").extend_from_slice(behind.as_bytes());
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let said = self.exchange(&pieces).await;
        let seen = self.log.bytes() - before;
        assert_eq!(seen, 0, "{name}: the upstream saw {}", self.log.text());
        let to = if attack[0].starts_with(b"HEAD") { "HEAD" } else { "GET" };
        let answer = only_answer(name, &said, to);
        assert!(statuses.contains(&answer.status), "{name}: {answer:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{name}: {answer:?}");
        assert!(said.ended, "{name}: the connection goes on");
        self.serves_the_innocent(name).await;
    }

    /// Something odd that is allowed: the upstream gets one whole request, with this body, and its answer comes back.
    pub async fn passes(&self, name: &str, request: &[u8], method: &str, body: &str) {
        let seen = self.log.heard();
        let said = self.exchange(&[request]).await;
        let answer = only_answer(name, &said, method);
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        let said_back = answer.text();
        assert!(said_back.starts_with(method) && said_back.ends_with(&format!(" {body}")), "{name}: {said_back}");
        assert_eq!(self.new_requests(name, &seen).len(), 1, "{name}");
        self.serves_the_innocent(name).await;
    }

    /// The requests that arrived since a moment, read strictly.
    pub fn new_requests(&self, name: &str, before: &[upstream::Heard]) -> Vec<strict::Request> {
        let now = self.log.heard();
        let old = |at: usize| before.get(at).map_or(0, |heard| heard.bytes.len());
        let new = now.iter().enumerate().map(|(at, heard)| &heard.bytes[old(at)..]);
        let read = new.map(strict::requests).map(|(requests, left)| {
            assert_eq!(left, None, "{name}: the upstream saw {}", self.log.text());
            requests
        });
        read.flatten().collect()
    }
}

/// The one final answer that a connection has carried.
pub fn only_answer(name: &str, said: &Said, to: &str) -> Answer {
    let (answers, left) = strict::answers(&said.bytes, to);
    assert_eq!(left, None, "{name}: {}", said.bytes.escape_ascii());
    assert_eq!(answers.len(), 1, "{name}: {} (ended: {})", said.bytes.escape_ascii(), said.ended);
    answers.into_iter().next().expect("one")
}

/// Runs a table of attacks, each against a service and against the backend.
pub async fn refuse_all(gate: &Gate, rows: &[(&str, &str)], statuses: &[u16]) {
    for (name, attack) in rows {
        for target in [SERVICE, BACKEND] {
            gate.refuses(&format!("{name} at {target}"), attack.replace("TARGET", target).as_bytes(), statuses).await;
        }
    }
}
