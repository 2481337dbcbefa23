//! What the TLS listener serves with: its certificate and key, and the authorities of clients' certificates.
//!
//! The files are read once and made into a value that is part of what serves ([`crate::snapshot`]): a handshake reads no
//! file, and a file that is changed changes nothing before it was checked ([`crate::reload`]).

pub mod authorities;
pub mod follow;
pub mod shown;

use crate::certificate::not_after;
use crate::config;
use crate::config::fault::Fault;
use crate::config::source::{bounded, checksum, sha256};
use aldgate_core::secret::Secret;
use aldgate_core::time::Timestamp;
use authorities::Authorities;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::path::Path;
use std::sync::Arc;

/// Far more than a chain, a key or a hundred authorities need.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Certificate, key and authorities.
#[derive(Debug)]
pub struct Tls {
    identity: Identity,
    authorities: Option<Authorities>,
}

/// A certificate with its chain and the key of it.
#[derive(Debug)]
struct Identity {
    certified: Arc<CertifiedKey>,
    not_after: Timestamp,
    /// Of the chain's file. Nothing of the key is in it: the key follows the chain.
    digest: [u8; 32],
}

impl Tls {
    /// Reads the files that the listener's configuration names; nothing if it names none, or there is no TLS.
    ///
    /// # Errors
    /// A fault for each thing that cannot be used, with the key of its file.
    pub fn read(edge: &config::Edge) -> Result<Option<Self>, Vec<Fault>> {
        let (Some(_), Some((chain, key))) = (edge.https, &edge.certificate) else { return Ok(None) };
        let identity = Identity::read(chain, key);
        let authorities = edge.client_authorities.as_deref().map(authorities).transpose();
        match (identity, authorities) {
            (Ok(identity), Ok(authorities)) => Ok(Some(Self { identity, authorities })),
            (identity, authorities) => Err(identity.err().into_iter().chain(authorities.err()).collect()),
        }
    }

    /// The authorities of clients' certificates, where clients are asked for one.
    pub const fn authorities(&self) -> Option<&Authorities> {
        self.authorities.as_ref()
    }

    /// The second in which the certificate is good for the last time.
    pub const fn not_after(&self) -> Timestamp {
        self.identity.not_after
    }

    /// A digest by which it is known: what is served with it is the same where this is.
    pub fn digest(&self) -> [u8; 32] {
        let authorities = self.authorities.as_ref().map_or([0; 32], |authorities| *authorities.digest());
        sha256(&[self.identity.digest, authorities].concat())
    }

    /// The first 16 hexadecimal digits of the digest.
    pub fn checksum(&self) -> String {
        checksum(&self.digest())
    }
}

impl Identity {
    fn read(chain_path: &Path, key_path: &Path) -> Result<Self, Fault> {
        let of_chain = |error: &dyn std::fmt::Display| fault("edge.certificate", chain_path, error);
        let of_key = |error: &dyn std::fmt::Display| fault("edge.private_key", key_path, error);
        let pem = bounded(chain_path, FILE_BYTES_MAX).map_err(|error| of_chain(&error))?;
        let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| of_chain(&error))?;
        let own = chain.first().ok_or_else(|| of_chain(&"there is no certificate in it"))?;
        let not_after = not_after(own).map_err(|error| of_chain(&error))?;
        let key = bounded(key_path, FILE_BYTES_MAX).map(Secret::new).map_err(|error| of_key(&error))?;
        let key = PrivateKeyDer::from_pem_slice(key.expose()).map_err(|error| of_key(&error))?;
        // Also refuses a key that is not this certificate's, as while two files are replaced one after the other.
        let certified = CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider());
        let certified = Arc::new(certified.map_err(|error| of_key(&error))?);
        Ok(Self { certified, not_after, digest: sha256(&pem) })
    }
}

fn authorities(path: &Path) -> Result<Authorities, Fault> {
    let failed = |error: &dyn std::fmt::Display| fault("edge.client_authorities", path, error);
    let pem = bounded(path, FILE_BYTES_MAX).map_err(|error| failed(&error))?;
    Authorities::from_pem(&pem).map_err(|error| failed(&error))
}

fn fault(key: &str, path: &Path, error: &dyn std::fmt::Display) -> Fault {
    Fault::new(key, &format!("{}: {error}", path.display()))
}
