//! An account that an administrator has disabled: nothing opens it and nothing is given in its name, at once, whatever its
//! owner (or whoever has what opens it) tries, and after a restart too.

use super::*;
use crate::steps::with_phone;
use crate::world::{Ear, PASSWORD};
use aldgate_core::id::{CredentialDigest, SessionId, SingleUse};
use aldgate_core::session::record::SessionRecord;
use aldgate_core::token::family;
use aldgate_core::warm::change::Change;
use aldgate_core::warm::{Opening, PasskeyLogin, Settlement};
use aldgate_core::webauthn::credential::CredentialRecord;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";

/// Where whoever has shown all that opens a disabled account is led.
const DISABLED: &str = "/sign-in/problem?reason=account-disabled&return_to=%2Fdemo%3Fx%3D1";

/// An administrator's request about an account, which is answered with how it stands.
async fn administered(world: &World, account: &AccountId, verb: &str, body: &Value) -> Value {
    let answer = world.administer("POST", &format!("/accounts/{account}/{verb}"), &body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn disable(world: &World, account: &AccountId) -> Value {
    administered(world, account, "disable", &json!({"reason": "fraud", "by": "grace"})).await
}

async fn is_active(world: &World, token: &str) -> bool {
    let assertion = RP.assertion(world);
    let by = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str()), ("token", token)];
    post(world, "/introspect", &form(&by)).await.json()["active"] == true
}

/// What a gateway settles that has verified an assertion of this passkey, as it knew it.
async fn passkey_log_in(world: &World, known: &CredentialRecord, n: u8) -> Settlement {
    let record = SessionRecord {
        account: known.account,
        credential: Some(known.digest),
        ..aldgate_core::testing::world::session_record()
    };
    let login = PasskeyLogin {
        challenge: SingleUse::of(&[n]),
        challenge_expires: world.now().plus(Duration::from_mins(5)),
        credential: known.clone(),
        sign_count: u32::from(n),
        backup_state: false,
        opening: Opening { session: SessionId::from_bytes([n; 16]), record, replaces: None },
        new_browser: None,
    };
    let settled = world.warm.settle(&login).await.expect("warm");
    let opened = world.warm.session(&login.opening.session).await.expect("warm").is_some();
    assert_eq!(opened, settled == Settlement::Settled);
    settled
}

/// What a client has of somebody.
struct Given {
    access: String,
    refresh: String,
    code: String,
}

/// Nothing is given for what a client has, and nobody is let in.
async fn nothing_is_given(world: &World, given: &Given, known: &CredentialRecord, password: &str, n: u8) {
    assert_eq!(userinfo(world, &given.access).await.status, 401);
    assert!(!is_active(world, &given.access).await && !is_active(world, &given.refresh).await);
    assert_eq!(error(&RP.refresh(world, &given.refresh).await), (400, "invalid_grant".into()));
    assert_eq!(error(&RP.redeem(world, &given.code).await), (400, "invalid_grant".into()));
    assert_eq!(passkey_log_in(world, known, n).await, Settlement::AccountDisabled);
    let mut browser = world.browser();
    assert_eq!(browser.sign_in(EMAIL, "a wrong password").await.status, 422, "as with any other account");
    let answer = browser.sign_in(EMAIL, password).await;
    assert_eq!((answer.status, answer.location()), (303, DISABLED), "{answer:?}");
    assert!(browser.session().await.is_none());
    let page = browser.get(DISABLED).await;
    assert!(page.body.contains("Your account has been stopped") && page.body.contains("help desk"), "{}", page.body);
}

#[tokio::test]
async fn a_disabled_account_is_closed_to_everybody_until_it_is_enabled_and_after_a_restart_too() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    assert_eq!(browser.post("/account/password", &[("new_password", PASSWORD)]).await.status, 303);
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let given = Given { access, refresh, code: RP.code(&mut browser, &[]).await };
    assert_eq!(userinfo(&world, &given.access).await.status, 200);
    let digest = CredentialDigest::of(&Authenticator::derived(1, 1).credential_id);
    let known = world.store.credential(&digest).await.expect("read").expect("a passkey");
    let (mut eve, _) = somebody(&world, "eve@example.org", 2).await;
    let of_eve = text(&RP.tokens(&world, &mut eve, &[]).await, "access_token");

    let gate = Arc::new(Ear::default());
    world.warm.follow(gate.clone());
    let told = disable(&world, &account).await;
    assert_eq!((&told["account"], &told["disabled"]["reason"]), (&account.to_string().into(), &"fraud".into()));
    assert_eq!(told["disabled"]["by"], "operator:grace");
    assert!(browser.session().await.is_none(), "everybody is out");
    assert!(!browser.get("/account").await.body.contains(EMAIL));
    let name = text(&verified(&world, &given.access).await, "jti");
    let grant = URL_SAFE_NO_PAD.decode(name).expect("base64url");
    assert!(gate.heard(&Change::TokenRevoked(family::of_grant(grant.first_chunk().expect("a grant")))));
    let now = world.store.credential(&digest).await.expect("read").expect("a passkey");
    assert!(
        now.disabled && gate.heard(&Change::CredentialChanged(Arc::new(now))),
        "each gateway knows of its passkeys"
    );
    nothing_is_given(&world, &given, &known, PASSWORD, 1).await;
    assert_eq!(userinfo(&world, &of_eve).await.status, 200, "nobody else's");

    const ANOTHER: &str = "four other random words";
    world.browser().choose_anew(EMAIL, ANOTHER).await;
    nothing_is_given(&world, &given, &known, ANOTHER, 2).await;

    drop((browser, eve));
    let world = world.restarted(registry(&registrations())).await;
    nothing_is_given(&world, &given, &known, ANOTHER, 3).await;
    let told = disable(&world, &account).await;
    assert_eq!(told["disabled"]["reason"], "fraud", "it was disabled before, and once");

    let told = administered(&world, &account, "enable", &json!({"by": "grace"})).await;
    assert_eq!(told["disabled"], Value::Null);
    let mut browser = world.browser();
    let answer = browser.sign_in(EMAIL, ANOTHER).await;
    assert_eq!((answer.status, answer.location()), (303, "/demo?x=1"));
    assert!(browser.session().await.is_some());
    assert_eq!(passkey_log_in(&world, &known, 4).await, Settlement::Settled);
    assert_eq!(userinfo(&world, &given.access).await.status, 401, "what has ended stays so");
    assert_eq!(error(&RP.refresh(&world, &given.refresh).await), (400, "invalid_grant".into()));
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, 200);
}

#[tokio::test]
async fn a_password_alone_tells_nobody_that_an_account_with_a_second_step_is_disabled() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, "07700 900123").await;
    let session = owner.session().await.expect("a session");
    let account = world.warm.session(&session).await.expect("warm").expect("a record").account;
    disable(&world, &account).await;
    let mut browser = world.browser();
    let answer = browser.sign_in(EMAIL, PASSWORD).await;
    assert_eq!((answer.status, answer.location()), (303, "/sign-in/code"), "as before");
    let right = world.code();
    let wrong = if right == "000000" { "000001" } else { "000000" };
    assert_eq!(browser.post("/sign-in/code", &[("code", wrong)]).await.status, 422);
    let answer = browser.post("/sign-in/code", &[("code", &right), ("remember", "yes")]).await;
    assert_eq!((answer.status, answer.location()), (303, DISABLED));
    assert!(browser.session().await.is_none());
}

#[tokio::test]
async fn an_administrator_finds_an_account_by_what_they_know_and_is_told_what_they_did_wrong() {
    let world = World::new().await;
    let browser = world.with_password(EMAIL).await;
    let session = browser.session().await.expect("a session");
    let account = world.warm.session(&session).await.expect("warm").expect("a record").account;
    let set = world.store.set_person(&account, IdentityLevel::P9, &facts(), Act::own(account, world.now())).await;
    assert_eq!(set, Ok(Verification::Written));
    let find = async |by: Value| world.administer("POST", "/accounts/find", &by.to_string()).await;
    for by in [json!({"email": "ADA@example.org"}), json!({"nhs_number": "943 476 5919"})] {
        let found = find(by).await;
        assert_eq!((found.status, &found.json()["account"]), (200, &account.to_string().into()), "{found:?}");
        assert_eq!((&found.json()["identity"], &found.json()["disabled"]), (&"P9".into(), &Value::Null));
        assert!(!found.body.contains("example.org") && !found.body.contains("9434765919"), "{found:?}");
    }
    let [disabling, enabling] = ["disable", "enable"].map(|verb| format!("/accounts/{account}/{verb}"));
    let (disabling, enabling) = (disabling.as_str(), enabling.as_str());
    for (method, path, body, status, word) in [
        ("POST", "/accounts/find", r#"{"email": "eve@example.org"}"#, 404, "no such account"),
        ("POST", "/accounts/find", r#"{"email": "eve"}"#, 400, "email: "),
        ("POST", "/accounts/find", r#"{"nhs_number": "9434765918"}"#, 400, "nhs_number: "),
        ("POST", "/accounts/find", "{}", 400, ""),
        ("POST", "/accounts/find", "[]", 400, ""),
        ("GET", "/accounts/nobody", "", 404, "no such account"),
        ("POST", disabling, r#"{"by": "grace"}"#, 400, "reason"),
        ("POST", disabling, r#"{"reason": "spite", "by": "grace"}"#, 400, "reason: must be one of"),
        ("POST", disabling, r#"{"reason": "fraud"}"#, 400, "by"),
        ("POST", disabling, r#"{"reason": "fraud", "by": ""}"#, 400, "by: "),
        ("POST", disabling, r#"{"reason": "fraud", "by": "a\nb"}"#, 400, "by: "),
        ("POST", disabling, r#"{"reason": "fraud", "by": "a", "c": 1}"#, 400, "c"),
        ("POST", enabling, "", 400, ""),
        ("POST", "/accounts/AAAAAAAAAAAAAAAAAAAAAA/enable", r#"{"by": "grace"}"#, 404, "no such account"),
    ] {
        let answer = world.administer(method, path, body).await;
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
        assert!(text(&answer.json(), "detail").contains(word), "{path} {body}: {answer:?}");
    }
    assert!(browser.session().await.is_some(), "nothing was done");
}
