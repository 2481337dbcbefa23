//! What an operator does with the OpenID provider while it runs: its keys by the command line, its clients by the
//! administrators' socket, and a client that registers itself through the gate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::testing::token_issuer::{Signer, key_set};
use hyper::Method;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::administrator::admin;
use support::instance::Instance;

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
    let first = published_when(&instance, |keys| keys.len() == 4).await;
    let listed = oidc_keys(&instance, &["list"]);
    for (algorithm, key_id) in &first {
        let line = listed.lines().find(|line| line.contains(key_id.as_str())).expect("a line");
        assert!(line.starts_with(algorithm.as_str()) && line.contains("signs since"), "{line}");
    }
    let said = oidc_keys(&instance, &["rotate", "EdDSA"]);
    assert!(said.starts_with("EdDSA: a new key signs from"), "{said}");
    assert!(oidc_keys(&instance, &["rotate", "EdDSA"]).contains("was announced before"));
    let announced = published_when(&instance, |keys| keys.len() == 5).await;
    assert!(first.iter().all(|key| announced.contains(key)), "every key before stays");
    oidc_keys(&instance, &["rotate", "--compromised", "ES256"]);
    let of = |keys: &[(String, String)]| keys.iter().find(|key| key.0 == "ES256").cloned();
    let replaced = published_when(&instance, |keys| of(keys) != of(&first)).await;
    assert_eq!(replaced.len(), 5, "the old one is gone, a new one is there: {replaced:?}");
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
    let doubled = program.send(Method::PUT, &address, &headers, r#"{"a":1,"a":2}"#).await;
    assert_eq!(doubled.status, 400, "{doubled:?}");
    assert_eq!(program.send(Method::DELETE, &address, &headers, "").await.status, 204);
    assert_eq!(program.send(Method::GET, &address, &headers, "").await.status, 401);
}
