//! The access log: one JSON object a line, written by a thread of its own.
//!
//! Lines are gathered for [`GATHER`] and written in one piece: waking the thread for each would cost a request more than
//! making its line. [`AccessLog::flush`] writes what waits, for the end of the process.
//!
//! What may be secret never gets here: no query string, no header, no body, no token.
//! The queue is bounded in lines and in bytes, since clients choose how long a path is; a line that does not fit is dropped
//! and counted, so that a slow disk slows nobody and fills no memory.

mod excerpt;

use crate::config;
use crate::metrics::Metrics;
pub use excerpt::Excerpt;
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

const QUEUE_MAX: usize = 65_536; // Under a second at the design load.

/// Most that the texts of waiting lines take: that many lines of usual requests fit, and as many long ones do not.
const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Most that is written in one piece, but for the line that reaches beyond it.
const PIECE_BYTES: usize = 1024 * 1024;

/// How long lines are gathered; the age of the newest line that a crash may lose.
const GATHER: Duration = Duration::from_millis(20);

/// How long the end of the process waits for the disk.
const FLUSH_DEADLINE: Duration = Duration::from_secs(1);

/// One line.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Milliseconds since the epoch.
    pub at: u64,
    /// The request's reference.
    pub request: String,
    /// The client's address.
    pub client: Option<std::net::IpAddr>,
    /// The method.
    pub method: Excerpt<32>,
    /// The host.
    pub host: Excerpt<256>,
    /// The path, without the query: codes and tokens may stand there.
    pub path: Excerpt<4096>,
    /// The status; zero if the client went away.
    pub status: u16,
    /// Who answered.
    pub by: &'static str,
    /// The service, if one was meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The edge's own refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<&'static str>,
    /// The session's handle, which opens nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Microseconds from the header to the end of the answer.
    pub micros: u64,
}

impl Line {
    /// What its texts take of memory.
    fn bytes(&self) -> usize {
        let Self { request, method, host, path, service, session, .. } = self;
        let optional = [service, session].into_iter().flatten().map(String::len).sum::<usize>();
        request.len() + method.len() + host.len() + path.len() + optional
    }
}

enum Entry {
    Line(Line),
    /// Write what waits, then say so.
    Flush(SyncSender<()>),
}

/// The sending half.
#[derive(Clone)]
pub struct AccessLog {
    queue: Option<SyncSender<Entry>>,
    waiting_bytes: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

impl AccessLog {
    /// A log that keeps nothing.
    pub fn off(metrics: Arc<Metrics>) -> Self {
        Self { queue: None, waiting_bytes: Arc::default(), metrics }
    }

    /// The configured log.
    ///
    /// # Errors
    /// When the file cannot be opened or the thread not be started.
    pub fn open(to: &config::AccessLog, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        match to {
            config::AccessLog::Off => Ok(Self::off(metrics)),
            config::AccessLog::Stdout => Self::to(std::io::stdout(), metrics),
            config::AccessLog::File(path) => {
                path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                Self::to(OpenOptions::new().append(true).create(true).mode(0o600).open(path)?, metrics)
            }
        }
    }

    /// A log that writes to `out`.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn to(out: impl Write + Send + 'static, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let writer = Writer {
            queue: receiver,
            waiting_bytes: waiting_bytes.clone(),
            piece: Vec::with_capacity(64 * 1024),
            metrics: metrics.clone(),
        };
        std::thread::Builder::new().name("access-log".into()).spawn(move || writer.run(out))?;
        Ok(Self { queue: Some(sender), waiting_bytes, metrics })
    }

    /// Whether lines are kept; who builds one may ask first.
    pub const fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Adds a line.
    pub fn add(&self, line: Line) {
        let Some(queue) = &self.queue else { return };
        let bytes = line.bytes();
        let fits = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= QUEUE_BYTES_MAX;
        if !fits || queue.try_send(Entry::Line(line)).is_err() {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.metrics.log_lines_dropped(1);
        }
    }

    /// Waits until every line that was added is written, or the disk is too slow.
    pub fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.queue.as_ref().is_some_and(|queue| queue.send(Entry::Flush(done)).is_ok()) {
            let _ = written.recv_timeout(FLUSH_DEADLINE); // Too slow: then the lines are lost, and nothing hangs.
        }
    }
}

/// The thread's own half.
struct Writer {
    queue: Receiver<Entry>,
    waiting_bytes: Arc<AtomicUsize>,
    piece: Vec<u8>,
    metrics: Arc<Metrics>,
}

impl Writer {
    /// Writes until the process ends. A disk that takes nothing costs lines, which are counted, and never the log itself:
    /// it goes on when the disk does.
    fn run(mut self, mut out: impl Write) {
        let mut more = false;
        while let Ok(first) = self.queue.recv() {
            if matches!(first, Entry::Line(_)) && !more {
                gather();
            }
            let (mut waiting, mut lines) = (Vec::new(), 0);
            let mut next = Some(first);
            while let Some(entry) = next {
                match entry {
                    Entry::Flush(done) => waiting.push(done),
                    Entry::Line(line) => lines += u64::from(self.take(&line)),
                }
                more = self.piece.len() >= PIECE_BYTES;
                next = if more { None } else { self.queue.try_recv().ok() };
            }
            if let Err(error) = out.write_all(&self.piece).and_then(|()| out.flush()) {
                self.metrics.log_lines_dropped(lines);
                tracing::error!(%error, lines, "the access log cannot be written");
            }
            self.piece.clear();
            for done in waiting {
                let _ = done.send(()); // Nobody waits any more: nothing is lost by that.
            }
        }
    }

    /// Puts a line to the piece, if it can be written down.
    fn take(&mut self, line: &Line) -> bool {
        self.waiting_bytes.fetch_sub(line.bytes(), Ordering::Relaxed);
        let began = self.piece.len();
        let is_written = serde_json::to_writer(&mut self.piece, line).is_ok();
        if is_written {
            self.piece.push(b'\n');
        } else {
            self.piece.truncate(began);
            self.metrics.log_lines_dropped(1);
        }
        is_written
    }
}

#[expect(clippy::disallowed_methods, reason = "this thread is the log's own")]
fn gather() {
    std::thread::sleep(GATHER);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, PoisonError};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn line(path: &str) -> Line {
        Line {
            at: 1,
            request: "r".into(),
            client: None,
            method: "GET".into(),
            host: "h".into(),
            path: path.into(),
            status: 200,
            by: "edge",
            service: None,
            problem: None,
            session: None,
            micros: 1,
        }
    }

    fn metrics() -> Arc<Metrics> {
        Arc::new(Metrics::new().expect("metrics"))
    }

    impl Kept {
        fn lines(&self) -> usize {
            self.0.lock().expect("a lock").split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count()
        }
    }

    #[test]
    fn what_was_added_before_a_flush_is_written_after_it() {
        let kept = Kept::default();
        let log = AccessLog::to(kept.clone(), metrics()).expect("a thread");
        for _ in 0..100 {
            log.add(line("/"));
        }
        log.flush();
        assert_eq!(kept.lines(), 100);
    }

    /// A disk that takes nothing until it is told to.
    struct Stalled {
        kept: Kept,
        pieces: Arc<Mutex<Vec<usize>>>,
        gate: Option<Receiver<()>>,
    }

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if let Some(gate) = self.gate.take() {
                let _ = gate.recv();
            }
            self.pieces.lock().expect("a lock").push(bytes.len());
            self.kept.write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_stalls_costs_lines_and_a_fixed_amount_of_memory_whatever_clients_send() {
        let (open, gate) = sync_channel(1);
        let (kept, pieces) = (Kept::default(), Arc::<Mutex<Vec<usize>>>::default());
        let metrics = metrics();
        let disk = Stalled { kept: kept.clone(), pieces: pieces.clone(), gate: Some(gate) };
        let log = AccessLog::to(disk, metrics.clone()).expect("a thread");
        let long = format!("/{}", "x".repeat(64 * 1024));
        for _ in 0..30_000 {
            log.add(line(&long));
        }
        let waiting = log.waiting_bytes.load(Ordering::Relaxed);
        assert!(waiting <= QUEUE_BYTES_MAX && waiting > QUEUE_BYTES_MAX / 2, "{waiting}");
        let dropped = metrics.log_lines_dropped_so_far();
        assert!(dropped > 20_000, "{dropped}");
        open.send(()).expect("the disk waits");
        while log.waiting_bytes.load(Ordering::Relaxed) > 0 {
            gather();
        }
        log.flush();
        assert_eq!(kept.lines() as u64 + dropped, 30_000, "each is written or counted");
        let longest = pieces.lock().expect("a lock").iter().copied().max().unwrap_or_default();
        assert!(longest < PIECE_BYTES + 64 * 1024, "{longest}");
        log.add(line("/"));
        log.flush();
        assert_eq!(kept.lines() as u64 + dropped, 30_001, "it goes on when the disk does");
    }
}
