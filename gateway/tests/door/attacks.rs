//! Attacks on HTTP/2 and on patience (RFC 9113, section 10.5), all at once against one instance: each attacker comes to
//! its end, whoever else asks is served meanwhile, and the process stays small.

use crate::frames::{
    DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, get, opening,
    post_block, tls,
};
use crate::support::instance::{Instance, Ports};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

/// The debug build, which has made a few password hashes when it is ready: some 145 MiB before any attack.
pub const RESIDENT_KIB_MAX: u64 = 256 * 1024;

/// A client that is slow has ten seconds; the machine that tests has some more.
const PATIENCE: Duration = Duration::from_secs(14);

/// Pieces of a flood. What lies in the buffers between two sockets counts as sent.
const FLOOD: u32 = 100_000;

const STREAMS_MAX: u32 = 64;
const REFUSED_STREAM: u32 = 7;
const INITIAL_WINDOW_SIZE: u16 = 4;

/// What an attacker has seen of the server.
#[derive(Debug, Default)]
struct Seen {
    /// The connection was closed.
    closed: bool,
    /// How streams ended: by which error, or none after an answer.
    ended: BTreeMap<u32, Option<u32>>,
    answered: Vec<u32>,
    after: Duration,
    sent: usize,
}

impl Seen {
    fn all_ended(&self, streams: u32) -> bool {
        self.closed || (0..streams).all(|n| self.ended.contains_key(&(2 * n + 1)))
    }
}

/// Sends these pieces, with a pause between two of them, and reads until this holds or patience is at its end.
async fn attack(
    instance: &Instance,
    pieces: impl Iterator<Item = Vec<u8>> + Send + 'static,
    pause: Duration,
    until: impl Fn(&Seen) -> bool,
) -> Seen {
    let (mut reading, mut writing) = tokio::io::split(tls(instance, b"h2").await);
    let began = Instant::now();
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let flood = tokio::spawn(async move {
        for piece in pieces {
            if writing.write_all(&piece).await.is_err() || writing.flush().await.is_err() {
                break;
            }
            counted.fetch_add(1, Ordering::Relaxed);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        std::future::pending::<()>().await; // The connection is not closed by us.
    });
    let mut seen = Seen::default();
    let watching = async {
        let mut head = [0; 9];
        while !until(&seen) {
            if reading.read_exact(&mut head).await.is_err() {
                seen.closed = true;
                return;
            }
            let [a, b, c, kind, flags, stream @ ..] = head;
            let stream = u32::from_be_bytes(stream);
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            if reading.read_exact(&mut payload).await.is_err() {
                seen.closed = true;
                return;
            }
            match kind {
                RST_STREAM => {
                    let code = payload.try_into().map_or(0, u32::from_be_bytes);
                    seen.ended.entry(stream).or_insert(Some(code));
                }
                HEADERS | DATA if flags & END_STREAM != 0 => _ = seen.ended.entry(stream).or_insert(None),
                HEADERS => seen.answered.push(stream),
                _ => {}
            }
        }
    };
    let _ = timeout(PATIENCE, watching).await;
    flood.abort();
    seen.after = began.elapsed();
    seen.sent = sent.load(Ordering::Relaxed);
    seen
}

/// The opening, and then a hundred frames at a time without end.
fn flood(of: Vec<u8>) -> impl Iterator<Item = Vec<u8>> {
    std::iter::once(opening(&[])).chain(std::iter::repeat_n(of.repeat(100), FLOOD as usize))
}

/// Streams, each with this header block.
fn streams(count: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    (0..count).flat_map(|n| frame(HEADERS, END_HEADERS | flags, 2 * n + 1, block)).collect()
}

/// A header block that enters one field into the dynamic table and then names it again and again, a byte each.
fn bomb(instance: &Instance, value: &[u8], times: usize) -> Vec<u8> {
    let length = match u8::try_from(value.len()) {
        Ok(length @ ..127) => vec![length],
        // An integer of more than seven bits (RFC 7541, section 5.1).
        _ => vec![
            0x7f,
            u8::try_from((value.len() - 127) % 128).expect("seven bits") | 0x80,
            u8::try_from((value.len() - 127) / 128).expect("short"),
        ],
    };
    [get(instance, "/sign-in"), vec![0x40, 1, b'a'], length, value.to_vec(), vec![0xbe; times]].concat()
}

/// A service whose one answer is large; counts the connections on which it could not be sent.
async fn large_answers() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let broken = Arc::new(AtomicUsize::new(0));
    let counted = broken.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 256 << 20);
                let _ = stream.write_all(head.as_bytes()).await;
                for _ in 0..4096 {
                    if stream.write_all(&[b'x'; 64 << 10]).await.is_err() {
                        counted.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                }
            });
        }
    });
    (port, broken)
}

/// An instance with that service at `/large/`.
async fn instance_with_large_answers() -> (Instance, Arc<AtomicUsize>) {
    let (port, broken) = large_answers().await;
    let more = format!(
        r#"
        [[service]]
        name = "large"
        upstream = "127.0.0.1:{port}"
        [[route]]
        path = "/large/"
        service = "large"
        access = "public"
        "#
    );
    let dir = Arc::new(TempDir::new().expect("a directory"));
    (Instance::start_in(dir, Ports::free(), &more).await, broken)
}

/// Asks for large answers over both protocols and reads none of them: how often the service was told in time.
async fn slow_readers(instance: &Instance, broken: &AtomicUsize) -> usize {
    let mut http1 = tls(instance, b"http/1.1").await;
    let request = |more: &str| format!("GET /large/ HTTP/1.1\r\nhost: localhost\r\n{more}\r\n");
    http1.write_all(request("").as_bytes()).await.expect("written");
    // The general way, not the fast lane: a body is declared.
    let mut general = tls(instance, b"http/1.1").await;
    general.write_all(request("content-length: 1\r\n").replace("GET", "POST").as_bytes()).await.expect("written");
    general.write_all(b"x").await.expect("written");
    let mut http2 = tls(instance, b"h2").await;
    let window = frame(WINDOW_UPDATE, 0, 0, &0x7fff_0000_u32.to_be_bytes());
    let begin = [opening(&[(INITIAL_WINDOW_SIZE, 0x7fff_ffff)]), window].concat();
    http2.write_all(&begin).await.expect("written");
    http2.write_all(&streams(STREAMS_MAX, END_STREAM, &get(instance, "/large/"))).await.expect("written");
    for stream in [&mut http1, &mut general, &mut http2] {
        stream.flush().await.expect("flushed");
    }
    let told = async {
        while broken.load(Ordering::Relaxed) < 2 + STREAMS_MAX as usize {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let _ = timeout(PATIENCE, told).await;
    broken.load(Ordering::Relaxed) // Before our ends are closed.
}

/// The most that the process has had resident, in KiB.
pub fn peak(instance: &Instance) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", instance.child.id())).expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Asks as others do until the attacks are over: how often it was served, each time within seconds.
async fn innocent(instance: &Instance, over: &AtomicUsize) -> usize {
    let mut served = 0;
    while over.load(Ordering::Relaxed) == 0 {
        let answer = timeout(Duration::from_secs(5), async { instance.client().get("/session").await.status });
        assert_eq!(answer.await.expect("served meanwhile"), 401);
        served += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    served
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn floods_bombs_stalls_and_slow_readers_come_to_their_end_and_others_are_served() {
    let (instance, broken) = instance_with_large_answers().await;
    let instance = &instance;
    let no_pause = Duration::ZERO;
    let closed = |seen: &Seen| seen.closed;
    let (page, session) = (get(instance, "/sign-in"), get(instance, "/session"));
    let login = post_block(instance, "/passkey/login", "application/json");

    let flooded = |of: Vec<u8>| attack(instance, flood(of), no_pause, closed);
    let tiny_window = frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes());
    let floods = async {
        tokio::join!(
            flooded(frame(PING, 0, 0, &[0; 8])),
            flooded(frame(SETTINGS, 0, 0, b"")),
            flooded(tiny_window),
            flooded(frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])),
        )
    };

    // The server is made to reset streams: a window of nothing, one too large, data after the end.
    let made_to_reset = |faulty: fn(u32) -> Vec<u8>, flags: u8, block: Vec<u8>| {
        let pieces = (0..FLOOD).map(move |n| {
            let id = 2 * n + 1;
            [frame(HEADERS, END_HEADERS | flags, id, &block), faulty(id)].concat()
        });
        attack(instance, std::iter::once(opening(&[])).chain(pieces), no_pause, closed)
    };
    let resets = async {
        tokio::join!(
            made_to_reset(|id| frame(WINDOW_UPDATE, 0, id, &[0; 4]), 0, login.clone()),
            made_to_reset(|id| frame(WINDOW_UPDATE, 0, id, &0x7fff_ffff_u32.to_be_bytes()), 0, login.clone()),
            made_to_reset(|id| frame(DATA, 0, id, b"x"), END_STREAM, session.clone()),
        )
    };

    // No window for any answer, or a byte of it now and then.
    let no_window = [opening(&[(INITIAL_WINDOW_SIZE, 0)]), streams(STREAMS_MAX, END_STREAM, &page)].concat();
    let a_byte = frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes());
    let ended = |seen: &Seen| seen.all_ended(STREAMS_MAX);
    let trickle = std::iter::once(no_window.clone()).chain(std::iter::repeat_n(a_byte, 60));
    let bombs = |value: Vec<u8>, times: usize| {
        let block = bomb(instance, &value, times);
        let pieces = [opening(&[(INITIAL_WINDOW_SIZE, 0)]), streams(STREAMS_MAX, END_STREAM, &block)].concat();
        attack(instance, std::iter::once(pieces), no_pause, ended)
    };
    let held = async {
        tokio::join!(
            attack(instance, std::iter::once(no_window), no_pause, ended),
            attack(instance, trickle, Duration::from_secs(1), ended),
            bombs(Vec::new(), 12_000),
            bombs(vec![b'v'; 3_000], 12_000),
            bombs(Vec::new(), 900),
        )
    };

    // A body by a byte a second, to the edge's own endpoint.
    let drip = std::iter::once([opening(&[]), streams(1, 0, &login)].concat())
        .chain(std::iter::repeat_n(frame(DATA, 0, 1, b"x"), 60));
    let drip = attack(instance, drip, Duration::from_secs(1), |seen| seen.all_ended(1));

    // More streams than there may be: those are refused, and the connection goes on.
    let too_many = [opening(&[]), streams(STREAMS_MAX + 16, 0, &login)].concat();
    let after = 2 * (STREAMS_MAX + 16) + 1;
    let cancel = frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes());
    let one_more = [cancel, frame(HEADERS, END_HEADERS | END_STREAM, after, &session)].concat();
    let too_many = attack(instance, [too_many, one_more].into_iter(), Duration::from_secs(1), move |seen| {
        seen.ended.contains_key(&after)
    });

    let over = AtomicUsize::new(0);
    let attacks = async {
        let all = tokio::join!(floods, resets, held, drip, too_many, slow_readers(instance, &broken));
        over.store(1, Ordering::Relaxed);
        all
    };
    let ((floods, resets, held, drip, too_many, told), served) = tokio::join!(attacks, innocent(instance, &over));

    for (what, seen) in
        [("pings", &floods.0), ("settings", &floods.1), ("windows", &floods.2), ("priorities", &floods.3)]
    {
        assert!(seen.closed && seen.sent < FLOOD as usize, "{what}: {} hundreds, {seen:?}", seen.sent);
    }
    for (what, seen) in [("window 0", &resets.0), ("window overflow", &resets.1), ("data after end", &resets.2)] {
        assert!(seen.closed && seen.sent < FLOOD as usize, "{what}: {} streams, closed {}", seen.sent, seen.closed);
    }
    let named = ["no window", "a byte of window", "empty bomb", "large bomb", "a bomb that fits"];
    for (what, seen) in named.iter().zip([&held.0, &held.1, &held.2, &held.3, &held.4]) {
        assert!(seen.all_ended(STREAMS_MAX), "{what}: {seen:?}");
        assert!(seen.after < PATIENCE, "{what}: {:?}", seen.after);
    }
    assert!(drip.ended.contains_key(&1) && drip.after < Duration::from_secs(10), "{drip:?}");
    let refused = too_many.ended.values().filter(|code| **code == Some(REFUSED_STREAM)).count();
    assert_eq!(refused, 16, "{too_many:?}");
    assert!(!too_many.closed && too_many.ended.get(&after) == Some(&None), "the connection lives: {too_many:?}");
    assert_eq!(told, 2 + STREAMS_MAX as usize, "of who reads nothing the service is told");
    assert!(served > 10, "{served}");
    let peak = peak(instance);
    assert!(peak < RESIDENT_KIB_MAX, "{peak} KiB");
}
