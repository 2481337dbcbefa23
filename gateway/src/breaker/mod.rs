//! The breaker on the way to the backend.
//!
//! A backend that is dead refuses connections, and everybody hears it at once. One that *hangs* accepts them and says
//! nothing: each request would wait as long as the slowest page may take, and the first password check is as slow as
//! that by design, so that no bound on a request tells the two apart. What tells them apart is a question that costs the
//! backend nothing: [`probe`] asks it five times a second. While no answer comes, or the backend says that its database
//! gives none, the breaker is *open*: requests for the backend are refused before they are sent, and those that were sent
//! and wait are cut ([`connection`]). Architecture, section 5: in less than a second. The first good answer closes it.
//! Nobody's request is the trial.
//!
//! What it costs a request for the backend is one atomic load; requests for anybody else, nothing.

mod connection;
mod probe;

pub use probe::watch;

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch::Sender;

/// Whether the backend answers. Closed at first: a gateway that has asked nothing yet knows nothing against it.
#[derive(Debug)]
pub struct Breaker {
    open: AtomicBool,
    /// The same, for those who wait for it.
    told: Sender<bool>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { open: AtomicBool::new(false), told: Sender::new(false) }
    }
}

impl Breaker {
    /// Whether requests for the backend are refused just now.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// The backend does not answer: nothing more is sent to it, and what waits for it is cut.
    pub fn open(&self, why: &str) {
        if !self.open.swap(true, Ordering::AcqRel) {
            tracing::warn!(why, "the backend does not answer: what needs it is refused until it does");
        }
        self.told.send_replace(true);
    }

    /// The backend answers.
    pub fn close(&self) {
        if self.open.swap(false, Ordering::AcqRel) {
            tracing::info!("the backend answers again");
        }
        self.told.send_replace(false);
    }
}
