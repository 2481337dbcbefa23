//! The keys of one moment: what signs, what verifies, and the key set that clients fetch. A reader takes one copy and
//! is judged wholly by it; another takes its place whole.

use super::algorithm::SigningAlgorithm;
use super::pair::Pair;
use super::schedule::{Rules, Schedule, Standing, Term};
use aldgate_core::time::Timestamp;
use aldgate_core::token::verifying_key::VerifyingKey;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A key that is published.
#[derive(Clone)]
pub(crate) struct RingKey {
    pub(super) algorithm: SigningAlgorithm,
    pub(super) term: Term,
    pub(super) pair: Arc<Pair>,
}

/// A key, as an operator's list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// Its algorithm.
    pub algorithm: SigningAlgorithm,
    /// Its ID.
    pub key_id: String,
    /// When it was made: published from then on.
    pub made: Timestamp,
    /// When it begins to sign.
    pub begins: Timestamp,
    /// How it stands.
    pub standing: Standing,
}

/// The keys of one moment.
pub struct KeyRing {
    /// By algorithm, in the order of [`SigningAlgorithm::ALL`], oldest first.
    keys: Vec<RingKey>,
    rules: Rules,
    document: Bytes,
}

impl KeyRing {
    /// Of these keys, in any order.
    pub(super) fn of(mut keys: Vec<RingKey>, rules: Rules) -> Self {
        keys.sort_by_key(|key| (key.algorithm, key.term.number));
        let public: Vec<_> = keys.iter().map(|key| Value::Object(key.pair.public().clone())).collect();
        let document = Bytes::from(json!({ "keys": public }).to_string());
        Self { keys, rules, document }
    }

    /// The key set (RFC 7517), as it is published.
    pub const fn document(&self) -> &Bytes {
        &self.document
    }

    /// The key that signs now by an algorithm; `None` if none has been made yet.
    pub(crate) fn signing(&self, algorithm: SigningAlgorithm, now: Timestamp) -> Option<&Pair> {
        let terms = self.terms(algorithm);
        let signs = Schedule::of(&terms, self.rules).signs(now)?;
        let key = self.keys.iter().find(|key| key.algorithm == algorithm && key.term == signs)?;
        Some(&key.pair)
    }

    /// The public key of an ID: whatever it verifies, one of ours has signed.
    pub(crate) fn verifying(&self, key_id: &str) -> Option<&VerifyingKey> {
        self.keys.iter().find(|key| key.pair.key_id() == key_id).map(|key| key.pair.verifying())
    }

    /// The public keys of an algorithm, as they stand in the key set.
    pub(crate) fn public(&self, algorithm: SigningAlgorithm) -> impl Iterator<Item = &Map<String, Value>> {
        self.keys.iter().filter(move |key| key.algorithm == algorithm).map(|key| key.pair.public())
    }

    /// All of them, for an operator.
    pub fn list(&self, now: Timestamp) -> Vec<ListedKey> {
        let listed = |key: &RingKey| {
            let terms = self.terms(key.algorithm);
            ListedKey {
                algorithm: key.algorithm,
                key_id: key.pair.key_id().to_owned(),
                made: key.term.made,
                begins: key.term.begins,
                standing: Schedule::of(&terms, self.rules).standing(key.term, now),
            }
        };
        self.keys.iter().map(listed).collect()
    }

    /// Whether there is no key, as before the first are made.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) const fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn find(&self, algorithm: SigningAlgorithm, key_id: &str, term: Term) -> Option<&RingKey> {
        let same = |key: &&RingKey| key.algorithm == algorithm && key.term == term && key.pair.key_id() == key_id;
        self.keys.iter().find(same)
    }

    fn terms(&self, algorithm: SigningAlgorithm) -> Vec<Term> {
        self.keys.iter().filter(|key| key.algorithm == algorithm).map(|key| key.term).collect()
    }
}
