//! What a client calls a session (`sid`; OpenID Connect Back-Channel Logout 1.0, section 2.1): another name for each
//! client, so that two of them cannot tell by it that they serve the same person.

use aldgate_core::id::SessionId;
use aldgate_core::secret::{MasterKey, Purpose};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

const NAME_BYTES: usize = 16; // As many as a session's own.

/// Who names sessions.
#[derive(Clone)]
pub(super) struct SessionNames(hmac::Key);

impl SessionNames {
    /// The deployment's.
    pub(super) fn of(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, master.derive(Purpose::ClientSession, 0).expose()))
    }

    /// The name of a session for a client: always the same.
    pub(super) fn name(&self, session: &SessionId, client: &str) -> String {
        let tag = hmac::sign(&self.0, &[session.as_bytes(), client.as_bytes()].concat());
        URL_SAFE_NO_PAD.encode(tag.as_ref().get(..NAME_BYTES).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::world::master_key;

    #[test]
    fn each_client_has_a_name_of_its_own_for_each_session() {
        let names = SessionNames::of(&master_key());
        let (one, other) = (SessionId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]));
        assert_eq!(names.name(&one, "rp"), names.name(&one, "rp"));
        assert_ne!(names.name(&one, "rp"), names.name(&one, "rp2"));
        assert_ne!(names.name(&one, "rp"), names.name(&other, "rp"));
        assert_eq!(names.name(&one, "rp").len(), 22);
    }
}
