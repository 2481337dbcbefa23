//! How a client proves itself with its private key: `private_key_jwt` (RFC 7523, sections 2.2 and 3; OpenID Connect
//! Core, section 9).
//!
//! An assertion is taken apart ([`UnverifiedAssertion`]), which says whose it claims to be; verified with that client's
//! keys, which gives something that can be used once ([`UnspentAssertion`]); and only once that use is settled is the
//! client proven ([`ProvenClient`]). There is no other way to one.

mod keys;
#[cfg(test)]
mod tests;

use aldgate_core::id::SingleUse;
use aldgate_core::time::Timestamp;
use aldgate_core::token::claims::{CLOCK_SKEW, Claims};
use aldgate_core::token::jws::Compact;
use aldgate_core::warm::{Consumption, Unavailable, Warm};
use jsonwebtoken::Algorithm;
pub(crate) use keys::jwk_of_pem;
pub use keys::{BadClientKeys, ClientKeys};
use serde_json::Value;
use std::time::Duration;

/// The `client_assertion_type` of all of them (RFC 7523, section 2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Longest assertion that is read: one that is signed with 4,096 bits and says all that it must has about 1,200 bytes.
const ASSERTION_BYTES_MAX: usize = 4 * 1024;

/// Longest `jti`; a UUID has 36 characters.
const ID_BYTES_MAX: usize = 256;

/// Header members by which what a client signs would bring or name its own key.
const OWN_KEYS: [&str; 4] = ["jwk", "jku", "x5u", "x5c"];

/// What may stand in `typ`: nothing in particular (RFC 7523 names none), or what newer clients write
/// (draft-ietf-oauth-rfc7523bis). Another kind of token is none.
const KINDS: [&str; 2] = ["jwt", "client-authentication+jwt"];

/// For how long after its end a used assertion is remembered: the clocks of two backends may differ by this much.
const REMEMBERED_LONGER: Duration = Duration::from_secs(50);

/// Whom an assertion must be meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// `aud` is one of these, or a list that has one of them: the token endpoint's address, as NHS login documents it,
    /// and whatever else names us.
    OneOf(&'a [&'a str]),
    /// `aud` is this text and no list: the issuer (FAPI 2.0 Security Profile, section 5.3.2.1), so that an assertion
    /// for another server is never good here.
    Only(&'a str),
}

/// What a client's profile says of its assertions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssertionRules<'a> {
    /// By which algorithms it may be signed.
    pub algorithms: &'a [Algorithm],
    /// Whom it must be meant for.
    pub audience: Audience<'a>,
    /// How far ahead its end may lie.
    pub life_max: Duration,
}

/// Why a client is not proven. The sentences are for its developer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionRefused {
    /// No signed JSON in compact form that means one thing, or too long.
    #[error("client_assertion is not a signed JWT in compact form")]
    Malformed,
    /// Another kind of token.
    #[error("client_assertion has a typ that is not JWT")]
    Type,
    /// It brings or names its own key.
    #[error("client_assertion has a key in its header (jwk, jku, x5u or x5c)")]
    OwnKey,
    /// Signed by an algorithm that the client does not use here.
    #[error("client_assertion is signed by an algorithm that this client may not use")]
    Algorithm,
    /// No key of the client's has its `kid`, or several keys are there and it names none.
    #[error("client_assertion names no key of this client (kid)")]
    UnknownKey,
    /// The signature.
    #[error("client_assertion has a signature that does not verify")]
    Signature,
    /// `iss` or `sub` is not the client's ID.
    #[error("client_assertion must have iss and sub, both the client_id")]
    Subject,
    /// `aud`.
    #[error("client_assertion has an aud that does not name this server as it must")]
    Audience,
    /// `exp`, `nbf` or `iat`.
    #[error("client_assertion must have an exp that lies ahead, but not far, and no nbf or iat that does")]
    OutOfDate,
    /// `jti`.
    #[error("client_assertion must have a jti of 1 to 256 characters")]
    Id,
    /// It was used before.
    #[error("client_assertion was used before")]
    Replayed,
}

/// An assertion, taken apart and not to be believed.
#[derive(Debug)]
pub struct UnverifiedAssertion<'a> {
    jws: Compact<'a>,
    client: String,
}

impl<'a> UnverifiedAssertion<'a> {
    /// Takes an assertion apart.
    ///
    /// # Errors
    /// [`AssertionRefused`].
    pub fn parse(text: &'a str) -> Result<Self, AssertionRefused> {
        if text.len() > ASSERTION_BYTES_MAX {
            return Err(AssertionRefused::Malformed);
        }
        let jws = Compact::parse(text).map_err(|_| AssertionRefused::Malformed)?;
        if jws.kind().is_some_and(|kind| !KINDS.contains(&kind.as_str())) {
            return Err(AssertionRefused::Type);
        }
        if brings_own_key(&jws) {
            return Err(AssertionRefused::OwnKey);
        }
        let claims = Claims::read(jws.unverified_payload()).map_err(|_| AssertionRefused::Malformed)?;
        let name = |claim| claims.name(claim).ok().flatten();
        match (name("iss"), name("sub")) {
            (Some(issuer), Some(subject)) if issuer == subject => {
                let client = subject.to_owned();
                Ok(Self { jws, client })
            }
            _ => Err(AssertionRefused::Subject),
        }
    }

    /// Whose it claims to be: the client whose keys must verify it.
    pub fn client_id(&self) -> &str {
        &self.client
    }

    /// Verifies it with the keys of the client that it names, by that client's rules.
    ///
    /// # Errors
    /// [`AssertionRefused`].
    pub fn verify(
        &self,
        keys: &ClientKeys,
        rules: AssertionRules<'_>,
        now: Timestamp,
    ) -> Result<UnspentAssertion, AssertionRefused> {
        if !rules.algorithms.contains(&self.jws.algorithm()) {
            return Err(AssertionRefused::Algorithm);
        }
        let key = keys.find(self.jws.key_id()).ok_or(AssertionRefused::UnknownKey)?;
        let payload = key.verify(&self.jws).map_err(|_| AssertionRefused::Signature)?;
        let claims = Claims::read(payload).map_err(|_| AssertionRefused::Malformed)?;
        if !rules.audience.is_met_by(&claims) {
            return Err(AssertionRefused::Audience);
        }
        let expires = end(&claims, rules.life_max, now).ok_or(AssertionRefused::OutOfDate)?;
        let id = claims.text("jti").ok().flatten().filter(|id| id.len() <= ID_BYTES_MAX);
        let id = id.ok_or(AssertionRefused::Id)?;
        let used = [b"client-assertion\0", self.client.as_bytes(), b"\0", id.as_bytes()].concat();
        Ok(UnspentAssertion {
            client: ProvenClient(self.client.clone()),
            single_use: SingleUse::of(&used),
            remember_until: expires.plus(REMEMBERED_LONGER),
        })
    }
}

/// Whether what a client has signed brings or names its own key.
pub(crate) fn brings_own_key(jws: &Compact<'_>) -> bool {
    OWN_KEYS.iter().any(|name| jws.header(name).is_some())
}

impl Audience<'_> {
    fn is_met_by(self, claims: &Claims) -> bool {
        match self {
            Self::Only(audience) => claims.get("aud").and_then(Value::as_str) == Some(audience),
            Self::OneOf(names) => names.iter().any(|name| claims.is_for(name) == Ok(true)),
        }
    }
}

/// When it ends, if that lies ahead and within bounds, and its time has begun.
fn end(claims: &Claims, life_max: Duration, now: Timestamp) -> Option<Timestamp> {
    claims.in_time(now).ok()?;
    let expires = claims.date("exp").ok()??;
    (expires <= now.plus(life_max).plus(CLOCK_SKEW)).then_some(expires)
}

/// A verified assertion that nobody has used yet, as far as is known here.
#[derive(Debug)]
#[must_use = "an assertion that is not consumed can be replayed, and proves nobody"]
pub struct UnspentAssertion {
    client: ProvenClient,
    single_use: SingleUse,
    remember_until: Timestamp,
}

impl UnspentAssertion {
    /// What is used up by it, and until when that must be remembered.
    pub const fn single_use(&self) -> (&SingleUse, Timestamp) {
        (&self.single_use, self.remember_until)
    }

    /// The client, if the use of [`UnspentAssertion::single_use`] was the first.
    ///
    /// # Errors
    /// [`AssertionRefused::Replayed`].
    pub fn settled(self, consumption: Consumption) -> Result<ProvenClient, AssertionRefused> {
        match consumption {
            Consumption::Consumed => Ok(self.client),
            Consumption::AlreadyUsed => Err(AssertionRefused::Replayed),
        }
    }

    /// Uses it up in the shared tier.
    ///
    /// # Errors
    /// [`Unavailable`]; nobody is proven then. Within: [`AssertionRefused::Replayed`].
    pub async fn spend(self, warm: &dyn Warm) -> Result<Result<ProvenClient, AssertionRefused>, Unavailable> {
        let consumption = warm.consume(&self.single_use, self.remember_until).await?;
        Ok(self.settled(consumption))
    }
}

/// A client that has proven itself by a key of its own, once, just now.
#[derive(Debug, PartialEq, Eq)]
pub struct ProvenClient(String);

impl ProvenClient {
    /// Its ID.
    pub fn client_id(&self) -> &str {
        &self.0
    }
}
