//! `authorization_code`: a code becomes a grant, once (RFC 6749, section 4.1.3; RFC 9700, section 2.1.1).
//!
//! Of many who redeem one code at once, the first makes the grant and each other ends it: nobody can tell which of them
//! was the thief, so the tokens of none of them are good (RFC 6749, section 10.5). Whoever shows a code again that was
//! redeemed ends its family, however late and whatever else is wrong with the request.

use super::error::invalid_grant;
use super::mint::{Minting, Tokens};
use super::{Exchanged, Proven, TokenError};
use crate::fault::NotDone;
use crate::model::{Account, Grant};
use crate::oidc::Provider;
use crate::oidc::authorize::Present;
use crate::oidc::client::digest_of;
use crate::oidc::code::{Code, SealedCode};
use crate::oidc::grant_record::GrantRecord;
use crate::oidc::parameters::Parameters;
use crate::oidc::pkce;
use crate::oidc::refresh_token::RefreshToken;
use crate::oidc::resource::Resources;
use crate::store::{InSession, Redemption, ServedFrom};
use aldgate_core::time::Timestamp;
use aldgate_core::token::grant::Binding;

/// What is shown beside a code.
struct Shown<'a> {
    redirect_uri: &'a str,
    verifier: Option<&'a str>,
    binding: Option<Binding>,
}

/// What a code that can be redeemed rests on.
struct Redeemable {
    account: Account,
    /// The services that the first access token is for.
    resources: Resources,
    /// When the session in which it was made ends by itself at the latest.
    session_ends: Timestamp,
}

impl Provider {
    /// Redeems a code.
    pub(super) async fn redeem(
        &self,
        proven: &Proven,
        parameters: &Parameters,
        binding: Option<Binding>,
        now: Timestamp,
    ) -> Exchanged<Tokens> {
        let missing = |name| NotDone::Refused(TokenError::InvalidRequest(format!("{name} is missing")));
        let text = parameters.get("code").ok_or_else(|| missing("code"))?;
        let redirect_uri = parameters.get("redirect_uri").ok_or_else(|| missing("redirect_uri"))?;
        let code = self.codes.open::<SealedCode>(text, now).and_then(Code::from_content);
        let code = code.filter(|code| code.client == proven.client().id().as_str());
        let code = code.ok_or_else(|| invalid_grant("code is not one of this client's"))?;
        let shown = Shown { redirect_uri, verifier: parameters.get("code_verifier"), binding };
        let redeemable = match self.redeemable(proven, parameters, &code, &shown, now).await {
            Ok(redeemable) => redeemable,
            Err(refusal) => {
                self.end_grant(&code.grant, now).await?; // If it was redeemed before, this is a second use.
                return Err(refusal);
            }
        };
        self.make_grant(proven, &code, &redeemable, binding, now).await
    }

    /// What a code that can be redeemed so rests on.
    async fn redeemable(
        &self,
        proven: &Proven,
        parameters: &Parameters,
        code: &Code,
        shown: &Shown<'_>,
        now: Timestamp,
    ) -> Exchanged<Redeemable> {
        if now >= code.expires {
            return Err(invalid_grant("code is too old"));
        }
        if digest_of(shown.redirect_uri) != code.redirect_uri {
            return Err(invalid_grant("redirect_uri is not the one that the code went to"));
        }
        if !pkce::fits(code.challenge.as_ref(), shown.verifier) {
            return Err(invalid_grant("code_verifier does not fit the code_challenge"));
        }
        if code.key.is_some() && code.key.map(Binding::Key) != shown.binding {
            return Err(invalid_grant("the code is bound to another key than that of the DPoP proof"));
        }
        let Some(session) = self.standing_session(&code.person).await? else {
            return Err(invalid_grant("the person has signed out"));
        };
        let allowed = Resources::of_digests(&code.resources, proven.client().resources())?;
        let resources = allowed.narrowed(parameters, &self.issuer)?;
        let (account, _) = self.resting_on(proven.client(), &code.person.account).await?;
        Ok(Redeemable { account, resources, session_ends: session.expires })
    }

    async fn make_grant(
        &self,
        proven: &Proven,
        code: &Code,
        Redeemable { account, resources, session_ends }: &Redeemable,
        binding: Option<Binding>,
        now: Timestamp,
    ) -> Exchanged<Tokens> {
        let rules = proven.client().profile().rules();
        let person = self.store.person(&account.id).await?;
        let record = record_of(code).within(proven.client());
        let minting = Minting {
            client: proven.client(),
            grant: code.grant,
            account,
            person: &person,
            scopes: record.scopes,
            audience: resources.audience(&self.issuer),
            in_id_token: proven.client().may_know(code.claims.id_token),
            vector: record.vector,
            authenticated: code.authenticated,
            binding,
            life: rules.access_token,
            act: None,
            now,
        };
        // Signed first: what cannot be signed leaves the code as it was.
        let id_token = self.id_token(&minting, &code.person.session, code.nonce.as_deref())?;
        let refresh_token = rules
            .refresh_token
            .map(|_| self.refresh_tokens.write(RefreshToken { grant: code.grant, generation: 0 }, now));
        let tokens = self.mint(&minting, Some(id_token), refresh_token)?;
        let grant = Grant {
            id: code.grant,
            account: account.id,
            session: Some(code.person.session),
            client: code.client.clone(),
            record: record.encode(),
            generation: 0,
            created: now,
            // As long as anything of it is good, and as long as its code could be shown again.
            expires: now.plus(rules.refresh_token.unwrap_or(rules.code + rules.id_token)),
            revoked: false,
        };
        let Present { account, session } = code.person;
        let served = proven.client().logout().map(|_| ServedFrom { session, ends: *session_ends });
        // Whoever locks the account or takes back what they allowed may have come between.
        let within = InSession { account, session, authenticated: code.authenticated };
        let redemption = self.store.redeem_resting_on(&grant, within, code.needed(), served).await?;
        if redemption != Redemption::Redeemed {
            self.herald.tell().await; // It may have ended a grant.
        }
        match redemption {
            Redemption::Redeemed => Ok(tokens),
            Redemption::Replayed => Err(invalid_grant("code was used before")),
            Redemption::Gone => Err(invalid_grant("the person has signed out, or does not allow it any more")),
        }
    }
}

/// What was allowed with a code.
fn record_of(code: &Code) -> GrantRecord {
    GrantRecord {
        session: code.person.session,
        scopes: code.scopes,
        claims: code.claims.userinfo,
        vector: code.vector,
        authenticated: code.authenticated,
        resources: code.resources.clone(),
    }
}
