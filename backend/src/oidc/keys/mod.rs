//! The provider's signing keys: several algorithms at once, kept sealed in the store, announced before they sign,
//! rotated by the clock and by command, published until the last token that they signed has expired.
//!
//! The store decides which keys there are: of several processes that find a key due, each may make one, and the first
//! to write it down has made it. What is due when is [`schedule`]'s alone.

mod algorithm;
mod pair;
mod ring;
mod schedule;
mod seal;
#[cfg(test)]
mod tests;

use crate::store::audit::Act;
use crate::store::signing_key::{KeyAddition, SigningKeyName, StoredSigningKey};
use crate::store::{Store, StoreError};
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::secret::MasterKey;
use aldgate_core::time::{Clock, Timestamp};
use aldgate_core::token::verifying_key::VerifyingKey;
use aldgate_core::warm::Warm;
pub use algorithm::{NoSuchAlgorithm, SigningAlgorithm};
use arc_swap::ArcSwap;
pub use pair::BrokenKey;
use pair::Pair;
use ring::RingKey;
pub use ring::{KeyRing, ListedKey};
pub use schedule::{RsaBits, Rules, Standing};
use schedule::{Schedule, Step, Term};
use seal::Sealer;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex as SyncMutex;
use std::time::Duration;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

/// How often it is looked whether a key is due, or another process has made or removed one: what is compromised signs
/// and verifies nothing a second after it was removed.
const LOOK: Duration = Duration::from_secs(1);

/// How long after one unknown key ID has made us look the next one does: tokens that name keys of nobody's must not
/// become a storm of questions to the store.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Most steps that one look takes: each algorithm may have one key made and some forgotten.
const STEPS_MAX: usize = 32;

/// The keys could not be read, made or written.
#[derive(Debug, thiserror::Error)]
pub enum KeysFailed {
    /// The store.
    #[error("the store of signing keys failed: {0}")]
    Store(#[from] StoreError),
    /// Randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
    /// A key that was just made does not work.
    #[error(transparent)]
    Broken(#[from] BrokenKey),
    /// Other processes kept making keys at the same time.
    #[error("other processes change the signing keys; try again")]
    Contended,
}

/// How a rotation by command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// A new key signs from then on.
    Announced(Timestamp),
    /// A new key had been announced before, and signs from then on.
    AnnouncedBefore(Timestamp),
}

/// The deployment's signing keys, as one process knows them.
pub struct SigningKeys {
    store: Store,
    sealer: Sealer,
    entropy: Arc<dyn Entropy>,
    rules: Rules,
    ring: ArcSwap<KeyRing>,
    /// One look at a time; when the last one was that an unknown key ID asked for.
    looking: Mutex<Timestamp>,
    /// Keys that do not open: said once each.
    unreadable: SyncMutex<BTreeSet<(String, u32)>>,
}

impl SigningKeys {
    /// Those of a store, of which none is known before [`SigningKeys::look`].
    pub fn new(store: Store, master: &MasterKey, entropy: Arc<dyn Entropy>, rules: Rules) -> Self {
        let sealer = Sealer::of(master, Arc::clone(&entropy));
        let ring = ArcSwap::from_pointee(KeyRing::of(Vec::new(), rules));
        let (looking, unreadable) = (Mutex::new(Timestamp::default()), SyncMutex::default());
        Self { store, sealer, entropy, rules, ring, looking, unreadable }
    }

    /// The keys of this moment.
    pub fn ring(&self) -> Arc<KeyRing> {
        self.ring.load_full()
    }

    /// The key of an ID that a token of ours names; an unknown one is looked for in the store, since another process
    /// may have made it.
    ///
    /// # Errors
    /// [`KeysFailed`].
    pub async fn verifying(&self, key_id: &str, now: Timestamp) -> Result<Option<VerifyingKey>, KeysFailed> {
        if let Some(key) = self.ring.load().verifying(key_id) {
            return Ok(Some(key.clone()));
        }
        let mut looked = self.looking.lock().await;
        if now.since(*looked) >= LOOK_AGAIN {
            *looked = now;
            self.read().await?;
        }
        Ok(self.ring.load().verifying(key_id).cloned())
    }

    /// Reads the keys and does what is due. The first look of a new deployment makes a key for each algorithm.
    ///
    /// # Errors
    /// [`KeysFailed`]. What was done before stays done.
    pub async fn look(&self, now: Timestamp) -> Result<(), KeysFailed> {
        let _one_at_a_time = self.looking.lock().await;
        for _ in 0..STEPS_MAX {
            let stored = self.read().await?;
            let Some((algorithm, step)) = self.due(&stored, now) else { return Ok(()) };
            match step {
                Step::Make(term) => {
                    // Whose key it is, this one or another process's, the next reading tells.
                    let _ = self.store.add_signing_key(self.make(algorithm, term).await?, by_the_clock(now)).await?;
                }
                Step::Forget(number) => {
                    self.store.forget_signing_key(algorithm.as_str(), number, by_the_clock(now)).await?;
                }
            }
        }
        Err(KeysFailed::Contended)
    }

    /// Looks, for as long as it is polled, and tells the gateways of each change.
    pub(crate) async fn run(&self, clock: &dyn Clock, warm: &dyn Warm) {
        let (mut failing, mut told) = (false, None);
        loop {
            match self.look(clock.now()).await {
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "signing keys are not tended; those that are known go on signing");
                }
                Ok(()) if failing => {
                    failing = false;
                    tracing::warn!("signing keys are tended again");
                }
                _ => {}
            }
            self.tell(warm, &mut told).await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Tells the gateways, unless these very keys are those of which they were `told` last. Every process tells when it
    /// knows: after the last has told, all of them publish the same.
    async fn tell(&self, warm: &dyn Warm, told: &mut Option<Arc<KeyRing>>) {
        let ring = self.ring();
        if told.as_ref().is_some_and(|told| Arc::ptr_eq(told, &ring)) {
            return;
        }
        match warm.provider_keys_changed().await {
            Ok(()) => *told = Some(ring),
            Err(error) => tracing::warn!(%error, "the gateways are not told of the signing keys; again in a second"),
        }
    }

    /// Makes the next key of an algorithm, which is announced for as long as any other.
    ///
    /// # Errors
    /// [`KeysFailed`].
    pub async fn rotate(&self, algorithm: SigningAlgorithm, act: Act) -> Result<Rotation, KeysFailed> {
        let now = act.at;
        let _one_at_a_time = self.looking.lock().await;
        for _ in 0..STEPS_MAX {
            let terms = terms(&self.read().await?, algorithm);
            let schedule = Schedule::of(&terms, self.rules);
            let Some(term) = schedule.rotation(now) else {
                let begins = terms.last().map_or(now, |newest| newest.begins);
                return Ok(Rotation::AnnouncedBefore(begins));
            };
            let key = self.make(algorithm, term).await?;
            if self.store.add_signing_key(key, act.clone()).await? == KeyAddition::Added {
                self.read().await?;
                return Ok(Rotation::Announced(term.begins));
            }
        }
        Err(KeysFailed::Contended)
    }

    /// Removes every key of an algorithm, and puts a new one in their place that signs at once. What the old ones
    /// signed verifies no more.
    ///
    /// # Errors
    /// [`KeysFailed`].
    pub async fn replace(&self, algorithm: SigningAlgorithm, act: Act) -> Result<(), KeysFailed> {
        let now = act.at;
        let _one_at_a_time = self.looking.lock().await;
        for _ in 0..STEPS_MAX {
            let terms = terms(&self.read().await?, algorithm);
            let term = Schedule::of(&terms, self.rules).replacement(now);
            let key = self.make(algorithm, term).await?;
            if self.store.replace_signing_keys(key, act.clone()).await? == KeyAddition::Added {
                self.read().await?;
                return Ok(());
            }
        }
        Err(KeysFailed::Contended)
    }

    fn due(&self, stored: &[StoredSigningKey], now: Timestamp) -> Option<(SigningAlgorithm, Step)> {
        SigningAlgorithm::ALL.into_iter().find_map(|algorithm| {
            let terms = terms(stored, algorithm);
            Schedule::of(&terms, self.rules).due(now).map(|step| (algorithm, step))
        })
    }

    /// A key for a term, sealed. It is made where one may block.
    async fn make(&self, algorithm: SigningAlgorithm, term: Term) -> Result<StoredSigningKey, KeysFailed> {
        let (seed, bits) = (Zeroizing::new(self.entropy.bytes()?), self.rules.rsa_bits);
        let making = tokio::task::spawn_blocking(move || {
            let pkcs8 = pair::make(algorithm, bits, &seed)?;
            let pair = Pair::read(algorithm, &pkcs8)?;
            Ok::<_, BrokenKey>((pair.key_id().to_owned(), pkcs8))
        });
        let (key_id, pkcs8) = making.await.map_err(|_| BrokenKey)??;
        let Term { number, made, begins } = term;
        let name = SigningKeyName { algorithm: algorithm.as_str().to_owned(), number, key_id, made, begins };
        let sealed = self.sealer.seal(&name, &pkcs8)?;
        Ok(StoredSigningKey { name, sealed })
    }

    /// Reads the keys from the store, and lets all that ask from now on have them.
    async fn read(&self) -> Result<Vec<StoredSigningKey>, KeysFailed> {
        let stored = self.store.signing_keys().await?;
        let known = self.ring.load();
        let same = known.len() == stored.len() && stored.iter().all(|key| self.known(&known, key).is_some());
        if !same {
            let keys = stored.iter().filter_map(|key| self.known(&known, key).or_else(|| self.open(key))).collect();
            self.ring.store(Arc::new(KeyRing::of(keys, self.rules)));
        }
        Ok(stored)
    }

    fn known(&self, ring: &KeyRing, stored: &StoredSigningKey) -> Option<RingKey> {
        let algorithm = stored.name.algorithm.parse().ok()?;
        ring.find(algorithm, &stored.name.key_id, term(&stored.name)).cloned()
    }

    /// A stored key, if it is what its row says.
    fn open(&self, stored: &StoredSigningKey) -> Option<RingKey> {
        let name = &stored.name;
        let opened = || {
            let algorithm = name.algorithm.parse().ok()?;
            let pair = Pair::read(algorithm, &self.sealer.open(stored)?).ok()?;
            let own = pair.key_id() == name.key_id;
            own.then(|| RingKey { algorithm, term: term(name), pair: Arc::new(pair) })
        };
        let key = opened();
        let mut unreadable = self.unreadable.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if key.is_none() && unreadable.insert((name.algorithm.clone(), name.number)) {
            tracing::error!(
                algorithm = name.algorithm,
                key_id = name.key_id,
                "a signing key does not open: altered, or sealed under another master key; it signs and verifies nothing"
            );
        }
        key
    }
}

/// Nobody has asked for it: its time has come.
const fn by_the_clock(now: Timestamp) -> Act {
    Act::system("signing-keys", now)
}

const fn term(name: &SigningKeyName) -> Term {
    Term { number: name.number, made: name.made, begins: name.begins }
}

/// The terms of one algorithm's keys, oldest first, as the store gives them.
fn terms(stored: &[StoredSigningKey], algorithm: SigningAlgorithm) -> Vec<Term> {
    let of = |key: &&StoredSigningKey| key.name.algorithm == algorithm.as_str();
    stored.iter().filter(of).map(|key| term(&key.name)).collect()
}
