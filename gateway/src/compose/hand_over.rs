//! One gateway takes over from another, in the same data directory, and no connection is refused meanwhile.
//!
//! The new process starts as any other, up to the point at which it would listen. Then it connects to the old one's
//! socket (`run/gateway.sock`) and waits for the listening sockets, which Pingora's own transfer brings (`SCM_RIGHTS`);
//! addresses of its configuration that the old one had not, it listens on itself. Once it has them all ([`super::ports`])
//! it serves and says so, and only then does the old one drain: a new process that cannot have an address, or ends for
//! any other reason before that word, has accepted nothing and harms nobody. From the word on both accept from the same
//! queues, until the old one stops; a connection that waits there is accepted by whichever comes first. Several that
//! would take over at once would get in each other's way: there is one at a time.
//!
//! Whoever may connect here gets our listening sockets: both sockets lie in a directory of their owner alone, and the
//! one that is asked is its owner's alone too. Only a gateway alone is replaced so. `aldgate up` is one process with its
//! database and hears of revocations within itself: two of them at once would not hear each other's.

use super::CannotStart;
use async_trait::async_trait;
use pingora::server::{ListenFds, ShutdownWatch};
use pingora::services::Service;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixListener;
use tokio::sync::Notify;

/// How long the one that takes over has for its word that it serves.
const SERVES_WITHIN: Duration = Duration::from_secs(10);

/// Its word.
const SERVES: u8 = b'S';

/// Where the two meet.
#[derive(Debug, Clone)]
pub(crate) struct Sockets {
    /// Where the one that runs is asked.
    pub(crate) asked: PathBuf,
    /// Where the new one waits for the listeners.
    pub(crate) listeners: PathBuf,
    /// Locked by the one that takes over.
    next: PathBuf,
}

/// The gateway before this one, which goes on until it is told that this one serves.
pub(crate) struct Before {
    socket: UnixStream,
    _next: File,
}

impl Sockets {
    /// Of the gateway that has this data directory.
    pub(crate) fn in_data(data: &Path) -> Self {
        let run = |name: &str| data.join("run").join(name);
        Self { asked: run("gateway.sock"), listeners: run("listeners.sock"), next: run("gateway.next") }
    }

    /// Asks the one that runs.
    ///
    /// # Errors
    /// When none runs, or another process is taking over from it.
    pub(crate) fn ask(&self) -> Result<Before, CannotStart> {
        let cannot = |error| CannotStart::because(&format!("cannot write {}", self.next.display()), error);
        let next = File::create(&self.next).map_err(cannot)?;
        if next.try_lock().is_err() {
            return Err(CannotStart("another process is taking over already: wait for what comes of it".into()));
        }
        let socket = UnixStream::connect(&self.asked).map_err(|error| {
            let socket = self.asked.display();
            CannotStart(format!("no gateway to take over from at {socket} ({error}): start without --take-over"))
        })?;
        Ok(Before { socket, _next: next })
    }

    fn listen(&self) -> io::Result<UnixListener> {
        // What stands there is the one before us, which has been asked for the last time, or one that was killed.
        match std::fs::remove_file(&self.asked) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&self.asked)?;
        std::fs::set_permissions(&self.asked, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    }
}

/// Hands over when it is asked; a service of Pingora's server, since those are told of the listeners.
pub(crate) struct HandOver {
    sockets: Sockets,
    before: Option<Before>,
    replaced: Arc<Notify>,
}

impl HandOver {
    /// For a process that takes over from `before`, if from any; `replaced` is told when its turn has come. To be started
    /// when every address is held.
    pub(crate) const fn new(sockets: Sockets, before: Option<Before>, replaced: Arc<Notify>) -> Self {
        Self { sockets, before, replaced }
    }

    /// Tells the one before us that it may end.
    fn dismiss(&mut self) {
        if let Some(mut before) = self.before.take()
            && let Err(error) = before.socket.write_all(&[SERVES])
        {
            tracing::warn!(%error, "the gateway before this one cannot be told to end");
        }
    }

    async fn give(&self, mut asker: tokio::net::UnixStream, fds: &ListenFds) -> io::Result<()> {
        let (fds, path) = (fds.clone(), self.sockets.listeners.clone());
        let sent = tokio::task::spawn_blocking(move || fds.lock().send_to_sock(&*path.to_string_lossy())).await?;
        sent.map_err(io::Error::other)?;
        match tokio::time::timeout(SERVES_WITHIN, asker.read_u8()).await {
            Ok(Ok(SERVES)) => Ok(()),
            Ok(Ok(_)) => Err(io::Error::other("it says something else than that it serves")),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::other("it does not serve in time")),
        }
    }
}

#[async_trait]
impl Service for HandOver {
    async fn start_service(&mut self, fds: Option<ListenFds>, mut shutdown: ShutdownWatch, _: usize) {
        let listener = match self.sockets.listen() {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, socket = %self.sockets.asked.display(), "nobody will be able to take over");
                return self.dismiss();
            }
        };
        self.dismiss();
        let Some(fds) = fds else { return };
        loop {
            let asker = tokio::select! {
                accepted = listener.accept() => accepted,
                // The sender is gone: so is the server.
                _ = shutdown.wait_for(|stop| *stop) => return,
            };
            let given = match asker {
                Ok((asker, _)) => self.give(asker, &fds).await,
                Err(error) => Err(error),
            };
            match given {
                Ok(()) => {
                    tracing::info!("another gateway has taken over");
                    return self.replaced.notify_one();
                }
                Err(error) => tracing::warn!(%error, "nobody has taken over; this gateway goes on"),
            }
        }
    }

    fn name(&self) -> &'static str {
        "hand-over"
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        Some(Vec::new())
    }
}
