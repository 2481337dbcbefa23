//! The initial access token (RFC 7591, section 3): an administrator's leave to register one client, sealed, so that
//! nothing is stored before somebody uses it. It says under whose rules the client stands and what it may ask for at
//! most: what a client says of itself can only be less.

use crate::oidc::client::BadRegistration;
use crate::oidc::client::metadata::Metadata;
use crate::oidc::sealed::Seal;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::id::SingleUse;
use aldgate_core::time::Timestamp;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use serde::Deserialize;
use std::time::Duration;

/// For how long it is good: as long as its seal can be opened for certain.
const LIFETIME: Duration = Duration::from_hours(24);

/// What a client may register itself for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Invitation {
    /// Whose rules hold for it.
    pub(crate) profile: Option<String>,
    /// Scopes with a space between them.
    pub(crate) scope: String,
    /// How well it may ask people to be known.
    pub(crate) vectors: Vec<String>,
    /// The sector in which it knows people by one name, if that is another than the host of its redirect URIs.
    pub(crate) sector: Option<String>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Content {
    #[n(0)]
    id: ByteArray<16>,
    #[n(1)]
    expires: u64,
    #[n(2)]
    profile: Option<String>,
    #[n(3)]
    scope: String,
    #[n(4)]
    vectors: Vec<String>,
    #[n(5)]
    sector: Option<String>,
}

/// A token that was made here and has not ended.
pub(super) struct Access {
    /// What it allows.
    pub(super) invitation: Invitation,
    /// It is good once.
    pub(super) single_use: SingleUse,
    /// And until then.
    pub(super) expires: Timestamp,
}

/// Who makes and reads them.
pub(crate) struct InitialAccess(Seal);

impl InitialAccess {
    /// Under this seal.
    pub(crate) const fn under(seal: Seal) -> Self {
        Self(seal)
    }

    /// A token.
    pub(super) fn write(
        &self,
        invitation: &Invitation,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<String, EntropyFailed> {
        let id: [u8; 16] = entropy.bytes()?;
        let Invitation { profile, scope, vectors, sector } = invitation.clone();
        let expires = now.plus(LIFETIME).as_millis();
        self.0.seal(&Content { id: id.into(), expires, profile, scope, vectors, sector }, now)
    }

    /// The token in a text; nothing for what was not made here, or has ended.
    pub(super) fn read(&self, text: &str, now: Timestamp) -> Option<Access> {
        let Content { id, expires, profile, scope, vectors, sector } = self.0.open(text, now)?;
        let expires = Timestamp::from_millis(expires);
        let single_use = SingleUse::of(&[b"initial-access\0", &id[..]].concat());
        let invitation = Invitation { profile, scope, vectors, sector };
        (now < expires).then_some(Access { invitation, single_use, expires })
    }
}

impl Invitation {
    /// For as much as is registered already.
    pub(super) fn of(metadata: &Metadata) -> Self {
        let Metadata { profile, scope, vectors, sector, .. } = metadata.clone();
        Self { profile, scope, vectors, sector }
    }

    /// What a client asks for, under this invitation: what it does not say is as the invitation says, and what goes
    /// beyond is refused. Whose log-ins it may continue, it cannot say at all.
    pub(super) fn limit(&self, asked: Metadata) -> Result<Metadata, Vec<BadRegistration>> {
        let mut faults = Vec::new();
        let mut beyond = |field, message: &str| faults.push(BadRegistration { field, message: message.to_owned() });
        if asked.profile.is_some() && asked.profile != self.profile {
            beyond("profile", "is the administrator's to choose");
        }
        let others = [
            ("sso_from", !asked.sso_from.is_empty()),
            ("sector", asked.sector.is_some() && asked.sector != self.sector),
            ("machine_scopes", !asked.machine_scopes.is_empty()),
            ("resource_server", asked.resource_server),
            ("resources", !asked.resources.is_empty()),
            ("serves", !asked.serves.is_empty()),
            ("exchange_for", !asked.exchange_for.is_empty()),
        ];
        for (field, _) in others.into_iter().filter(|(_, asked)| *asked) {
            beyond(field, "is the administrator's to choose");
        }
        let allowed: Vec<&str> = self.scope.split_ascii_whitespace().collect();
        if !asked.scope.split_ascii_whitespace().all(|scope| allowed.contains(&scope)) {
            beyond("scope", "holds more than this client may ask for");
        }
        if !asked.vectors.iter().all(|vector| self.vectors.contains(vector)) {
            beyond("vectors", "holds more than this client may ask for");
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let scope = if asked.scope.is_empty() { self.scope.clone() } else { asked.scope.clone() };
        let vectors = if asked.vectors.is_empty() { self.vectors.clone() } else { asked.vectors.clone() };
        let (profile, sector) = (self.profile.clone(), self.sector.clone());
        Ok(Metadata { profile, sector, scope, vectors, ..asked })
    }
}
