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
    /// beyond is refused. What an administrator alone decides stays as it `stands`, which the client may repeat, as whoever
    /// changes a registration must (RFC 7592, section 2.2).
    pub(super) fn limit(&self, asked: Metadata, stands: &Metadata) -> Result<Metadata, Vec<BadRegistration>> {
        let mut faults = Vec::new();
        let mut beyond = |field, message: &str| faults.push(BadRegistration { field, message: message.to_owned() });
        if asked.profile.is_some() && asked.profile != self.profile {
            beyond("profile", "is the administrator's to choose");
        }
        let others_than = |asked: &[String], stands: &[String]| !asked.is_empty() && asked != stands;
        let system = asked.requesting_system.is_some() && asked.requesting_system != stands.requesting_system;
        let others = [
            ("sso_from", others_than(&asked.sso_from, &stands.sso_from)),
            ("sector", asked.sector.is_some() && asked.sector != self.sector),
            ("sector_identifier_uri", asked.sector_identifier_uri.is_some() && asked.sector_named() != self.sector),
            ("machine_scopes", others_than(&asked.machine_scopes, &stands.machine_scopes)),
            ("requesting_system", system),
            ("resource_server", asked.resource_server && !stands.resource_server),
            ("resources", others_than(&asked.resources, &stands.resources)),
            ("serves", others_than(&asked.serves, &stands.serves)),
            ("exchange_for", others_than(&asked.exchange_for, &stands.exchange_for)),
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
        Ok(Metadata {
            profile: self.profile.clone(),
            sector: self.sector.clone(),
            scope,
            vectors,
            sso_from: stands.sso_from.clone(),
            machine_scopes: stands.machine_scopes.clone(),
            requesting_system: stands.requesting_system.clone(),
            resource_server: stands.resource_server,
            resources: stands.resources.clone(),
            serves: stands.serves.clone(),
            exchange_for: stands.exchange_for.clone(),
            ..asked
        })
    }
}
