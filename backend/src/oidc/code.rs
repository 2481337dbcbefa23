//! The authorization code: what a person has just allowed, sealed, and stored nowhere before it is redeemed.
//!
//! It names the grant that its redemption will make; since a grant of one name is made once, a code is used once.

use super::authorize::Present;
use super::authorize::resume::{pack, unpack};
use super::claim::ClaimSet;
use super::claims_request::AskedClaims;
use super::client::DIGEST_BYTES;
use super::pkce::{CHALLENGE_BYTES, Challenge};
use super::resource::ResourceDigest;
use super::scope::Scopes;
use crate::model::{Consent, GrantId};
use aldgate_core::assurance::Vector;
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::time::Timestamp;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    /// The grant that its redemption makes.
    pub(crate) grant: GrantId,
    /// Who allowed it, in which session.
    pub(crate) person: Present,
    /// The client that may redeem it.
    pub(crate) client: String,
    /// The digest of the redirect URI that it went to.
    pub(crate) redirect_uri: [u8; DIGEST_BYTES],
    /// What was allowed.
    pub(crate) scopes: Scopes,
    /// For which of the client's services.
    pub(crate) resources: Vec<ResourceDigest>,
    /// What was allowed besides, claim by claim.
    pub(crate) claims: AskedClaims,
    /// The vector of trust that was met.
    pub(crate) vector: Vector,
    /// When the person last proved who they are.
    pub(crate) authenticated: Timestamp,
    /// When it was made.
    pub(crate) issued: Timestamp,
    /// Until when it can be redeemed.
    pub(crate) expires: Timestamp,
    /// To what it is bound.
    pub(crate) challenge: Option<Challenge>,
    /// For the ID token.
    pub(crate) nonce: Option<String>,
    /// The thumbprint of the key to which the tokens must be bound.
    pub(crate) key: Option<[u8; 32]>,
}

/// A code's content as it is sealed.
#[derive(Encode, Decode)]
#[cbor(array)]
pub(crate) struct SealedCode {
    #[n(0)]
    grant: ByteArray<16>,
    #[n(1)]
    account: ByteArray<16>,
    #[n(2)]
    session: ByteArray<16>,
    #[n(3)]
    client: String,
    #[n(4)]
    redirect_uri: ByteArray<DIGEST_BYTES>,
    #[n(5)]
    scopes: u16,
    #[n(6)]
    vector: u16,
    #[n(7)]
    authenticated: u64,
    #[n(8)]
    expires: u64,
    #[n(9)]
    challenge: Option<ByteArray<CHALLENGE_BYTES>>,
    #[n(10)]
    nonce: Option<String>,
    #[n(11)]
    key: Option<ByteArray<32>>,
    #[n(12)]
    #[cbor(default)]
    resources: Vec<ResourceDigest>,
    #[n(13)]
    userinfo: Option<u32>,
    #[n(14)]
    id_token: Option<u32>,
    #[n(15)]
    issued: Option<u64>,
}

impl Code {
    /// As it is sealed.
    pub(crate) fn content(&self) -> SealedCode {
        SealedCode {
            grant: (*self.grant.as_bytes()).into(),
            account: (*self.person.account.as_bytes()).into(),
            session: (*self.person.session.as_bytes()).into(),
            client: self.client.clone(),
            redirect_uri: self.redirect_uri.into(),
            scopes: self.scopes.bits(),
            vector: pack(self.vector),
            authenticated: self.authenticated.as_millis(),
            expires: self.expires.as_millis(),
            challenge: self.challenge.map(|challenge| (*challenge.as_bytes()).into()),
            nonce: self.nonce.clone(),
            key: self.key.map(ByteArray::from),
            resources: self.resources.clone(),
            userinfo: Some(self.claims.userinfo.bits()),
            id_token: Some(self.claims.id_token.bits()),
            issued: Some(self.issued.as_millis()),
        }
    }

    /// From what was sealed; `None` if it was sealed by a version that knew other vectors.
    pub(crate) fn from_content(content: SealedCode) -> Option<Self> {
        let account = AccountId::from_bytes(*content.account);
        let claims = |bits: Option<u32>| bits.map(ClaimSet::from_bits).unwrap_or_default();
        Some(Self {
            grant: GrantId::from_bytes(*content.grant),
            person: Present { account, session: SessionId::from_bytes(*content.session) },
            client: content.client,
            redirect_uri: *content.redirect_uri,
            scopes: Scopes::from_bits(content.scopes),
            claims: AskedClaims { userinfo: claims(content.userinfo), id_token: claims(content.id_token) },
            vector: unpack(content.vector)?,
            authenticated: Timestamp::from_millis(content.authenticated),
            // One that does not say when it was made is of a version before, and of before anything was allowed: it is good
            // for nothing, and whoever has just been given it comes again.
            issued: content.issued.map(Timestamp::from_millis).unwrap_or_default(),
            expires: Timestamp::from_millis(content.expires),
            challenge: content.challenge.map(|challenge| Challenge::from_bytes(*challenge)),
            nonce: content.nonce,
            key: content.key.map(|key| *key),
            resources: content.resources,
        })
    }

    /// What its person had allowed when it was made, and must allow when it is redeemed.
    pub(crate) fn needed(&self) -> Consent {
        Consent {
            scopes: self.scopes.bits(),
            claims: self.claims.all().not_told_by(self.scopes).bits(),
            level: self.vector.identity,
            at: self.issued,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authorize::STATE_BYTES_MAX;
    use crate::oidc::resource::ResourceUri;
    use crate::oidc::sealed::Seal;
    use crate::oidc::trust;
    use aldgate_core::secret::Purpose;
    use aldgate_core::testing::SeededEntropy;
    use aldgate_core::testing::world::{self, NOW};
    use std::sync::Arc;

    #[test]
    fn the_longest_code_fits_into_an_address() {
        let every = ClaimSet::from_bits(u32::MAX);
        let code = Code {
            grant: GrantId::from_bytes([1; 16]),
            person: Present { account: AccountId::from_bytes([2; 16]), session: SessionId::from_bytes([3; 16]) },
            client: "c".repeat(64),
            redirect_uri: [4; DIGEST_BYTES],
            scopes: Scopes::from_bits(u16::MAX),
            resources: vec![ResourceUri::parse("https://api.example").expect("a URI").digest(); 4],
            claims: AskedClaims { userinfo: every, id_token: every },
            vector: trust::parse("P9.Cp.Cd").expect("vector"),
            authenticated: NOW,
            issued: NOW,
            expires: NOW,
            challenge: Some(Challenge::from_bytes([5; 32])),
            nonce: Some("\"".repeat(STATE_BYTES_MAX)),
            key: Some([6; 32]),
        };
        let seal =
            Seal::new(Arc::new(world::master_key()), Arc::new(SeededEntropy::new(1)), Purpose::AuthorizationCode);
        let text = seal.seal(&code.content(), NOW).expect("sealed");
        assert!(text.len() < 1_110, "{}", text.len());
        assert_eq!(seal.open(&text, NOW).and_then(Code::from_content), Some(code));
    }
}
