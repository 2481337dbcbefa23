//! A log-in as the warm tier hands it to the cold one, which notes it for good: who, with what, when, and how far the
//! passkey's counter had come.

use crate::id::{AccountId, CredentialDigest, SessionId};
use crate::time::Timestamp;

const BYTES: usize = 16 + 32 + 16 + 8 + 4 + 1;

/// That a session was opened. The session tells two of them apart, and one that is heard twice from both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginEvent {
    /// Whose session.
    pub account: AccountId,
    /// With which passkey, if with one.
    pub credential: Option<CredentialDigest>,
    /// The session.
    pub session: SessionId,
    /// When the person showed who they are.
    pub at: Timestamp,
    /// The passkey's counter by then; zero without a passkey.
    pub sign_count: u32,
    /// Whether the passkey was backed up then.
    pub backup_state: bool,
}

impl LoginEvent {
    /// The bytes that the warm tier keeps until the cold tier has noted it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(BYTES);
        out.extend_from_slice(self.account.as_bytes());
        out.extend_from_slice(self.credential.as_ref().map_or(&[0; 32], |credential| credential.as_bytes()));
        out.extend_from_slice(self.session.as_bytes());
        out.extend_from_slice(&self.at.as_millis().to_be_bytes());
        out.extend_from_slice(&self.sign_count.to_be_bytes());
        out.push(u8::from(self.backup_state));
        out
    }

    /// Reads what [`LoginEvent::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (account, rest) = bytes.split_first_chunk::<16>()?;
        let (credential, rest) = rest.split_first_chunk::<32>()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (sign_count, rest) = rest.split_first_chunk::<4>()?;
        let &[backup_state @ (0 | 1)] = rest else { return None };
        Some(Self {
            account: AccountId::from_bytes(*account),
            credential: (*credential != [0; 32]).then(|| CredentialDigest::from_bytes(*credential)),
            session: SessionId::from_bytes(*session),
            at: Timestamp::from_millis(u64::from_be_bytes(*at)),
            sign_count: u32::from_be_bytes(*sign_count),
            backup_state: backup_state == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_back() {
        let with = LoginEvent {
            account: AccountId::from_bytes([1; 16]),
            credential: Some(CredentialDigest::of(b"c")),
            session: SessionId::from_bytes([2; 16]),
            at: Timestamp::from_secs(3),
            sign_count: 4,
            backup_state: true,
        };
        assert_eq!(LoginEvent::decode(&with.encode()), Some(with));
        let without = LoginEvent { credential: None, sign_count: 0, backup_state: false, ..with };
        assert_eq!(LoginEvent::decode(&without.encode()), Some(without));
        assert_eq!(LoginEvent::decode(&with.encode()[1..]), None);
    }
}
