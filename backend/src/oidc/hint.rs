//! `id_token_hint`: an ID token of ours by which a client says whom it means (OpenID Connect Core, section 3.1.2.1;
//! RP-Initiated Logout 1.0, section 2). It may be old, since it proves nothing but that we once said so.

use super::Provider;
use super::authorize::Present;
use super::client::{Client, DIGEST_BYTES, digest_of};
use super::grant_record::GrantRecord;
use super::token_name::Named;
use crate::fault::Fault;
use aldgate_core::time::Timestamp;
use aldgate_core::token::claims::Claims;
use aldgate_core::token::jws::Compact;
use std::sync::Arc;

/// Longest hint that is read.
const HINT_BYTES_MAX: usize = 4 * 1024;

/// A person as a client calls them: the digest of a `sub`, so that what waits in an address is short and tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Called(pub(crate) [u8; DIGEST_BYTES]);

impl Called {
    /// Who is called so.
    pub(crate) fn of(subject: &str) -> Self {
        Self(digest_of(subject))
    }
}

/// What an ID token of ours says, however old it is.
pub(crate) struct Hint {
    /// The client that it was given.
    pub(crate) client: Arc<Client>,
    /// Whom it is about.
    pub(crate) person: Called,
    /// In which log-in, if its grant is still known.
    pub(crate) log_in: Option<Present>,
}

impl Provider {
    /// Reads a hint; nothing for what is no ID token of ours, or of a client that is not in use.
    pub(crate) async fn hint(&self, text: &str, now: Timestamp) -> Result<Option<Hint>, Fault> {
        let jws = Compact::parse(text).ok().filter(|_| text.len() <= HINT_BYTES_MAX);
        let Some(jws) = jws else { return Ok(None) };
        let Some(key_id) = jws.key_id() else { return Ok(None) };
        let Some(key) = self.keys.verifying(key_id, now).await? else { return Ok(None) };
        let claims = key.verify(&jws).ok().and_then(|payload| Claims::read(payload).ok());
        let Some(claims) = claims.filter(|claims| claims.text("iss").ok().flatten() == Some(&self.issuer)) else {
            return Ok(None);
        };
        let text = |name| claims.text(name).ok().flatten();
        let client = text("aud").and_then(|id| self.registry.in_use(id));
        let grant = text("jti").and_then(|name| self.names.grant(Named::Id, name));
        let (Some(client), Some(grant), Some(subject)) = (client, grant, text("sub")) else { return Ok(None) };
        let grant = self.store.grant(&grant).await?.filter(|grant| grant.client == client.id().as_str());
        let log_in = grant.and_then(|grant| {
            let record = GrantRecord::decode(&grant.record)?;
            Some(Present { account: grant.account, session: record.session })
        });
        Ok(Some(Hint { client, person: Called::of(subject), log_in }))
    }
}
