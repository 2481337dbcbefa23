//! Hashing passwords: Argon2id (RFC 9106) on a bounded number of threads behind a bounded queue.
//!
//! A hash takes tens of milliseconds and 19 MiB on purpose, which is also a lever for whoever wants to stop the
//! service. So only a few run at a time, a few wait, and the rest are told at once to come back. Whether an account
//! has a password cannot be told from the time: without one, a hash of nobody's password is verified instead.

use super::{NewPassword, PASSWORD_BYTES_MAX, Typed};
use crate::model::PasswordHash;
use aldgate_core::entropy::Entropy;
use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory of a hash in KiB, its passes and its lanes: OWASP's first recommendation for Argon2id.
pub(crate) const MEMORY_KIB: u32 = 19_456;
pub(crate) const PASSES: u32 = 2;
pub(crate) const LANES: u32 = 1;

const SALT_BYTES: usize = 16; // As RFC 9106, section 3.1, recommends.
const HASH_BYTES: usize = 32; // As above: 256 bits.

/// Hashes that may wait for a thread: at 40 ms each, two threads are through in 1.3 s, which a person still waits for.
const WAITING_MAX: usize = 64;

/// Why nothing was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HashingFault {
    /// Too many are waiting; in some seconds there will be room.
    Busy,
    /// Randomness or Argon2 failed, or the stored hash cannot be read.
    Broken,
}

/// What the comparison of a password with a hash gave.
#[derive(Debug)]
#[must_use]
pub(crate) enum Verdict {
    /// It is the password. `renewed` replaces a stored hash that is weaker than today's.
    Right { renewed: Option<PasswordHash> },
    /// It is not, or there is none.
    Wrong,
}

/// The threads that hash.
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    queue: Arc<Semaphore>,
    threads: Arc<Semaphore>,
    entropy: Arc<dyn Entropy>,
    nobodys: String,
}

impl Passwords {
    /// Hashes on at most `threads` threads.
    pub(crate) fn new(threads: usize, entropy: Arc<dyn Entropy>) -> Result<Self, HashingFault> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).map_err(|_| HashingFault::Broken)?;
        let threads = threads.max(1);
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            queue: Arc::new(Semaphore::new(threads + WAITING_MAX)),
            threads: Arc::new(Semaphore::new(threads)),
            nobodys: nobodys_hash(&*entropy)?,
            entropy,
        })
    }

    /// The hash by which a new password is kept.
    pub(crate) async fn hash(&self, password: NewPassword) -> Result<PasswordHash, HashingFault> {
        let salt = self.salt()?;
        let argon2 = self.argon2.clone();
        self.run(move || hash(&argon2, password.0.expose(), &salt)).await?
    }

    /// Compares a password with a stored hash, or, in the same time, with none.
    pub(crate) async fn verify(&self, typed: Typed, stored: Option<&PasswordHash>) -> Result<Verdict, HashingFault> {
        let exists = stored.is_some() && typed.expose().len() <= PASSWORD_BYTES_MAX;
        let stored = stored.map_or(self.nobodys.as_str(), PasswordHash::expose);
        let stored = phc::PasswordHash::new(stored).map_err(|_| HashingFault::Broken)?;
        let (argon2, salt) = (self.argon2.clone(), self.salt()?);
        self.run(move || {
            let password = typed.expose().as_bytes();
            let password = password.get(..PASSWORD_BYTES_MAX).unwrap_or(password);
            if argon2.verify_password(password, &stored).is_err() || !exists {
                return Ok(Verdict::Wrong);
            }
            let renewed = if is_weak(&stored) { Some(hash(&argon2, typed.expose(), &salt)?) } else { None };
            Ok(Verdict::Right { renewed })
        })
        .await?
    }

    fn salt(&self) -> Result<[u8; SALT_BYTES], HashingFault> {
        self.entropy.bytes().map_err(|_| HashingFault::Broken)
    }

    /// Runs `work` on a thread of its own, after those that came before. Its place stays taken until it has ended, even
    /// if nobody waits for it any more.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, HashingFault> {
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| HashingFault::Busy)?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| HashingFault::Broken)?;
        let held: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (place, thread);
        let done = tokio::task::spawn_blocking(move || {
            let value = work();
            drop(held);
            value
        });
        done.await.map_err(|_| HashingFault::Broken)
    }
}

fn hash(argon2: &Argon2<'_>, password: &str, salt: &[u8]) -> Result<PasswordHash, HashingFault> {
    let hash: phc::PasswordHash =
        argon2.hash_password_with_salt(password.as_bytes(), salt).map_err(|_| HashingFault::Broken)?;
    Ok(PasswordHash::new(hash.to_string()))
}

/// A hash with today's parameters that no password has: its output is random.
fn nobodys_hash(entropy: &dyn Entropy) -> Result<String, HashingFault> {
    let bytes: [u8; SALT_BYTES + HASH_BYTES] = entropy.bytes().map_err(|_| HashingFault::Broken)?;
    let (salt, output) = bytes.split_at(SALT_BYTES);
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    Ok(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}"))
}

/// Whether a hash that just proved right was made with less than today's parameters.
fn is_weak(hash: &phc::PasswordHash) -> bool {
    let strong = Params::try_from(hash).is_ok_and(|p| {
        p.m_cost() >= MEMORY_KIB && p.t_cost() >= PASSES && p.output_len().unwrap_or(HASH_BYTES) >= HASH_BYTES
    });
    !strong || hash.algorithm.as_str() != "argon2id"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EmailAddress;
    use aldgate_core::secret::Secret;
    use aldgate_core::testing::SeededEntropy;

    fn passwords() -> Passwords {
        Passwords::new(1, Arc::new(SeededEntropy::new(5))).expect("parameters")
    }

    fn typed(text: &str) -> Typed {
        Secret::new(text.to_owned())
    }

    async fn stored(passwords: &Passwords, text: &str) -> PasswordHash {
        let email = EmailAddress::parse("a@b.example").expect("address");
        let Ok(new) = NewPassword::parse(typed(text), &email) else { panic!("refused") };
        passwords.hash(new).await.expect("hash")
    }

    #[tokio::test]
    async fn the_parameters_are_owasps() {
        let passwords = passwords();
        let hash = stored(&passwords, "three random words").await;
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
        let again = stored(&passwords, "three random words").await;
        assert_ne!(hash.expose(), again.expose(), "a salt of its own");
    }

    #[tokio::test]
    async fn right_wrong_and_none() {
        let passwords = passwords();
        let hash = stored(&passwords, "three random words").await;
        let right = passwords.verify(typed("three random words"), Some(&hash)).await;
        assert!(matches!(right, Ok(Verdict::Right { renewed: None })), "{right:?}");
        for wrong in ["three random word", "three random words ", "Three random words", ""] {
            assert!(matches!(passwords.verify(typed(wrong), Some(&hash)).await, Ok(Verdict::Wrong)), "{wrong}");
        }
        assert!(matches!(passwords.verify(typed("three random words"), None).await, Ok(Verdict::Wrong)));
    }

    #[tokio::test]
    async fn a_weaker_hash_is_renewed() {
        let passwords = passwords();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).expect("params"));
        let weak = hash(&weak, "three random words", &[7; 16]).expect("hash");
        let verdict = passwords.verify(typed("three random words"), Some(&weak)).await;
        let Ok(Verdict::Right { renewed: Some(renewed) }) = verdict else { panic!("{verdict:?}") };
        assert!(renewed.expose().contains("m=19456,t=2,p=1"));
    }

    #[tokio::test]
    async fn a_password_is_never_cut() {
        let passwords = passwords();
        let long = "x".repeat(PASSWORD_BYTES_MAX);
        let hash = stored(&passwords, &long).await;
        assert!(matches!(passwords.verify(typed(&format!("{long}y")), Some(&hash)).await, Ok(Verdict::Wrong)));
    }

    #[tokio::test]
    async fn when_the_queue_is_full_it_says_so_at_once() {
        let passwords = passwords();
        let _all = Arc::clone(&passwords.queue).try_acquire_many_owned(1 + WAITING_MAX as u32).expect("all places");
        let refused = passwords.verify(typed("three random words"), None).await;
        assert!(matches!(refused, Err(HashingFault::Busy)), "{refused:?}");
    }
}
