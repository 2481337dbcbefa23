//! What a client may know of a person, for an access token of theirs (OpenID Connect Core, section 5.3), and what it keeps
//! with us about them.
//!
//! The token is one of our own: signed by us, and named by us as an access token of a grant. The grant's row, the client,
//! the account and the consent are looked at each time, so that whatever ends one of them ends this too.

use super::Provider;
use super::bound::{Showing, Shown};
use super::claim::{Claim, ClaimSet};
use super::claims::Telling;
use super::client::{Client, EncryptionKey};
use super::grant_record::GrantRecord;
use super::resource;
use super::scope::{Scope, Scopes};
use super::token_name::Named;
use crate::fault::{Fault, NotDone};
use crate::model::{Account, Grant, Person};
use aldgate_core::time::Timestamp;
use aldgate_core::token::claims::Claims;
use aldgate_core::token::jws::Compact;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Longest access token that is read; ours have about 1,200 bytes.
const TOKEN_BYTES_MAX: usize = 4 * 1024;

/// Longest text that a client keeps about a person, in characters (NHS login, EIS 3.6).
pub(crate) const METADATA_CHARS_MAX: usize = 1_024;

/// What a client sends for another random number (NHS login, EIS 3.6).
const AUTO: &str = "auto";

/// Bytes of a random number that a client is given.
const NUMBER_BYTES: usize = 16;

/// Why nothing is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserinfoRefused {
    /// The token is none of ours, or none any more.
    InvalidToken,
    /// The proof of its key is not good for this request, or was used before.
    InvalidProof,
    /// The client has no key to which anything could be encrypted.
    NoKey,
    /// The token is not for that.
    InsufficientScope(&'static str),
}

/// What a good access token stands for.
pub(crate) struct Access {
    grant: Grant,
    record: GrantRecord,
    scopes: Scopes,
    account: Account,
    client: Arc<Client>,
}

impl Access {
    /// What may be told of the person. A token for less than was allowed does not tell what was asked for claim by claim:
    /// whoever narrowed it meant to hand on less.
    fn telling<'a>(&'a self, person: &'a Person) -> Telling<'a> {
        let whole = self.scopes == self.record.scopes;
        let asked = if whole { self.record.claims } else { ClaimSet::NONE };
        let (level, rules) = (self.record.vector.identity, self.client.profile().rules());
        Telling { account: &self.account, person, scopes: self.scopes, asked, level, rules }
    }
}

fn invalid() -> NotDone<UserinfoRefused> {
    NotDone::Refused(UserinfoRefused::InvalidToken)
}

impl Provider {
    /// What an access token stands for, if it is good now.
    pub(crate) async fn access(
        &self,
        token: &str,
        showing: Showing<'_>,
        now: Timestamp,
    ) -> Result<Access, NotDone<UserinfoRefused>> {
        let claims = self.own_claims(token, now).await?.ok_or_else(invalid)?;
        let name = claims.text("jti").ok().flatten().ok_or_else(invalid)?;
        let grant = self.names.grant(Named::Access, name).ok_or_else(invalid)?;
        if !resource::names(claims.get("aud"), &self.issuer) {
            return Err(invalid()); // It is for another service (RFC 8707, section 2).
        }
        match self.shown_as(token, &claims, showing, now).await? {
            Shown::Well => {}
            Shown::BadProof => return Err(NotDone::Refused(UserinfoRefused::InvalidProof)),
            Shown::Otherwise => return Err(invalid()),
        }
        let grant = self.standing(&grant, now).await?.ok_or_else(invalid)?;
        if claims.text("client_id").ok().flatten() != Some(grant.client.as_str()) {
            return Err(invalid()); // Exchanged by another (RFC 8693): the person has allowed that one nothing here.
        }
        let record = GrantRecord::decode(&grant.record).ok_or_else(invalid)?;
        let scopes = claims.get("scope").and_then(Value::as_str).map(Scopes::requested).unwrap_or_default();
        let scopes = scopes.and(record.scopes);
        let account = self.store.account(&grant.account).await?.ok_or_else(invalid)?;
        let client = self.registry.in_use(&grant.client).ok_or_else(invalid)?;
        Ok(Access { grant, record, scopes, account, client })
    }

    /// The claims of a token that we have signed and whose time has not ended.
    pub(crate) async fn own_claims(&self, token: &str, now: Timestamp) -> Result<Option<Claims>, Fault> {
        let jws = Compact::parse(token).ok().filter(|_| token.len() <= TOKEN_BYTES_MAX);
        let Some(jws) = jws else { return Ok(None) };
        let Some(key_id) = jws.key_id() else { return Ok(None) };
        let Some(key) = self.keys.verifying(key_id, now).await? else { return Ok(None) };
        let claims = key.verify(&jws).ok().and_then(|payload| Claims::read(payload).ok());
        Ok(claims.filter(|claims| {
            let ours = claims.text("iss").ok().flatten() == Some(&self.issuer);
            ours && claims.date("exp").is_ok_and(|exp| exp.is_some()) && claims.in_time(now).is_ok()
        }))
    }

    /// What the client may know.
    pub(crate) async fn userinfo(
        &self,
        access: &Access,
        now: Timestamp,
    ) -> Result<Map<String, Value>, NotDone<UserinfoRefused>> {
        let account = &access.account;
        let person = self.store.person(&account.id).await?;
        let telling = access.telling(&person);
        let mut claims = telling.in_userinfo();
        claims.insert("sub".into(), self.subject(&access.client, &account.id).into());
        claims.insert("iss".into(), self.issuer.as_str().into());
        claims.insert("aud".into(), access.grant.client.as_str().into());
        if telling.tells_core_identity()
            && let Some(token) = self.core_identity(&access.client, account, &person, now)?
        {
            claims.insert(Claim::CoreIdentity.as_str().into(), token.into());
        }
        if telling.tells_metadata() {
            let kept = self.kept_metadata(access).await?;
            if let Some(text) = kept.filter(|text| !text.is_empty()) {
                claims.insert(Claim::ClientUserMetadata.as_str().into(), text.into());
            }
        }
        Ok(claims)
    }

    /// What the client keeps about the person; at the first time, a random number that it alone can read (NHS login, EIS
    /// 3.6), if it has a key for that.
    async fn kept_metadata(&self, access: &Access) -> Result<Option<String>, Fault> {
        let (account, client) = (&access.account.id, access.client.id().as_str());
        let kept = self.store.client_metadata(account, client).await?;
        match (kept, access.client.encryption_key()) {
            (None, Some(key)) => {
                let first = self.random_metadata(key)?;
                Ok(Some(self.store.begin_client_metadata(account, client, &first).await?))
            }
            (kept, _) => Ok(kept),
        }
    }

    /// Keeps a text for the client about the person: what it says, or another random number for [`AUTO`].
    pub(crate) async fn keep_metadata(&self, access: &Access, text: &str) -> Result<(), NotDone<UserinfoRefused>> {
        if !access.scopes.has(Scope::ClientMetadata) {
            return Err(NotDone::Refused(UserinfoRefused::InsufficientScope(Scope::ClientMetadata.as_str())));
        }
        let text = match (text, access.client.encryption_key()) {
            (AUTO, None) => return Err(NotDone::Refused(UserinfoRefused::NoKey)),
            (AUTO, Some(key)) => self.random_metadata(key)?,
            (text, _) => text.to_owned(),
        };
        Ok(self.store.keep_client_metadata(&access.account.id, access.client.id().as_str(), &text).await?)
    }

    /// A random number, encrypted to a client.
    fn random_metadata(&self, key: &EncryptionKey) -> Result<String, Fault> {
        let number = Zeroizing::new(self.entropy.bytes::<NUMBER_BYTES>()?);
        let seed = Zeroizing::new(self.entropy.bytes::<32>()?);
        let encrypted = key.encrypt(&*number, &seed);
        let encrypted = encrypted.map_err(|_| Fault::Invariant("a number fits into a key of 2,048 bits"))?;
        Ok(URL_SAFE_NO_PAD.encode(encrypted))
    }
}
