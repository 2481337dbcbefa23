//! Core's verification of assertions against webauthn-rs, on ten thousand spoilt answers (WebAuthn Level 3, 7.2).
//!
//! Goal: two implementations that share no code agree on what is accepted; where they do not, the difference is one
//! of a short list with a reason ([`KnownDifference`]). And nothing forged is accepted.
//!
//! Method: software passkeys (ES256, ES384, RS256; webauthn-rs verifies no Ed25519) are registered with both, from the
//! same bytes. Their good answers are then spoilt: bits, bytes, members and whole fields, in what is signed and around
//! it, with the old signature or with a new one by the right key. Both get the same request body. Whatever is
//! accepted must be in the *ledger*, the set of all messages that the credential's own key has signed; and if it was
//! signed anew, an oracle reads once more, by other code, that it says what an authentication must say.
//!
//! The seed is printed; `ALDGATE_DIFFERENTIAL_SEED` sets another.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::id::{AccountId, CredentialDigest};
use aldgate_core::secret::MasterKey;
use aldgate_core::testing::SeededEntropy;
use aldgate_core::testing::world::NOW;
use aldgate_core::webauthn::assertion::{AssertionRefused, SIGNATURE_BYTES_MAX, verify};
use aldgate_core::webauthn::authenticator_data::AUTHENTICATOR_DATA_BYTES_MAX;
use aldgate_core::webauthn::challenge::{Ceremony, ChallengeKey, OpenedChallenge};
use aldgate_core::webauthn::client_data::CLIENT_DATA_BYTES_MAX;
use aldgate_core::webauthn::credential::CredentialRecord;
use aldgate_core::webauthn::json::{AuthenticationResponse, BadMember};
use aldgate_core::webauthn::relying_party::{RelyingParty, UserVerification};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use support::{AT, BE, BS, CredentialKey, ED, Passkey, UP, UV, assertion_data, sha256};
use webauthn_rs::prelude::{
    PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential, Url, Uuid, Webauthn, WebauthnBuilder,
    WebauthnError,
};

const RP_ID: &str = "login.example.org";
const ORIGIN: &str = "https://login.example.org";
const SEED: u64 = 20_261_123;
const MUTATIONS: usize = 10_000;

/// Where the two may differ, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum KnownDifference {
    /// Core refuses. Step 6 (who owns the credential) is left by webauthn-rs to its caller.
    OwnerLeftToCaller,
    /// Core refuses. Step 12 is string equality; webauthn-rs parses a URL and compares scheme, host and port, so
    /// letter case, default port, user-info and path do not count.
    OriginReadAsUrl,
    /// Core refuses. Steps 13 and 14: webauthn-rs reads `crossOrigin` at registrations only, and never `topOrigin`.
    FramingUnread,
    /// Core refuses. Bytes behind those that the flags of authenticator data announce: webauthn-rs leaves them.
    BytesLeftOver,
    /// Core refuses. The attested data's key is of no kind that was offered, or the extension map is not canonical
    /// CBOR: webauthn-rs reads both as any CBOR, and looks at neither in an assertion.
    LenientCbor,
    /// Core refuses. webauthn-rs reads neither `type` nor `id` of the response, nor whether `id` is `rawId`.
    EnvelopeUnread,
    /// Core refuses. webauthn-rs takes base64url with padding too, also for the challenge.
    PaddingTolerated,
    /// Core refuses. webauthn-rs bounds no member's size.
    Unbounded,
    /// Core accepts. Step 8 is "UTF-8 decode", which strips a byte order mark; webauthn-rs' JSON parser refuses it.
    ByteOrderMark,
    /// Core accepts. Extension results, token binding and unknown members are not read by core, so it does not mind
    /// what they hold; webauthn-rs parses them.
    MembersUnread,
}

impl KnownDifference {
    const ALL: [Self; 10] = [
        Self::OwnerLeftToCaller,
        Self::OriginReadAsUrl,
        Self::FramingUnread,
        Self::BytesLeftOver,
        Self::LenientCbor,
        Self::EnvelopeUnread,
        Self::PaddingTolerated,
        Self::Unbounded,
        Self::ByteOrderMark,
        Self::MembersUnread,
    ];
}

#[derive(Debug)]
enum ByCore {
    Accepted,
    Unreadable(BadMember),
    UnknownCredential,
    Refused(AssertionRefused),
}

#[derive(Debug)]
enum ByReference {
    Accepted,
    Unreadable,
    Refused(WebauthnError),
}

impl ByReference {
    const fn is_parse_failure(&self) -> bool {
        matches!(self, Self::Unreadable | Self::Refused(WebauthnError::ParseJSONFailure(_)))
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).expect("small")).expect("small")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// A registered passkey, as each of the two knows it.
struct Subject {
    passkey: Passkey,
    record: CredentialRecord,
    good: Answer,
}

/// An answer in decoded parts.
#[derive(Clone, PartialEq)]
struct Answer {
    credential_id: Vec<u8>,
    client_data: Vec<u8>,
    data: Vec<u8>,
    signature: Vec<u8>,
    user_handle: Vec<u8>,
}

type Members = Vec<(String, String)>;

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(bytes))
}

impl Answer {
    /// The members of the response's JSON, outer and inner.
    fn members(&self) -> (Members, Members) {
        let id = quoted(&self.credential_id);
        let own = |members: &[(&str, &str)]| {
            members.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let outer = own(&[
            ("id", &id),
            ("rawId", &id),
            ("type", "\"public-key\""),
            ("authenticatorAttachment", "\"platform\""),
            ("clientExtensionResults", "{}"),
        ]);
        let inner = own(&[
            ("clientDataJSON", &quoted(&self.client_data)),
            ("authenticatorData", &quoted(&self.data)),
            ("signature", &quoted(&self.signature)),
            ("userHandle", &quoted(&self.user_handle)),
        ]);
        (outer, inner)
    }

    fn body(&self) -> Vec<u8> {
        let (outer, inner) = self.members();
        render(&outer, &inner)
    }
}

fn object(members: &Members) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn render(outer: &Members, inner: &Members) -> Vec<u8> {
    let mut outer = outer.clone();
    outer.push(("response".into(), object(inner)));
    object(&outer).into_bytes()
}

/// All that both implementations know, and the ledger.
struct World {
    rp: RelyingParty,
    challenge: OpenedChallenge,
    reference: Webauthn,
    state: PasskeyAuthentication,
    subjects: Vec<Subject>,
    ledger: HashSet<(usize, [u8; 32])>,
}

fn client_data(kind: &str, challenge: &str) -> Vec<u8> {
    let text = format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{ORIGIN}","crossOrigin":false}}"#);
    text.into_bytes()
}

fn message(data: &[u8], client_data: &[u8]) -> [u8; 32] {
    sha256(&[data, &sha256(client_data)].concat())
}

/// Registers a passkey with webauthn-rs, as its callers do.
fn register(reference: &Webauthn, passkey: &Passkey, registration_data: &[u8]) -> webauthn_rs::prelude::Passkey {
    let user = Uuid::from_bytes(*passkey.account.as_bytes());
    let (options, state): (_, PasskeyRegistration) =
        reference.start_passkey_registration(user, "name", "Name", None).expect("options");
    let challenge = serde_json::to_value(&options).expect("JSON")["publicKey"]["challenge"].clone();
    let len = u16::try_from(registration_data.len()).expect("short").to_be_bytes();
    let object = [&b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59"[..], &len, registration_data].concat();
    let response = json!({
        "id": URL_SAFE_NO_PAD.encode(&passkey.credential_id),
        "rawId": URL_SAFE_NO_PAD.encode(&passkey.credential_id),
        "type": "public-key",
        "response": {
            "attestationObject": URL_SAFE_NO_PAD.encode(object),
            "clientDataJSON":
                URL_SAFE_NO_PAD.encode(client_data("webauthn.create", challenge.as_str().expect("a challenge"))),
        },
    });
    let response = serde_json::from_value(response).expect("a registration");
    reference.finish_passkey_registration(&response, &state).expect("registered")
}

impl World {
    fn new() -> Self {
        let rp = RelyingParty::new(RP_ID, "Example", vec![ORIGIN.into()], UserVerification::Required);
        let key = ChallengeKey::of(&MasterKey::new([4; 32]));
        let sealed = key.seal(Ceremony::Authentication, b"browser", NOW, &SeededEntropy::new(1)).expect("entropy");
        let challenge = key.open(&sealed, Ceremony::Authentication, b"browser", NOW).expect("ours");
        let origin = Url::parse(ORIGIN).expect("a URL");
        let reference = WebauthnBuilder::new(RP_ID, &origin).and_then(WebauthnBuilder::build).expect("a reference");
        // Key, flags at registration, stored counter. The last is slow to sign with, and so is rarely chosen.
        let made = [
            (CredentialKey::es256(&[3; 32]), UP | UV, 0),
            (CredentialKey::es256(&[4; 32]), UP | UV | BE | BS, 0),
            (CredentialKey::es256(&[5; 32]), UP | UV, 5_u32),
            (CredentialKey::es384(&[6; 48]), UP | UV | BE, 0),
            (CredentialKey::rs256(), UP | UV, 0),
        ];
        let (mut subjects, mut registered, mut ledger) = (Vec::new(), Vec::new(), HashSet::new());
        for ((key, flags, sign_count), n) in made.into_iter().zip(1_u8..) {
            let passkey =
                Passkey { key, credential_id: vec![n; 16 + usize::from(n)], account: AccountId::from_bytes([n; 16]) };
            let mut registration_data = passkey.registration_data(RP_ID, flags, &[0; 16]);
            registration_data[33..37].copy_from_slice(&sign_count.to_be_bytes());
            registered.push(register(&reference, &passkey, &registration_data));
            let data = assertion_data(RP_ID, flags, if sign_count == 0 { 0 } else { sign_count + 1 });
            let client_data = client_data("webauthn.get", &URL_SAFE_NO_PAD.encode(challenge.bytes()));
            let good = Answer {
                credential_id: passkey.credential_id.clone(),
                signature: passkey.sign(&data, &client_data),
                user_handle: passkey.account.as_bytes().to_vec(),
                client_data,
                data,
            };
            ledger.insert((subjects.len(), message(&good.data, &good.client_data)));
            subjects.push(Subject { record: passkey.record(&registration_data), passkey, good });
        }
        // The state of an authentication, with our challenge, and with a fixed backup eligibility as in webauthn-rs'
        // own flow for discoverable credentials.
        let (_, state) = reference.start_passkey_authentication(&registered).expect("options");
        let mut state = serde_json::to_value(state).expect("JSON");
        state["ast"]["challenge"] = URL_SAFE_NO_PAD.encode(challenge.bytes()).into();
        state["ast"]["allow_backup_eligible_upgrade"] = false.into();
        let state = serde_json::from_value(state).expect("a state");
        Self { rp, challenge, reference, state, subjects, ledger }
    }

    /// Signs an answer anew with its own subject's key.
    fn sign(&mut self, subject: usize, answer: &mut Answer) {
        answer.signature = self.subjects[subject].passkey.sign(&answer.data, &answer.client_data);
        self.ledger.insert((subject, message(&answer.data, &answer.client_data)));
    }

    fn by_core(&self, body: &[u8]) -> ByCore {
        let response = match AuthenticationResponse::parse(body) {
            Ok(response) => response,
            Err(bad) => return ByCore::Unreadable(bad),
        };
        let response = response.as_assertion();
        let digest = CredentialDigest::of(response.credential_id);
        let Some(subject) = self.subjects.iter().find(|subject| subject.record.digest == digest) else {
            return ByCore::UnknownCredential;
        };
        match verify(&self.rp, &self.challenge, &response, &subject.record) {
            Err(refused) => ByCore::Refused(refused),
            Ok(proof) => {
                assert_eq!((proof.record(), proof.challenge()), (&subject.record, &self.challenge));
                ByCore::Accepted
            }
        }
    }

    fn by_reference(&self, body: &[u8]) -> ByReference {
        let Ok(response) = serde_json::from_slice::<PublicKeyCredential>(body) else { return ByReference::Unreadable };
        match self.reference.finish_passkey_authentication(&response, &self.state) {
            Ok(_) => ByReference::Accepted,
            Err(error) => ByReference::Refused(error),
        }
    }

    /// What was signed is something that the credential's own key signed.
    fn is_in_ledger(&self, read: &Answer) -> bool {
        let subject = self.subjects.iter().position(|subject| subject.passkey.credential_id == read.credential_id);
        subject.is_some_and(|subject| self.ledger.contains(&(subject, message(&read.data, &read.client_data))))
    }

    /// Reads by other code than core's that an answer says what an authentication has to say.
    fn oracle(&self, read: &Answer) {
        let subject = self.subjects.iter().find(|subject| subject.passkey.credential_id == read.credential_id);
        let subject = subject.expect("a credential of ours");
        assert_eq!(read.user_handle, subject.passkey.account.as_bytes());
        let text = std::str::from_utf8(&read.client_data).expect("UTF-8").trim_start_matches('\u{feff}');
        let members = top_level(text).expect("an object");
        let named = |name: &str| -> Vec<Value> {
            let values = members.iter().filter(|(member, _)| *member == name).map(|(_, value)| value);
            values.map(|value| serde_json::from_str(value).expect("JSON")).collect()
        };
        assert_eq!(named("type"), ["webauthn.get"]);
        assert_eq!(named("challenge"), [URL_SAFE_NO_PAD.encode(self.challenge.bytes())]);
        assert_eq!(named("origin"), [ORIGIN]);
        assert!(matches!(named("crossOrigin").as_slice(), [] | [Value::Null | Value::Bool(false)]));
        assert!(matches!(named("topOrigin").as_slice(), [] | [Value::Null]));
        assert_eq!(read.data[..32], sha256(RP_ID.as_bytes()));
        let (flags, count) = (read.data[32], u32::from_be_bytes(read.data[33..37].try_into().expect("4 bytes")));
        assert_eq!(flags & (UP | UV), UP | UV);
        assert_eq!(flags & BE != 0, subject.record.backup_eligible);
        assert!(flags & (BE | BS) != BS);
        assert!(count > subject.record.sign_count || (count, subject.record.sign_count) == (0, 0));
        assert!(read.data.len() == 37 || flags & (AT | ED) != 0);
    }
}

/// The members of one JSON object by a scan of our own: names unescaped, values as they are written. Every member is
/// kept, also one that is named twice.
fn top_level(text: &str) -> Option<Vec<(String, String)>> {
    let inside = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let (mut parts, mut depth, mut quoted, mut escaped) = (vec![String::new()], 0, false, false);
    for c in inside.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth -= 1,
            ',' | ':' if !quoted && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("a part").push(c);
    }
    let pairs = parts.chunks_exact(2);
    (pairs.remainder().is_empty() && depth == 0 && !quoted).then_some(())?;
    pairs.map(|pair| Some((serde_json::from_str(&pair[0]).ok()?, pair[1].clone()))).collect()
}

/// A body as a generic reader sees it (of members that are named twice, the last).
struct Read {
    body: Value,
    answer: Answer,
    client_data: Value,
}

impl Read {
    fn new(body: &[u8]) -> Option<Self> {
        let members = top_level(&String::from_utf8_lossy(body))?.into_iter();
        let body = members.filter_map(|(name, value)| Some((name, serde_json::from_str::<Value>(&value).ok()?)));
        let body = Value::Object(body.collect());
        let text = |value: &Value| value.as_str().map(|text| text.trim_end_matches('=').to_owned());
        let bytes = |value: &Value| URL_SAFE_NO_PAD.decode(text(value)?).ok();
        let response = &body["response"];
        let answer = Answer {
            credential_id: bytes(&body["rawId"])?,
            client_data: bytes(&response["clientDataJSON"])?,
            data: bytes(&response["authenticatorData"])?,
            signature: bytes(&response["signature"])?,
            user_handle: bytes(&response["userHandle"]).unwrap_or_default(),
        };
        let json = answer.client_data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.client_data);
        let client_data = serde_json::from_slice(json).unwrap_or(Value::Null);
        Some(Self { body, answer, client_data })
    }

    /// What allows the two to differ on this body: a property of the body that can be seen without either.
    fn explains(&self, world: &World, core: &ByCore, reference: &ByReference) -> Option<KnownDifference> {
        use AssertionRefused::*;
        use KnownDifference::*;
        let data = &self.answer.data;
        let announced = data.get(32).is_some_and(|flags| flags & (AT | ED) != 0);
        let (difference, holds) = match core {
            // What core accepts, webauthn-rs must at least have failed to parse.
            ByCore::Accepted if !reference.is_parse_failure() => return None,
            ByCore::Accepted if self.answer.client_data.starts_with(b"\xef\xbb\xbf") => (ByteOrderMark, true),
            ByCore::Accepted => (MembersUnread, self.accepted_without_unread_members(world)),
            _ if self.is_oversized() => (Unbounded, true),
            ByCore::Unreadable(bad) => match bad.field {
                _ if self.is_padded(&self.body, bad.field) => (PaddingTolerated, true),
                _ => (EnvelopeUnread, self.body["id"] != self.body["rawId"] || self.body["type"] != "public-key"),
            },
            ByCore::Refused(UserHandleMissing | UserHandleMismatch) => {
                (OwnerLeftToCaller, !self.names_the_owner(world))
            }
            ByCore::Refused(ChallengeMismatch) => {
                (PaddingTolerated, self.client_data["challenge"].as_str().is_some_and(|text| text.ends_with('=')))
            }
            ByCore::Refused(OriginUnknown) => (OriginReadAsUrl, self.names_the_same_host()),
            ByCore::Refused(CrossOrigin | TopOriginUnknown | ClientDataMalformed) => {
                let top = self.client_data.get("topOrigin").is_some();
                (FramingUnread, top || self.client_data["crossOrigin"] == true)
            }
            ByCore::Refused(AuthenticatorDataMalformed) if announced => (LenientCbor, true),
            ByCore::Refused(AuthenticatorDataMalformed) => (BytesLeftOver, data.len() > 37),
            ByCore::Refused(_) | ByCore::UnknownCredential => return None,
        };
        holds.then_some(difference)
    }

    fn is_oversized(&self) -> bool {
        self.answer.client_data.len() > CLIENT_DATA_BYTES_MAX
            || self.answer.data.len() > AUTHENTICATOR_DATA_BYTES_MAX
            || self.answer.signature.len() > SIGNATURE_BYTES_MAX
            || self.answer.user_handle.len() > 64
    }

    fn is_padded(&self, body: &Value, field: &str) -> bool {
        let value = field.split('.').fold(body, |value, name| &value[name]);
        // `id` and `rawId` also differ when one of them alone is padded.
        let padded = |value: &Value| value.as_str().is_some_and(|text| text.ends_with('='));
        padded(value) || (field == "id" && padded(&body["rawId"]))
    }

    fn names_the_owner(&self, world: &World) -> bool {
        let owner = world.subjects.iter().find(|subject| subject.passkey.credential_id == self.answer.credential_id);
        owner.is_some_and(|owner| owner.passkey.account.as_bytes()[..] == self.answer.user_handle)
    }

    fn names_the_same_host(&self) -> bool {
        let text = self.client_data["origin"].as_str().unwrap_or_default();
        let same = Url::parse(text).is_ok_and(|url| url.origin() == Url::parse(ORIGIN).expect("a URL").origin());
        text != ORIGIN && same
    }

    /// Whether webauthn-rs accepts or can at least read the body once the members that core does not read are gone.
    fn accepted_without_unread_members(&self, world: &World) -> bool {
        let mut body = self.body.clone();
        let members = body.as_object_mut().expect("an object");
        members.remove("clientExtensionResults");
        members.remove("extensions");
        let without = serde_json::to_vec(&body).expect("JSON");
        let in_body = matches!(world.by_reference(&without), ByReference::Accepted);
        // In client data they are signed and cannot be taken out: a token binding, or something no parser keeps.
        in_body || self.client_data.get("tokenBinding").is_some() || self.client_data.is_null()
    }
}

/// Spoils bytes, anywhere, in one of the ways of which one or more are chosen.
fn spoil(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(7) {
            0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 => bytes.insert(at, random.byte()),
            3 if !bytes.is_empty() => drop(bytes.remove(at)),
            4 if !bytes.is_empty() => bytes[at] = random.of::<u8>(&[&0, &0xff, &b' ', &b'"', &b'\\', &0x7f]).to_owned(),
            5 => bytes.truncate(at),
            _ => bytes.push(random.byte()),
        }
    }
}

fn spoil_any_field(random: &mut Random, answer: &mut Answer) {
    let field = match random.below(5) {
        0 => &mut answer.credential_id,
        1 => &mut answer.client_data,
        2 => &mut answer.data,
        3 => &mut answer.signature,
        _ => &mut answer.user_handle,
    };
    spoil(random, field);
}

/// Puts a field in another's place, or takes one from another subject's answer.
fn swap_fields(random: &mut Random, answer: &mut Answer, other: &Answer) {
    match random.below(9) {
        0 => std::mem::swap(&mut answer.client_data, &mut answer.data),
        1 => std::mem::swap(&mut answer.data, &mut answer.signature),
        2 => std::mem::swap(&mut answer.signature, &mut answer.client_data),
        3 => std::mem::swap(&mut answer.credential_id, &mut answer.user_handle),
        4 => answer.credential_id.clone_from(&other.credential_id),
        5 => answer.data.clone_from(&other.data),
        6 => answer.signature.clone_from(&other.signature),
        7 => answer.user_handle.clone_from(&other.user_handle),
        _ => {
            answer.credential_id.clone_from(&other.credential_id);
            answer.user_handle.clone_from(&other.user_handle);
        }
    }
}

/// Edits client data member by member.
fn edit_client_data(random: &mut Random, answer: &mut Answer) {
    let text = String::from_utf8(answer.client_data.clone()).expect("UTF-8");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let challenge = value["challenge"].as_str().expect("a challenge").to_owned();
    let with = |name: &str, value: String| {
        let old = match name {
            "type" => r#""type":"webauthn.get""#.to_owned(),
            "challenge" => format!(r#""challenge":"{challenge}""#),
            "origin" => format!(r#""origin":"{ORIGIN}""#),
            _ => r#""crossOrigin":false"#.to_owned(),
        };
        text.replace(&old, &value)
    };
    let more = |members: &str| format!("{},{members}}}", text.strip_suffix('}').expect("an object"));
    let edited = match random.below(18) {
        0 => {
            with("type", format!(r#""type":"{}""#, random.of(&["webauthn.create", "webauthn.Get", "", "payment.get"])))
        }
        1 | 2 => {
            let tail = random.of(&["=", "==", "A", "", " "]);
            let head = &challenge[..challenge.len() - random.below(2)];
            with("challenge", format!(r#""challenge":"{head}{tail}""#))
        }
        3 => {
            let mut bytes = URL_SAFE_NO_PAD.decode(&challenge).expect("base64url");
            spoil(random, &mut bytes);
            with("challenge", format!(r#""challenge":{}"#, quoted(&bytes)))
        }
        4..=6 => {
            let origin = random.of(&[
                "https://LOGIN.example.org",
                "HTTPS://login.example.org",
                "https://login.example.org:443",
                "https://login.example.org:8443",
                "https://login.example.org/",
                "https://login.example.org/path?query#fragment",
                "https://user:word@login.example.org",
                "https:login.example.org",
                "https://login.example.org.",
                "https://login.example.org.evil.example",
                "https://evil.login.example.org",
                "https://example.org",
                "http://login.example.org",
                "https://login.example.org@evil.example",
                "https://evil.example",
                "null",
                "",
            ]);
            with("origin", format!(r#""origin":"{origin}""#))
        }
        7 => {
            with("crossOrigin", format!(r#""crossOrigin":{}"#, random.of(&["true", "null", "1", "\"true\"", "false"])))
        }
        8 => {
            let top = random.of(&[ORIGIN, "https://elsewhere.example", "null", ""]);
            more(&format!(r#""topOrigin":"{top}""#))
        }
        9 => more(random.of(&[
            r#""topOrigin":"https://a.example","topOrigin":"https://b.example""#,
            r#""topOrigin":7"#,
            r#""topOrigin":null"#,
        ])),
        10 => {
            let again = random.of(&["type", "challenge", "origin", "crossOrigin"]);
            more(&format!(r#""{again}":{}"#, value[again]))
        }
        11 => more(random.of(&[
            r#""more":"of it""#,
            r#""more":{"type":"webauthn.create","origin":["x"]},"more":1.5e3"#,
            r#""":"","\u0000":"\u0000""#,
            r#""tokenBinding":{"status":"supported"}"#,
        ])),
        12 => more(random.of(&[
            r#""tokenBinding":"supported""#,
            r#""tokenBinding":{"id":"AA"}"#,
            r#""more":1e999"#,
            r#""more":"\ud800""#,
        ])),
        13 => format!("\u{feff}{text}"),
        14 => format!("{}{}{}", random.of(&["", " ", "\n", "\u{feff}\u{feff}", "\0"]), text.replace(',', " ,\t"), " "),
        15 => {
            let mut members: Vec<_> = text[1..text.len() - 1].split(',').collect();
            if random.one_in(2) {
                members.remove(random.below(members.len()));
            }
            members.reverse();
            format!("{{{}}}", members.join(","))
        }
        16 => random
            .of(&[
                text.replace("webauthn.get", "webauthn\\u002eget").as_str(),
                text.replace("\"type\"", "\"ty\\u0070e\"").as_str(),
                text.replace("https://", "https:\\/\\/").as_str(),
                format!("[{text}]").as_str(),
                format!(r#"["webauthn.get","{challenge}","{ORIGIN}",false]"#).as_str(),
            ])
            .to_owned(),
        _ if random.one_in(4) => more(&format!(r#""more":"{}""#, "a".repeat(5_000))),
        _ => {
            let mut bytes = text.clone().into_bytes();
            spoil(random, &mut bytes);
            answer.client_data = bytes;
            return;
        }
    };
    answer.client_data = edited.into_bytes();
}

/// Edits authenticator data part by part.
fn edit_data(random: &mut Random, answer: &mut Answer, stored: u32, attested: &[u8]) {
    let data = &mut answer.data;
    match random.below(12) {
        0..=2 => data[32] = random.byte() & !(AT | ED),
        3 => data[32] ^= 1 << random.below(8),
        4 | 5 => {
            let counts = [0, 1, stored.wrapping_sub(1), stored, stored + 1, u32::MAX, 0x8000_0000];
            data[33..37].copy_from_slice(&counts[random.below(counts.len())].to_be_bytes());
        }
        6 => {
            let rp_id = random.of(&["example.org", ORIGIN, "LOGIN.example.org", "evil.example"]);
            data[..32].copy_from_slice(&sha256(rp_id.as_bytes()));
        }
        7 => (0..=random.below(40)).for_each(|_| data.push(random.byte())),
        8 => {
            data[32] |= ED;
            data.extend_from_slice(random.of::<[u8]>(&[
                &[0xa0],
                &[0xa1, 0x61, b'x', 0x01],
                &[0xa1, 0x61, b'x', 0x01, 0x00],
                &[0xbf, 0x61, b'x', 0x01, 0xff],
                &[0xa2, 0x61, b'x', 0x01, 0x61, b'x', 0x02],
                &[0xa1, 0x01, 0x01],
                &[0x80],
                &[0xa1, 0x61, b'x'],
                &[],
            ]));
        }
        9 => {
            data[32] |= AT;
            data.extend_from_slice(attested);
        }
        10 => {
            data[32] |= AT;
            let mut attested = attested.to_vec();
            spoil(random, &mut attested);
            data.extend_from_slice(&attested);
        }
        _ => spoil(random, data),
    }
}

/// Edits the JSON around the fields.
fn edit_envelope(random: &mut Random, answer: &Answer) -> Vec<u8> {
    let (mut outer, mut inner) = answer.members();
    let is_outer = random.one_in(2);
    let members = if is_outer { &mut outer } else { &mut inner };
    let at = random.below(members.len());
    match random.below(11) {
        0 => drop(members.remove(at)),
        1 => {
            let again = members[at].clone();
            members.push(again);
        }
        2 => members[at].1 = random.of(&["null", "7", "\"\"", "[]", "{}", "true"]).to_owned(),
        3 | 4 => {
            let text = members[at].1.trim_matches('"').to_owned();
            members[at].1 = format!("\"{text}{}\"", "=".repeat(1 + random.below(2)));
        }
        5 => {
            let other = random.below(members.len());
            let value = members[other].1.clone();
            members[at].1 = value;
        }
        6 => outer[2].1 = random.of(&["\"Public-Key\"", "\"password\"", "\"\"", "null"]).to_owned(),
        7 => outer[0].1 = random.of(&["\"\"", "\"AAAA\"", "\"not base64!\""]).to_owned(),
        8 => {
            outer[4].1 = random.of(&["null", "7", "[]", r#"{"appid":7}"#, r#"{"appid":true}"#, r#"{"x":1}"#]).to_owned()
        }
        9 => outer.push((random.of(&["more", "extensions", "response", "ID"]).to_owned(), "{}".into())),
        _ => {
            let values: Vec<_> = inner.iter().map(|(_, value)| value.as_str()).collect();
            outer.push(("response".into(), format!("[{}]", values.join(","))));
            return object(&outer).into_bytes();
        }
    }
    render(&outer, &inner)
}

/// Edits the signature as only someone who knows what it is would.
fn edit_signature(random: &mut Random, answer: &mut Answer, other: &Passkey) {
    let signature = &mut answer.signature;
    match random.below(8) {
        0 => signature.insert(0, 0),
        1 => signature.push(0),
        2 => signature.clear(),
        3 => signature.fill(0),
        4 => *signature = vec![random.byte(); 1024],
        5 => *signature = other.sign(&answer.data, &answer.client_data),
        6 if signature.len() < 80 => {
            if let Ok(raw) = p256::ecdsa::Signature::from_der(signature) {
                *signature = raw.to_bytes().to_vec();
            }
        }
        _ => {
            let at = random.below(signature.len().min(6));
            signature[at] = signature[at].wrapping_add(1);
        }
    }
}

/// One spoilt answer: its body.
fn mutation(world: &mut World, random: &mut Random) -> Vec<u8> {
    let subject = if random.one_in(50) { 4 } else { random.below(4) };
    let other = (subject + 1 + random.below(3)) % 4;
    let mut answer = world.subjects[subject].good.clone();
    let of_other = world.subjects[other].good.clone();
    match random.below(16) {
        0..=3 => spoil_any_field(random, &mut answer),
        4 => swap_fields(random, &mut answer, &of_other),
        5 => edit_signature(random, &mut answer, &world.subjects[other].passkey),
        6..=8 => {
            edit_client_data(random, &mut answer);
            world.sign(subject, &mut answer);
        }
        9 | 10 => {
            let Subject { passkey, record, .. } = &world.subjects[subject];
            let attested = passkey.registration_data(RP_ID, 0, &[0; 16])[37..].to_vec();
            edit_data(random, &mut answer, record.sign_count, &attested);
            world.sign(subject, &mut answer);
        }
        11 => {
            spoil(random, &mut answer.client_data);
            world.sign(subject, &mut answer);
        }
        12 | 13 => return edit_envelope(random, &answer),
        14 => {
            let mut body = answer.body();
            spoil(random, &mut body);
            return body;
        }
        _ => {
            edit_client_data(random, &mut answer);
            if random.one_in(2) {
                world.sign(subject, &mut answer);
                spoil_any_field(random, &mut answer);
            }
        }
    }
    answer.body()
}

#[test]
fn both_accept_every_good_answer() {
    let world = World::new();
    for (n, subject) in world.subjects.iter().enumerate() {
        let body = subject.good.body();
        let (core, reference) = (world.by_core(&body), world.by_reference(&body));
        assert!(
            matches!((&core, &reference), (ByCore::Accepted, ByReference::Accepted)),
            "{n}: {core:?}, {reference:?}"
        );
        let read = Read::new(&body).expect("readable");
        assert!(read.answer == subject.good && world.is_in_ledger(&read.answer));
        world.oracle(&read.answer);
    }
}

#[test]
fn ten_thousand_spoilt_answers_are_judged_alike() {
    let seed = std::env::var("ALDGATE_DIFFERENTIAL_SEED").ok().map_or(SEED, |seed| seed.parse().expect("a number"));
    println!("ALDGATE_DIFFERENTIAL_SEED={seed}");
    let (mut world, mut random) = (World::new(), Random(seed));
    let (mut accepted, mut unchanged, mut refused) = (0, 0, 0);
    let mut differences: BTreeMap<KnownDifference, usize> = BTreeMap::new();
    let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
    for n in 0..MUTATIONS {
        let body = mutation(&mut world, &mut random);
        let (core, reference) = (world.by_core(&body), world.by_reference(&body));
        let shown = || format!("seed {seed}, {n}: {core:?}, {reference:?}: {}", String::from_utf8_lossy(&body));
        // Nothing forged, whoever accepts it; and what core accepts is what it should be.
        let one_accepts = matches!(core, ByCore::Accepted) || matches!(reference, ByReference::Accepted);
        let read = if one_accepts { Read::new(&body) } else { None };
        if let Some(read) = &read {
            assert!(world.is_in_ledger(&read.answer), "forged: {}", shown());
        }
        if matches!(core, ByCore::Accepted) {
            let read = read.as_ref().unwrap_or_else(|| panic!("accepted but not readable: {}", shown()));
            world.oracle(&read.answer);
            unchanged += usize::from(world.subjects.iter().any(|subject| subject.good == read.answer));
        }
        *refusals.entry(format!("{core:?}")).or_default() += 1;
        match (&core, &reference) {
            (ByCore::Accepted, ByReference::Accepted) => accepted += 1,
            (ByCore::Accepted, _) | (_, ByReference::Accepted) => {
                let known = read.and_then(|read| read.explains(&world, &core, &reference));
                *differences.entry(known.unwrap_or_else(|| panic!("unknown difference: {}", shown()))).or_default() +=
                    1;
            }
            _ => refused += 1,
        }
    }
    println!("{MUTATIONS} mutations: both accept {accepted}, both refuse {refused}, they differ on {differences:?}");
    println!("accepted by core with all fields as they were: {unchanged}; core's outcomes: {refusals:#?}");
    let seen: Vec<_> = differences.into_keys().collect();
    assert_eq!(seen, KnownDifference::ALL, "each known difference is still one");
}
