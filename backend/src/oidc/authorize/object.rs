//! The request object (RFC 9101; OpenID Connect Core, section 6.1): a request that its client has signed, by value.
//!
//! What is signed is the whole request. Of what stands beside it in the address, `client_id` alone counts, and only to find
//! the key (RFC 9101, sections 5 and 6.3): somebody who changes the rest changes nothing. Nobody is redirected by an object
//! that is not good, wherever it or the address says.
//!
//! An object by reference is not taken: nothing is fetched from where somebody else says.

use crate::oidc::client::Client;
use crate::oidc::client_assertion::brings_own_key;
use crate::oidc::parameters::{BadParameters, Parameters};
use crate::oidc::registry::Registry;
use aldgate_core::time::Timestamp;
use aldgate_core::token::claims::{CLOCK_SKEW, Claims};
use aldgate_core::token::jws::Compact;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// Longest object that is read: one that fills every parameter and is signed with 4,096 bits has about 4,000 bytes.
const OBJECT_BYTES_MAX: usize = 8 * 1024;

/// How long one may live, counted from `nbf`, and from now (FAPI 2.0 Message Signing, section 5.3.1).
pub(super) const LIFE_MAX: Duration = Duration::from_mins(60);

/// Longest `jti`; a UUID has 36 characters.
const ID_BYTES_MAX: usize = 256;

/// What may stand in `typ` (RFC 9101, section 10.8), or nothing. Another kind of token is no request.
const KINDS: [&str; 2] = ["jwt", "oauth-authz-req+jwt"];

/// Members that are the JWT's and no parameter's (RFC 7519, section 4.1).
const OF_THE_JWT: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// Bytes of an object's name.
const NAME_BYTES: usize = 16;

/// Why an object makes no request. The sentences are for whoever writes the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ObjectRefused {
    /// Not signed JSON in compact form that means one thing, unsigned, or too long.
    #[error("request is not a signed JWT in compact form of at most 8192 bytes")]
    Malformed,
    /// Another kind of token.
    #[error("request has a typ that is not that of a request object")]
    Type,
    /// It brings or names its own key.
    #[error("request has a key in its header (jwk, jku, x5u or x5c)")]
    OwnKey,
    /// Signed by an algorithm that the client does not use here.
    #[error("request is signed by an algorithm that this client may not use")]
    Algorithm,
    /// No key of the client's has its `kid`, or several are there and it names none.
    #[error("request names no key of this client (kid)")]
    UnknownKey,
    /// The signature.
    #[error("request has a signature that does not verify")]
    Signature,
    /// `client_id` or `iss` is not the client that sends it.
    #[error("request must have iss and client_id, both the client_id beside it")]
    Client,
    /// It could be taken for an assertion of the client (RFC 9101, section 10.8).
    #[error("request must not have a sub that is the client_id")]
    Subject,
    /// `aud`.
    #[error("request has an aud that does not name this server")]
    Audience,
    /// `exp`.
    #[error("request must have an exp that lies ahead, at most 60 minutes after now and after its nbf")]
    Expiry,
    /// `nbf` or `iat`.
    #[error("request must not be used before its nbf and iat, and this client's must have an nbf")]
    NotYet,
    /// `jti`.
    #[error("request has a jti that is no text of 1 to 256 characters")]
    Id,
    /// An object in an object (RFC 9101, section 4).
    #[error("request must not contain request or request_uri")]
    Nested,
    /// What is inside cannot be parameters.
    #[error("in request, {0}")]
    Parameters(BadParameters),
    /// It was used before.
    #[error("request was used before (jti)")]
    Replayed,
}

/// What names an object for good: it makes one code at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ObjectName(pub(crate) [u8; NAME_BYTES]);

impl ObjectName {
    fn of(client: &Client, id: &str) -> Self {
        let digest = digest(&SHA256, &[client.id().as_str().as_bytes(), b"\0", id.as_bytes()].concat());
        let mut name = [0; NAME_BYTES];
        name.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Self(name)
    }
}

/// An object that its client has signed, for us, and whose time is now.
#[derive(Debug)]
pub(super) struct VerifiedObject {
    /// The request: all of it.
    pub(super) parameters: Parameters,
    /// Its name, if it has one.
    pub(super) name: Option<ObjectName>,
}

/// Who must have signed an object, and for whom.
pub(super) struct Verifying<'a> {
    /// The clients.
    pub(super) registry: &'a Registry,
    /// Our name.
    pub(super) issuer: &'a str,
    /// Now.
    pub(super) now: Timestamp,
}

impl Verifying<'_> {
    /// Verifies an object with the keys of the client that is named beside it; nothing if no such client is known.
    pub(super) fn verify(&self, text: &str, client: Option<&str>) -> Option<Result<VerifiedObject, ObjectRefused>> {
        let client = client.and_then(|id| self.registry.find(id))?;
        Some(self.verify_of(&client, text))
    }

    fn verify_of(&self, client: &Arc<Client>, text: &str) -> Result<VerifiedObject, ObjectRefused> {
        let claims = believed(client, text)?;
        let named = |name| claims.text(name).ok().flatten() == Some(client.id().as_str());
        if !named("iss") || !named("client_id") {
            return Err(ObjectRefused::Client);
        }
        if named("sub") {
            return Err(ObjectRefused::Subject);
        }
        if !self.is_for_us(client, &claims) {
            return Err(ObjectRefused::Audience);
        }
        self.in_time(client, &claims)?;
        let id = claims.text("jti").map_err(|_| ObjectRefused::Id)?;
        if id.is_some_and(|id| id.len() > ID_BYTES_MAX) {
            return Err(ObjectRefused::Id);
        }
        let name = id.map(|id| ObjectName::of(client, id));
        Ok(VerifiedObject { parameters: parameters(claims.into_members())?, name })
    }

    /// `aud` is our name, or a list with it; where the profile does not ask for that alone, the endpoint's address will do.
    fn is_for_us(&self, client: &Client, claims: &Claims) -> bool {
        let endpoint = format!("{}/authorize", self.issuer);
        let by_endpoint = !client.profile().rules().issuer_alone && claims.is_for(&endpoint) == Ok(true);
        by_endpoint || claims.is_for(self.issuer) == Ok(true)
    }

    /// Whether its time is now. What ends within an hour of its `nbf` and has not ended has an `nbf` that is no
    /// older than an hour.
    fn in_time(&self, client: &Client, claims: &Claims) -> Result<(), ObjectRefused> {
        let date = |name| claims.date(name).map_err(|_| ObjectRefused::NotYet);
        let (begins, latest) = (date("nbf")?, self.now.plus(CLOCK_SKEW));
        let unsaid = begins.is_none() && client.profile().rules().object_not_before;
        if unsaid || begins.is_some_and(|at| at > latest) || date("iat")?.is_some_and(|at| at > latest) {
            return Err(ObjectRefused::NotYet);
        }
        let expires = claims.date("exp").ok().flatten().ok_or(ObjectRefused::Expiry)?;
        let in_time = self.now < expires && expires <= latest.plus(LIFE_MAX);
        let short = begins.is_none_or(|begins| begins < expires && expires.since(begins) <= LIFE_MAX);
        if in_time && short { Ok(()) } else { Err(ObjectRefused::Expiry) }
    }
}

/// What an object says, if its client has signed it.
fn believed(client: &Client, text: &str) -> Result<Claims, ObjectRefused> {
    if text.len() > OBJECT_BYTES_MAX {
        return Err(ObjectRefused::Malformed);
    }
    let jws = Compact::parse(text).map_err(|_| ObjectRefused::Malformed)?;
    if jws.kind().is_some_and(|kind| !KINDS.contains(&kind.as_str())) {
        return Err(ObjectRefused::Type);
    }
    if brings_own_key(&jws) {
        return Err(ObjectRefused::OwnKey);
    }
    if !client.request_objects().algorithms().contains(&jws.algorithm()) {
        return Err(ObjectRefused::Algorithm);
    }
    let key = client.keys().find(jws.key_id()).ok_or(ObjectRefused::UnknownKey)?;
    let payload = key.verify(&jws).map_err(|_| ObjectRefused::Signature)?;
    Claims::read(payload).map_err(|_| ObjectRefused::Malformed)
}

/// The parameters: text as it stands, and what is no text as its JSON (RFC 9101, section 4), as `max_age` and `claims` are.
/// What may stand several times is a list of texts then.
fn parameters(members: Map<String, Value>) -> Result<Parameters, ObjectRefused> {
    if ["request", "request_uri"].iter().any(|name| members.contains_key(*name)) {
        return Err(ObjectRefused::Nested);
    }
    let pairs = members.into_iter().filter(|(name, _)| !OF_THE_JWT.contains(&name.as_str()));
    let pairs = pairs.flat_map(|(name, value)| {
        let values = match value {
            Value::Array(all) if Parameters::may_repeat(&name) && all.iter().all(Value::is_string) => all,
            one => vec![one],
        };
        values.into_iter().filter_map(move |value| Some((name.clone().into_bytes(), written(value)?.into_bytes())))
    });
    Parameters::read(pairs).map_err(ObjectRefused::Parameters)
}

fn written(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::client::tests::registration;
    use crate::oidc::client::{PublicKeys, Registration};
    use aldgate_core::testing::token_issuer::{Signer, encoded, key_set};
    use aldgate_core::testing::world::NOW;
    use ring::hmac;
    use serde_json::json;

    const ISSUER: &str = "https://login.example";

    /// A client of each profile, with a key of its own.
    struct World {
        registry: Registry,
        nhs: Signer,
        bank: Signer,
        shop: Signer,
    }

    impl World {
        fn new() -> Self {
            let of = |id: &str, profile: &str, signer: &Signer| Registration {
                profile: Some(profile.into()),
                keys: Some(PublicKeys::Set(key_set([signer]).into_bytes())),
                ..registration(id)
            };
            let [nhs, bank, shop] =
                [("RS512", "n"), ("ES256", "b"), ("ES256", "s")].map(|(algorithm, kid)| Signer::new(algorithm, kid));
            let tax = Registration {
                vectors: vec!["Cl.Cm".into()],
                scopes: vec!["openid".into()],
                request_object_signing_alg: Some("PS256".into()),
                ..of("tax", "cross-government", &Signer::new("PS256", "t"))
            };
            let all = [of("nhs", "nhs", &nhs), of("bank", "fapi2", &bank), of("shop", "fapi2", &shop), tax];
            let clients = all.iter().map(|from| Client::register(from).expect("a client"));
            Self { registry: Registry::new(clients).expect("clients"), nhs, bank, shop }
        }

        fn verify(&self, client: &str, text: &str) -> Result<VerifiedObject, ObjectRefused> {
            let verifying = Verifying { registry: &self.registry, issuer: ISSUER, now: NOW };
            verifying.verify(text, Some(client)).expect("a client that is known")
        }

        /// What comes of the bank's object with other members; null leaves one out.
        fn of_bank(&self, changes: &Value) -> Result<VerifiedObject, ObjectRefused> {
            self.verify("bank", &signed(&self.bank, &changed("bank", changes)))
        }
    }

    fn changed(client: &str, changes: &Value) -> Value {
        let now = NOW.as_secs();
        let mut claims = json!({
            "iss": client, "client_id": client, "aud": ISSUER, "nbf": now, "exp": now + 300, "jti": "one",
            "redirect_uri": format!("https://{client}.example/cb"), "response_type": "code", "scope": "openid",
        });
        for (name, value) in changes.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        claims
    }

    fn signed(signer: &Signer, claims: &Value) -> String {
        let header = json!({"alg": signer.algorithm, "kid": signer.key_id, "typ": "oauth-authz-req+jwt"});
        signer.sign(header.to_string(), claims.to_string())
    }

    #[test]
    fn what_is_in_a_good_object_is_the_request() {
        let world = World::new();
        let more = json!({
            "max_age": 300, "allow_registration": false, "claims": {"userinfo": {"email": null}}, "state": null,
            "vtr": ["P0.Cm"],
        });
        let object = world.of_bank(&more).expect("good");
        let get = |name| object.parameters.get(name);
        assert_eq!((get("client_id"), get("scope"), get("max_age")), (Some("bank"), Some("openid"), Some("300")));
        assert_eq!((get("allow_registration"), get("state")), (Some("false"), None));
        assert_eq!((get("claims"), get("vtr")), (Some(r#"{"userinfo":{"email":null}}"#), Some(r#"["P0.Cm"]"#)));
        for of_the_jwt in OF_THE_JWT {
            assert_eq!(get(of_the_jwt), None);
        }
        assert!(object.name.is_some());
        assert!(world.of_bank(&json!({"jti": null})).expect("good").name.is_none());
    }

    #[test]
    fn several_services_are_a_list_and_nothing_else_is() {
        let world = World::new();
        let of = |resource: Value| world.of_bank(&json!({ "resource": resource })).map(|object| object.parameters);
        let all = |resource| of(resource).expect("good").all("resource").map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(all(json!(["https://a.example", "https://b.example"])), ["https://a.example", "https://b.example"]);
        assert_eq!(all(json!("https://a.example")), ["https://a.example"]);
        assert_eq!(all(json!([])), Vec::<String>::new());
        assert_eq!(all(json!(["https://a.example", 1])), [r#"["https://a.example",1]"#], "no service is called so");
        let scope = world.of_bank(&json!({"scope": ["openid", "email"]})).expect("read").parameters;
        assert_eq!(scope.get("scope"), Some(r#"["openid","email"]"#), "no list where one value is");
        let many = vec!["https://a.example"; 41];
        assert!(matches!(of(json!(many)), Err(ObjectRefused::Parameters(BadParameters::TooMany))));
    }

    #[test]
    fn one_of_several_audiences_may_be_we() {
        let world = World::new();
        assert!(world.of_bank(&json!({"aud": [ISSUER, "https://other.example"]})).is_ok());
        let endpoint = json!({"aud": format!("{ISSUER}/authorize")});
        assert!(world.verify("nhs", &signed(&world.nhs, &changed("nhs", &endpoint))).is_ok());
        for aud in [
            json!(null),
            json!("https://other.example"),
            json!([]),
            json!(format!("{ISSUER}/")),
            json!(format!("{ISSUER}/authorize")),
            json!({"a": ISSUER}),
            json!([ISSUER, 1]),
        ] {
            assert_eq!(world.of_bank(&json!({"aud": aud})).expect_err("refused"), ObjectRefused::Audience, "{aud}");
        }
    }

    #[test]
    fn an_object_is_good_for_an_hour_at_most_and_from_its_nbf_on() {
        let (world, now) = (World::new(), NOW.as_secs());
        let refused = |changes: Value| world.of_bank(&changes).err();
        assert_eq!(refused(json!({"nbf": now + 8})), None, "8 seconds ahead");
        assert_eq!(refused(json!({"nbf": now, "exp": now + 3_600})), None);
        assert_eq!(refused(json!({"nbf": now - 3_590})), Some(ObjectRefused::Expiry));
        assert_eq!(refused(json!({"nbf": now - 3_590, "exp": now + 5})), None);
        for (what, changes, why) in [
            ("no exp", json!({"exp": null}), ObjectRefused::Expiry),
            ("over", json!({"exp": now}), ObjectRefused::Expiry),
            ("more than 60 minutes", json!({"exp": now + 3_660}), ObjectRefused::Expiry),
            ("an exp that is text", json!({"exp": "tomorrow"}), ObjectRefused::Expiry),
            ("an exp before its nbf", json!({"nbf": now + 8, "exp": now + 4}), ObjectRefused::Expiry),
            ("no nbf", json!({"nbf": null}), ObjectRefused::NotYet),
            ("an nbf far ahead", json!({"nbf": now + 60}), ObjectRefused::NotYet),
            (
                "an nbf that is more than 60 minutes old",
                json!({"nbf": now - 3_700, "exp": now + 5}),
                ObjectRefused::Expiry,
            ),
            ("an nbf that is text", json!({"nbf": "now"}), ObjectRefused::NotYet),
            ("an iat far ahead", json!({"iat": now + 60}), ObjectRefused::NotYet),
        ] {
            assert_eq!(refused(changes), Some(why), "{what}");
        }
        let without = json!({"nbf": null});
        assert!(world.verify("nhs", &signed(&world.nhs, &changed("nhs", &without))).is_ok(), "fapi2 alone demands nbf");
        let long = json!({"nbf": null, "exp": now + 3_660});
        let long = world.verify("nhs", &signed(&world.nhs, &changed("nhs", &long)));
        assert_eq!(long.expect_err("refused"), ObjectRefused::Expiry);
    }

    /// Whatever would make one text another: no signature, a symmetric one by a public key, another algorithm of the same
    /// key, somebody else's key, a key that the object brings.
    #[test]
    fn nobody_but_the_client_makes_an_object_and_only_by_its_algorithms() {
        let world = World::new();
        let claims = changed("bank", &json!({}));
        let verify = |text: &str| world.verify("bank", text).expect_err("refused");
        let payload = encoded(claims.to_string());
        let unsigned = format!("{}.{payload}.", encoded(r#"{"alg":"none"}"#));
        assert_eq!(verify(&unsigned), ObjectRefused::Malformed);
        assert_eq!(verify(&format!("{unsigned}x")), ObjectRefused::Malformed);
        let public = hmac::Key::new(hmac::HMAC_SHA256, world.bank.jwk().to_string().as_bytes());
        let by_public = format!("{}.{payload}", encoded(r#"{"alg":"HS256","kid":"b"}"#));
        let tag = encoded(hmac::sign(&public, by_public.as_bytes()));
        assert_eq!(verify(&format!("{by_public}.{tag}")), ObjectRefused::Malformed);
        let rs256 = Signer::new("RS256", "n"); // The same key as the client's, which is for RS512.
        let weak = world.verify("nhs", &signed(&rs256, &changed("nhs", &json!({}))));
        assert_eq!(weak.expect_err("refused"), ObjectRefused::Algorithm);
        let rs256 = world.verify("bank", &signed(&rs256, &claims));
        assert_eq!(rs256.expect_err("refused"), ObjectRefused::Algorithm);
        assert_eq!(verify(&signed(&world.shop, &claims)), ObjectRefused::UnknownKey);
        let header = |more: Value| {
            let mut header = json!({"alg": "ES256", "kid": "b"});
            more.as_object().expect("an object").iter().for_each(|(name, value)| header[name] = value.clone());
            header.to_string()
        };
        assert_eq!(verify(&world.shop.sign(header(json!({})), claims.to_string())), ObjectRefused::Signature);
        let own = world.shop.sign(header(json!({"jwk": world.shop.public()})), claims.to_string());
        assert_eq!(verify(&own), ObjectRefused::OwnKey);
        let fetched = world.shop.sign(header(json!({"jku": "https://evil.example/"})), claims.to_string());
        assert_eq!(verify(&fetched), ObjectRefused::OwnKey);
        let kind = world.bank.sign(header(json!({"typ": "dpop+jwt"})), claims.to_string());
        assert_eq!(verify(&kind), ObjectRefused::Type);
        let good = signed(&world.bank, &claims);
        let (head, signature) = good.rsplit_once('.').expect("a signature");
        let (header, _) = head.split_once('.').expect("a header");
        let other = encoded(changed("bank", &json!({"redirect_uri": "https://evil.example/"})).to_string());
        assert_eq!(verify(&format!("{header}.{other}.{signature}")), ObjectRefused::Signature);
        let tax = signed(&Signer::new("RS256", "t"), &changed("tax", &json!({})));
        let tax = world.verify("tax", &tax).expect_err("its profile's, but not the one that is registered");
        assert_eq!(tax, ObjectRefused::Algorithm);
    }

    #[test]
    fn an_object_is_its_clients_and_no_other_kind_of_statement() {
        let world = World::new();
        for (what, changes, why) in [
            ("another client inside", json!({"client_id": "shop"}), ObjectRefused::Client),
            ("no client inside", json!({"client_id": null}), ObjectRefused::Client),
            ("another issuer", json!({"iss": "shop"}), ObjectRefused::Client),
            ("no issuer", json!({"iss": null}), ObjectRefused::Client),
            ("a client assertion", json!({"sub": "bank"}), ObjectRefused::Subject),
            ("an object inside", json!({"request": "x.y.z"}), ObjectRefused::Nested),
            ("an empty object inside", json!({"request": ""}), ObjectRefused::Nested),
            ("a reference inside", json!({"request_uri": "urn:x"}), ObjectRefused::Nested),
            ("an object of another kind of client_id", json!({"client_id": ["bank"]}), ObjectRefused::Client),
            ("a jti that is a number", json!({"jti": 1}), ObjectRefused::Id),
            ("an empty jti", json!({"jti": ""}), ObjectRefused::Id),
            ("a long jti", json!({"jti": "x".repeat(257)}), ObjectRefused::Id),
            ("a line break", json!({"state": "a\r\nb"}), ObjectRefused::Parameters(BadParameters::Text)),
        ] {
            assert_eq!(world.of_bank(&changes).expect_err(what), why, "{what}");
        }
        let shops = signed(&world.shop, &changed("shop", &json!({})));
        assert_eq!(world.verify("bank", &shops).expect_err("the shop's"), ObjectRefused::UnknownKey);
        let verifying = Verifying { registry: &world.registry, issuer: ISSUER, now: NOW };
        assert!(verifying.verify(&shops, None).is_none() && verifying.verify(&shops, Some("nobody")).is_none());
    }

    #[test]
    fn nothing_of_any_size_or_shape_breaks_it() {
        let world = World::new();
        let long = world.of_bank(&json!({"state": "x".repeat(OBJECT_BYTES_MAX)}));
        assert_eq!(long.expect_err("refused"), ObjectRefused::Malformed);
        let many: Map<String, Value> = (0..60).map(|n| (format!("p{n}"), json!("x"))).collect();
        let many = world.of_bank(&Value::Object(many)).expect_err("refused");
        assert_eq!(many, ObjectRefused::Parameters(BadParameters::TooMany));
        let twice = world.bank.sign(r#"{"alg":"ES256","kid":"b"}"#, r#"{"iss":"bank","iss":"shop"}"#);
        for text in ["", ".", "..", "x.y.z", "a.b.c.d", &twice, &"a".repeat(100_000), &".".repeat(8_000)] {
            assert_eq!(world.verify("bank", text).expect_err("refused"), ObjectRefused::Malformed);
        }
        let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
        let deep = world.bank.sign(r#"{"alg":"ES256","kid":"b"}"#, deep);
        assert_eq!(world.verify("bank", &deep).expect_err("refused"), ObjectRefused::Malformed);
    }
}
