//! The floor under every sign-in with a password: how many hashes a second this machine can compute, on all its cores,
//! with Argon2id at the backend's cost and nothing else.

use crate::clock;
use crate::people::{argon2id, hash_once};
use crate::trouble::Trouble;
use argon2::Block;
use serde::Serialize;
use std::thread;
use std::time::Duration;

/// What hashing alone allows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct HashingFloor {
    /// Hashes a second, on all cores together.
    pub(crate) hashes_per_s: f64,
    /// Cores.
    pub(crate) threads: usize,
}

/// Hashes on as many threads as there are cores, for about `span`.
///
/// # Errors
/// [`Trouble`], if nothing can be hashed.
pub(crate) fn measure(span: Duration) -> Result<HashingFloor, Trouble> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let rates: Result<Vec<f64>, Trouble> = thread::scope(|scope| {
        let hashing: Vec<_> = (0..threads).map(|_| scope.spawn(|| rate(span))).collect();
        let ended = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(|_| Err(panicked()));
        hashing.into_iter().map(ended).collect()
    });
    Ok(HashingFloor { hashes_per_s: rates?.iter().sum(), threads })
}

fn panicked() -> Trouble {
    Trouble::new("a thread that hashed has panicked", "report this")
}

/// Hashes a second on this thread.
fn rate(span: Duration) -> Result<f64, Trouble> {
    let argon2 = argon2id()?;
    let mut memory = vec![Block::default(); argon2.params().block_count()]; // Once, as the backend's threads have it.
    let (begun, mut hashes) = (clock::now(), 0.0);
    loop {
        hash_once(&argon2, &mut memory)?;
        hashes += 1.0;
        let elapsed = begun.elapsed();
        if elapsed >= span {
            return Ok(hashes / elapsed.as_secs_f64());
        }
    }
}

impl std::fmt::Display for HashingFloor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} Argon2id hashes a second on {} cores", self.hashes_per_s, self.threads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_hashes() {
        let floor = measure(Duration::from_millis(50)).expect("a floor");
        assert!((0.5..1e5).contains(&floor.hashes_per_s), "{floor}");
    }
}
