//! What the OpenID Foundation's list for the FAPI 2.0 Security Profile asks for, beyond what [`super::profiles`] shows: what
//! a client may leave out or write otherwise, and to which key a code is bound.

use super::profiles::{CHALLENGE, DPOP, ES256, VERIFIER, bank, code, posted, pushed_fields, redeem};
use super::*;
use aldgate_backend::store::audit::Act;
use std::collections::BTreeMap;

const EMAIL: &str = "ada@example.org";
const CALLBACK: &str = "https://bank.example/cb";

/// A good request with other parameters; an empty value leaves one out.
fn fields<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = pushed_fields(CALLBACK);
    fields.retain(|(name, _)| !changes.iter().any(|(other, _)| other == name));
    fields.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    fields
}

/// A proof for `POST`, made so many seconds from now, with more claims.
fn proof(world: &World, signer: &Signer, path: &str, secs: i64, more: &[(&str, Value)]) -> String {
    let made = world.now().as_secs().saturating_add_signed(secs);
    let name = JWT_IDS.fetch_add(1, Ordering::SeqCst).to_string();
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": signer.public()});
    let mut claims = json!({"jti": name, "htm": "POST", "htu": format!("{ISSUER}{path}"), "iat": made});
    more.iter().for_each(|(name, value)| claims[*name] = value.clone());
    signer.sign(header.to_string(), claims.to_string())
}

/// Where a request that is pushed leads, with more in the browser's address.
async fn led(
    world: &World,
    browser: &mut Browser<'_>,
    changes: &[(&str, &str)],
    proof: Option<&str>,
    more: &[(&str, &str)],
) -> Answer {
    let answer = posted(world, "bank", "/par", &fields(changes), proof).await;
    assert_eq!(answer.status, 201, "{changes:?}: {answer:?}");
    let uri = text(&answer.json(), "request_uri");
    let named = [("client_id", "bank"), ("request_uri", uri.as_str())];
    browser.get(&format!("/authorize?{}", form(&[&named[..], more].concat()))).await
}

/// What the client is told in the end by somebody who agrees.
async fn given(
    world: &World,
    browser: &mut Browser<'_>,
    changes: &[(&str, &str)],
    proof: Option<&str>,
    more: &[(&str, &str)],
) -> BTreeMap<String, String> {
    let answer = led(world, browser, changes, proof, more).await;
    let answer = if answer.status == 200 { agree(browser, &answer).await } else { answer };
    query_of(answer.location())
}

#[tokio::test]
async fn a_client_may_have_its_person_asked_again() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    assert!(given(&world, &mut browser, &[], None, &[]).await.contains_key("code"));
    world.after(std::time::Duration::from_secs(5));
    assert_eq!(led(&world, &mut browser, &[], None, &[]).await.status, 303, "allowed once for all");
    let asked = led(&world, &mut browser, &[("prompt", "consent")], None, &[]).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    assert!(query_of(agree(&mut browser, &asked).await.location()).contains_key("code"));
    for prompt in ["login consent", "select_account"] {
        let led = led(&world, &mut browser, &[("prompt", prompt)], None, &[]).await;
        assert!(led.location().starts_with("/sign-in?"), "{prompt}: {led:?}");
    }
    for bad in ["none consent", "create", "Consent"] {
        let refused = posted(&world, "bank", "/par", &fields(&[("prompt", bad)]), None).await;
        assert_eq!(error(&refused), (400, "invalid_request".into()), "{bad}");
    }
}

/// A client that knows OpenID Connect alone sends none: NHS login's default, P9, would be nothing that it is registered for.
#[tokio::test]
async fn without_vtr_a_client_that_is_registered_for_no_part_of_the_default_means_what_it_is_registered_for() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    assert!(given(&world, &mut browser, &[("vtr", "")], None, &[]).await.contains_key("code"));
    let both = super::profiles::with(&[super::profiles::of_profile("bank", "fapi2", &["P0.Cm", "P9.Cm"])]).await;
    let refused = posted(&both, "bank", "/par", &fields(&[("vtr", "")]), None).await;
    assert_eq!(error(&refused), (400, "invalid_request".into()), "P9 was meant, and not all of it may be asked for");
}

#[tokio::test]
async fn what_may_be_left_out_may_be_and_what_comes_beside_the_pushed_request_counts_for_nothing() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let silent = given(&world, &mut browser, &[("state", "")], None, &[]).await;
    assert!(silent.contains_key("code") && !silent.contains_key("state"), "{silent:?}");
    let beside = [("state", "another"), ("nonce", "another"), ("scope", "openid profile")];
    let other = given(&world, &mut browser, &[("state", ""), ("nonce", "mine")], None, &beside).await;
    assert!(!other.contains_key("state"), "{other:?}");
    let tokens = redeem(&world, &other["code"], Some(&proof(&world, &DPOP, "/token", 0, &[]))).await.json();
    assert_eq!(tokens["scope"], "openid email");
    assert_eq!(verified(&world, &text(&tokens, "id_token")).await["nonce"], "mine");
}

#[tokio::test]
async fn a_long_nonce_and_state_come_back_whole_and_too_long_ones_are_refused() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    for length in [64, 384, 512] {
        let long = "n".repeat(length);
        let given = given(&world, &mut browser, &[("state", &long), ("nonce", &long)], None, &[]).await;
        assert_eq!(given["state"], long);
        let tokens = redeem(&world, &given["code"], Some(&proof(&world, &DPOP, "/token", 0, &[]))).await.json();
        assert_eq!(verified(&world, &text(&tokens, "id_token")).await["nonce"], long);
    }
    for name in ["state", "nonce"] {
        let answer = posted(&world, "bank", "/par", &fields(&[(name, &"n".repeat(513))]), None).await;
        assert_eq!(error(&answer), (400, "invalid_request".into()), "{name}");
    }
}

#[tokio::test]
async fn the_order_of_scopes_and_the_letters_of_the_scheme_do_not_matter() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let given = given(&world, &mut browser, &[("scope", "email openid")], None, &[]).await;
    let tokens = redeem(&world, &given["code"], Some(&proof(&world, &DPOP, "/token", 0, &[]))).await.json();
    let token = text(&tokens, "access_token");
    for (at, scheme) in ["DPoP", "dpop", "DPOP", "dPoP"].into_iter().enumerate() {
        let proof = DPOP.proof("GET", &format!("{ISSUER}/userinfo"), &token, &at.to_string(), world.now());
        let shown = format!("{scheme} {token}");
        let told = send(&world, "GET", "/userinfo", &[("authorization", &shown), ("dpop", &proof)], "").await;
        assert_eq!((told.status, told.json()["email"].as_str()), (200, Some(EMAIL)), "{scheme}");
    }
}

#[tokio::test]
async fn a_no_is_told_to_the_client_with_its_state() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let page = led(&world, &mut browser, &[], None, &[]).await;
    let refused = query_of(decide(&mut browser, &page, "refuse").await.location());
    assert_eq!((refused["error"].as_str(), refused["state"].as_str()), ("access_denied", "s"), "{refused:?}");
}

#[tokio::test]
async fn a_proof_may_be_ten_seconds_early_or_late_and_say_more() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let now = world.now().as_secs();
    let more = [("nbf", json!(now)), ("exp", json!(now + 60))];
    for (secs, more) in [(0, &more[..]), (-10, &[]), (10, &[])] {
        let at_par = proof(&world, &DPOP, "/par", secs, more);
        let given = given(&world, &mut browser, &[], Some(&at_par), &[]).await;
        let at_token = proof(&world, &DPOP, "/token", secs, more);
        assert_eq!(redeem(&world, &given["code"], Some(&at_token)).await.status, 200, "{secs} {more:?}");
    }
    for secs in [-11, 11] {
        let bad = proof(&world, &DPOP, "/par", secs, &[]);
        let answer = posted(&world, "bank", "/par", &fields(&[]), Some(&bad)).await;
        assert_eq!(error(&answer), (400, "invalid_dpop_proof".into()), "{secs}");
    }
}

#[tokio::test]
async fn a_thumbprint_that_is_pushed_binds_the_code_and_must_be_the_proofs() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let (own, thief) = (DPOP.thumbprint(), Signer::new("ES256", "t"));
    let mismatched = proof(&world, &thief, "/par", 0, &[]);
    let answer = posted(&world, "bank", "/par", &fields(&[("dpop_jkt", &own)]), Some(&mismatched)).await;
    assert_eq!(error(&answer), (400, "invalid_request".into()));
    let matching = proof(&world, &DPOP, "/par", 0, &[]);
    for at_par in [Some(matching.as_str()), None] {
        let given = given(&world, &mut browser, &[("dpop_jkt", &own)], at_par, &[]).await;
        let stolen = redeem(&world, &given["code"], Some(&proof(&world, &thief, "/token", 0, &[]))).await;
        assert_eq!(error(&stolen), (400, "invalid_grant".into()));
        let redeemed = redeem(&world, &given["code"], Some(&proof(&world, &DPOP, "/token", 0, &[]))).await;
        assert_eq!(redeemed.status, 200, "{redeemed:?}");
    }
}

#[tokio::test]
async fn a_code_is_its_clients_with_its_verifier_and_once() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let code = code(&world, &mut browser).await;
    let shown = async |client: &str, more: &[(&str, &str)]| {
        let grant = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
        let proof = proof(&world, &DPOP, "/token", 0, &[]);
        posted(&world, client, "/token", &[&grant[..], more].concat(), Some(&proof)).await
    };
    let verifier = [("code_verifier", VERIFIER)];
    assert_eq!(error(&shown("shop", &verifier).await), (400, "invalid_grant".into()), "another client");
    assert_eq!(error(&shown("bank", &[]).await), (400, "invalid_grant".into()), "no verifier");
    let wrong = [("code_verifier", CHALLENGE)];
    assert_eq!(error(&shown("bank", &wrong).await), (400, "invalid_grant".into()), "another verifier");
    let named = [verifier[0], ("client_id", "shop")];
    assert_eq!(error(&shown("bank", &named).await), (400, "invalid_client".into()), "another client's name");
    let unproven = [verifier[0], ("client_assertion", "")];
    assert_eq!(error(&shown("bank", &unproven).await), (400, "invalid_client".into()), "no assertion");
    assert_eq!(shown("bank", &verifier).await.status, 200);
    world.after(std::time::Duration::from_secs(1));
    assert_eq!(error(&shown("bank", &verifier).await), (400, "invalid_grant".into()), "a second use");
}

#[tokio::test]
async fn what_is_pushed_has_an_address_a_code_and_no_token() {
    let world = bank().await;
    for (changes, code) in [
        ([("redirect_uri", "")], "invalid_request"),
        ([("response_type", "")], "invalid_request"),
        ([("response_type", "token")], "unsupported_response_type"),
        ([("request", "a.b.c")], "invalid_request_object"),
    ] {
        let answer = posted(&world, "bank", "/par", &fields(&changes), None).await;
        assert_eq!(error(&answer), (400, code.into()), "{changes:?}");
    }
    let by_rs256 = Signer::new("RS256", "e1");
    let claims = json!({"iss": "bank", "sub": "bank", "aud": ISSUER, "exp": world.now().as_secs() + 60, "jti": "r"});
    let signed = by_rs256.sign(json!({"alg": "RS256", "kid": "e1"}).to_string(), claims.to_string());
    let answer = posted(&world, "bank", "/par", &fields(&[("client_assertion", &signed)]), None).await;
    assert_eq!(error(&answer), (400, "invalid_client".into()));
    let mut nameless = claims;
    nameless.as_object_mut().expect("an object").remove("sub");
    let signed = ES256.sign(json!({"alg": "ES256", "kid": "e1"}).to_string(), nameless.to_string());
    let answer = posted(&world, "bank", "/par", &fields(&[("client_assertion", &signed)]), None).await;
    assert_eq!(error(&answer), (400, "invalid_client".into()));
}

/// FAPI 2.0 Security Profile, section 5.3.2.1: no rotation. An answer that is lost costs a client nothing.
#[tokio::test]
async fn a_refresh_token_is_given_back_as_it_is_and_ends_with_its_grant() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let given = async |browser: &mut Browser<'_>| {
        let code = code(&world, browser).await;
        redeem(&world, &code, Some(&proof(&world, &DPOP, "/token", 0, &[]))).await.json()
    };
    let refreshed = async |token: &str, scope: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        let proof = proof(&world, &DPOP, "/token", 0, &[]);
        posted(&world, "bank", "/token", &fields, Some(&proof)).await
    };
    let first = text(&given(&mut browser).await, "refresh_token");
    for scope in ["", "openid", "openid email"] {
        let answer = refreshed(&first, scope).await;
        assert_eq!((answer.status, &answer.json()["refresh_token"]), (200, &json!(first)), "{scope}: {answer:?}");
    }
    let invalid = (400, "invalid_grant".to_owned());
    let told = posted(&world, "bank", "/revoke", &[("token", first.as_str())], None).await;
    assert_eq!((told.status, error(&refreshed(&first, "").await)), (200, invalid.clone()));
    let second = text(&given(&mut browser).await, "refresh_token");
    world.after(std::time::Duration::from_hours(30 * 24 - 1));
    assert_eq!(refreshed(&second, "").await.status, 200);
    world.after(std::time::Duration::from_hours(1));
    assert_eq!(error(&refreshed(&second, "").await), invalid.clone(), "no use of it makes it live longer");
    let (mut browser, eve) = somebody(&world, "eve@example.org", 2).await;
    let third = text(&given(&mut browser).await, "refresh_token");
    assert_eq!(refreshed(&third, "").await.status, 200);
    let act = Act::own(eve, world.now());
    assert_eq!(world.store.withdraw_consent(&eve, "bank", act).await, Ok(true));
    assert_eq!(error(&refreshed(&third, "").await), invalid);
}

#[tokio::test]
async fn a_token_that_is_shown_with_a_proof_is_refused_in_the_same_scheme() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let code = code(&world, &mut browser).await;
    let tokens = redeem(&world, &code, Some(&proof(&world, &DPOP, "/token", 0, &[]))).await.json();
    let token = text(&tokens, "access_token");
    let refused = async |method: &str, scheme: &str, proof: Option<&str>| {
        let shown = format!("{scheme} {token}");
        let mut headers = vec![("authorization", shown.as_str())];
        headers.extend(proof.map(|proof| ("dpop", proof)));
        let answer = send(&world, method, "/userinfo", &headers, r#"{"client_user_metadata":"x"}"#).await;
        (answer.status, answer.header("www-authenticate").to_owned())
    };
    let algs = r#"algs="ES256 ES384 EdDSA PS256""#;
    let invalid = (401, format!(r#"DPoP error="invalid_token", {algs}"#));
    let bad_proof = (401, format!(r#"DPoP error="invalid_dpop_proof", {algs}"#));
    for method in ["GET", "POST", "PATCH"] {
        assert_eq!(refused(method, "DPoP", Some("x")).await, bad_proof, "{method}");
        assert_eq!(refused(method, "dpop", None).await, invalid, "{method} without a proof");
        let bearer = refused(method, "Bearer", None).await;
        assert_eq!(bearer, (401, r#"Bearer error="invalid_token""#.to_owned()), "{method}");
    }
    let good = DPOP.proof("PATCH", &format!("{ISSUER}/userinfo"), &token, "good", world.now());
    let scope = (403, format!(r#"DPoP error="insufficient_scope", scope="client_metadata", {algs}"#));
    assert_eq!(refused("PATCH", "DPoP", Some(&good)).await, scope);
}
