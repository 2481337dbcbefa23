//! The test vectors of WebAuthn Level 3, section "Test Vectors", through core.
//!
//! Goal: what the Recommendation itself gives as valid registrations and authentications is read and verified, for
//! every algorithm that core offers, and under the policies that must refuse it is refused.
//!
//! Method: the section says how each of its values is derived, so none is copied here. The generator draws the random
//! values with HKDF-SHA-256 in the section's order (a counter of one byte is the salt, the example's name the info),
//! builds client data and authenticator data, and signs; ECDSA nonces are those of RFC 6979 and the RSA key has two
//! Mersenne primes. That the result is the Recommendation's to the byte is shown by the first 64 bits of SHA-256 of
//! each of its outputs. Registration's authenticator data then becomes a credential record, and the authentication
//! goes through all steps of section 7.2.
//!
//! Attestation statements with certificates are left out: Aldgate asks for none, and the authenticator data beside
//! them does not depend on them. The attestation objects without (`none`, self attestation) are derived too. User
//! handles are not part of the vectors; step 6 demands one, so each credential gets an account. The vectors'
//! challenges have 32 bytes (ours have 41), which is what `verify_without_proof` is for.
//!
//! Two of the 15 credentials are left out, since core offers neither algorithm: `packed.ES512` (ECDSA on P-521) and
//! `packed.Ed448`. That their keys are refused at registration is tested below.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::id::AccountId;
use aldgate_core::webauthn::assertion::{AssertionRefused, AssertionResponse, verify_without_proof};
use aldgate_core::webauthn::attestation_object::AttestationObject;
use aldgate_core::webauthn::authenticator_data::AuthenticatorData;
use aldgate_core::webauthn::client_data::ClientData;
use aldgate_core::webauthn::credential::CredentialRecord;
use aldgate_core::webauthn::public_key::{MalformedKey, PublicKey};
use aldgate_core::webauthn::relying_party::{RelyingParty, UserVerification};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hkdf;
use support::{AT, BE, BS, CredentialKey, Passkey, UP, UV, assertion_data, sha256};

const RP_ID: &str = "example.org";
const ORIGIN: &str = "https://example.org";
const TOP_ORIGIN: &str = "https://example.com";

/// An example's attestation statement, and so what is drawn for it: an attestation key, a certificate's serial number.
#[derive(Clone, Copy, PartialEq)]
enum Statement {
    /// None, and the first 64 bits of SHA-256 of the attestation object.
    Nothing(u64),
    /// A signature by the credential itself; likewise.
    OwnSignature(u64),
    Serial,
    KeyAndSerial,
}

#[derive(Clone, Copy, PartialEq)]
enum Framing {
    Same,
    Cross,
    CrossWithTop,
}

struct Example {
    name: &'static str,
    key: fn(&mut Draw) -> CredentialKey,
    id_bytes: usize,
    statement: Statement,
    framing: Framing,
    /// Whether the flags UV, BE and BS are drawn at the registration.
    draws_flags: bool,
    /// SHA-256, first 64 bits: registration's authenticator data and client data, then the authentication's
    /// authenticator data, client data and signature.
    digests: [u64; 5],
}

fn es256(draw: &mut Draw) -> CredentialKey {
    CredentialKey::es256(&draw.bytes(32))
}

fn es384(draw: &mut Draw) -> CredentialKey {
    CredentialKey::es384(&draw.bytes(48))
}

fn eddsa(draw: &mut Draw) -> CredentialKey {
    CredentialKey::eddsa(&draw.bytes(32))
}

fn rs256(_: &mut Draw) -> CredentialKey {
    CredentialKey::rs256_mersenne()
}

const BASE: Example = Example {
    name: "",
    key: es256,
    id_bytes: 32,
    statement: Statement::Nothing(0),
    framing: Framing::Same,
    draws_flags: true,
    digests: [0; 5],
};

#[rustfmt::skip] // A line of digests for each example.
const EXAMPLES: [Example; 13] = [
    Example {
        name: "none.ES256", statement: Statement::Nothing(0xc0aa49c57f59765c),
        digests: [0xa71747c0c3ce18f7, 0x090d1e7dfd42dcc6, 0x2fa3688ce2652048, 0x676a6e380fd31ea5, 0xe6b84e03104e4fc5],
        ..BASE
    },
    Example {
        name: "packed-self.ES256", statement: Statement::OwnSignature(0x69499bf5257be4e6),
        digests: [0x377d9efaff6baad1, 0xdba5494aa6958e28, 0x9677cbe5585eb74d, 0x3ca7729f6c9e573e, 0x3d937eef718b4b20],
        ..BASE
    },
    Example {
        name: "none.ES256.crossOrigin", statement: Statement::Nothing(0x967a55ac8209a99f), framing: Framing::Cross,
        digests: [0x9abe7c15d9d9c740, 0x7c50806271f10c33, 0xe530971bef6ed8ed, 0x5433303f133eeec1, 0xf5cddf0485f53ec4],
        ..BASE
    },
    Example {
        name: "none.ES256.topOrigin", statement: Statement::Nothing(0xe88a736a22ffaf29), framing: Framing::CrossWithTop,
        digests: [0xd4ee0fd02127452b, 0xbdec4b206994e95a, 0xe530971bef6ed8ed, 0x429e6077534d353c, 0x62363fd190f6effa],
        ..BASE
    },
    Example {
        name: "none.ES256.long-credential-id", statement: Statement::Nothing(0xc70087bde55d1a82), id_bytes: 1023,
        digests: [0xdcd23406472dbcfe, 0xaed6ca40d39066d7, 0x9be5db22cd8c08f6, 0x29330151c4baa26d, 0x8a535737a4226720],
        ..BASE
    },
    Example {
        name: "packed.ES256", statement: Statement::KeyAndSerial,
        digests: [0xe4505aef9b2be027, 0xcee5d6466550d0f1, 0x9be5db22cd8c08f6, 0x1f830b6dcd0c81fd, 0xb0aca0f05fe415d3],
        ..BASE
    },
    Example {
        name: "packed.ES384", key: es384, statement: Statement::KeyAndSerial,
        digests: [0x3ac155c218941bf3, 0xa6bd843b9ded40d3, 0x9be5db22cd8c08f6, 0x85c49dd2bc85a3f9, 0x2f42cb81fee85092],
        ..BASE
    },
    Example {
        name: "packed.RS256", key: rs256, statement: Statement::KeyAndSerial,
        digests: [0x88451f93ab03d503, 0x7cac6a56c3dfcd82, 0x2fa3688ce2652048, 0x8d3c241da41b4168, 0x5968d9d3a20c5176],
        ..BASE
    },
    Example {
        name: "packed.EdDSA", key: eddsa, statement: Statement::KeyAndSerial,
        digests: [0x8de0758edf3a28c3, 0xd03e51a83301ce11, 0x29880f3e538e63c8, 0x4add3082a15ab459, 0x63cdbd608d9eae1b],
        ..BASE
    },
    Example {
        name: "tpm.ES256", statement: Statement::KeyAndSerial,
        digests: [0x61485de1169b032f, 0x729b813de91b2d25, 0x9be5db22cd8c08f6, 0x19faa0cdd64637b3, 0x22d542b003918131],
        ..BASE
    },
    Example {
        name: "android-key.ES256", statement: Statement::Serial,
        digests: [0xde365d64217512a7, 0xb435028d7b6a8f83, 0x9677cbe5585eb74d, 0xf5c6cfc61597da68, 0x711f02cf0fe56f03],
        ..BASE
    },
    Example {
        name: "apple.ES256", statement: Statement::Serial,
        digests: [0x1e0888dd17aac0a5, 0x7c07579a0d6417c2, 0x9677cbe5585eb74d, 0xe3d7ea5ad2c9199c, 0x938230cf48f179fd],
        ..BASE
    },
    Example {
        name: "fido-u2f.ES256", statement: Statement::KeyAndSerial, draws_flags: false,
        digests: [0xc693f0433afcf05c, 0x6970f8e417cf3719, 0x29880f3e538e63c8, 0x4abcb194570148c8, 0xb0608ec74375dbaf],
        ..BASE
    },
];

/// The section's source of random values: each draw takes the next salt.
struct Draw {
    info: &'static str,
    salt: u8,
}

struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

impl Draw {
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &[self.salt]);
        let key = salt.extract(b"WebAuthn test vectors");
        key.expand(&[self.info.as_bytes()], Len(len)).and_then(|okm| okm.fill(&mut out)).expect("within HKDF's bound");
        self.salt += 1;
        out
    }

    fn byte(&mut self) -> u8 {
        self.bytes(1)[0]
    }

    /// Client data: members in the browsers' order, and `extraData` if the drawn flags say so.
    fn client_data(&mut self, kind: &str, challenge: &[u8], framing: Framing) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(challenge);
        let cross = framing != Framing::Same;
        let mut json =
            format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{ORIGIN}","crossOrigin":{cross}"#);
        if framing == Framing::CrossWithTop {
            json += &format!(r#","topOrigin":"{TOP_ORIGIN}""#);
        }
        if self.byte() & 0x01 != 0 {
            let random = URL_SAFE_NO_PAD.encode(self.bytes(16));
            let text = "clientDataJSON may be extended with additional fields in the future, such as this: ";
            json += &format!(r#","extraData":"{text}{random}""#);
        }
        json + "}"
    }
}

/// A credential's whole life in the section: one registration, one authentication.
struct Vector {
    name: &'static str,
    framing: Framing,
    passkey: Passkey,
    create_data: Vec<u8>,
    create_challenge: Vec<u8>,
    create_client_data: String,
    challenge: Vec<u8>,
    data: Vec<u8>,
    client_data: String,
    signature: Vec<u8>,
}

impl Vector {
    fn derive(example: &Example) -> Self {
        let mut draw = Draw { info: example.name, salt: 0 };
        // The registration.
        let create_challenge = draw.bytes(32);
        let key = (example.key)(&mut draw);
        let create_client_data = draw.client_data("webauthn.create", &create_challenge, example.framing);
        let aaguid: [u8; 16] = draw.bytes(16).try_into().expect("16 bytes");
        let credential_id = draw.bytes(example.id_bytes);
        let drawn = if example.draws_flags { draw.byte() & (UV | BE | BS) } else { 0 };
        let flags = if drawn & BE == 0 { drawn & !BS } else { drawn };
        match example.statement {
            Statement::Nothing(_) | Statement::OwnSignature(_) => {}
            Statement::Serial => drop(draw.bytes(16)),
            Statement::KeyAndSerial => drop([draw.bytes(32), draw.bytes(16)]),
        }
        let passkey = Passkey { key, credential_id, account: AccountId::from_bytes([1; 16]) };
        let create_data = passkey.registration_data(RP_ID, UP | flags, &aaguid);
        // The authentication.
        let challenge = draw.bytes(32);
        let client_data = draw.client_data("webauthn.get", &challenge, example.framing);
        let drawn = draw.byte() & (UV | BS);
        let state = if flags & BE == 0 { drawn & !BS } else { drawn | BE };
        let data = assertion_data(RP_ID, UP | state, 0);
        let signature = passkey.sign(&data, client_data.as_bytes());
        Self {
            name: example.name,
            framing: example.framing,
            passkey,
            create_data,
            create_challenge,
            create_client_data,
            challenge,
            data,
            client_data,
            signature,
        }
    }

    fn all() -> Vec<Self> {
        EXAMPLES.iter().map(Self::derive).collect()
    }

    fn record(&self) -> CredentialRecord {
        self.passkey.record(&self.create_data)
    }

    fn response(&self) -> AssertionResponse<'_> {
        AssertionResponse {
            credential_id: &self.passkey.credential_id,
            client_data: self.client_data.as_bytes(),
            authenticator_data: &self.data,
            signature: &self.signature,
            user_handle: Some(self.passkey.account.as_bytes()),
        }
    }

    fn user_verified(&self) -> bool {
        self.data[32] & UV != 0
    }

    fn verify(&self, rp: &RelyingParty) -> Result<AuthenticatorData<'_>, AssertionRefused> {
        verify_without_proof(rp, &self.challenge, &self.response(), &self.record())
    }
}

fn rp(user_verification: UserVerification, embedders: &[&str]) -> RelyingParty {
    let mut rp = RelyingParty::new(RP_ID, "Example", vec![ORIGIN.into()], user_verification);
    rp.embedders = embedders.iter().map(|origin| (*origin).into()).collect();
    rp
}

fn first_64_bits(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(sha256(bytes)[..8].try_into().expect("8 bytes"))
}

#[test]
fn the_derived_vectors_are_the_recommendations_to_the_byte() {
    for (example, vector) in EXAMPLES.iter().zip(Vector::all()) {
        let outputs = [
            &vector.create_data[..],
            vector.create_client_data.as_bytes(),
            &vector.data,
            vector.client_data.as_bytes(),
            &vector.signature,
        ];
        let digests = outputs.map(first_64_bits);
        assert_eq!(digests, example.digests, "{}: {digests:#x?}", example.name);
    }
}

#[test]
fn the_derived_attestation_objects_are_the_recommendations_to_the_byte() {
    let mut objects = 0;
    for (example, vector) in EXAMPLES.iter().zip(Vector::all()) {
        let (statement, digest) = match example.statement {
            Statement::Nothing(digest) => (b"\x64none\x67attStmt\xa0".to_vec(), digest),
            Statement::OwnSignature(digest) => {
                let signature = vector.passkey.sign(&vector.create_data, vector.create_client_data.as_bytes());
                let head = b"\x66packed\x67attStmt\xa2\x63alg\x26\x63sig\x58";
                ([&head[..], &[u8::try_from(signature.len()).unwrap()], &signature].concat(), digest)
            }
            Statement::Serial | Statement::KeyAndSerial => continue,
        };
        let len = vector.create_data.len();
        let len = u8::try_from(len)
            .map_or_else(|_| [&[0x59], &u16::try_from(len).unwrap().to_be_bytes()[..]].concat(), |len| vec![0x58, len]);
        let object = [b"\xa3\x63fmt", &statement[..], b"\x68authData", &len, &vector.create_data].concat();
        assert_eq!(first_64_bits(&object), digest, "{}", example.name);
        let parsed = AttestationObject::parse(&object).unwrap();
        assert_eq!(parsed.authenticator_data, vector.create_data, "{}", example.name);
        assert_eq!(parsed.is_none(), matches!(example.statement, Statement::Nothing(_)), "{}", example.name);
        objects += 1;
    }
    assert_eq!(objects, 5);
}

#[test]
fn every_registration_is_read() {
    for vector in Vector::all() {
        let client_data = ClientData::parse(vector.create_client_data.as_bytes()).expect("client data");
        assert_eq!(client_data.kind, "webauthn.create", "{}", vector.name);
        assert_eq!(client_data.challenge, URL_SAFE_NO_PAD.encode(&vector.create_challenge), "{}", vector.name);
        assert_eq!(client_data.origin, ORIGIN, "{}", vector.name);
        assert_eq!(client_data.cross_origin, Some(vector.framing != Framing::Same), "{}", vector.name);
        let record = vector.record();
        assert_eq!(CredentialRecord::decode(record.digest, &record.encode()), Some(record), "{}", vector.name);
    }
}

#[test]
fn every_authentication_verifies() {
    let rp = rp(UserVerification::Preferred, &[TOP_ORIGIN]);
    for vector in Vector::all() {
        let data = vector.verify(&rp).unwrap_or_else(|refused| panic!("{}: {refused:?}", vector.name));
        assert_eq!((data.sign_count, data.attested.is_some()), (0, false), "{}", vector.name);
        assert_eq!(data.flags.user_verified(), vector.user_verified(), "{}", vector.name);
    }
}

#[test]
fn an_authentication_without_user_verification_is_refused_where_it_is_required() {
    let rp = rp(UserVerification::Required, &[TOP_ORIGIN]);
    let mut refused = Vec::new();
    for vector in Vector::all() {
        let outcome = vector.verify(&rp).map(|_| ());
        let expected = if vector.user_verified() { Ok(()) } else { Err(AssertionRefused::UserNotVerified) };
        assert_eq!(outcome, expected, "{}", vector.name);
        refused.extend(outcome.is_err().then_some(vector.name));
    }
    let without_uv = [
        "none.ES256",
        "packed-self.ES256",
        "packed.RS256",
        "packed.EdDSA",
        "android-key.ES256",
        "apple.ES256",
        "fido-u2f.ES256",
    ];
    assert_eq!(refused, without_uv);
}

#[test]
fn a_framed_authentication_passes_only_under_an_expected_embedder() {
    let with = |embedders: &[&str]| rp(UserVerification::Preferred, embedders);
    for vector in Vector::all() {
        let outcome = |rp| vector.verify(&rp).map(|_| ());
        let framed = vector.framing != Framing::Same;
        assert_eq!(outcome(with(&[TOP_ORIGIN])), Ok(()), "{}", vector.name);
        let unframed_only = if framed { Err(AssertionRefused::CrossOrigin) } else { Ok(()) };
        assert_eq!(outcome(with(&[])), unframed_only, "{}", vector.name);
        // Where a client names no top-level origin, there is none to compare.
        let named = vector.framing == Framing::CrossWithTop;
        let another = if named { Err(AssertionRefused::TopOriginUnknown) } else { Ok(()) };
        assert_eq!(outcome(with(&["https://example.net"])), another, "{}", vector.name);
    }
}

#[test]
fn no_authentication_answers_for_another_credential() {
    let rp = rp(UserVerification::Preferred, &[TOP_ORIGIN]);
    let vectors = Vector::all();
    for vector in &vectors {
        for other in vectors.iter().filter(|other| other.name != vector.name) {
            let outcome = verify_without_proof(&rp, &vector.challenge, &vector.response(), &other.record());
            assert_eq!(outcome.map(|_| ()), Err(AssertionRefused::CredentialMismatch));
            // Nor if the look-up were fooled: the key decides.
            let record = CredentialRecord { public_key: other.record().public_key, ..vector.record() };
            let outcome = verify_without_proof(&rp, &vector.challenge, &vector.response(), &record);
            let same_key = record.public_key == vector.record().public_key;
            assert!(!same_key, "{} and {} share a key", vector.name, other.name);
            assert_eq!(outcome.map(|_| ()), Err(AssertionRefused::BadSignature));
            let outcome = verify_without_proof(&rp, &other.challenge, &vector.response(), &vector.record());
            assert_eq!(outcome.map(|_| ()), Err(AssertionRefused::ChallengeMismatch));
        }
    }
}

#[test]
fn no_vector_survives_a_flipped_bit() {
    let rp = rp(UserVerification::Preferred, &[TOP_ORIGIN]);
    for vector in Vector::all() {
        let record = vector.record();
        let flipped = |bytes: &[u8], bit: usize| {
            let mut bytes = bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        };
        let refused = |response: AssertionResponse<'_>, what: &str, bit: usize| {
            let outcome = verify_without_proof(&rp, &vector.challenge, &response, &record);
            assert!(outcome.is_err(), "{}: bit {bit} of {what}", vector.name);
        };
        for bit in 0..vector.data.len() * 8 {
            let data = flipped(&vector.data, bit);
            refused(AssertionResponse { authenticator_data: &data, ..vector.response() }, "authenticatorData", bit);
        }
        for bit in 0..vector.client_data.len() * 8 {
            let client_data = flipped(vector.client_data.as_bytes(), bit);
            refused(AssertionResponse { client_data: &client_data, ..vector.response() }, "clientDataJSON", bit);
        }
        for bit in 0..vector.signature.len() * 8 {
            let signature = flipped(&vector.signature, bit);
            refused(AssertionResponse { signature: &signature, ..vector.response() }, "signature", bit);
        }
    }
}

#[test]
fn the_keys_of_the_two_algorithms_that_are_not_offered_are_refused() {
    let es512 =
        [&[0xa5, 0x01, 0x02, 0x03, 0x38, 0x23, 0x20, 0x03, 0x21, 0x58, 66][..], &[1; 66], &[0x22, 0x58, 66], &[1; 66]];
    assert_eq!(PublicKey::from_cose(&es512.concat()), Err(MalformedKey));
    let ed448 = [&[0xa4, 0x01, 0x01, 0x03, 0x38, 0x34, 0x20, 0x07, 0x21, 0x58, 57][..], &[1; 57]];
    assert_eq!(PublicKey::from_cose(&ed448.concat()), Err(MalformedKey));
    let mut registration = assertion_data(RP_ID, UP | AT, 0);
    registration.extend([&[0; 16][..], &[0, 1, 7], &ed448.concat()].concat());
    assert!(AuthenticatorData::parse(&registration).is_err());
}
