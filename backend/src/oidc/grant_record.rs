//! What exactly a grant allows, as its row keeps it: CBOR, to which fields can be added.

use super::authorize::resume::{pack, unpack};
use super::claim::ClaimSet;
use super::resource::ResourceDigest;
use super::scope::Scopes;
use aldgate_core::assurance::Vector;
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::claim::Claim;
    use crate::oidc::resource::ResourceUri;
    use crate::oidc::trust;
    use aldgate_core::testing::world::NOW;

    #[test]
    fn bytes_and_back() {
        let record = GrantRecord {
            session: SessionId::from_bytes([1; 16]),
            scopes: Scopes::requested("openid email"),
            claims: ClaimSet::NONE.with(Claim::Birthdate),
            vector: trust::parse("P9.Cm").expect("vector"),
            authenticated: NOW,
            resources: vec![ResourceUri::parse("https://api.example").expect("a URI").digest()],
        };
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
