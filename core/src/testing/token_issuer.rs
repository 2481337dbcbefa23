//! Whoever signs tokens: an issuer of access tokens with a key of each kind, and a client that proves its key by DPoP. It
//! signs whatever it is told to, also what no honest issuer would.
#![expect(clippy::expect_used, reason = "testing code; ring's own keys are good")]

use crate::id::TokenDigest;
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use serde_json::{Value, json};

/// A 2,048-bit key, made for tests and used for nothing else: ring makes none.
const RSA_KEY: &str = include_str!("rsa-2048.p8.b64");

/// The issuer's name.
pub const ISSUER: &str = "https://as.example";

/// The audience of its tokens.
pub const AUDIENCE: &str = "https://api.example";

enum Key {
    Elliptic(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
    Rsa(rsa::KeyPair, &'static dyn RsaEncoding),
}

/// A key that signs by one algorithm.
pub struct Signer {
    /// Its ID.
    pub key_id: String,
    /// Its algorithm.
    pub algorithm: &'static str,
    key: Key,
    random: SystemRandom,
}

/// Base64url without padding.
pub fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The key of every signer by RSA, as PKCS#8.
pub fn rsa_key() -> Vec<u8> {
    STANDARD.decode(RSA_KEY.replace('\n', "")).expect("base64")
}

impl Signer {
    /// A new key; for the algorithms of RSA always the same one.
    ///
    /// # Panics
    /// For an algorithm that is not signed here.
    pub fn new(algorithm: &'static str, key_id: &str) -> Self {
        let random = SystemRandom::new();
        let elliptic = |by| {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(by, &random).expect("a key");
            Key::Elliptic(EcdsaKeyPair::from_pkcs8(by, pkcs8.as_ref(), &random).expect("a key"))
        };
        let rsa = |by: &'static dyn RsaEncoding| Key::Rsa(rsa::KeyPair::from_pkcs8(&rsa_key()).expect("a key"), by);
        let key = match algorithm {
            "ES256" => elliptic(&ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => elliptic(&ECDSA_P384_SHA384_FIXED_SIGNING),
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "RS384" => rsa(&RSA_PKCS1_SHA384),
            "RS512" => rsa(&RSA_PKCS1_SHA512),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "PS384" => rsa(&RSA_PSS_SHA384),
            "PS512" => rsa(&RSA_PSS_SHA512),
            _ => {
                assert_eq!(algorithm, "EdDSA");
                let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
                Key::Edwards(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key"))
            }
        };
        Self { key_id: key_id.to_owned(), algorithm, key, random }
    }

    /// The public key, with the members of its thumbprint alone (RFC 7638).
    pub fn public(&self) -> Value {
        match &self.key {
            Key::Elliptic(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
                let crv = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({"crv": crv, "kty": "EC", "x": encoded(x), "y": encoded(y)})
            }
            Key::Edwards(pair) => json!({"crv": "Ed25519", "kty": "OKP", "x": encoded(pair.public_key().as_ref())}),
            Key::Rsa(pair, _) => {
                let public = rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"e": encoded(public.e), "kty": "RSA", "n": encoded(public.n)})
            }
        }
    }

    /// The public key as it stands in a key set.
    pub fn jwk(&self) -> Value {
        let mut jwk = self.public();
        jwk["kid"] = self.key_id.as_str().into();
        jwk["alg"] = self.algorithm.into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// The thumbprint (RFC 7638): serde_json orders the members as it asks.
    pub fn thumbprint(&self) -> String {
        encoded(digest(&SHA256, self.public().to_string().as_bytes()))
    }

    /// The signature over bytes, in the form of a JWS.
    pub fn signature(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Elliptic(pair) => pair.sign(&self.random, message).expect("a signature").as_ref().to_vec(),
            Key::Edwards(pair) => pair.sign(message).as_ref().to_vec(),
            Key::Rsa(pair, by) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*by, &self.random, message, &mut signature).expect("a signature");
                signature
            }
        }
    }

    /// A signed text of these very bytes.
    pub fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", encoded(header), encoded(payload));
        let signature = self.signature(signed.as_bytes());
        format!("{signed}.{}", encoded(signature))
    }

    /// The header of an access token of this key.
    pub fn header(&self) -> Value {
        json!({"typ": "at+jwt", "alg": self.algorithm, "kid": self.key_id})
    }

    /// An access token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(self.header().to_string(), claims.to_string())
    }

    /// The claims and header of a DPoP proof by this key.
    pub fn proof_parts(&self, method: &str, url: &str, token: &str, id: &str, now: Timestamp) -> (Value, Value) {
        let header = json!({"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.public()});
        let hash = encoded(TokenDigest::of(token.as_bytes()).as_bytes());
        let claims = json!({"jti": id, "htm": method, "htu": url, "iat": now.as_secs(), "ath": hash});
        (header, claims)
    }

    /// A DPoP proof by this key (RFC 9449, section 4.2).
    pub fn proof(&self, method: &str, url: &str, token: &str, id: &str, now: Timestamp) -> String {
        let (header, claims) = self.proof_parts(method, url, token, id, now);
        self.sign(header.to_string(), claims.to_string())
    }
}

/// A key set of these keys.
pub fn key_set<'a>(signers: impl IntoIterator<Item = &'a Signer>) -> String {
    json!({"keys": signers.into_iter().map(Signer::jwk).collect::<Vec<_>>()}).to_string()
}

/// The claims of a good token, for five minutes from `now`.
pub fn claims(now: Timestamp) -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "client_id": "app",
        "iat": now.as_secs(),
        "exp": now.as_secs() + 300,
        "jti": "1",
        "scope": "read write",
        "vot": "P9.Cm",
        "auth_time": now.as_secs() - 60,
    })
}

/// The same with one claim set otherwise.
pub fn claims_with(now: Timestamp, name: &str, value: Value) -> Value {
    let mut claims = claims(now);
    claims[name] = value;
    claims
}
