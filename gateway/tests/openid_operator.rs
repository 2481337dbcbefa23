//! What an operator does with the OpenID provider while it runs: its keys by the command line, its clients by the
//! administrators' socket, a client that registers itself through the gate, and one that proves itself there by its
//! certificate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::testing::token_issuer::{Signer, key_set};
use aldgate_core::time::Clock as _;
use aldgate_gateway::clock::SystemClock;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Method;
use pingora::tls::TlsConnector;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::administrator::admin;
use support::http::{Answer, Client};
use support::instance::{Instance, Ports, config};
use support::person::register;
use support::world::echo_upstream;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long something may take that takes a second.
const SOON: Duration = Duration::from_secs(20);

/// Runs `aldgate oidc-keys …` on an instance's configuration; gives what it says.
fn oidc_keys(instance: &Instance, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aldgate"));
    command.arg("oidc-keys").args(arguments).arg("--config").arg(instance.dir.path().join("aldgate.toml"));
    let output = command.env_remove("RUST_LOG").output().expect("the binary");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    out.into_owned()
}

/// The published keys: algorithm and ID.
async fn published(instance: &Instance) -> Vec<(String, String)> {
    let answer = instance.client().get("/.well-known/jwks.json").await;
    if answer.status == 503 {
        return Vec::new(); // The first are being made.
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = |key: &Value, name: &str| key[name].as_str().expect("a text").to_owned();
    let keys = answer.json()["keys"].as_array().expect("keys").clone();
    keys.iter().map(|key| (text(key, "alg"), text(key, "kid"))).collect()
}

/// The published keys, once they are as they should be.
async fn published_when(instance: &Instance, fits: impl Fn(&[(String, String)]) -> bool) -> Vec<(String, String)> {
    let found = async {
        loop {
            let keys = published(instance).await;
            if fits(&keys) {
                return keys;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(SOON, found).await.expect("the keys are published in time")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[tokio::test]
async fn keys_are_listed_announced_and_replaced_while_the_backend_runs() {
    let instance = Instance::start().await;
    let first = published_when(&instance, |keys| keys.len() == 5).await;
    let listed = oidc_keys(&instance, &["list"]);
    for (algorithm, key_id) in &first {
        let line = listed.lines().find(|line| line.contains(key_id.as_str())).expect("a line");
        assert!(line.starts_with(algorithm.as_str()) && line.contains("signs since"), "{line}");
    }
    let said = oidc_keys(&instance, &["rotate", "EdDSA"]);
    assert!(said.starts_with("EdDSA: a new key signs from"), "{said}");
    assert!(oidc_keys(&instance, &["rotate", "EdDSA"]).contains("was announced before"));
    let announced = published_when(&instance, |keys| keys.len() == 6).await;
    assert!(first.iter().all(|key| announced.contains(key)), "every key before stays");
    oidc_keys(&instance, &["rotate", "--compromised", "ES256"]);
    let of = |keys: &[(String, String)]| keys.iter().find(|key| key.0 == "ES256").cloned();
    let replaced = published_when(&instance, |keys| of(keys) != of(&first)).await;
    assert_eq!(replaced.len(), 6, "the old one is gone, a new one is there: {replaced:?}");
    let listed = oidc_keys(&instance, &["list"]);
    let (_, new) = of(&replaced).expect("a key");
    assert!(listed.lines().any(|line| line.contains(&new) && line.contains("signs since")), "{listed}");
}

#[tokio::test]
async fn clients_are_registered_disabled_and_register_themselves() {
    let instance = Instance::start().await;
    assert_eq!(mode(&instance.data().join("run/admin.sock")), 0o600);
    let jwks: Value = serde_json::from_str(&key_set([&Signer::new("RS512", "k")])).expect("JSON");
    let metadata = json!({
        "client_name": "Appointments", "redirect_uris": ["https://rp.example/cb"], "scope": "openid", "jwks": jwks,
        "vectors": ["P0.Cm"],
    });
    let mut registration = metadata.clone();
    registration["client_id"] = json!("appointments");
    assert_eq!(admin(&instance, "POST", "/clients", &registration).await.0, 201);
    assert_eq!(admin(&instance, "POST", "/clients", &registration).await.0, 409, "the name is taken");
    let (status, bad) = admin(&instance, "POST", "/clients", &json!({"client_id": "x"})).await;
    let detail = bad["detail"].as_str().expect("a sentence");
    assert!(status == 400 && detail.contains("client_name") && detail.contains("jwks"), "{bad}");

    let authorize = "/authorize?client_id=appointments&redirect_uri=https%3A%2F%2Frp.example%2Fcb";
    let asked = instance.client().get(authorize).await;
    assert_eq!(asked.status, 303, "the client is told what is missing: {asked:?}");
    assert_eq!(admin(&instance, "POST", "/clients/appointments/disable", &Value::Null).await.0, 204);
    let (_, all) = admin(&instance, "GET", "/clients", &Value::Null).await;
    assert_eq!(all["clients"][0]["disabled"], true, "{all}");
    assert_eq!(admin(&instance, "POST", "/clients/nobody/disable", &Value::Null).await.0, 404);

    let allowed = json!({"scope": "openid email", "vectors": ["P0.Cm"]});
    let (status, token) = admin(&instance, "POST", "/initial-access-tokens", &allowed).await;
    assert_eq!(status, 201, "{token}");
    let bearer = |token: &Value| format!("Bearer {}", token.as_str().expect("a token"));
    let initial = bearer(&token["initial_access_token"]);
    let mut program = instance.client();
    let nobody = program.send(Method::POST, "/oauth/register", &[("content-type", "application/json")], "{}").await;
    assert_eq!(nobody.status, 401, "{nobody:?}");
    let headers = [("authorization", initial.as_str()), ("content-type", "application/json")];
    let made = program.send(Method::POST, "/oauth/register", &headers, &metadata.to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let again = program.send(Method::POST, "/oauth/register", &headers, &metadata.to_string()).await;
    assert_eq!(again.status, 401, "a token is good once: {again:?}");

    let own = bearer(&made["registration_access_token"]);
    let address = format!("/oauth/register/{}", made["client_id"].as_str().expect("an id"));
    let headers = [("authorization", own.as_str()), ("content-type", "application/json")];
    let read = program.send(Method::GET, &address, &headers, "").await;
    assert_eq!((read.status.as_u16(), &read.json()["client_name"]), (200, &json!("Appointments")));
    let mut changed = metadata.clone();
    changed["client_name"] = json!("Letters");
    let unnamed = program.send(Method::PUT, &address, &headers, &changed.to_string()).await;
    assert_eq!(unnamed.status, 400, "it must say who it is: {unnamed:?}");
    changed["client_id"] = made["client_id"].clone();
    let put = program.send(Method::PUT, &address, &headers, &changed.to_string()).await;
    assert_eq!((put.status.as_u16(), &put.json()["client_name"]), (200, &json!("Letters")));
    assert_eq!(program.send(Method::GET, &address, &headers, "").await.status, 401, "it has another token by now");
    let own = bearer(&put.json()["registration_access_token"]);
    let headers = [("authorization", own.as_str()), ("content-type", "application/json")];
    let doubled = program.send(Method::PUT, &address, &headers, r#"{"a":1,"a":2}"#).await;
    assert_eq!(doubled.status, 400, "{doubled:?}");
    assert_eq!(program.send(Method::DELETE, &address, &headers, "").await.status, 204);
    assert_eq!(program.send(Method::GET, &address, &headers, "").await.status, 401);
}

/// What a program posts.
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A client of another department, which asks for itself.
fn machine(key_set: &Path) -> String {
    format!(
        r#"
        [[client]]
        id = "machine"
        name = "Machine"
        profile = "cross-government"
        redirect_uris = ["https://machine.example/cb"]
        scopes = ["openid"]
        vectors = ["Cl.Cm"]
        machine_scopes = ["read"]
        resources = ["https://api.example"]
        key_set = {key_set:?}
        "#
    )
}

/// Where that client's tokens are good.
const RESOURCE: &str = "resource=https%3A%2F%2Fapi.example";

/// What that client is answered that asks with an assertion, the next of its own.
async fn answered(instance: &Instance, signer: &Signer, path: &str, fields: &str) -> Answer {
    static ASSERTIONS: AtomicU64 = AtomicU64::new(0);
    let (now, id) = (SystemClock.now().as_secs(), ASSERTIONS.fetch_add(1, Ordering::Relaxed));
    let issuer = format!("http://localhost:{}", instance.ports.http);
    let claims = json!({
        "iss": "machine", "sub": "machine", "aud": issuer, "iat": now, "exp": now + 60, "jti": id.to_string(),
    });
    let header = json!({"alg": signer.algorithm, "typ": "JWT", "kid": signer.key_id});
    let assertion = signer.sign(header.to_string(), claims.to_string());
    let form = format!(
        "{fields}&client_assertion={assertion}\
         &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
    );
    let answer = instance.client().send(Method::POST, path, &[FORM], &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

fn access_token(answer: &Answer) -> String {
    answer.json()["access_token"].as_str().expect("a token").to_owned()
}

/// A token of that client's for the API.
async fn machine_token(instance: &Instance, signer: &Signer) -> String {
    let fields = format!("grant_type=client_credentials&scope=read&{RESOURCE}");
    access_token(&answered(instance, signer, "/token", &fields).await)
}

/// A token for the API that somebody who is signed in allows that client.
async fn token_of(instance: &Instance, signer: &Signer, browser: &mut Client) -> String {
    const CALLBACK: &str = "https%3A%2F%2Fmachine.example%2Fcb";
    let origin = browser.origin();
    let request = format!(
        "/authorize?client_id=machine&redirect_uri={CALLBACK}&response_type=code&scope=openid&state=s&nonce=n&{RESOURCE}"
    );
    let mut answer = browser.get(&request).await;
    if answer.status == 200 {
        let (_, question) = answer.body.split_once("name=\"question\" value=\"").expect("a question");
        let form = format!("decision=agree&question={}", question.split('"').next().expect("a value"));
        answer = browser.send(Method::POST, "/authorize/consent", &[FORM, ("origin", &origin)], &form).await;
    }
    let (_, code) = answer.header("location").split_once("code=").unwrap_or_else(|| panic!("a code: {answer:?}"));
    let code = code.split('&').next().expect("a code");
    let fields = format!("grant_type=authorization_code&redirect_uri={CALLBACK}&code={code}");
    access_token(&answered(instance, signer, "/token", &fields).await)
}

/// An instance that takes the tokens of its own provider at `/api/`, and has that client.
struct Guarded {
    instance: Instance,
    signer: Signer,
}

impl Guarded {
    async fn start() -> Self {
        let (dir, ports) = (Arc::new(TempDir::new().expect("a directory")), Ports::free());
        let (signer, keys) = (Signer::new("ES256", "k"), dir.path().join("machine.jwks.json"));
        std::fs::write(&keys, key_set([&signer])).expect("a file");
        let instance = Instance::start_in(dir, ports, &guarded(ports, echo_upstream().await, &keys)).await;
        published_when(&instance, |keys| keys.len() == 5).await;
        Self { instance, signer }
    }

    /// What the API says to a token.
    async fn api(&self, token: &str) -> u16 {
        let bearer = format!("Bearer {token}");
        self.instance.client().send(Method::GET, "/api/", &[("authorization", &bearer)], "").await.status.as_u16()
    }

    /// Waits until the API says so.
    async fn until(&self, token: &str, status: u16) {
        let reached = async {
            while self.api(token).await != status {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(SOON, reached).await.unwrap_or_else(|_| panic!("{status} in time"));
    }
}

/// A set is fetched every half hour here, and for an unknown key every half minute: the feed is what is left.
fn guarded(ports: Ports, upstream: u16, key_set: &Path) -> String {
    let issuer = format!("http://localhost:{}", ports.http);
    format!(
        r#"
        [[service]]
        name = "api"
        upstream = "127.0.0.1:{upstream}"
        [[route]]
        path = "/api/"
        service = "api"
        access_tokens = true
        [[token_issuer]]
        issuer = "{issuer}"
        audience = "https://api.example"
        jwks_uri = "{issuer}/.well-known/jwks.json"
        refresh = "30m"
        {}"#,
        machine(key_set)
    )
}

#[tokio::test]
async fn a_key_that_is_compromised_opens_no_gate_long_before_its_set_is_due() {
    let guarded = Guarded::start().await;
    let first = machine_token(&guarded.instance, &guarded.signer).await;
    guarded.until(&first, 200).await;
    oidc_keys(&guarded.instance, &["rotate", "--compromised", "ES256"]);
    guarded.until(&first, 401).await;
    let second = machine_token(&guarded.instance, &guarded.signer).await;
    guarded.until(&second, 200).await;
    assert_eq!(guarded.api(&first).await, 401);
}

#[tokio::test]
async fn whatever_ends_a_grant_closes_the_gate_to_its_tokens_at_once_and_after_a_restart() {
    let guarded = Guarded::start().await;
    let (instance, signer) = (&guarded.instance, &guarded.signer);
    let mut browser = instance.client();
    register(instance, &mut browser, "ada@example.org", 1).await;
    let origin = browser.origin();
    let headers = [FORM, ("origin", origin.as_str())];
    let withdrawn = token_of(instance, signer, &mut browser).await;
    guarded.until(&withdrawn, 200).await;
    let path = format!("/account/services/{}/withdraw", URL_SAFE_NO_PAD.encode("machine"));
    let answer = browser.send(Method::POST, &path, &headers, "").await;
    assert_eq!(answer.header("location"), "/account/services?done=sharing-stopped", "{answer:?}");
    assert_eq!(guarded.api(&withdrawn).await, 401, "it is told before the person is answered");

    let revoked = token_of(instance, signer, &mut browser).await;
    assert_eq!(guarded.api(&revoked).await, 200, "what is allowed anew is good");
    answered(instance, signer, "/revoke", &format!("token={revoked}")).await;
    assert_eq!(guarded.api(&revoked).await, 401);

    let [of_itself, stays] = [machine_token(instance, signer).await, machine_token(instance, signer).await];
    assert_eq!((guarded.api(&of_itself).await, guarded.api(&stays).await), (200, 200));
    answered(instance, signer, "/revoke", &format!("token={of_itself}")).await;
    assert_eq!((guarded.api(&of_itself).await, guarded.api(&stays).await), (401, 200));

    let locked = token_of(instance, signer, &mut browser).await;
    assert_eq!(guarded.api(&locked).await, 200);
    let answer = browser.send(Method::POST, "/account/lock", &headers, "").await;
    assert!(answer.body.contains("Your account is locked"), "{answer:?}");
    assert_eq!(guarded.api(&locked).await, 401);

    let Guarded { mut instance, signer } = guarded;
    instance.signal("KILL");
    instance.ended().await;
    let (dir, ports) = (instance.dir.clone(), instance.ports);
    let text = std::fs::read_to_string(dir.path().join("aldgate.toml")).expect("a file");
    drop(instance);
    let guarded = Guarded { instance: Instance::start_as(dir, ports, &text).await, signer };
    guarded.until(&stays, 200).await;
    for token in [&withdrawn, &revoked, &of_itself, &locked] {
        assert_eq!(guarded.api(token).await, 401);
    }
    assert_eq!(admin(&guarded.instance, "POST", "/clients/machine/disable", &Value::Null).await.0, 204);
    assert_eq!(guarded.api(&stays).await, 401, "its client is stopped");
}

/// A certificate with its key, and who vouches for it.
struct Shown {
    authority: String,
    own: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Shown {
    fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let own = params.signed_by(&key, &authority).expect("a certificate").der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        Self { authority: authority.pem(), own, key }
    }

    fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.own))
    }
}

/// Posts a form over TLS, with a certificate or without one; gives the status and the JSON of the answer.
async fn posted_over_tls(
    instance: &Instance,
    server: &CertificateDer<'static>,
    shows: Option<&Shown>,
    headers: &str,
    form: &str,
) -> (u16, Value) {
    let mut roots = RootCertStore::empty();
    roots.add(server.clone()).expect("a root");
    let builder = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions().expect("versions").with_root_certificates(roots);
    let client = match shows {
        Some(shown) => builder.with_client_auth_cert(vec![shown.own.clone()], shown.key.clone_key()).expect("a pair"),
        None => builder.with_no_client_auth(),
    };
    let tcp = TcpStream::connect(("127.0.0.1", instance.ports.https)).await.expect("connected");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = TlsConnector::from(Arc::new(client)).connect(name, tcp).await.expect("a handshake");
    let request = format!(
        "POST /token HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n{}: {}\r\n{headers}\
         Content-Length: {}\r\n\r\n{form}",
        instance.ports.https,
        FORM.0,
        FORM.1,
        form.len()
    );
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await; // A peer that closes without a word has said all.
    let answer = String::from_utf8(answer).expect("text");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_client_proves_itself_by_its_certificate_and_its_tokens_are_bound_to_that() {
    let (dir, ports) = (Arc::new(TempDir::new().expect("a directory")), Ports::free());
    let (shown, another) = (Shown::named("machine.example"), Shown::named("machine.example"));
    let wrong = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(path("authorities.pem"), &shown.authority).expect("a file");
    std::fs::write(path("chain.pem"), wrong.cert.pem()).expect("a file");
    std::fs::write(path("key.pem"), wrong.signing_key.serialize_pem()).expect("a file");
    let client = r#"
        [[client]]
        id = "machine"
        name = "Machine"
        profile = "fapi2"
        redirect_uris = ["https://machine.example/cb"]
        scopes = ["openid"]
        vectors = ["P9.Cm"]
        machine_scopes = ["read"]
        tls_client_auth_san_dns = "machine.example"
        tls_client_certificate_bound_access_tokens = true
        "#;
    let edge = format!(
        "[edge]\ncertificate = {:?}\nprivate_key = {:?}\nclient_authorities = {:?}\n",
        path("chain.pem"),
        path("key.pem"),
        path("authorities.pem")
    );
    let text = config(dir.path(), ports, client).replace("[edge]\n", &edge);
    let instance = Instance::start_as(dir.clone(), ports, &text).await;
    published_when(&instance, |keys| keys.len() == 5).await;
    let (server, form) = (wrong.cert.der(), "grant_type=client_credentials&client_id=machine");
    let (status, tokens) = posted_over_tls(&instance, server, Some(&shown), "", form).await;
    assert_eq!(status, 200, "{tokens}");
    let token = tokens["access_token"].as_str().expect("a token");
    let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok()).expect("claims");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(claims["cnf"], json!({"x5t#S256": shown.thumbprint()}));
    let forged = "Aldgate_Certificate-Assertion: x\r\naldgate-client-certificate: sha256=\"x\"\r\n".to_owned();
    for headers in ["", &forged] {
        let (status, refused) = posted_over_tls(&instance, server, None, headers, form).await;
        assert_eq!((status, &refused["error"]), (400, &json!("invalid_client")), "none was shown");
    }
    let said = instance.client().get("/.well-known/openid-configuration").await.json();
    assert_eq!(said["tls_client_certificate_bound_access_tokens"], true);
    // One of another authority is not even believed in the handshake, or is as if none had been shown.
    let by_another = tokio::spawn(async move {
        let (status, _) = posted_over_tls(&instance, wrong.cert.der(), Some(&another), "", form).await;
        status
    });
    assert_ne!(by_another.await.unwrap_or(400), 200);
}
