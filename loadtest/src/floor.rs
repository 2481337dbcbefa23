//! The floor under every passkey log-in: what `ring` takes on this machine to verify one P-256 signature.
//!
//! No gateway can be cheaper than this. It is measured on one thread, in many short batches, and the median batch
//! counts: a batch that was interrupted does not.

use crate::clock;
use crate::hashing;
use crate::trouble::Trouble;
use ring::rand::SystemRandom;
use ring::signature::UnparsedPublicKey;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::Serialize;
use std::hint::black_box;
use std::time::Duration;

/// Verifications in a batch: half a millisecond, far below a time slice, so that even on a busy machine most batches
/// pass without an interruption.
const BATCH: u32 = 10;

/// Authenticator data and the hash of the client data: what an assertion signs.
const MESSAGE_BYTES: usize = 37 + 32;

/// The floor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Floor {
    /// Median time of one verification, in microseconds.
    pub(crate) verify_us: f64,
    /// The quickest batch's, in microseconds a verification: what the machine does undisturbed.
    pub(crate) verify_us_min: f64,
    /// Verifications a second on one core, by the median.
    pub(crate) verifies_per_s_per_core: f64,
    /// How many batches were measured.
    pub(crate) batches: usize,
}

/// Measures the floor for about `span`.
///
/// # Errors
/// When the system gives no randomness for a key, or `ring` refuses its own signature.
pub(crate) fn measure(span: Duration) -> Result<Floor, Trouble> {
    let fault = |_| Trouble::new("ring could not make a key or a signature", "see that the system gives randomness");
    let random = SystemRandom::new();
    let secret = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(fault)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, secret.as_ref(), &random)
        .map_err(|_| fault(ring::error::Unspecified))?;
    let message = [0x5a; MESSAGE_BYTES];
    let signature = pair.sign(&random, &message).map_err(fault)?;
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, pair.public_key().as_ref());
    let mut batches = Vec::new();
    let begun = clock::now();
    while begun.elapsed() < span || batches.is_empty() {
        let batch = clock::now();
        for _ in 0..BATCH {
            public.verify(black_box(&message), black_box(signature.as_ref())).map_err(fault)?;
        }
        batches.push(batch.elapsed().as_secs_f64() * 1e6 / f64::from(BATCH));
    }
    Ok(Floor::of(batches))
}

impl Floor {
    fn of(mut batches: Vec<f64>) -> Self {
        batches.sort_by(f64::total_cmp);
        let verify_us = batches.get(batches.len() / 2).copied().unwrap_or_default();
        Self {
            verify_us,
            verify_us_min: batches.first().copied().unwrap_or_default(),
            verifies_per_s_per_core: if verify_us > 0.0 { 1e6 / verify_us } else { 0.0 },
            batches: batches.len(),
        }
    }
}

impl Floor {
    /// The median round, and the quickest batch of all.
    fn of_rounds(rounds: &[Self]) -> Self {
        Self {
            verify_us_min: rounds.iter().map(|round| round.verify_us_min).fold(f64::INFINITY, f64::min),
            batches: rounds.iter().map(|round| round.batches).sum(),
            ..Self::of(rounds.iter().map(|round| round.verify_us).collect())
        }
    }
}

/// `aldgate-loadtest floor`.
///
/// # Errors
/// As [`measure`].
pub(crate) fn command(rounds: u32, json: bool) -> Result<(), Trouble> {
    let mut floors = Vec::new();
    for round in 1..=rounds {
        let floor = measure(Duration::from_secs(1))?;
        if !json {
            println!("round {round}: {floor}");
        }
        floors.push(floor);
    }
    let floor = Floor::of_rounds(&floors);
    let hashing = hashing::measure(Duration::from_secs(1).saturating_mul(rounds))?;
    if json {
        let floors = serde_json::json!({ "passkey": floor, "password": hashing });
        println!("{floors}");
    } else {
        println!("median : {floor}\nhashing: {hashing}");
    }
    Ok(())
}

impl std::fmt::Display for Floor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { verify_us, verify_us_min, verifies_per_s_per_core, .. } = self;
        write!(
            f,
            "{verify_us:.1} µs a P-256 verification (best {verify_us_min:.1}), {verifies_per_s_per_core:.0}/s a core"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_batch_counts() {
        let floor = Floor::of(vec![70.0, 900.0, 69.0, 71.0, 70.5]);
        assert_eq!((floor.verify_us, floor.verify_us_min, floor.batches), (70.5, 69.0, 5));
        let slow = Floor { verify_us: 200.0, ..floor };
        let rounds = Floor::of_rounds(&[slow, floor, floor]);
        assert_eq!((rounds.verify_us, rounds.verify_us_min, rounds.batches), (70.5, 69.0, 15));
    }

    #[test]
    fn this_machine_verifies() {
        let floor = measure(Duration::from_millis(20)).expect("a floor");
        assert!((5.0..5_000.0).contains(&floor.verify_us), "{floor}");
    }
}
