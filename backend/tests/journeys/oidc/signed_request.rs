//! Requests that their clients have signed (JAR, RFC 9101), at `/authorize` and pushed: what stands beside an object counts
//! for nothing, and nobody is led anywhere by one that is not good.

use super::profiles::{ES256, bank, of_profile, posted, pushed_fields, with};
use super::*;
use crate::world::PASSWORD;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";

/// The members of an object with a service's parameters, some of them set otherwise.
fn members(world: &World, service: Service, changes: &[(&str, &str)]) -> Value {
    let now = world.now().as_secs();
    let id = JWT_IDS.fetch_add(1, Ordering::SeqCst).to_string();
    let mut claims = json!({"iss": service.0, "aud": ISSUER, "nbf": now, "exp": now + 300, "jti": id});
    for (name, value) in service.parameters(changes) {
        claims[name] = value.into();
    }
    claims
}

fn object(world: &World, service: Service, changes: &[(&str, &str)]) -> String {
    signed(&members(world, service, changes))
}

/// The address of a request with an object, which needs no escaping, and with other parameters beside it.
fn address(client: &str, object: &str, beside: &[(&str, &str)]) -> String {
    let beside: Vec<_> = [("client_id", client)].iter().chain(beside).copied().collect();
    format!("/authorize?request={object}&{}", form(&beside))
}

/// Nobody was redirected: a page says that the service made a mistake.
fn is_told(answer: &Answer, why: &str) {
    assert_eq!((answer.status, answer.location()), (400, ""), "{answer:?}");
    assert!(answer.body.contains("There is a problem with the service"), "{}", answer.body);
    assert!(answer.body.contains(why), "{why}: {}", answer.body);
}

#[tokio::test]
async fn what_is_signed_is_the_request_and_what_is_beside_it_is_not() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let beside = [
        ("redirect_uri", "https://rp.example/other"),
        ("scope", "openid phone landline"),
        ("state", "another state"),
        ("nonce", "another nonce"),
        ("response_type", "token"),
        ("prompt", "none"),
        ("vtr", r#"["P9.Cm"]"#),
        ("registration", "{}"),
    ];
    let text = object(&world, RP, &[("scope", "openid email")]);
    let page = browser.get(&address("rp", &text, &beside)).await;
    assert!(page.body.contains("your email address") && !page.body.contains("phone"), "{}", page.body);
    let answer = agree(&mut browser, &page).await;
    assert!(answer.location().starts_with("https://rp.example/cb?code="), "{}", answer.location());
    let given = query_of(answer.location());
    assert_eq!((given["state"].as_str(), given["iss"].as_str()), ("the state", ISSUER));
    let tokens = RP.redeem(&world, &given["code"]).await.json();
    assert_eq!(tokens["scope"], "openid email");
    assert_eq!(verified(&world, &super::text(&tokens, "id_token")).await["nonce"], "the nonce");
    // What is not inside was not asked for.
    let text = object(&world, RP, &[("state", "")]);
    let refused = browser.get(&address("rp", &text, &[("state", "beside")])).await;
    let told = query_of(refused.location());
    assert_eq!((told["error"].as_str(), told.get("state")), ("invalid_request", None));
    let text = object(&world, RP, &[("redirect_uri", "")]);
    is_told(&browser.get(&address("rp", &text, &[("redirect_uri", "https://rp.example/cb")])).await, "redirect_uri");
}

#[tokio::test]
async fn a_signed_request_may_be_posted_and_waits_for_a_sign_in() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let text = object(&world, RP, &[]);
    let body = form(&[("client_id", "rp"), ("request", &text)]);
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://rp.example")];
    let answer = send(&world, "POST", "/authorize", &headers, &body).await;
    assert!(answer.location().starts_with("/authorize/resume?request="), "{answer:?}");
    let page = browser.get(answer.location()).await;
    assert!(query_of(agree(&mut browser, &page).await.location()).contains_key("code"));
}

/// The address in a bad object is an attacker's to choose, and so is the one beside it.
#[tokio::test]
async fn nobody_is_led_anywhere_by_an_object_that_is_not_good() {
    let world = with(&[registration("rp"), of_profile("bank", "cross-government", &["Cl.Cm"])]).await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let good = members(&world, RP, &[]);
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signed(&claims)
    };
    let unsigned = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
        URL_SAFE_NO_PAD.encode(changed_payload(&good, "redirect_uri", "https://evil.example/"))
    );
    let others = ES256.sign(r#"{"alg":"ES256","kid":"e1"}"#, good.to_string());
    let beside = [("redirect_uri", "https://rp.example/cb"), ("response_type", "code"), ("state", "s")];
    for (text, why) in [
        (unsigned, "signed JWT"),
        (others, "algorithm"),
        (format!("{}x", signed(&good)), "request"),
        (changed("client_id", json!("bank")), "iss and client_id"),
        (changed("iss", json!("bank")), "iss and client_id"),
        (changed("aud", json!("https://other.example")), "aud"),
        (changed("exp", json!(world.now().as_secs())), "exp"),
        (changed("exp", Value::Null), "exp"),
        (changed("sub", json!("rp")), "sub"),
        (changed("request", json!("x.y.z")), "must not contain"),
        (changed("request_uri", json!("https://rp.example/r")), "must not contain"),
        (changed("redirect_uri", json!("https://evil.example/cb")), "redirect_uri"),
        (changed("redirect_uri", json!("https://bank.example/cb")), "redirect_uri"),
        (changed("state", json!("x".repeat(8_192))), "8192"),
    ] {
        is_told(&browser.get(&address("rp", &text, &beside)).await, why);
    }
    let mixed = browser.get(&address("bank", &signed(&good), &beside)).await;
    is_told(&mixed, "no key of this client");
    is_told(&browser.get(&address("nobody", &signed(&good), &beside)).await, "client_id");
    let both = [("request_uri", "urn:ietf:params:oauth:request_uri:x")];
    is_told(&browser.get(&address("rp", &signed(&good), &both)).await, "cannot be used together");
}

fn changed_payload(claims: &Value, name: &str, value: &str) -> String {
    let mut claims = claims.clone();
    claims[name] = value.into();
    claims.to_string()
}

#[tokio::test]
async fn an_object_with_a_name_makes_one_code() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let text = object(&world, RP, &[]);
    let at = address("rp", &text, &[]);
    let page = browser.get(&at).await;
    assert_eq!(browser.get(&at).await.status, 200, "until then it may be opened again");
    assert!(query_of(agree(&mut browser, &page).await.location()).contains_key("code"));
    let replayed = query_of(browser.get(&at).await.location());
    assert_eq!((replayed["error"].as_str(), replayed["state"].as_str()), ("invalid_request_object", "the state"));
    // A second one of the same name is the same one, whatever else it says.
    let mut other = members(&world, RP, &[("state", "other")]);
    other["jti"] = serde_json::from_slice::<Value>(
        &URL_SAFE_NO_PAD.decode(text.split('.').nth(1).expect("a payload")).expect("base64url"),
    )
    .expect("JSON")["jti"]
        .clone();
    let again = query_of(browser.get(&address("rp", &signed(&other), &[])).await.location());
    assert_eq!(again["error"], "invalid_request_object");
    let mut nameless = members(&world, RP, &[]);
    nameless.as_object_mut().expect("an object").remove("jti");
    let at = address("rp", &signed(&nameless), &[]);
    for _ in 0..2 {
        assert!(query_of(browser.get(&at).await.location()).contains_key("code"));
    }
}

/// Opened twice, agreed to in both tabs at once: one code.
#[tokio::test]
async fn of_two_tabs_with_one_object_one_gets_a_code() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    RP.code(&mut browser, &[]).await;
    let text = object(&world, RP, &[]);
    let at = address("rp", &text, &[]);
    let mut other = browser.clone();
    let (one, two) = tokio::join!(browser.get(&at), other.get(&at));
    let codes = [one, two].iter().filter(|answer| query_of(answer.location()).contains_key("code")).count();
    assert_eq!(codes, 1);
}

#[tokio::test]
async fn who_must_sign_must_sign_everywhere_and_by_the_algorithm_that_is_registered() {
    let rp = Registration {
        require_signed_request_object: true,
        request_object_signing_alg: Some("RS512".into()),
        ..registration("rp")
    };
    let strict = Registration { require_signed_request_object: true, ..of_profile("bank", "fapi2", &["P0.Cm"]) };
    let world = with(&[rp, strict]).await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let plain = query_of(browser.get(&RP.request(&[])).await.location());
    assert_eq!((plain["error"].as_str(), plain["state"].as_str()), ("invalid_request", "the state"));
    assert_eq!(browser.get(&address("rp", &object(&world, RP, &[]), &[])).await.status, 200);
    let fields = pushed_fields("https://bank.example/cb");
    assert_eq!(error(&posted(&world, "bank", "/par", &fields, None).await), (400, "invalid_request".into()));
    let pushed = posted(&world, "bank", "/par", &[("request", &pushed_object(&world, &json!({})))], None).await;
    assert_eq!(pushed.status, 201, "{pushed:?}");
}

/// An object that the bank pushes, with other members; null leaves one out.
fn pushed_object(world: &World, changes: &Value) -> String {
    let now = world.now().as_secs();
    let id = JWT_IDS.fetch_add(1, Ordering::SeqCst).to_string();
    let mut claims = json!({"iss": "bank", "aud": ISSUER, "nbf": now, "exp": now + 300, "jti": id});
    for (name, value) in pushed_fields("https://bank.example/cb") {
        claims[name] = value.into();
    }
    changes.as_object().expect("an object").iter().for_each(|(name, value)| claims[name] = value.clone());
    claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    ES256.sign(r#"{"alg":"ES256","kid":"e1"}"#, claims.to_string())
}

#[tokio::test]
async fn a_signed_request_is_pushed_once_and_opened_by_its_reference_alone() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let text = pushed_object(&world, &json!({}));
    let beside = [("request", text.as_str()), ("scope", "openid phone"), ("redirect_uri", "https://evil.example/")];
    let pushed = posted(&world, "bank", "/par", &beside, None).await;
    assert_eq!(pushed.status, 201, "{pushed:?}");
    let uri = super::text(&pushed.json(), "request_uri");
    let page = browser.get(&format!("/authorize?{}", form(&[("client_id", "bank"), ("request_uri", &uri)]))).await;
    assert!(page.body.contains("your email address") && !page.body.contains("phone"), "{}", page.body);
    let answer = agree(&mut browser, &page).await;
    assert!(answer.location().starts_with("https://bank.example/cb?code="), "{answer:?}");
    let again = posted(&world, "bank", "/par", &beside, None).await;
    assert_eq!(error(&again), (400, "invalid_request_object".into()), "pushed twice");
    let other = pushed_object(&world, &json!({}));
    let direct = query_of(browser.get(&address("bank", &other, &[])).await.location());
    assert_eq!(direct["error"], "invalid_request", "fapi2 pushes its requests, signed or not");
}

#[tokio::test]
async fn what_is_wrong_with_a_pushed_object_is_told_to_the_client_itself() {
    let world = bank().await;
    let now = world.now().as_secs();
    for (what, changes) in [
        ("no exp", json!({"exp": null})),
        ("no nbf", json!({"nbf": null})),
        ("over", json!({"exp": now - 1})),
        ("an exp more than 60 minutes ahead", json!({"exp": now + 4_200})),
        ("an nbf more than 60 minutes ago", json!({"nbf": now - 4_200})),
        ("an nbf far ahead", json!({"nbf": now + 60})),
        ("another server's", json!({"aud": "https://other.example"})),
        ("another client's", json!({"client_id": "shop"})),
        ("another issuer's", json!({"iss": "shop"})),
        ("one in one", json!({"request": "x.y.z"})),
        ("a reference in one", json!({"request_uri": "urn:x"})),
    ] {
        let answer = posted(&world, "bank", "/par", &[("request", &pushed_object(&world, &changes))], None).await;
        assert_eq!(error(&answer), (400, "invalid_request_object".into()), "{what}");
    }
    let claims = pushed_object(&world, &json!({}));
    let payload = claims.split('.').nth(1).expect("a payload");
    let unsigned = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
    let weak = Signer::new("RS256", "e1").sign(r#"{"alg":"RS256","kid":"e1"}"#, "{}");
    let thief = Signer::new("ES256", "e1");
    let forged = thief.sign(r#"{"alg":"ES256","kid":"e1"}"#, URL_SAFE_NO_PAD.decode(payload).expect("base64url"));
    for text in [unsigned, weak, forged, format!("{claims}A"), "x".into()] {
        let answer = posted(&world, "bank", "/par", &[("request", &text)], None).await;
        assert_eq!(error(&answer), (400, "invalid_request_object".into()), "{text}");
    }
    for good in [json!({"aud": [ISSUER, "https://other.example"]}), json!({"nbf": now + 8})] {
        let answer = posted(&world, "bank", "/par", &[("request", &pushed_object(&world, &good))], None).await;
        assert_eq!(answer.status, 201, "{good}");
    }
    let inside = [("request_uri", "urn:x"), ("request", &claims)];
    assert_eq!(error(&posted(&world, "bank", "/par", &inside, None).await), (400, "invalid_request".into()));
}

/// GOV.UK One Login's re-authentication: `prompt=login` with an `id_token_hint`, in an object.
#[tokio::test]
async fn who_signs_in_again_must_be_whom_the_hint_is_about() {
    let department = |id| of_profile(id, "cross-government", &["Cl"]);
    let world = with(&[department("tax"), department("cars")]).await;
    let mut ada = world.with_password(EMAIL).await;
    let mut eve = world.with_password("eve@example.org").await;
    let (tax, vtr) = (Service("tax"), r#"["Cl"]"#);
    let code = tax.code(&mut ada, &[("scope", "openid email"), ("vtr", vtr)]).await;
    let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", "https://tax.example/cb")];
    let hint = super::text(&posted(&world, "tax", "/token", &fields, None).await.json(), "id_token");
    let ask = |id: &'static str, hint: &str, prompt: &str| {
        let changes = [("scope", "openid email"), ("vtr", vtr), ("prompt", prompt), ("id_token_hint", hint)];
        let claims = members(&world, Service(id), &changes);
        address(id, &ES256.sign(r#"{"alg":"ES256","kid":"e1"}"#, claims.to_string()), &[])
    };
    let error = |answer: &Answer| query_of(answer.location()).get("error").cloned();
    let waiting = |answer: &Answer| {
        assert!(answer.location().starts_with("/sign-in?"), "{answer:?}");
        let (_, rest) = answer.location().split_once("return_to=").expect("a path");
        unescaped(rest.split('&').next().expect("a value"))
    };
    // The hint itself has ended long before.
    world.after(Duration::from_mins(20));
    let (hers, others) = {
        let at = ask("tax", &hint, "login");
        (waiting(&ada.get(&at).await), waiting(&eve.get(&at).await))
    };
    world.after(Duration::from_secs(5));
    ada.sign_in(EMAIL, PASSWORD).await;
    assert!(query_of(ada.get(&hers).await.location()).contains_key("code"));
    eve.sign_in("eve@example.org", PASSWORD).await;
    assert_eq!(error(&eve.get(&others).await).as_deref(), Some("login_required"), "somebody else has signed in");
    // Without a page, nobody else's log-in will do; hers does.
    assert_eq!(error(&eve.get(&ask("tax", &hint, "none")).await).as_deref(), Some("login_required"));
    assert!(query_of(ada.get(&ask("tax", &hint, "none")).await.location()).contains_key("code"));
    // What is no ID token of this client's is none.
    let cut = &hint[..hint.len() - 8];
    for (id, bad) in [("cars", hint.as_str()), ("tax", "x.y.z"), ("tax", cut)] {
        assert_eq!(error(&ada.get(&ask(id, bad, "login")).await).as_deref(), Some("invalid_request"), "{id}");
    }
    // Outside an object it is passed over.
    let beside = [("scope", "openid email"), ("vtr", vtr), ("id_token_hint", &hint), ("prompt", "none")];
    assert_eq!(error(&eve.get(&tax.request(&beside)).await).as_deref(), Some("consent_required"));
}

#[tokio::test]
async fn the_language_of_a_signed_or_pushed_request_is_the_one_inside() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let welsh = "<h1>Rhannu eich gwybodaeth</h1>";
    let text = pushed_object(&world, &json!({"ui_locales": "cy"}));
    let pushed = posted(&world, "bank", "/par", &[("request", text.as_str()), ("ui_locales", "en")], None).await;
    let uri = super::text(&pushed.json(), "request_uri");
    let beside = form(&[("client_id", "bank"), ("request_uri", &uri), ("ui_locales", "en")]);
    let page = browser.get(&format!("/authorize?{beside}")).await;
    assert!(page.body.contains(welsh) && page.header("content-language") == "cy", "{page:?}");
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let inside = object(&world, RP, &[("ui_locales", "cy")]);
    assert!(browser.get(&address("rp", &inside, &[("ui_locales", "en")])).await.body.contains(welsh));
    browser.get("/language/en").await;
    let nothing = object(&world, RP, &[]);
    let page = browser.get(&address("rp", &nothing, &[("ui_locales", "cy")])).await;
    assert!(page.body.contains("<h1>Share your information</h1>"), "{}", page.body);
}
