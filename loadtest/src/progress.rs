//! One line on stderr that says how far things are: overwritten at a terminal, else a line every five seconds.

use crate::clock;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

const EVERY_TERMINAL: Duration = Duration::from_millis(250);
const EVERY_LOG: Duration = Duration::from_secs(5);

/// The line.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: bool,
    silent: bool,
    shown: Option<Instant>,
    begun: Instant,
}

impl Progress {
    /// On stderr.
    pub(crate) fn on_stderr() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), silent: false, shown: None, begun: clock::now() }
    }

    /// Nowhere.
    pub(crate) fn silent() -> Self {
        Self { terminal: false, silent: true, shown: None, begun: clock::now() }
    }

    /// Shows how far things are, if it is time again. `text` is only made then.
    pub(crate) fn show(&mut self, text: impl FnOnce() -> String) {
        let every = if self.terminal { EVERY_TERMINAL } else { EVERY_LOG };
        if self.silent || self.shown.unwrap_or(self.begun).elapsed() < every {
            return;
        }
        self.shown = Some(clock::now());
        let mut stderr = std::io::stderr().lock();
        // A terminal that is gone must not end the run.
        let _ = if self.terminal {
            write!(stderr, "\r\x1b[2K{}", text()).and_then(|()| stderr.flush())
        } else {
            writeln!(stderr, "{}", text())
        };
    }

    /// Says something that stays.
    pub(crate) fn say(&mut self, text: &str) {
        self.clear();
        if !self.silent {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        }
    }

    /// Takes the overwritten line away.
    pub(crate) fn clear(&mut self) {
        if self.terminal && self.shown.is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[2K");
        }
    }
}
