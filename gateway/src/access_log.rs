//! The access log: one JSON object a line, written by a thread of its own.
//!
//! What may be secret never gets here: no query string, no header, no body, no token.
//! The queue is bounded; a line that does not fit is dropped and counted, so that a slow disk slows nobody.

use crate::config;
use crate::metrics::Metrics;
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

const QUEUE_MAX: usize = 65_536; // Under a second at the design load.

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

/// The sending half.
#[derive(Clone)]
pub struct AccessLog {
    queue: Option<SyncSender<Line>>,
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
        std::thread::Builder::new().name("access-log".into()).spawn(move || write_lines(&receiver, out))?;
        Ok(Self { queue: Some(sender), metrics })
    }

    /// Whether lines are kept; who builds one may ask first.
    pub const fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Adds a line.
    pub fn add(&self, line: Line) {
        let full = |queue: &SyncSender<Line>| matches!(queue.try_send(line), Err(TrySendError::Full(_)));
        if self.queue.as_ref().is_some_and(full) {
            self.metrics.log_line_dropped();
        }
    }
}

/// Writes what waits, then flushes, then waits: a busy log is written in large pieces, a quiet one at once.
fn write_lines(queue: &Receiver<Line>, out: impl Write) {
    let mut out = BufWriter::with_capacity(64 * 1024, out);
    while let Ok(first) = queue.recv() {
        for line in std::iter::once(first).chain(queue.try_iter()) {
            let written = serde_json::to_writer(&mut out, &line).map_err(std::io::Error::from);
            if written.and_then(|()| out.write_all(b"\n")).is_err() {
                return;
            }
        }
        if out.flush().is_err() {
            return;
        }
    }
}
