//! The access log: one JSON object a line, written by a thread of its own.
//!
//! Lines are gathered for [`GATHER`] and written in one piece: waking the thread for each would cost a request more than
//! making its line. [`AccessLog::flush`] writes what waits, for the end of the process.
//!
//! What may be secret never gets here: no query string, no header, no body, no token.
//! The queue is bounded; a line that does not fit is dropped and counted, so that a slow disk slows nobody.

use crate::config;
use crate::metrics::Metrics;
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

const QUEUE_MAX: usize = 65_536; // Under a second at the design load.

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
    pub method: String,
    /// The host.
    pub host: String,
    /// The path, without the query: codes and tokens may stand there.
    pub path: String,
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

enum Entry {
    Line(Line),
    /// Write what waits, then say so.
    Flush(SyncSender<()>),
}

/// The sending half.
#[derive(Clone)]
pub struct AccessLog {
    queue: Option<SyncSender<Entry>>,
    metrics: Arc<Metrics>,
}

impl AccessLog {
    /// A log that keeps nothing.
    pub fn off(metrics: Arc<Metrics>) -> Self {
        Self { queue: None, metrics }
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
        let counted = metrics.clone();
        std::thread::Builder::new().name("access-log".into()).spawn(move || write_lines(&receiver, out, &counted))?;
        Ok(Self { queue: Some(sender), metrics })
    }

    /// Whether lines are kept; who builds one may ask first.
    pub const fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Adds a line.
    pub fn add(&self, line: Line) {
        if self.queue.as_ref().is_some_and(|queue| queue.try_send(Entry::Line(line)).is_err()) {
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

/// Writes until the process ends. A disk that takes nothing costs lines, which are counted, and never the log itself:
/// it goes on when the disk does.
fn write_lines(queue: &Receiver<Entry>, mut out: impl Write, metrics: &Metrics) {
    let mut piece = Vec::with_capacity(64 * 1024);
    while let Ok(first) = queue.recv() {
        if matches!(first, Entry::Line(_)) {
            gather();
        }
        let (mut waiting, mut lines) = (Vec::new(), 0_u64);
        for entry in std::iter::once(first).chain(queue.try_iter().take(QUEUE_MAX)) {
            match entry {
                Entry::Flush(done) => waiting.push(done),
                Entry::Line(line) if serde_json::to_writer(&mut piece, &line).is_ok() => {
                    piece.push(b'\n');
                    lines += 1;
                }
                Entry::Line(_) => metrics.log_lines_dropped(1),
            }
        }
        if let Err(error) = out.write_all(&piece).and_then(|()| out.flush()) {
            metrics.log_lines_dropped(lines);
            tracing::error!(%error, lines, "the access log cannot be written");
        }
        piece.clear();
        for done in waiting {
            let _ = done.send(()); // Nobody waits any more: nothing is lost by that.
        }
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

    #[test]
    fn what_was_added_before_a_flush_is_written_after_it() {
        let kept = Kept::default();
        let log = AccessLog::to(kept.clone(), Arc::new(Metrics::new().expect("metrics"))).expect("a thread");
        for at in 0..100 {
            log.add(Line {
                at,
                request: "r".into(),
                client: None,
                method: "GET".into(),
                host: "h".into(),
                path: "/".into(),
                status: 200,
                by: "edge",
                service: None,
                problem: None,
                session: None,
                micros: 1,
            });
        }
        log.flush();
        let text = String::from_utf8(kept.0.lock().expect("a lock").clone()).expect("UTF-8");
        assert_eq!(text.lines().count(), 100);
    }
}
