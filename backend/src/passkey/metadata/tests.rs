//! Lists and attestations by makers of our own, good and forged.

use super::super::packed::CHAIN_MAX;
use super::super::{AnswerRefused, Applicant, Binding, Registration, RegistrationRefused, RegistrationResponse};
use super::*;
use aldgate_core::id::{AccountId, CredentialDigest};
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::token_issuer::{Signer, encoded, rsa_key};
use aldgate_core::testing::{SeededEntropy, world};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, KeyPair, date_time_ymd,
};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const NOW: Timestamp = world::NOW;
const MODEL: [u8; 16] = *b"a model of a key";
const OTHER_MODEL: [u8; 16] = *b"a model of other";
const BINDING: Binding = Binding::Journey([7; 16]);
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\nand so on";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2100, 1, 1));
    params
}

fn authority(name: &str) -> Authority {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

/// Whoever publishes lists: a key that an authority has certified for a name.
struct Publisher {
    key: KeyPair,
    leaf: Vec<u8>,
}

impl Publisher {
    fn new(root: &Authority, name: &str) -> Self {
        Self::by(root, name, KeyPair::generate().expect("a key"))
    }

    fn by(root: &Authority, name: &str, key: KeyPair) -> Self {
        let mut params = params(name);
        params.subject_alt_names = vec![rcgen::SanType::DnsName(name.try_into().expect("a name"))];
        let leaf = params.signed_by(&key, root).expect("a certificate").der().to_vec();
        Self { key, leaf }
    }

    fn header(&self, algorithm: &str) -> Value {
        json!({"alg": algorithm, "typ": "JWT", "x5c": [STANDARD.encode(&self.leaf)]})
    }

    /// A list, signed.
    fn publish(&self, list: &Value) -> String {
        self.sign(&self.header("ES256"), list)
    }

    fn sign(&self, header: &Value, list: &Value) -> String {
        let signed = format!("{}.{}", encoded(header.to_string()), encoded(list.to_string()));
        let (der, random) = (self.key.serialize_der(), SystemRandom::new());
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).expect("a key");
        let signature = pair.sign(&random, signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", encoded(signature))
    }
}

/// A list with one model, its makers' root, and what was reported of it.
fn list(roots: &[&[u8]], reports: &Value) -> Value {
    let roots: Vec<_> = roots.iter().map(|root| STANDARD.encode(root)).collect();
    json!({
        "legalHeader": "…", "no": 7, "nextUpdate": "2100-01-01",
        "entries": [
            {"aaid": "4e4e#4005", "statusReports": [{"status": "REVOKED"}]},
            {
                "aaguid": Uuid::from_bytes(MODEL).to_string(),
                "metadataStatement": {
                    "description": "Analytical Key 5", "attestationRootCertificates": roots,
                    "icon": format!("data:image/png;base64,{}", STANDARD.encode(PIXEL)),
                },
                "statusReports": reports, "timeOfLastStatusChange": "2020-01-01",
            },
        ],
    })
}

fn certified() -> Value {
    json!([{"status": "FIDO_CERTIFIED_L1", "effectiveDate": "2020-01-01"}])
}

/// A root of lists, and who publishes under it.
fn alliance() -> (Authority, Publisher) {
    let root = authority("Root of lists");
    let publisher = Publisher::new(&root, blob::SIGNER);
    (root, publisher)
}

fn read(list: &str, root: &Authority) -> Result<Metadata, BadMetadata> {
    Metadata::read(list.as_bytes(), root.der(), NOW)
}

/// An attestation key, as makers put it into authenticators (WebAuthn Level 3, section 8.2.1).
struct Maker {
    root: Authority,
    key: KeyPair,
    leaf: Vec<u8>,
}

impl Maker {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// One whose certificate is another than it should be.
    fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let (root, key) = (authority("Maker"), KeyPair::generate().expect("a key"));
        let mut params = params("Key 5 attestation");
        params.distinguished_name.push(DnType::CountryName, "GB");
        params.distinguished_name.push(DnType::OrganizationName, "Analytical");
        params.distinguished_name.push(DnType::OrganizationalUnitName, "Authenticator Attestation");
        params.is_ca = IsCa::ExplicitNoCa;
        change(&mut params);
        let leaf = params.signed_by(&key, &root).expect("a certificate").der().to_vec();
        Self { root, key, leaf }
    }

    /// A statement over authenticator data and client data, with these certificates.
    fn statement(&self, data: &[u8], client_data: &[u8], chain: &[&[u8]]) -> Vec<u8> {
        let (der, random) = (self.key.serialize_der(), SystemRandom::new());
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der, &random).expect("a key");
        let signed = [data, digest(&SHA256, client_data).as_ref()].concat();
        let signature = pair.sign(&random, &signed).expect("a signature");
        let mut cbor = minicbor::Encoder::new(Vec::new());
        cbor.map(3).expect("written").str("alg").expect("written").i8(-7).expect("written");
        cbor.str("sig").expect("written").bytes(signature.as_ref()).expect("written");
        cbor.str("x5c").expect("written").array(chain.len() as u64).expect("written");
        for one in chain {
            cbor.bytes(one).expect("written");
        }
        cbor.into_writer()
    }
}

/// What an authenticator makes: a passkey on P-256, or one of Ed25519.
#[derive(Clone, Copy)]
enum Made {
    Es256,
    Ed25519,
}

impl Made {
    /// The credential ID, and the authenticator data of a model.
    fn data(self, model: [u8; 16]) -> (Vec<u8>, Vec<u8>) {
        let authenticator = Authenticator::derived(1, 1);
        let id = authenticator.credential_id.to_vec();
        let mut data = match self {
            Self::Es256 => {
                // The test authenticator is of no model and says nothing: its data stand at the end.
                let object = authenticator.attestation_object("localhost", 0x05);
                object[object.len() - 164..].to_vec()
            }
            Self::Ed25519 => {
                let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).expect("a seed");
                let head = Authenticator::authenticator_data("localhost", 0x45, 0);
                let length = u16::try_from(id.len()).expect("short").to_be_bytes();
                let key = [0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
                [&head[..], &[0; 16], &length[..], &id[..], &key[..], pair.public_key().as_ref()].concat()
            }
        };
        data[37..53].copy_from_slice(&model);
        (id, data)
    }
}

/// Registers an authenticator that says which model it is, attested by a maker or not at all.
fn register(models: Metadata, model: [u8; 16], by: Option<&Maker>) -> Result<[u8; 16], AnswerRefused> {
    register_made(Made::Es256, models, model, by)
}

fn register_made(made: Made, models: Metadata, model: [u8; 16], by: Option<&Maker>) -> Result<[u8; 16], AnswerRefused> {
    let entropy = Arc::new(SeededEntropy::new(3));
    let registration = Registration::new(world::relying_party(), Some(Arc::new(models)), &world::master_key(), entropy)
        .expect("a relying party");
    let account = AccountId::from_bytes([9; 16]);
    let applicant = Applicant { account, name: "a@b.example" };
    let options = registration.options(BINDING, applicant, &[], NOW).expect("options");
    assert_eq!((&options["attestation"], &options["attestationFormats"]), (&json!("direct"), &json!(["packed"])));
    let challenge = options["challenge"].as_str().expect("a challenge");
    let client_data = Authenticator::client_data("webauthn.create", challenge, "http://localhost:8080");
    let (credential_id, data) = made.data(model);
    let (format, statement) = match by {
        Some(maker) => ("packed", maker.statement(&data, client_data.as_bytes(), &[&maker.leaf])),
        None => ("none", vec![0xa0]),
    };
    let mut cbor = minicbor::Encoder::new(Vec::new());
    cbor.map(3).expect("written").str("fmt").expect("written").str(format).expect("written");
    cbor.str("attStmt").expect("written").writer_mut().extend_from_slice(&statement);
    cbor.str("authData").expect("written").bytes(&data).expect("written");
    let response = RegistrationResponse {
        conditional: false,
        credential_id: credential_id.clone(),
        client_data: client_data.into_bytes(),
        attestation_object: cbor.into_writer(),
        transports: Vec::new(),
    };
    let verified = registration.verify(BINDING, &response, account, NOW)?;
    let aaguid = verified.aaguid();
    assert_eq!(verified.into_parts().1.digest, CredentialDigest::of(&credential_id));
    Ok(aaguid)
}

fn refused(step: RegistrationRefused) -> Result<[u8; 16], AnswerRefused> {
    Err(AnswerRefused::Registration(step))
}

#[test]
fn a_list_is_read_and_its_models_have_names_and_pictures() {
    let (root, publisher) = alliance();
    let models = read(&publisher.publish(&list(&[], &certified())), &root).expect("a list");
    assert_eq!((models.number(), models.models(), models.next_update()), (7, 1, "2100-01-01"));
    let entry = models.entry(MODEL).expect("the model");
    assert_eq!(entry.name.as_ref().map(|name| name.as_str()), Some("Analytical Key 5"));
    assert_eq!(entry.icon.as_deref(), Some(PIXEL));
    assert!(models.entry(OTHER_MODEL).is_none());
    // The root may be PEM, too.
    let text = publisher.publish(&list(&[], &certified()));
    assert!(Metadata::read(text.as_bytes(), root.pem().as_bytes(), NOW).is_ok());
}

#[test]
fn a_list_that_is_signed_with_rsa_is_read_as_the_real_one_is() {
    let root = authority("Root of lists");
    let signer = Signer::new("RS256", "k");
    let key = KeyPair::try_from(rsa_key()).expect("a key");
    let publisher = Publisher::by(&root, blob::SIGNER, key);
    let text = signer.sign(publisher.header("RS256").to_string(), list(&[], &certified()).to_string());
    assert_eq!(read(&text, &root).map(|models| models.models()), Ok(1));
}

#[test]
fn pictures_that_are_none_and_names_that_cannot_be_shown_are_left_out() {
    let (root, publisher) = alliance();
    for icon in ["data:image/svg+xml;base64,PHN2Zy8+", "data:image/png;base64,PHN2Zy8+", "https://evil.example/x.png"] {
        let mut with = list(&[], &certified());
        with["entries"][1]["metadataStatement"]["icon"] = icon.into();
        with["entries"][1]["metadataStatement"]["description"] = "\u{202e}\n".into();
        let models = read(&publisher.publish(&with), &root).expect("a list");
        let entry = models.entry(MODEL).expect("the model");
        assert!(entry.icon.is_none() && entry.name.is_none(), "{icon}");
    }
}

#[test]
fn a_forged_list_is_refused() {
    let (root, publisher) = alliance();
    let good = list(&[], &certified());
    let text = publisher.publish(&good);
    // Another text under the signature.
    let [header, _, signature] = text.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let revised = format!("{header}.{}.{signature}", encoded(list(&[], &json!([])).to_string()));
    assert_eq!(read(&revised, &root).err(), Some(BadMetadata::BadSignature));
    // The good certificate, another key.
    let forger = Publisher { key: KeyPair::generate().expect("a key"), leaf: publisher.leaf.clone() };
    assert_eq!(read(&forger.publish(&good), &root).err(), Some(BadMetadata::BadSignature));
    // No signature at all, by a header that says so.
    for algorithm in ["none", "HS256", "RS256", "PS256"] {
        let text = publisher.sign(&publisher.header(algorithm), &good);
        assert_eq!(read(&text, &root).err(), Some(BadMetadata::BadSignature), "{algorithm}");
    }
    // Under another root; under the right one, but for another name; without certificates; with an extension.
    let (other, stranger) = alliance();
    assert_eq!(read(&stranger.publish(&good), &root).err(), Some(BadMetadata::AlienSigner));
    assert_eq!(read(&text, &other).err(), Some(BadMetadata::AlienSigner));
    let shop = Publisher::new(&root, "shop.example");
    assert_eq!(read(&shop.publish(&good), &root).err(), Some(BadMetadata::AlienSigner));
    let bare = publisher.sign(&json!({"alg": "ES256"}), &good);
    assert_eq!(read(&bare, &root).err(), Some(BadMetadata::NotSigned));
    let mut extended = publisher.header("ES256");
    extended["crit"] = json!(["b64"]);
    assert_eq!(read(&publisher.sign(&extended, &good), &root).err(), Some(BadMetadata::NotSigned));
    // A signer that is certified no more.
    let late = NOW.plus(Duration::from_hours(24 * 365 * 80));
    assert_eq!(Metadata::read(text.as_bytes(), root.der(), late).err(), Some(BadMetadata::AlienSigner));
    // A root that is none.
    assert_eq!(Metadata::read(text.as_bytes(), b"root", NOW).err(), Some(BadMetadata::BadRoot));
}

#[test]
fn what_is_no_list_is_refused_and_never_makes_it_panic() {
    let (root, publisher) = alliance();
    for (member, value) in
        [("nextUpdate", json!("soon")), ("entries", json!({})), ("no", json!("7")), ("nextUpdate", json!(null))]
    {
        let mut bad = list(&[], &certified());
        bad[member] = value;
        assert_eq!(read(&publisher.publish(&bad), &root).err(), Some(BadMetadata::Malformed), "{member}");
    }
    let mut doubled = list(&[], &certified());
    doubled["entries"][0] = doubled["entries"][1].clone();
    assert_eq!(read(&publisher.publish(&doubled), &root).err(), Some(BadMetadata::Malformed));
    let good = publisher.publish(&list(&[], &certified()));
    for end in [0, 1, 10, good.len() / 2, good.len() - 1] {
        assert!(read(&good[..end], &root).is_err(), "{end}");
    }
    for garbage in ["", ".", "..", "a.b.c", "\u{0}"] {
        assert_eq!(read(garbage, &root).err(), Some(BadMetadata::NotSigned), "{garbage:?}");
    }
}

#[test]
fn a_list_past_its_time_is_used_and_said_to_be_old() {
    let (root, publisher) = alliance();
    let mut old = list(&[], &json!([{"status": "REVOKED"}]));
    old["nextUpdate"] = "2020-01-01".into();
    let models = read(&publisher.publish(&old), &root).expect("a list");
    assert!(models.is_overdue(NOW));
    assert_eq!(
        register(models, MODEL, None),
        refused(RegistrationRefused::ModelWithdrawn),
        "what was broken is broken"
    );
    let models = read(&publisher.publish(&list(&[], &certified())), &root).expect("a list");
    assert!(!models.is_overdue(NOW));
}

#[test]
fn a_good_authenticator_of_a_known_maker_is_registered_and_so_is_one_of_no_list() {
    let (root, publisher) = alliance();
    let maker = Maker::new();
    let models = |roots: &[&[u8]]| read(&publisher.publish(&list(roots, &certified())), &root).expect("a list");
    assert_eq!(register(models(&[maker.root.der()]), MODEL, Some(&maker)), Ok(MODEL));
    // The list may name the attestation certificate itself.
    assert_eq!(register(models(&[&maker.leaf]), MODEL, Some(&maker)), Ok(MODEL));
    assert_eq!(register(models(&[maker.root.der()]), MODEL, None), Ok(MODEL), "attestation is not demanded");
    assert_eq!(register(models(&[]), OTHER_MODEL, Some(&maker)), Ok(OTHER_MODEL), "of a model that nobody knows");
}

#[test]
fn an_ed25519_passkey_is_held_against_the_list_as_any_other() {
    let (root, publisher) = alliance();
    let (maker, forger) = (Maker::new(), Maker::new());
    let models = || read(&publisher.publish(&list(&[maker.root.der()], &certified())), &root).expect("a list");
    let judged = |by: Option<&Maker>| register_made(Made::Ed25519, models(), MODEL, by);
    assert_eq!(judged(None), Ok(MODEL));
    assert_eq!(judged(Some(&maker)), Ok(MODEL));
    assert_eq!(judged(Some(&forger)), refused(RegistrationRefused::AlienAttestation));
    // The good certificate, another key.
    let thief = Maker { root: authority("Thief"), key: KeyPair::generate().expect("a key"), leaf: maker.leaf.clone() };
    assert_eq!(judged(Some(&thief)), refused(RegistrationRefused::StatementRefused));
}

/// WebAuthn Level 3, section 8.2.1.
#[test]
fn an_attestation_certificate_that_does_not_say_what_it_is_is_refused() {
    let (root, publisher) = alliance();
    let of_model =
        |content: &[u8]| CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4], content.to_vec());
    let judged = |change: &dyn Fn(&mut CertificateParams)| {
        let maker = Maker::with(change);
        let models = read(&publisher.publish(&list(&[maker.root.der()], &certified())), &root).expect("a list");
        register_made(Made::Ed25519, models, MODEL, Some(&maker))
    };
    let named = [&[0x04, 0x10], &MODEL[..]].concat();
    assert_eq!(judged(&|params| params.custom_extensions.push(of_model(&named))), Ok(MODEL));
    let other = [&[0x04, 0x10], &OTHER_MODEL[..]].concat();
    let changes: [&dyn Fn(&mut CertificateParams); 8] = [
        &|params| params.custom_extensions.push(of_model(&other)),
        &|params| {
            let mut critical = of_model(&named);
            critical.set_criticality(true);
            params.custom_extensions.push(critical);
        },
        &|params| params.is_ca = IsCa::NoCa,
        &|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        &|params| {
            params.distinguished_name.remove(DnType::CountryName);
        },
        &|params| {
            params.distinguished_name.remove(DnType::OrganizationName);
        },
        &|params| {
            params.distinguished_name.remove(DnType::OrganizationalUnitName);
        },
        &|params| {
            params.distinguished_name.remove(DnType::CommonName);
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert_eq!(judged(change), refused(RegistrationRefused::StatementRefused), "change {at}");
    }
}

#[test]
fn an_attestation_by_another_maker_is_refused() {
    let (root, publisher) = alliance();
    let (maker, forger) = (Maker::new(), Maker::new());
    for roots in [&[&maker.root.der()[..]][..], &[&b"no certificate"[..]], &[]] {
        let models = read(&publisher.publish(&list(roots, &certified())), &root).expect("a list");
        assert_eq!(register(models, MODEL, Some(&forger)), refused(RegistrationRefused::AlienAttestation));
    }
}

#[test]
fn a_broken_model_is_refused_attested_or_not_and_only_such_a_one() {
    let (root, publisher) = alliance();
    let maker = Maker::new();
    let models =
        |reports: &Value| read(&publisher.publish(&list(&[maker.root.der()], reports)), &root).expect("a list");
    for status in [
        "REVOKED",
        "USER_VERIFICATION_BYPASS",
        "ATTESTATION_KEY_COMPROMISE",
        "USER_KEY_REMOTE_COMPROMISE",
        "USER_KEY_PHYSICAL_COMPROMISE",
    ] {
        // What was certified before or after does not mend it.
        let reports = json!([{"status": "FIDO_CERTIFIED"}, {"status": status}, {"status": "UPDATE_AVAILABLE"}]);
        for by in [None, Some(&maker)] {
            let judged = register(models(&reports), MODEL, by);
            assert_eq!(judged, refused(RegistrationRefused::ModelWithdrawn), "{status}");
        }
        assert_eq!(register(models(&reports), OTHER_MODEL, None), Ok(OTHER_MODEL));
    }
    assert_eq!(register(models(&json!([{"status": "NOT_FIDO_CERTIFIED"}])), MODEL, Some(&maker)), Ok(MODEL));
    // Where one certificate is broken, only those that show it are.
    let of = |certificate: &[u8]| json!([{"status": "REVOKED", "certificate": STANDARD.encode(certificate)}]);
    let judged = register(models(&of(&maker.leaf)), MODEL, Some(&maker));
    assert_eq!(judged, refused(RegistrationRefused::ModelWithdrawn));
    assert_eq!(register(models(&of(b"another")), MODEL, Some(&maker)), Ok(MODEL));
}

#[test]
fn no_damage_to_a_statement_makes_it_panic_or_lets_it_through() {
    let (root, publisher) = alliance();
    let (maker, forger) = (Maker::new(), Maker::new());
    let models = read(&publisher.publish(&list(&[maker.root.der()], &certified())), &root).expect("a list");
    let good = forger.statement(b"data", b"client data", &[&forger.leaf, forger.root.der()]);
    assert_eq!(models.judge(MODEL, "packed", &good, NOW), Err(ModelRefused::AlienAttestation));
    let many = vec![&forger.leaf[..]; CHAIN_MAX + 1];
    let long = forger.statement(b"data", b"client data", &many);
    assert_eq!(models.judge(MODEL, "packed", &long, NOW), Err(ModelRefused::AlienAttestation));
    for at in 0..good.len() {
        let _ = models.judge(MODEL, "packed", &good[..at], NOW);
        let mut damaged = good.clone();
        damaged[at] ^= 0x81;
        let _ = models.judge(MODEL, "packed", &damaged, NOW);
    }
}
