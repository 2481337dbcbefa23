//! A request that waits: while its person signs in, or is asked for consent. It waits in the browser, sealed: any number of
//! tabs have a request each, and nothing is stored for people who only began something.
//!
//! Whoever sends one again has the same request again and nothing more: it is judged anew each time, the client's
//! registration included. The sealed moment at which it began is what `prompt=login` is held against.

use super::{AuthorizationRequest, ObjectName, Once, Present, Prompt, Unaddressed};
use crate::oidc::claim::ClaimSet;
use crate::oidc::claims_request::AskedClaims;
use crate::oidc::client::DIGEST_BYTES;
use crate::oidc::hint::Called;
use crate::oidc::pkce::{CHALLENGE_BYTES, Challenge};
use crate::oidc::registry::Registry;
use crate::oidc::resource::{ResourceDigest, Resources};
use crate::oidc::scope::Scopes;
use aldgate_core::assurance::{Components, IdentityLevel, Vector};
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::language::Language;
use aldgate_core::time::Timestamp;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use std::time::Duration;

/// How long a request may wait: time to create an account on the way.
pub(crate) const LIFETIME: Duration = Duration::from_hours(1);

/// A request as it waits.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Waiting {
    #[n(0)]
    client: String,
    #[n(1)]
    redirect_uri: ByteArray<DIGEST_BYTES>,
    #[n(2)]
    scopes: u16,
    #[n(3)]
    state: Option<String>,
    #[n(4)]
    nonce: Option<String>,
    #[n(5)]
    vectors: Vec<u16>,
    #[n(6)]
    prompt: u8,
    #[n(7)]
    max_age: Option<u64>,
    #[n(8)]
    challenge: Option<ByteArray<CHALLENGE_BYTES>>,
    #[n(9)]
    allow_registration: bool,
    #[n(10)]
    began: u64,
    #[n(11)]
    key: Option<ByteArray<32>>,
    #[n(12)]
    pushed: Option<ByteArray<16>>,
    #[n(13)]
    #[cbor(default)]
    resources: Vec<ResourceDigest>,
    #[n(14)]
    object: Option<ByteArray<16>>,
    #[n(15)]
    about: Option<ByteArray<DIGEST_BYTES>>,
    #[n(16)]
    userinfo: Option<u32>,
    #[n(17)]
    id_token: Option<u32>,
    #[n(18)]
    language: Option<String>,
}

/// A person as they stand in what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct WaitingPerson {
    #[n(0)]
    account: ByteArray<16>,
    #[n(1)]
    session: ByteArray<16>,
}

/// A question for consent as it waits: the request, who was asked, and at which level. It waits in a form and never in an
/// address.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct WaitingConsent {
    #[n(0)]
    request: Waiting,
    #[n(1)]
    asked: WaitingPerson,
    #[n(2)]
    level: u8,
}

/// A vector as a record holds it.
pub(crate) fn pack(vector: Vector) -> u16 {
    u16::from_be_bytes([vector.identity as u8, vector.components.as_byte()])
}

/// A vector from a record.
pub(crate) fn unpack(packed: u16) -> Option<Vector> {
    let [identity, components] = packed.to_be_bytes();
    let (identity, components) = (IdentityLevel::from_byte(identity)?, Components::from_byte(components)?);
    Some(Vector { identity, components })
}

impl From<Present> for WaitingPerson {
    fn from(person: Present) -> Self {
        let (account, session) = (*person.account.as_bytes(), *person.session.as_bytes());
        Self { account: account.into(), session: session.into() }
    }
}

impl From<WaitingPerson> for Present {
    fn from(person: WaitingPerson) -> Self {
        let (account, session) = (AccountId::from_bytes(*person.account), SessionId::from_bytes(*person.session));
        Self { account, session }
    }
}

impl Waiting {
    /// The request, to be sealed.
    pub(crate) fn of(request: &AuthorizationRequest) -> Self {
        Self {
            client: request.client.id().to_string(),
            redirect_uri: request.redirect_uri.digest().into(),
            scopes: request.scopes.bits(),
            state: request.state.clone(),
            nonce: request.nonce.clone(),
            vectors: request.vectors.iter().copied().map(pack).collect(),
            prompt: match request.prompt {
                Prompt::AsNeeded => 0,
                Prompt::None => 1,
                Prompt::Login => 2,
                Prompt::Consent => 3,
                Prompt::LoginAndConsent => 4,
            },
            max_age: request.max_age.map(|age| age.as_secs()),
            challenge: request.challenge.map(|challenge| (*challenge.as_bytes()).into()),
            allow_registration: request.allow_registration,
            began: request.began.as_millis(),
            key: request.key.map(ByteArray::from),
            resources: request.resources.digests(),
            pushed: match request.once {
                Some(Once::Pushed(name)) => Some(name.into()),
                Some(Once::Object(_)) | None => None,
            },
            object: match request.once {
                Some(Once::Object(ObjectName(name))) => Some(name.into()),
                Some(Once::Pushed(_)) | None => None,
            },
            about: request.about.map(|Called(digest)| digest.into()),
            userinfo: Some(request.claims.userinfo.bits()),
            id_token: Some(request.claims.id_token.bits()),
            language: request.language.map(|language| language.tag().to_owned()),
        }
    }

    /// The request again, if its client may still make it.
    pub(crate) fn resume(self, registry: &Registry, now: Timestamp) -> Result<AuthorizationRequest, Unaddressed> {
        let began = Timestamp::from_millis(self.began);
        if now.since(began) >= LIFETIME {
            return Err(Unaddressed::Expired);
        }
        let client = registry.in_use(&self.client).ok_or(Unaddressed::Client)?.clone();
        let redirect_uri = client.redirect_uri_of(&self.redirect_uri).ok_or(Unaddressed::RedirectUri)?.clone();
        let scopes = Scopes::from_bits(self.scopes);
        let vectors: Vec<Vector> = self.vectors.into_iter().filter_map(unpack).collect();
        let registered = vectors.iter().all(|vector| client.vectors().contains(vector));
        let resources = Resources::of_digests(&self.resources, client.resources());
        let (true, true, Ok(resources)) =
            (registered && !vectors.is_empty(), scopes.is_within(client.scopes()), resources)
        else {
            return Err(Unaddressed::Expired); // The client was registered anew meanwhile.
        };
        let claims = |bits: Option<u32>| bits.map(ClaimSet::from_bits).unwrap_or_default();
        let claims = AskedClaims { userinfo: claims(self.userinfo), id_token: claims(self.id_token) };
        let object = self.object.map(|name| Once::Object(ObjectName(*name)));
        Ok(AuthorizationRequest {
            redirect_uri,
            scopes,
            resources,
            state: self.state,
            nonce: self.nonce,
            vectors,
            prompt: match self.prompt {
                0 => Prompt::AsNeeded,
                1 => Prompt::None,
                2 => Prompt::Login,
                3 => Prompt::Consent,
                _ => Prompt::LoginAndConsent,
            },
            max_age: self.max_age.map(Duration::from_secs),
            challenge: self.challenge.map(|challenge| Challenge::from_bytes(*challenge)),
            allow_registration: self.allow_registration,
            began,
            key: self.key.map(|key| *key),
            once: self.pushed.map(|name| Once::Pushed(*name)).or(object),
            about: self.about.map(|digest| Called(*digest)),
            claims: claims.allowed_to(&client),
            language: self.language.as_deref().and_then(Language::of_tag),
            client,
        })
    }
}

/// A question that was asked.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The request.
    pub(crate) request: AuthorizationRequest,
    /// Who was asked.
    pub(crate) person: Present,
    /// At which level.
    pub(crate) level: IdentityLevel,
}

impl WaitingConsent {
    /// The question, to be sealed.
    pub(crate) fn of(asked: &Asked) -> Self {
        let Asked { request, person, level } = asked;
        Self { request: Waiting::of(request), asked: (*person).into(), level: *level as u8 }
    }

    /// The question again, if its client may still make the request.
    pub(crate) fn resume(self, registry: &Registry, now: Timestamp) -> Result<Asked, Unaddressed> {
        let level = IdentityLevel::from_byte(self.level).ok_or(Unaddressed::Expired)?;
        let request = self.request.resume(registry, now)?;
        Ok(Asked { request, person: self.asked.into(), level })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authorize::STATE_BYTES_MAX;
    use crate::oidc::client::{self, Client, Registration};
    use crate::oidc::parameters::Parameters;
    use crate::oidc::sealed::Seal;
    use crate::oidc::trust;
    use aldgate_core::secret::Purpose;
    use aldgate_core::testing::SeededEntropy;
    use aldgate_core::testing::world::{self, NOW};
    use std::sync::Arc;

    const API: &str = "https://api.example";

    /// A client that may ask for a service.
    fn registration(id: &str) -> Registration {
        let many = (1..4).map(|n| format!("{API}/{n}")).chain([API.to_owned()]).collect();
        Registration { resources: many, ..client::tests::registration(id) }
    }

    fn registry(from: &Registration) -> Registry {
        Registry::new([Client::register(from).expect("a client")]).expect("one")
    }

    fn all_of(client: &Client) -> Resources {
        let pairs = client.resources().iter().map(|uri| (b"resource".to_vec(), uri.as_str().as_bytes().to_vec()));
        Resources::asked(&Parameters::read(pairs).expect("read"), client.resources()).expect("registered")
    }

    fn longest(registry: &Registry) -> AuthorizationRequest {
        let client = registry.find("rp").expect("a client").clone();
        let long = Some("\"".repeat(STATE_BYTES_MAX));
        let every = ClaimSet::from_bits(u32::MAX);
        let all = AskedClaims { userinfo: every, id_token: every };
        AuthorizationRequest {
            redirect_uri: client.redirect_uri("https://rp.example/cb").expect("an address").clone(),
            scopes: client.scopes(),
            resources: all_of(&client),
            claims: all.allowed_to(&client),
            state: long.clone(),
            nonce: long,
            vectors: trust::ALL.iter().filter_map(|text| trust::parse(text).ok()).collect(),
            prompt: Prompt::Login,
            max_age: Some(Duration::from_secs(300)),
            challenge: Some(Challenge::from_bytes([7; 32])),
            language: Some(Language::Welsh),
            allow_registration: false,
            began: NOW,
            key: Some([8; 32]),
            once: Some(Once::Object(ObjectName([9; 16]))),
            about: Some(Called([10; DIGEST_BYTES])),
            client,
        }
    }

    #[test]
    fn the_longest_request_waits_in_an_address() {
        let seal =
            Seal::new(Arc::new(world::master_key()), Arc::new(SeededEntropy::new(1)), Purpose::AuthorizationRequest);
        let registry = registry(&registration("rp"));
        let text = seal.seal(&Waiting::of(&longest(&registry)), NOW).expect("sealed");
        assert!(text.len() < 1_950, "a path to return to has 2,048 bytes: {}", text.len());
        let waiting: Waiting = seal.open(&text, NOW).expect("opened");
        assert_eq!(waiting, Waiting::of(&longest(&registry)));
        let again = waiting.resume(&registry, NOW).expect("resumed");
        assert_eq!(Waiting::of(&again), Waiting::of(&longest(&registry)));
    }

    #[test]
    fn it_is_judged_by_what_is_registered_when_it_goes_on() {
        let waiting = Waiting::of(&longest(&registry(&registration("rp"))));
        let with = |from: Registration, now| waiting.clone().resume(&registry(&from), now).err();
        assert_eq!(with(registration("rp"), NOW), None);
        assert_eq!(with(registration("rp"), NOW.plus(LIFETIME)), Some(Unaddressed::Expired));
        assert_eq!(with(registration("other"), NOW), Some(Unaddressed::Client));
        assert_eq!(with(Registration { disabled: true, ..registration("rp") }, NOW), Some(Unaddressed::Client));
        let moved = Registration { redirect_uris: vec!["https://rp.example/x".into()], ..registration("rp") };
        assert_eq!(with(moved, NOW), Some(Unaddressed::RedirectUri));
        let less = Registration { scopes: vec!["openid".into()], ..registration("rp") };
        assert_eq!(with(less, NOW), Some(Unaddressed::Expired));
        let elsewhere = Registration { resources: vec!["https://x.example".into()], ..registration("rp") };
        assert_eq!(with(elsewhere, NOW), Some(Unaddressed::Expired));
        let weaker = Registration { vectors: vec!["P0.Cm".into()], ..registration("rp") };
        assert_eq!(with(weaker, NOW), Some(Unaddressed::Expired));
    }
}
