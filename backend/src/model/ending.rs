//! Which sessions of an account end, and the word of it that is kept for the clients that must hear
//! ([`Farewell`], [`LogoutNotice`]): facts alone, from which the log-out token is made when it is sent.

use aldgate_core::id::{AccountId, CredentialDigest, SessionId};
use aldgate_core::session::record::SessionRecord;
use aldgate_core::time::Timestamp;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

/// Which sessions of an account end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// This one.
    One(SessionId),
    /// All but this one.
    AllBut(Option<SessionId>),
    /// Those that a passkey opened, but for this one.
    OfCredential(CredentialDigest, Option<SessionId>),
}

impl Ending {
    /// Whether it ends this one. A record that cannot be read any more is ended with all others: nobody could use it.
    pub fn ends(&self, id: SessionId, record: Option<&SessionRecord>) -> bool {
        match self {
            Self::One(one) => id == *one,
            Self::AllBut(keep) => Some(id) != *keep,
            Self::OfCredential(credential, keep) => {
                Some(id) != *keep && record.is_none_or(|record| record.credential == Some(*credential))
            }
        }
    }
}

/// Sessions of an account have ended: whoever served the person in them must hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Farewell {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub ending: Ending,
    /// When: what began later is not meant.
    pub at: Timestamp,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct EncodedFarewell {
    #[n(0)]
    account: ByteArray<16>,
    #[n(1)]
    kind: u8,
    #[n(2)]
    session: Option<ByteArray<16>>,
    #[n(3)]
    passkey: Option<ByteArray<32>>,
    #[n(4)]
    at: u64,
}

const ONE: u8 = 1;
const ALL_BUT: u8 = 2;
const OF_CREDENTIAL: u8 = 3;

impl Farewell {
    /// The bytes that are kept.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, session, passkey) = match self.ending {
            Ending::One(session) => (ONE, Some(session), None),
            Ending::AllBut(keep) => (ALL_BUT, keep, None),
            Ending::OfCredential(passkey, keep) => (OF_CREDENTIAL, keep, Some(passkey)),
        };
        let encoded = EncodedFarewell {
            account: (*self.account.as_bytes()).into(),
            kind,
            session: session.map(|session| (*session.as_bytes()).into()),
            passkey: passkey.map(|passkey| (*passkey.as_bytes()).into()),
            at: self.at.as_millis(),
        };
        minicbor::to_vec(encoded).unwrap_or_default() // A `Vec` takes whatever is written.
    }

    /// What [`Farewell::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let EncodedFarewell { account, kind, session, passkey, at } = minicbor::decode(bytes).ok()?;
        let session = session.map(|bytes| SessionId::from_bytes(*bytes));
        let ending = match (kind, passkey) {
            (ONE, None) => Ending::One(session?),
            (ALL_BUT, None) => Ending::AllBut(session),
            (OF_CREDENTIAL, Some(passkey)) => Ending::OfCredential(CredentialDigest::from_bytes(*passkey), session),
            _ => return None,
        };
        Some(Self { account: AccountId::from_bytes(*account), ending, at: Timestamp::from_millis(at) })
    }
}

/// A client is to be told that a session has ended from which it served somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutNotice {
    /// Whose session.
    pub account: AccountId,
    /// The client.
    pub client: String,
    /// The session, by our own name.
    pub session: SessionId,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct EncodedNotice {
    #[n(0)]
    account: ByteArray<16>,
    #[n(1)]
    client: String,
    #[n(2)]
    session: ByteArray<16>,
}

impl LogoutNotice {
    /// The bytes that are kept.
    pub fn encode(&self) -> Vec<u8> {
        let encoded = EncodedNotice {
            account: (*self.account.as_bytes()).into(),
            client: self.client.clone(),
            session: (*self.session.as_bytes()).into(),
        };
        minicbor::to_vec(encoded).unwrap_or_default() // A `Vec` takes whatever is written.
    }

    /// What [`LogoutNotice::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let EncodedNotice { account, client, session } = minicbor::decode(bytes).ok()?;
        Some(Self { account: AccountId::from_bytes(*account), client, session: SessionId::from_bytes(*session) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::world::NOW;

    const SESSION: SessionId = SessionId::from_bytes([2; 16]);
    const PASSKEY: CredentialDigest = CredentialDigest::from_bytes([3; 32]);

    #[test]
    fn bytes_and_back() {
        let account = AccountId::from_bytes([1; 16]);
        for ending in [
            Ending::One(SESSION),
            Ending::AllBut(None),
            Ending::AllBut(Some(SESSION)),
            Ending::OfCredential(PASSKEY, None),
            Ending::OfCredential(PASSKEY, Some(SESSION)),
        ] {
            let farewell = Farewell { account, ending, at: NOW };
            assert_eq!(Farewell::decode(&farewell.encode()), Some(farewell));
        }
        let notice = LogoutNotice { account, client: "rp".into(), session: SESSION };
        assert_eq!(LogoutNotice::decode(&notice.encode()), Some(notice.clone()));
        assert_eq!((Farewell::decode(&notice.encode()), Farewell::decode(&[])), (None, None));
        assert_eq!(LogoutNotice::decode(&[]), None);
    }
}
