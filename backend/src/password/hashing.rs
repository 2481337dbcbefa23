//! Hashing passwords: Argon2id (RFC 9106) on a bounded number of threads behind a bounded queue.
//!
//! A hash takes tens of milliseconds and 19 MiB on purpose, which is also a lever for whoever wants to stop the
//! service. So only a few run at a time, a few wait, and the rest are told at once to come back. Whether an account
//! has a password cannot be told from the time: without one, a hash of nobody's password is verified instead; and where
//! a stored hash was made at less than today's cost, a wrong password costs what is missing besides.
//!
//! The threads are the system's last choice (`SCHED_IDLE`): they get what time the gate leaves over, which on one machine
//! with it answers a hundred thousand times as many questions. A session check that wakes up does not wait for a hash.

use super::{BYTES_MAX, NewPassword, Typed};
use crate::model::PasswordHash;
use aldgate_core::entropy::Entropy;
use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use subtle::ConstantTimeEq as _;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
    thread_schedule_policy,
};
use tokio::sync::{Semaphore, oneshot};

/// What a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// How often all of it is gone through.
    pub passes: u32,
    /// How many parts of it are filled side by side.
    pub lanes: u32,
    /// Bytes of the result.
    pub hash_bytes: usize,
}

/// What every new hash costs: OWASP's first recommendation for Argon2id; 256 bits, as RFC 9106, section 3.1, recommends.
pub const ARGON2ID: PasswordCost = PasswordCost { memory_kib: 19_456, passes: 2, lanes: 1, hash_bytes: 32 };

const SALT_BYTES: usize = 16; // As RFC 9106, section 3.1, recommends.

/// What a wrong password costs, whoever's it would be: KiB that are filled, as often as they are.
const WORK: u64 = ARGON2ID.memory_kib as u64 * ARGON2ID.passes as u64;

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

/// What one thread hashes in, again and again. Each hash fills it anew, whatever is there; to take it from the system and
/// have it cleared for each would be a twentieth of the work.
#[derive(Default)]
struct Memory {
    blocks: Vec<Block>,
    /// KiB that were filled since the thread began.
    filled: u64,
}

impl Memory {
    /// The output of a password, as long as `output` is.
    fn hash(&mut self, argon2: &Argon2<'_>, password: &[u8], salt: &[u8], output: &mut [u8]) -> argon2::Result<()> {
        let blocks = argon2.params().block_count();
        self.blocks.resize(blocks.max(self.blocks.len()), Block::default());
        let memory = self.blocks.get_mut(..blocks).unwrap_or_default();
        argon2.hash_password_into_with_memory(password, salt, output, memory)?;
        self.filled = self.filled.saturating_add(blocks as u64 * u64::from(argon2.params().t_cost()));
        Ok(())
    }

    /// Does what is missing to [`WORK`] since `filled` was as much.
    fn make_up(&mut self, filled: u64) {
        let missing = WORK.saturating_sub(self.filled.saturating_sub(filled));
        let memory_kib = u32::try_from(missing / u64::from(ARGON2ID.passes)).unwrap_or(ARGON2ID.memory_kib);
        let params = Params::new(memory_kib, ARGON2ID.passes, ARGON2ID.lanes, Some(ARGON2ID.hash_bytes));
        let Ok(params) = params else { return }; // So little is missing that no hash costs as little.
        let (argon2, mut output) = (Argon2::new(Algorithm::Argon2id, Version::V0x13, params), [0; ARGON2ID.hash_bytes]);
        let _ = self.hash(&argon2, b"", &[0; SALT_BYTES], &mut output); // Nobody looks at it.
    }
}

/// Something to be done by a thread that hashes.
type Work = Box<dyn FnOnce(&mut Memory) + Send>;

/// The threads that hash. They end with the last of what is to be done once this is dropped.
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    queue: Arc<Semaphore>,
    threads: mpsc::Sender<Work>,
    entropy: Arc<dyn Entropy>,
    nobodys: String,
}

impl Passwords {
    /// Hashes on at most `threads` threads.
    pub(crate) fn new(threads: usize, entropy: Arc<dyn Entropy>) -> Result<Self, HashingFault> {
        let params = Params::new(ARGON2ID.memory_kib, ARGON2ID.passes, ARGON2ID.lanes, Some(ARGON2ID.hash_bytes))
            .map_err(|_| HashingFault::Broken)?;
        let threads = threads.max(1);
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            queue: Arc::new(Semaphore::new(threads + WAITING_MAX)),
            threads: start(threads)?,
            nobodys: nobodys_hash(&*entropy)?,
            entropy,
        })
    }

    /// The hash by which a new password is kept.
    pub(crate) async fn hash(&self, password: NewPassword) -> Result<PasswordHash, HashingFault> {
        let salt = self.salt()?;
        let argon2 = self.argon2.clone();
        let NewPassword { typed, at_least } = password;
        let hash = self.run(move |memory| hash(&argon2, typed.expose(), &salt, memory)).await??;
        Ok(hash.of_at_least(at_least))
    }

    /// Compares a password with a stored hash, or, in the same time, with none.
    pub(crate) async fn verify(&self, typed: Typed, stored: Option<&PasswordHash>) -> Result<Verdict, HashingFault> {
        let exists = stored.is_some() && typed.expose().len() <= BYTES_MAX;
        let stored = stored.map_or(self.nobodys.as_str(), PasswordHash::expose);
        let stored = phc::PasswordHash::new(stored).map_err(|_| HashingFault::Broken)?;
        let (argon2, salt) = (self.argon2.clone(), self.salt()?);
        self.run(move |memory| {
            if !is_right(&typed, &stored, exists, memory) {
                return Ok(Verdict::Wrong);
            }
            let renewed = if is_weak(&stored) { Some(hash(&argon2, typed.expose(), &salt, memory)?) } else { None };
            Ok(Verdict::Right { renewed })
        })
        .await?
    }

    fn salt(&self) -> Result<[u8; SALT_BYTES], HashingFault> {
        self.entropy.bytes().map_err(|_| HashingFault::Broken)
    }

    /// Runs `work` on one of the threads, after those that came before. Its place stays taken until it has ended, even if
    /// nobody waits for it any more.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, HashingFault> {
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| HashingFault::Busy)?;
        let (done, value) = oneshot::channel();
        let work = move |memory: &mut Memory| {
            tracing::trace!("a password is hashed");
            let value = work(memory);
            drop(place);
            let _ = done.send(value); // It fails if nobody waits for it any more.
        };
        self.threads.send(Box::new(work)).map_err(|_| HashingFault::Broken)?;
        value.await.map_err(|_| HashingFault::Broken)
    }
}

/// Starts the threads, and gives what they take their work from. It holds no more than the queue has places.
fn start(threads: usize) -> Result<mpsc::Sender<Work>, HashingFault> {
    let (sender, work) = mpsc::channel();
    let work = Arc::new(Mutex::new(work));
    for _ in 0..threads {
        let work = Arc::clone(&work);
        let named = thread::Builder::new().name("aldgate-hash".to_owned());
        named.spawn(move || hash_for_ever(&work)).map_err(|_| HashingFault::Broken)?;
    }
    Ok(sender)
}

fn hash_for_ever(work: &Mutex<mpsc::Receiver<Work>>) {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    // The call may fail after it has done what matters: it also sets the niceness, which this policy does not know.
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    if thread_schedule_policy() != Ok(policy) {
        tracing::warn!("passwords are hashed at the priority of everything else: the system does not let us lower it");
    }
    let mut memory = Memory::default();
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(next) = next else { return };
        // What panics has failed, and is answered for; the thread goes on with the next.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| next(&mut memory)));
    }
}

fn hash(argon2: &Argon2<'_>, password: &str, salt: &[u8], memory: &mut Memory) -> Result<PasswordHash, HashingFault> {
    let mut output = [0; ARGON2ID.hash_bytes];
    memory.hash(argon2, password.as_bytes(), salt, &mut output).map_err(|_| HashingFault::Broken)?;
    Ok(PasswordHash::new(written(salt, &output)))
}

/// A hash of today's cost as it is kept (the PHC string format).
fn written(salt: &[u8], output: &[u8]) -> String {
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    let PasswordCost { memory_kib, passes, lanes, .. } = ARGON2ID;
    format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${output}")
}

/// Whether a password is that of a stored hash, where there is one. A wrong one costs [`WORK`] at least.
fn is_right(typed: &Typed, stored: &phc::PasswordHash, exists: bool, memory: &mut Memory) -> bool {
    let password = typed.expose().as_bytes();
    let password = password.get(..BYTES_MAX).unwrap_or(password);
    let filled = memory.filled;
    let right = is_of(stored, password, memory).unwrap_or(false) && exists;
    if !right {
        memory.make_up(filled);
    }
    right
}

/// Whether a stored hash is this password's, at whatever cost it was made. `None` where it is no hash of Argon2's.
fn is_of(stored: &phc::PasswordHash, password: &[u8], memory: &mut Memory) -> Option<bool> {
    let (salt, kept) = (stored.salt.as_ref()?, stored.hash.as_ref()?);
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).ok()?;
    let version = Version::try_from(stored.version?).ok()?;
    let argon2 = Argon2::new(algorithm, version, Params::try_from(stored).ok()?);
    let mut output = [0; phc::Output::MAX_LENGTH];
    let output = output.get_mut(..kept.as_bytes().len())?;
    memory.hash(&argon2, password, salt, output).ok()?;
    Some(kept.as_bytes().ct_eq(output).into())
}

/// A hash with today's parameters that no password has: its output is random.
fn nobodys_hash(entropy: &dyn Entropy) -> Result<String, HashingFault> {
    let bytes: [u8; SALT_BYTES + ARGON2ID.hash_bytes] = entropy.bytes().map_err(|_| HashingFault::Broken)?;
    let (salt, output) = bytes.split_at(SALT_BYTES);
    Ok(written(salt, output))
}

/// Whether a hash that just proved right was made with less than today's parameters.
fn is_weak(hash: &phc::PasswordHash) -> bool {
    let strong = Params::try_from(hash).is_ok_and(|p| {
        p.m_cost() >= ARGON2ID.memory_kib
            && p.t_cost() >= ARGON2ID.passes
            && p.output_len().unwrap_or(ARGON2ID.hash_bytes) >= ARGON2ID.hash_bytes
    });
    !strong || hash.algorithm.as_str() != "argon2id"
}

#[cfg(test)]
mod tests {
    use super::super::{Beside, Breached, Rules};
    use super::*;
    use crate::model::EmailAddress;
    use aldgate_core::testing::SeededEntropy;
    use argon2::{PasswordHasher as _, PasswordVerifier as _};

    fn passwords() -> Passwords {
        Passwords::new(1, Arc::new(SeededEntropy::new(5))).expect("parameters")
    }

    fn typed(text: &str) -> Typed {
        Typed::new(text)
    }

    async fn stored(passwords: &Passwords, text: &str) -> PasswordHash {
        let email = EmailAddress::parse("a@b.example").expect("address");
        let judged =
            Rules::new(8, Arc::new(Breached::bundled().expect("a filter"))).judge(typed(text), &email, Beside::Nothing);
        let Ok(new) = judged else { panic!("refused") };
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
    async fn what_is_kept_is_what_the_library_reads() {
        let passwords = passwords();
        let ours = stored(&passwords, "three random words").await;
        let again = stored(&passwords, "three random words").await; // In memory that the first has left full.
        for hash in [ours, again] {
            assert!(passwords.argon2.verify_password(b"three random words", hash.expose()).is_ok());
            assert!(passwords.argon2.verify_password(b"three random word", hash.expose()).is_err());
        }
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
        let weak = weak.hash_password_with_salt(b"three random words", &[7; 16]).expect("hash");
        let weak = PasswordHash::new(phc::PasswordHash::to_string(&weak));
        let verdict = passwords.verify(typed("three random words"), Some(&weak)).await;
        let Ok(Verdict::Right { renewed: Some(renewed) }) = verdict else { panic!("{verdict:?}") };
        assert!(renewed.expose().contains("m=19456,t=2,p=1"));
    }

    /// Counted, and not timed: what a thread fills is what it takes.
    #[test]
    fn a_wrong_password_costs_the_same_whatever_it_is_compared_with() {
        let made_at = |memory_kib, passes, lanes| {
            let params = Params::new(memory_kib, passes, lanes, Some(32)).expect("params");
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon2.hash_password_with_salt(b"three random words", &[7; 16]).expect("hash").to_string()
        };
        let nobodys = nobodys_hash(&SeededEntropy::new(1)).expect("a hash");
        let of_another_kind =
            "$pbkdf2-sha256$i=1000$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let todays = made_at(ARGON2ID.memory_kib, ARGON2ID.passes, ARGON2ID.lanes);
        let weak = [made_at(8_192, 1, 1), made_at(19_456, 1, 1), made_at(65, 1, 1), made_at(4_096, 3, 4)];
        for stored in [nobodys, of_another_kind.to_owned(), todays.clone()].into_iter().chain(weak) {
            let hash = phc::PasswordHash::new(&stored).expect("a hash");
            for (wrong, exists) in [("another password", true), ("three random words", false)] {
                let mut memory = Memory::default();
                assert!(!is_right(&typed(wrong), &hash, exists, &mut memory), "{stored}");
                assert!(memory.filled.abs_diff(WORK) <= 16, "{stored}: {} of {WORK}", memory.filled);
            }
        }
        let mut memory = Memory::default();
        assert!(is_right(
            &typed("three random words"),
            &phc::PasswordHash::new(&todays).expect("hash"),
            true,
            &mut memory
        ));
        assert_eq!(memory.filled, WORK, "a right one costs no more");
    }

    #[tokio::test]
    async fn a_password_is_never_cut() {
        let passwords = passwords();
        let long: String = (0..64).map(|n| format!("{n:03}🔒")).collect();
        let hash = stored(&passwords, &long).await;
        assert!(matches!(passwords.verify(typed(&format!("{long}y")), Some(&hash)).await, Ok(Verdict::Wrong)));
    }

    #[tokio::test]
    async fn the_threads_are_the_systems_last_choice() {
        let policy = passwords().run(|_| thread_schedule_policy()).await;
        assert_eq!(policy, Ok(Ok(ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle))));
    }

    #[tokio::test]
    async fn a_thread_outlives_what_panics_on_it() {
        let passwords = passwords();
        let broken = passwords.run(|_| panic!("a broken library")).await;
        assert!(matches!(broken, Err::<(), _>(HashingFault::Broken)));
        assert_eq!(passwords.run(|_| 7).await, Ok(7));
        assert_eq!(passwords.queue.available_permits(), 1 + WAITING_MAX, "its place is free");
    }

    #[tokio::test]
    async fn when_the_queue_is_full_it_says_so_at_once() {
        let passwords = passwords();
        let _all = Arc::clone(&passwords.queue).try_acquire_many_owned(1 + WAITING_MAX as u32).expect("all places");
        let refused = passwords.verify(typed("three random words"), None).await;
        assert!(matches!(refused, Err(HashingFault::Busy)), "{refused:?}");
    }
}
