//! What a person does at a whole Aldgate: registers, signs in.

use super::http::{Answer, Client};
use super::instance::Instance;
use aldgate_core::testing::authenticator::Authenticator;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;
use tokio::time::Instant;

/// Registers an account with a passkey of a software authenticator, as a browser would: pages, code, ceremony.
pub async fn register(instance: &Instance, client: &mut Client, email: &str, user: u64) -> Authenticator {
    let mut authenticator = Authenticator::derived(1, user);
    let origin = client.origin();
    let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", origin.as_str())];
    let post = hyper::Method::POST;
    let sent = client.send(post.clone(), "/register", &form, &format!("email={}", email.replace('@', "%40"))).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let message = instance.message_to(email).expect("a message");
    let code = message.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 6).expect("a code");
    let proven = client.send(post.clone(), "/register/code", &form, &format!("code={code}")).await;
    assert_eq!(proven.header("location"), "/register/method", "{proven:?}");
    let json = [("content-type", "application/json"), ("origin", origin.as_str())];
    let options = client.send(post.clone(), "/passkey/register/options", &json, "{}").await;
    assert_eq!(options.status, 200, "{options:?}");
    let options = options.json();
    let challenge = options["challenge"].as_str().expect("a challenge");
    let client_data = Authenticator::client_data("webauthn.create", challenge, &origin);
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let body = serde_json::json!({
        "id": text(&authenticator.credential_id), "rawId": text(&authenticator.credential_id), "type": "public-key",
        "clientExtensionResults": {}, "authenticatorAttachment": "platform",
        "response": {
            "clientDataJSON": text(client_data.as_bytes()),
            "attestationObject": text(&authenticator.attestation_object("localhost", 0x05)),
            "transports": ["internal"],
        },
    });
    let registered = client.send(post, "/passkey/register", &json, &body.to_string()).await;
    assert_eq!(registered.status, 200, "{registered:?} {}", instance.errors());
    let handle = URL_SAFE_NO_PAD.decode(options["user"]["id"].as_str().expect("a handle")).expect("base64url");
    authenticator.account = aldgate_core::id::AccountId::from_slice(&handle).expect("16 bytes");
    authenticator
}

/// Logs in with a passkey; true if it was acknowledged.
pub async fn log_in(client: &mut Client, authenticator: &Authenticator) -> bool {
    let origin = client.origin();
    let json = [("content-type", "application/json")];
    let post = hyper::Method::POST;
    let Ok(options) = client.try_send(post.clone(), "/passkey/login/options", &json, "{}".into()).await else {
        return false;
    };
    let challenge = options.json()["challenge"].as_str().expect("a challenge").to_owned();
    let body = authenticator.login_body("localhost", &origin, &challenge);
    let answer = client.try_send(post, "/passkey/login", &json, body.into()).await;
    answer.is_ok_and(|answer| answer.status == 200)
}

/// Logs in with a passkey; gives the answer to the second of the two requests, and how long it took.
pub async fn attempt(client: &mut Client, authenticator: &Authenticator) -> (Answer, Duration) {
    let json = [("content-type", "application/json")];
    let options = client.send(hyper::Method::POST, "/passkey/login/options", &json, "{}").await;
    let challenge = options.json()["challenge"].as_str().expect("a challenge").to_owned();
    let body = authenticator.login_body("localhost", &client.origin(), &challenge);
    let begun = Instant::now();
    let answer = client.send(hyper::Method::POST, "/passkey/login", &json, &body).await;
    (answer, begun.elapsed())
}
