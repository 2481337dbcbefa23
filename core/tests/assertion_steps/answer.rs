//! A good answer to a challenge, in parts that a test may break before it is signed.

use crate::support::{CredentialKey, Passkey, UP, UV, assertion_data};
use aldgate_core::id::AccountId;
use aldgate_core::secret::MasterKey;
use aldgate_core::testing::SeededEntropy;
use aldgate_core::testing::world::NOW;
use aldgate_core::webauthn::assertion::{AssertionRefused, AssertionResponse, VerifiedAssertion, verify};
use aldgate_core::webauthn::challenge::{CHALLENGE_BYTES, Ceremony, ChallengeKey, OpenedChallenge};
use aldgate_core::webauthn::credential::CredentialRecord;
use aldgate_core::webauthn::relying_party::{RelyingParty, UserVerification};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(crate) const RP_ID: &str = "login.example.org";
pub(crate) const ORIGIN: &str = "https://login.example.org";
pub(crate) const EMBEDDER: &str = "https://portal.example.org";

pub(crate) fn challenge_key() -> ChallengeKey {
    ChallengeKey::of(&MasterKey::new([4; 32]))
}

pub(crate) fn sealed(ceremony: Ceremony, seed: u64) -> [u8; CHALLENGE_BYTES] {
    challenge_key().seal(ceremony, b"browser", NOW, &SeededEntropy::new(seed)).expect("entropy")
}

pub(crate) fn opened() -> OpenedChallenge {
    let sealed = sealed(Ceremony::Authentication, 1);
    challenge_key().open(&sealed, Ceremony::Authentication, b"browser", NOW).expect("ours")
}

/// Makes a signature in place of the right one; gets the passkey, authenticator data and client data.
pub(crate) type Signer = Box<dyn Fn(&Passkey, &[u8], &[u8]) -> Vec<u8>>;

/// An authentication in parts, each of which a test may break.
pub(crate) struct Answer {
    pub(crate) rp: RelyingParty,
    pub(crate) record: CredentialRecord,
    pub(crate) passkey: Passkey,
    pub(crate) credential_id: Vec<u8>,
    pub(crate) user_handle: Option<Vec<u8>>,
    pub(crate) kind: &'static str,
    pub(crate) challenge: String,
    pub(crate) origin: String,
    pub(crate) cross_origin: bool,
    pub(crate) top_origin: Option<&'static str>,
    /// Takes the place of the client data that the parts above would make.
    pub(crate) client_data: Option<Vec<u8>>,
    pub(crate) rp_id: &'static str,
    pub(crate) flags: u8,
    pub(crate) sign_count: u32,
    /// Follows the fixed part of authenticator data.
    pub(crate) tail: Vec<u8>,
    pub(crate) signature: Option<Signer>,
}

impl Answer {
    pub(crate) fn with(key: CredentialKey) -> Self {
        let passkey = Passkey { key, credential_id: vec![7; 32], account: AccountId::from_bytes([1; 16]) };
        Self {
            rp: RelyingParty::new(RP_ID, "Example", vec![ORIGIN.into()], UserVerification::Required),
            record: passkey.record(&passkey.registration_data(RP_ID, UP | UV, &[0; 16])),
            credential_id: passkey.credential_id.clone(),
            user_handle: Some(passkey.account.as_bytes().to_vec()),
            passkey,
            kind: "webauthn.get",
            challenge: URL_SAFE_NO_PAD.encode(opened().bytes()),
            origin: ORIGIN.into(),
            cross_origin: false,
            top_origin: None,
            client_data: None,
            rp_id: RP_ID,
            flags: UP | UV,
            sign_count: 0,
            tail: Vec::new(),
            signature: None,
        }
    }

    pub(crate) fn good() -> Self {
        Self::with(CredentialKey::es256(&[3; 32]))
    }

    pub(crate) fn client_data(&self) -> Vec<u8> {
        let Self { kind, challenge, origin, cross_origin, .. } = self;
        let top = self.top_origin.map(|top| format!(r#","topOrigin":"{top}""#)).unwrap_or_default();
        let text = format!(
            r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":{cross_origin}{top}}}"#
        );
        self.client_data.clone().unwrap_or_else(|| text.into_bytes())
    }

    pub(crate) fn verify(&self) -> Result<VerifiedAssertion, AssertionRefused> {
        let client_data = self.client_data();
        let mut data = assertion_data(self.rp_id, self.flags, self.sign_count);
        data.extend_from_slice(&self.tail);
        let signature = match &self.signature {
            Some(sign) => sign(&self.passkey, &data, &client_data),
            None => self.passkey.sign(&data, &client_data),
        };
        let response = AssertionResponse {
            credential_id: &self.credential_id,
            client_data: &client_data,
            authenticator_data: &data,
            signature: &signature,
            user_handle: self.user_handle.as_deref(),
        };
        verify(&self.rp, &opened(), &response, &self.record)
    }
}

/// What comes of a good answer after one change.
pub(crate) fn outcome(change: impl FnOnce(&mut Answer)) -> Result<(), AssertionRefused> {
    let mut answer = Answer::good();
    change(&mut answer);
    answer.verify().map(|_| ())
}
