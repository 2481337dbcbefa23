//! What exactly a grant allows, as its row keeps it: CBOR, to which fields can be added.
//!
//! The row says what was allowed once. What of it is left is what its client is registered for and its person allows now:
//! [`GrantRecord::within`] and [`GrantRecord::allowed_by`].

use super::authorize::resume::{pack, unpack};
use super::claim::ClaimSet;
use super::client::Client;
use super::resource::ResourceDigest;
use super::scope::Scopes;
use crate::model::Consent;
use aldgate_core::assurance::{IdentityLevel, Vector};
use aldgate_core::id::SessionId;
use aldgate_core::time::Timestamp;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

/// What a grant allows, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrantRecord {
    /// The session in which it was allowed.
    pub(crate) session: SessionId,
    /// What was allowed.
    pub(crate) scopes: Scopes,
    /// What its access tokens tell besides, claim by claim.
    pub(crate) claims: ClaimSet,
    /// The vector of trust that was met.
    pub(crate) vector: Vector,
    /// When the person had last proved who they are.
    pub(crate) authenticated: Timestamp,
    /// For which of the client's services its access tokens are; the provider itself if there is none.
    pub(crate) resources: Vec<ResourceDigest>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Encoded {
    #[n(0)]
    session: ByteArray<16>,
    #[n(1)]
    scopes: u16,
    #[n(2)]
    vector: u16,
    #[n(3)]
    authenticated: u64,
    #[n(4)]
    #[cbor(default)]
    resources: Vec<ResourceDigest>,
    #[n(5)]
    claims: Option<u32>,
}

impl GrantRecord {
    /// The bytes of the row.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let encoded = Encoded {
            session: (*self.session.as_bytes()).into(),
            scopes: self.scopes.bits(),
            vector: pack(self.vector),
            authenticated: self.authenticated.as_millis(),
            resources: self.resources.clone(),
            claims: Some(self.claims.bits()),
        };
        minicbor::to_vec(encoded).unwrap_or_default() // A `Vec` takes whatever is written.
    }

    /// What [`GrantRecord::encode`] wrote; `None` for anything else, which allows nothing.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let encoded: Encoded = minicbor::decode(bytes).ok()?;
        Some(Self {
            session: SessionId::from_bytes(*encoded.session),
            scopes: Scopes::from_bits(encoded.scopes),
            claims: encoded.claims.map(ClaimSet::from_bits).unwrap_or_default(),
            vector: unpack(encoded.vector)?,
            authenticated: Timestamp::from_millis(encoded.authenticated),
            resources: encoded.resources,
        })
    }

    /// What of it its client may still ask for: what is taken from a client is taken from what it was given before.
    pub(crate) fn within(self, client: &Client) -> Self {
        let claims = client.may_know(self.claims);
        self.cut(client.scopes(), claims, client.level())
    }

    /// What of it its person allows now: whoever has allowed less since does not tell the rest by what they allowed before.
    pub(crate) fn allowed_by(self, consent: &Consent) -> Self {
        let scopes = Scopes::from_bits(consent.scopes);
        let claims = self.claims.told_by(scopes).or(self.claims.and(ClaimSet::from_bits(consent.claims)));
        self.cut(scopes, claims, consent.level)
    }

    /// What is in both, at no higher level. With a scope all claims go that were asked for one by one: a token that somebody
    /// has narrowed does not tell them, and is not to be taken for a whole one since the grant is as narrow.
    fn cut(self, scopes: Scopes, claims: ClaimSet, level: IdentityLevel) -> Self {
        let left = self.scopes.and(scopes);
        let claims = if left == self.scopes { claims } else { ClaimSet::NONE };
        let vector = Vector { identity: self.vector.identity.min(level), ..self.vector };
        Self { scopes: left, claims, vector, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::claim::Claim;
    use crate::oidc::client::Registration;
    use crate::oidc::client::tests::registration;
    use crate::oidc::resource::ResourceUri;
    use crate::oidc::trust;
    use aldgate_core::testing::world::NOW;

    fn record() -> GrantRecord {
        GrantRecord {
            session: SessionId::from_bytes([1; 16]),
            scopes: Scopes::requested("openid email"),
            claims: ClaimSet::NONE.with(Claim::Birthdate),
            vector: trust::parse("P9.Cm").expect("vector"),
            authenticated: NOW,
            resources: vec![ResourceUri::parse("https://api.example").expect("a URI").digest()],
        }
    }

    #[test]
    fn what_is_taken_from_a_client_is_taken_from_its_grants() {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        let left = |scopes: &[&str], vectors: &[&str]| {
            let from = Registration { scopes: texts(scopes), vectors: texts(vectors), ..registration("rp") };
            record().within(&Client::register(&from).expect("a client"))
        };
        assert_eq!(left(&["openid", "email", "profile"], &["P0.Cp", "P9.Cm"]), record());
        let lower = left(&["openid", "email", "profile"], &["P0.Cm", "P5.Cp"]);
        assert_eq!(lower, GrantRecord { vector: trust::parse("P5.Cm").expect("vector"), ..record() });
        let untold = left(&["openid", "email"], &["P9.Cm"]);
        assert_eq!(untold, GrantRecord { claims: ClaimSet::NONE, ..record() }, "no scope of its tells it");
        let fewer = left(&["openid", "profile"], &["P9.Cm"]);
        let expected = GrantRecord { scopes: Scopes::requested("openid"), claims: ClaimSet::NONE, ..record() };
        assert_eq!(fewer, expected, "what is left is not as a whole token");
    }

    #[test]
    fn what_a_person_allows_no_more_is_taken_from_what_they_allowed_before() {
        let birthdate = ClaimSet::NONE.with(Claim::Birthdate);
        let left = |scopes: &str, claims: ClaimSet, level| {
            let scopes = Scopes::requested(scopes).bits();
            record().allowed_by(&Consent { scopes, claims: claims.bits(), level, at: NOW })
        };
        assert_eq!(left("openid email", birthdate, IdentityLevel::P9), record());
        assert_eq!(left("openid email profile", ClaimSet::NONE, IdentityLevel::P9), record(), "a scope tells it");
        let untold = left("openid email", ClaimSet::NONE.with(Claim::PhoneNumber), IdentityLevel::P9);
        assert_eq!(untold, GrantRecord { claims: ClaimSet::NONE, ..record() });
        let lower = left("openid email", birthdate, IdentityLevel::P0);
        assert_eq!(lower, GrantRecord { vector: trust::parse("P0.Cm").expect("vector"), ..record() });
        let fewer = left("openid phone", birthdate, IdentityLevel::P9);
        let expected = GrantRecord { scopes: Scopes::requested("openid"), claims: ClaimSet::NONE, ..record() };
        assert_eq!(fewer, expected);
    }

    #[test]
    fn bytes_and_back() {
        let record = record();
        assert_eq!(GrantRecord::decode(&record.encode()), Some(record.clone()));
        assert_eq!(GrantRecord::decode(&[]), None);
        assert_eq!(GrantRecord::decode(&record.encode()[1..]), None);
    }

    #[test]
    fn a_row_from_before_there_were_resources_is_read() {
        let record = GrantRecord::decode(&minicbor::to_vec((ByteArray::from([1; 16]), 1, 1, 1)).expect("bytes"));
        assert_eq!(record.map(|record| record.resources), Some(Vec::new()));
    }
}
