//! `refresh_token`: the good one of a family is replaced by the next (RFC 6749, section 6; RFC 9700, section 4.14.2), where
//! the profile does not forbid that.
//!
//! One that was replaced and is shown again has been copied: its family ends, whoever shows it and whatever for.

use super::error::invalid_grant;
use super::mint::{Minting, Tokens};
use super::{Exchanged, Proven, TokenError};
use crate::fault::NotDone;
use crate::model::Grant;
use crate::oidc::Provider;
use crate::oidc::claim::ClaimSet;
use crate::oidc::grant_record::GrantRecord;
use crate::oidc::parameters::Parameters;
use crate::oidc::refresh_token::RefreshToken;
use crate::oidc::resource::Resources;
use crate::oidc::scope::{Scope, Scopes};
use crate::store::Rotation;
use aldgate_core::time::Timestamp;
use aldgate_core::token::grant::Binding;
use std::time::Duration;

/// How long a family lives, however often its token is replaced: whoever has stolen one and keeps it alive loses it then, and
/// its person signs in once more. As long as a browser is remembered that lies unused.
const FAMILY_MAX: Duration = Duration::from_hours(180 * 24);

impl Provider {
    /// New tokens for a refresh token.
    pub(super) async fn refresh(
        &self,
        proven: &Proven,
        parameters: &Parameters,
        binding: Option<Binding>,
        now: Timestamp,
    ) -> Exchanged<Tokens> {
        let missing = || NotDone::Refused(TokenError::InvalidRequest("refresh_token is missing".into()));
        let text = parameters.get("refresh_token").ok_or_else(missing)?;
        let unknown = || invalid_grant("refresh_token is not one of this client's");
        let token = self.refresh_tokens.read(text, now).ok_or_else(unknown)?;
        let grant = self.store.grant(&token.grant).await?;
        let grant = grant.filter(|grant| grant.client == proven.client().id().as_str()).ok_or_else(unknown)?;
        let record = GrantRecord::decode(&grant.record).ok_or_else(unknown)?;
        let rules = proven.client().profile().rules();
        let life = rules.refresh_token.ok_or_else(unknown)?;
        self.is_the_good_one(token, &grant, now).await?;
        let (account, consent) = self.resting_on(proven.client(), &grant.account).await?;
        let record = record.within(proven.client()).allowed_by(&consent);
        let scopes = narrowed(parameters.get("scope"), record.scopes)?;
        let allowed = Resources::of_digests(&record.resources, proven.client().resources())?;
        let resources = allowed.narrowed(parameters, &self.issuer)?;
        let person = self.store.person(&account.id).await?;
        let minting = Minting {
            client: proven.client(),
            grant: grant.id,
            account: &account,
            person: &person,
            scopes,
            audience: resources.audience(&self.issuer),
            in_id_token: ClaimSet::NONE, // There is none.
            vector: record.vector,
            authenticated: record.authenticated,
            binding,
            life: rules.access_token,
            act: None,
            now,
        };
        if !rules.rotates {
            return Ok(self.mint(&minting, None, Some(text.to_owned()))?);
        }
        let next = RefreshToken { grant: grant.id, generation: token.generation.saturating_add(1) };
        // Signed first: what fails of ours leaves the token as it was, and a client that tries again is no thief.
        let tokens = self.mint(&minting, None, Some(self.refresh_tokens.write(next, now)))?;
        let ends = now.plus(life).min(grant.created.plus(FAMILY_MAX));
        match self.store.rotate(&grant, token.generation, ends, now).await? {
            Rotation::Rotated => Ok(tokens),
            Rotation::Reused => {
                self.herald.tell().await;
                Err(replaced())
            }
            Rotation::Gone => Err(ended()),
        }
    }

    /// Judges a token by its generation, before anything else about the request is: one that was replaced ends its family
    /// though the request is wrong in other ways too.
    async fn is_the_good_one(&self, token: RefreshToken, grant: &Grant, now: Timestamp) -> Exchanged<()> {
        if token.generation < grant.generation {
            self.end_grant(&grant.id, now).await?;
            return Err(replaced());
        }
        let stands = token.generation == grant.generation && !grant.revoked && grant.expires > now;
        if stands { Ok(()) } else { Err(ended()) }
    }
}

fn replaced() -> NotDone<TokenError> {
    invalid_grant("refresh_token was replaced before: all tokens of it have ended")
}

fn ended() -> NotDone<TokenError> {
    invalid_grant("refresh_token has ended")
}

/// What is asked for, of what was allowed: less, and never more.
fn narrowed(scope: Option<&str>, allowed: Scopes) -> Result<Scopes, NotDone<TokenError>> {
    let Some(text) = scope else { return Ok(allowed) };
    let invalid = |what: &str| NotDone::Refused(TokenError::InvalidScope(what.to_owned()));
    let scopes = Scopes::requested(text);
    if !scopes.is_within(allowed) {
        return Err(invalid("scope is more than was allowed"));
    }
    if scopes.has(Scope::OpenId) { Ok(scopes) } else { Err(invalid("scope must contain openid")) }
}
