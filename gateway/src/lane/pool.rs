//! The idle connections to one service.
//!
//! The last one that came back goes out first, so that what is not needed grows old. [`sweep`](Pool::sweep) closes what
//! has grown old or was closed by the service: it runs only while there is something to sweep. Made with the generation's
//! upstreams, the pool ends with them: a connection that comes back after a reload finds nobody else who holds the pool,
//! and is closed with it.

use super::body::Reusable;
use super::socket::{Address, Deadlines, Socket};
use pingora::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most connections that are kept. It must exceed the number of requests under way at once: a pool that is too small
/// costs a connection for each request above it.
pub const IDLE_MAX: usize = 1_024;

/// A service, as the fast lane reaches it.
#[derive(Debug)]
pub struct Pool {
    address: Address,
    deadlines: Deadlines,
    /// Half of the time that a connection may lie idle.
    round: Duration,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    /// Each with the round in which it came back, oldest first.
    sockets: Vec<(u64, Socket)>,
    round: u64,
    /// Whether there is a task that sweeps.
    swept: bool,
}

/// A connection that may carry a request.
#[derive(Debug)]
pub struct Taken {
    /// The connection.
    pub socket: Socket,
    /// Whether it has carried one before.
    pub reused: bool,
}

impl Pool {
    /// An empty pool of connections to an address, which may lie idle for so long.
    pub fn new(address: Address, deadlines: Deadlines, idle: Duration) -> Self {
        Self { address, deadlines, round: idle / 2, idle: Mutex::default() }
    }

    /// How long what may take.
    pub const fn deadlines(&self) -> Deadlines {
        self.deadlines
    }

    /// How many connections are kept.
    pub fn idle(&self) -> usize {
        self.lock().sockets.len()
    }

    /// A connection: an idle one that is open and silent, or a new one.
    ///
    /// # Errors
    /// When the service cannot be connected to.
    pub async fn take(&self) -> Result<Taken> {
        if let Some(socket) = self.take_idle() {
            return Ok(Taken { socket, reused: true });
        }
        Ok(Taken { socket: Socket::connect(&self.address, self.deadlines.connect).await?, reused: false })
    }

    fn take_idle(&self) -> Option<Socket> {
        let mut idle = self.lock();
        std::iter::from_fn(|| idle.sockets.pop()).map(|(_, socket)| socket).find(Socket::is_quiet)
    }

    /// Keeps a connection for the next request; only with the proof that the last answer has ended.
    pub fn give_back(self: &Arc<Self>, socket: Socket, _: Reusable) {
        let mut idle = self.lock();
        if idle.sockets.len() >= IDLE_MAX {
            return;
        }
        let round = idle.round;
        idle.sockets.push((round, socket));
        if !std::mem::replace(&mut idle.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self), self.round));
        }
    }

    /// Closes what has lain idle since before the last time, and what the service has closed. False if nothing is left.
    fn sweep(&self) -> bool {
        let mut idle = self.lock();
        let round = idle.round;
        idle.sockets.retain(|(since, socket)| *since >= round && socket.is_quiet());
        idle.round += 1;
        idle.swept = !idle.sockets.is_empty();
        idle.swept
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sweeps until nothing is left to sweep, or nobody uses the pool any more.
async fn sweep(pool: std::sync::Weak<Pool>, round: Duration) {
    loop {
        tokio::time::sleep(round).await;
        if !pool.upgrade().is_some_and(|pool| pool.sweep()) {
            return;
        }
    }
}
