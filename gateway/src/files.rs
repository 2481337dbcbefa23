//! The files that a configuration names, read and checked, so that it can be taken over or refused together with them.
//!
//! They are read in one place and once: what was checked is what serves.

use crate::config::Config;
use crate::config::fault::Fault;
use crate::config::source::sha256;
use crate::tls::Tls;
use crate::token::read_issuer::ReadIssuer;

/// What stands in them.
#[derive(Debug, Default)]
pub struct Files {
    /// Certificate, key and authorities of the TLS listener, if there is one.
    pub tls: Option<Tls>,
    /// The issuers of access tokens, each with its file if it has one.
    pub token_issuers: Vec<ReadIssuer>,
}

impl Files {
    /// Reads them.
    ///
    /// # Errors
    /// A fault for each file that cannot be used, with its key.
    pub fn read(config: &Config) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let tls = Tls::read(&config.edge).map_err(|of_tls| faults.extend(of_tls));
        let issuers = config.token_issuers.iter().enumerate().map(|(at, issuer)| ReadIssuer::read(at, issuer));
        let token_issuers = issuers.filter_map(|read| read.map_err(|fault| faults.push(fault)).ok()).collect();
        match tls {
            Ok(tls) if faults.is_empty() => Ok(Self { tls, token_issuers }),
            _ => Err(faults),
        }
    }

    /// A digest by which they are known: what is made of them is the same where this is.
    pub fn digest(&self) -> [u8; 32] {
        let tls = self.tls.as_ref().map_or([0; 32], Tls::digest);
        let digests: Vec<_> = std::iter::once(&tls).chain(self.token_issuers.iter().map(ReadIssuer::file)).collect();
        sha256(&digests.into_iter().flatten().copied().collect::<Vec<_>>())
    }
}
