//! Who somebody is, as GOV.UK One Login tells departments: names and date of birth as they were verified, in a token of its own
//! at the userinfo endpoint (the claim `https://vocab.account.gov.uk/v1/coreIdentityJWT`), which a department may verify
//! apart from everything else. A client asks for it by name (`claims`), and may if it is registered for the level.
//!
//! Its key is one of those that sign ES256 here, named as one of the DID document at `/.well-known/did.json` (W3C DID Core;
//! the method `did:web`). By such a name nothing of ours finds a key: the token is never taken for an ID or access token.
//!
//! Addresses, passports and driving licences are not kept here and never told, nor are the codes that say why somebody could
//! not be verified (`returnCode`): their meanings are not public.

use super::Provider;
use super::client::Client;
use super::jws::Kind;
use super::keys::SigningAlgorithm;
use super::trust::Words;
use crate::fault::Fault;
use crate::model::{Account, Person};
use aldgate_core::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// Its life.
const LIFETIME: Duration = Duration::from_mins(30);

/// One Login's word for an identity that was verified as P9 asks.
const LEVEL: &str = "P2";

/// What a DID document is written in (DID Core, section 6.3.2).
const CONTEXT: [&str; 2] = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1"];

impl Provider {
    /// The token; nothing where a name or the date of birth is not known.
    pub(super) fn core_identity(
        &self,
        client: &Client,
        account: &Account,
        person: &Person,
        now: Timestamp,
    ) -> Result<Option<String>, Fault> {
        let (Some(given), Some(family), Some(birthdate)) = (&person.given_name, &person.family_name, &person.birthdate)
        else {
            return Ok(None);
        };
        let given = given.split_whitespace().map(|name| json!({"type": "GivenName", "value": name}));
        let parts: Vec<Value> = given.chain([json!({"type": "FamilyName", "value": family})]).collect();
        let claims = json!({
            "sub": self.subject(client, &account.id),
            "iss": self.issuer,
            "aud": client.id().as_str(),
            "nbf": now.as_secs(),
            "iat": now.as_secs(),
            "exp": now.plus(LIFETIME).as_secs(),
            "vot": LEVEL,
            "vtm": self.trustmark(Words::OneLogin),
            "vc": {
                "type": ["VerifiableCredential", "VerifiableIdentityCredential"],
                "credentialSubject": {"name": [{"nameParts": parts}], "birthDate": [{"value": birthdate}]},
            },
        });
        let token = self.keys.sign_as(SigningAlgorithm::Es256, Kind::Jwt, Some(&self.did()), &claims, now)?;
        Ok(Some(token))
    }

    /// Our name as a DID: the port of an address, if it has one, is escaped (the method `did:web`, section 3.1).
    fn did(&self) -> String {
        let authority = self.issuer.split_once("://").map_or(self.issuer.as_str(), |(_, authority)| authority);
        format!("did:web:{}", authority.replace(':', "%3A"))
    }

    /// The document with the keys; nothing before there are any.
    pub(crate) fn did_document(&self) -> Option<Value> {
        let (did, ring) = (self.did(), self.keys.ring());
        let method = |jwk: &serde_json::Map<String, Value>| {
            let id = format!("{did}#{}", jwk.get("kid").and_then(Value::as_str).unwrap_or_default());
            json!({"type": "JsonWebKey", "id": id, "controller": did, "publicKeyJwk": jwk})
        };
        let methods: Vec<Value> = ring.public(SigningAlgorithm::Es256).map(method).collect();
        (!methods.is_empty()).then(|| json!({"@context": CONTEXT, "id": did, "assertionMethod": methods}))
    }
}
