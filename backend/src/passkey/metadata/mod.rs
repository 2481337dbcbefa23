//! What the makers of authenticators and those who have broken them have told the FIDO Alliance: its Metadata Service
//! (FIDO Metadata Service v3.1), as a file that an administrator has fetched.
//!
//! What it is good for here: a model whose keys or checks are known to be broken is not registered any more; whoever
//! shows a `packed` attestation with certificates for a model of the list has one of the model's own makers
//! (WebAuthn Level 3, section 7.1, steps 23 and 24); and passkeys have the name and picture of their model. Attestation
//! gives nobody more rights, so that an authenticator that shows none, or is not in the list, is taken as it is without
//! the file. Statements of other formats are verified in themselves, not against the list.
//!
//! A list that is older than its `nextUpdate` is still used: what was broken then is broken now. The log says so when it
//! is read, and the list must be fetched anew by whoever runs this.

mod blob;
mod chain;
mod entry;
#[cfg(test)]
mod tests;

pub use blob::BadMetadata;
pub(crate) use entry::Entry;

use super::packed::Packed;
use aldgate_core::time::Timestamp;
use std::collections::HashMap;

/// The list, verified.
#[derive(Debug)]
pub struct Metadata {
    entries: HashMap<[u8; 16], Entry>,
    number: u64,
    next_update: String,
}

/// Why a model is not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModelRefused {
    /// It is known to be broken.
    Withdrawn,
    /// Its certificates are not of the model's makers, or cannot be read.
    AlienAttestation,
}

impl Metadata {
    /// Reads the list (a JWS) and verifies it down to `root` (a certificate, PEM or DER) at the moment `now`.
    ///
    /// # Errors
    /// [`BadMetadata`].
    pub fn read(list: &[u8], root: &[u8], now: Timestamp) -> Result<Self, BadMetadata> {
        let payload = blob::verified(list, root, now)?;
        let blob::Payload { number, next_update, entries } = blob::Payload::parse(&payload)?;
        Ok(Self { entries, number, next_update })
    }

    /// Its serial number.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// How many models it knows.
    pub fn models(&self) -> usize {
        self.entries.len()
    }

    /// The day before whose end a newer one is to be fetched.
    pub fn next_update(&self) -> &str {
        &self.next_update
    }

    /// Whether there should be a newer one.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        blob::day_of(now).is_none_or(|today| today > self.next_update)
    }

    /// What is known of a model.
    pub(crate) fn entry(&self, aaguid: [u8; 16]) -> Option<&Entry> {
        self.entries.get(&aaguid)
    }

    /// Judges a model by what is known of it, and its certificates, if it shows any, by its makers' roots. The statement
    /// itself has been verified before.
    pub(crate) fn judge(
        &self,
        aaguid: [u8; 16],
        format: &str,
        statement: &[u8],
        now: Timestamp,
    ) -> Result<(), ModelRefused> {
        let Some(entry) = self.entry(aaguid) else { return Ok(()) };
        let certificates = if format == "packed" {
            Packed::parse(statement).map_err(|_| ModelRefused::AlienAttestation)?.certificates
        } else {
            Vec::new()
        };
        if entry.is_withdrawn(&certificates) {
            return Err(ModelRefused::Withdrawn);
        }
        match certificates.as_slice() {
            [] => Ok(()),
            [leaf, others @ ..] => {
                let made = entry.roots.iter().any(|root| root.as_slice() == *leaf)
                    || chain::leads_to(&entry.roots, leaf, others, chain::Leaf::Attestation, now);
                if made { Ok(()) } else { Err(ModelRefused::AlienAttestation) }
            }
        }
    }
}
