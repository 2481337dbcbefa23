//! Clients that are served otherwise than NHS login's: those of other departments, and those of FAPI 2.0.

use super::*;
use crate::world::PASSWORD;
use aldgate_core::time::Timestamp;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";

/// RFC 7636, appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(super) static ES256: LazyLock<Signer> = LazyLock::new(|| Signer::new("ES256", "e1"));
pub(super) static DPOP: LazyLock<Signer> = LazyLock::new(|| Signer::new("ES256", "d1"));

pub(super) fn of_profile(id: &str, profile: &str, vectors: &[&str]) -> Registration {
    let department = ["openid", "email", "phone"];
    let scopes = if profile == "cross-government" { &department[..] } else { &SCOPES };
    Registration {
        profile: Some(profile.into()),
        scopes: scopes.iter().map(|text| (*text).to_owned()).collect(),
        vectors: vectors.iter().map(|text| (*text).to_owned()).collect(),
        keys: Some(PublicKeys::Set(key_set([&*ES256]).into_bytes())),
        ..registration(id)
    }
}

pub(super) async fn with(registrations: &[Registration]) -> World {
    World::with_clients(&database().await, registry(registrations)).await
}

/// An assertion by the ES256 key, for the issuer alone unless something else is said.
fn assertion(world: &World, id: &str, audience: Value) -> String {
    let now = world.now().as_secs();
    let name = JWT_IDS.fetch_add(1, Ordering::SeqCst).to_string();
    let claims = json!({"iss": id, "sub": id, "aud": audience, "iat": now, "exp": now + 60, "jti": name});
    ES256.sign(json!({"alg": "ES256", "kid": "e1"}).to_string(), claims.to_string())
}

/// A form that a client posts with an assertion, and with the proof of a key if it has one.
pub(super) async fn posted(
    world: &World,
    id: &str,
    path: &str,
    fields: &[(&str, &str)],
    proof: Option<&str>,
) -> Answer {
    let assertion = assertion(world, id, json!(ISSUER));
    let by = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
    let by = by.iter().filter(|(name, _)| !fields.iter().any(|(other, _)| other == name));
    let all: Vec<_> = fields.iter().chain(by).copied().collect();
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    headers.extend(proof.map(|proof| ("dpop", proof)));
    send(world, "POST", path, &headers, &form(&all)).await
}

/// A DPoP proof for a request that shows no token.
pub(super) fn proof(signer: &Signer, path: &str, now: Timestamp) -> String {
    let name = JWT_IDS.fetch_add(1, Ordering::SeqCst).to_string();
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": signer.public()});
    let claims = json!({"jti": name, "htm": "POST", "htu": format!("{ISSUER}{path}"), "iat": now.as_secs()});
    signer.sign(header.to_string(), claims.to_string())
}

pub(super) fn pushed_fields(uri: &str) -> Vec<(&str, &str)> {
    vec![
        ("client_id", "bank"),
        ("redirect_uri", uri),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("state", "s"),
        ("vtr", r#"["P0.Cm"]"#),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

pub(super) async fn bank() -> World {
    with(&[of_profile("bank", "fapi2", &["P0.Cm"]), of_profile("shop", "fapi2", &["P0.Cm"])]).await
}

/// The address of a request that was pushed.
async fn pushed(world: &World) -> String {
    let answer = posted(world, "bank", "/par", &pushed_fields("https://bank.example/cb"), None).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["expires_in"], 300);
    let uri = text(&answer.json(), "request_uri");
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:"), "{uri}");
    format!("/authorize?{}", form(&[("client_id", "bank"), ("request_uri", &uri)]))
}

pub(super) async fn code(world: &World, browser: &mut Browser<'_>) -> String {
    let page = browser.get(&pushed(world).await).await;
    let answer = if page.status == 200 { agree(browser, &page).await } else { page };
    query_of(answer.location()).get("code").unwrap_or_else(|| panic!("{answer:?}")).clone()
}

pub(super) async fn redeem(world: &World, code: &str, proof: Option<&str>) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", "https://bank.example/cb"),
        ("code_verifier", VERIFIER),
    ];
    posted(world, "bank", "/token", &fields, proof).await
}

#[tokio::test]
async fn a_fapi_client_pushes_its_request_and_gets_tokens_bound_to_its_key() {
    let world = bank().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let code = code(&world, &mut browser).await;
    let tokens = redeem(&world, &code, Some(&proof(&DPOP, "/token", world.now()))).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let tokens = tokens.json();
    assert_eq!(tokens["token_type"], "DPoP");
    let token = text(&tokens, "access_token");
    assert_eq!((header_of(&token)["alg"].as_str(), header_of(&token)["typ"].as_str()), (Some("ES256"), Some("at+jwt")));
    assert_eq!(verified(&world, &token).await["cnf"]["jkt"], DPOP.thumbprint());
    let id_token = verified(&world, &text(&tokens, "id_token")).await;
    assert_eq!((id_token["sub"].as_str(), id_token.get("nonce")), (Some(account.to_string().as_str()), None));
    let url = format!("{ISSUER}/userinfo");
    let ask = async |scheme: &str, proof: &str| {
        let shown = format!("{scheme} {token}");
        send(&world, "GET", "/userinfo", &[("authorization", &shown), ("dpop", proof)], "").await
    };
    let good = DPOP.proof("GET", &url, &token, "one", world.now());
    assert_eq!(ask("DPoP", &good).await.status, 200);
    assert_eq!(ask("DPoP", &good).await.status, 401, "a proof is good once");
    let thief = Signer::new("ES256", "t");
    let stolen = ask("DPoP", &thief.proof("GET", &url, &token, "7", world.now())).await;
    let told = stolen.header("www-authenticate").to_owned();
    assert!(
        told.starts_with("DPoP ") && told.contains("error=\"invalid_dpop_proof\""),
        "RFC 9449, section 7.1: {told}"
    );
    for (what, scheme, proof) in [
        ("another key", "DPoP", thief.proof("GET", &url, &token, "2", world.now())),
        ("another method", "DPoP", DPOP.proof("POST", &url, &token, "3", world.now())),
        ("another address", "DPoP", DPOP.proof("GET", &format!("{ISSUER}/token"), &token, "4", world.now())),
        ("another token", "DPoP", DPOP.proof("GET", &url, "x", "5", world.now())),
        ("shown as it is", "Bearer", DPOP.proof("GET", &url, &token, "6", world.now())),
        ("nothing", "DPoP", String::new()),
    ] {
        assert_eq!(ask(scheme, &proof).await.status, 401, "{what}");
    }
    assert_eq!(userinfo(&world, &token).await.status, 401, "without a proof");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &text(&tokens, "refresh_token"))];
    let unbound = posted(&world, "bank", "/token", &fields, None).await;
    assert_eq!(error(&unbound), (400, "invalid_dpop_proof".into()));
    let refreshed = posted(&world, "bank", "/token", &fields, Some(&proof(&DPOP, "/token", world.now()))).await;
    assert_eq!((refreshed.status, refreshed.json()["token_type"].as_str()), (200, Some("DPoP")), "{refreshed:?}");
}

#[tokio::test]
async fn what_fapi_demands_is_demanded() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let direct = form(&pushed_fields("https://bank.example/cb"));
    let answer = browser.get(&format!("/authorize?{direct}")).await;
    assert_eq!(query_of(answer.location())["error"], "invalid_request", "not pushed");
    let good = pushed_fields("https://bank.example/cb");
    let without = |name: &str| good.iter().copied().filter(|(other, _)| *other != name).collect::<Vec<_>>();
    for (what, fields, code) in [
        ("no challenge", [without("code_challenge"), vec![]].concat(), "invalid_request"),
        (
            "plain",
            [without("code_challenge_method"), vec![("code_challenge_method", "plain")]].concat(),
            "invalid_request",
        ),
        ("a request_uri inside", [good.clone(), vec![("request_uri", "urn:x")]].concat(), "invalid_request"),
        (
            "another address",
            [without("redirect_uri"), vec![("redirect_uri", "https://evil.example/")]].concat(),
            "invalid_request",
        ),
        (
            "a token at once",
            [without("response_type"), vec![("response_type", "code id_token")]].concat(),
            "unsupported_response_type",
        ),
        ("no openid", [without("scope"), vec![("scope", "email")]].concat(), "invalid_scope"),
    ] {
        let fields: Vec<_> = if what == "no challenge" {
            fields.into_iter().filter(|(name, _)| *name != "code_challenge_method").collect()
        } else {
            fields
        };
        assert_eq!(error(&posted(&world, "bank", "/par", &fields, None).await), (400, code.into()), "{what}");
    }
    assert_eq!(send(&world, "GET", "/par", &[], "").await.status, 405);
    for audience in [
        json!([ISSUER]),
        json!(format!("{ISSUER}/par")),
        json!(format!("{ISSUER}/token")),
        json!("https://evil.example"),
    ] {
        let bad = assertion(&world, "bank", audience.clone());
        let fields = [good.clone(), vec![("client_assertion", bad.as_str())]].concat();
        assert_eq!(
            error(&posted(&world, "bank", "/par", &fields, None).await),
            (400, "invalid_client".into()),
            "{audience}"
        );
    }
    let code = code(&world, &mut browser).await;
    assert_eq!(error(&redeem(&world, &code, None).await), (400, "invalid_dpop_proof".into()));
    for bad in [
        "x".to_owned(),
        proof(&DPOP, "/par", world.now()),
        proof(&DPOP, "/token", Timestamp::from_secs(world.now().as_secs() - 60)),
    ] {
        assert_eq!(error(&redeem(&world, &code, Some(&bad)).await), (400, "invalid_dpop_proof".into()));
    }
    world.after(Duration::from_secs(60));
    let late = redeem(&world, &code, Some(&proof(&DPOP, "/token", world.now()))).await;
    assert_eq!(error(&late), (400, "invalid_grant".into()), "a code lives a minute");
}

#[tokio::test]
async fn a_pushed_request_is_its_clients_for_five_minutes_and_one_code() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let address = pushed(&world).await;
    let page = browser.get(&address).await;
    assert_eq!((page.status, browser.get(&address).await.status), (200, 200), "until then it can be opened again");
    assert!(query_of(agree(&mut browser, &page).await.location()).contains_key("code"));
    let used = browser.get(&address).await;
    assert_eq!(query_of(used.location())["error"], "invalid_request_uri");
    let other = pushed(&world).await;
    let stolen = browser.get(&other.replace(&form(&[("client_id", "bank")]), &form(&[("client_id", "shop")]))).await;
    assert_eq!((stolen.status, stolen.location()), (400, ""));
    world.after(Duration::from_mins(5));
    let late = browser.get(&other).await;
    assert_eq!((late.status, late.location()), (400, ""));
    let forged = browser.get(&format!("{other}A")).await;
    assert_eq!((forged.status, forged.location()), (400, ""));
}

#[tokio::test]
async fn a_pushed_request_that_was_opened_again_late_gives_no_second_code() {
    let world = with(&[of_profile("bank", "fapi2", &["P0.Cp"])]).await;
    let mut browser = world.with_password(EMAIL).await;
    let mut fields = pushed_fields("https://bank.example/cb");
    fields.retain(|(name, _)| *name != "vtr");
    fields.push(("vtr", r#"["P0.Cp"]"#));
    let answer = posted(&world, "bank", "/par", &fields, None).await;
    let uri = text(&answer.json(), "request_uri");
    let address = format!("/authorize?{}", form(&[("client_id", "bank"), ("request_uri", &uri)]));
    let page = browser.get(&address).await;
    assert!(query_of(agree(&mut browser, &page).await.location()).contains_key("code"));
    world.after(Duration::from_secs(299));
    let mut late = world.browser();
    let waiting = query_of(late.get(&address).await.location())["return_to"].clone();
    // Longer than a request may wait, and no longer than this one.
    world.after(Duration::from_secs(3_600 + 70 - 299));
    world.store.sweep(world.now()).await.expect("swept");
    assert_eq!(late.sign_in(EMAIL, PASSWORD).await.status, 303);
    let answer = late.get(&waiting).await;
    assert_eq!(query_of(answer.location())["error"], "invalid_request_uri", "{answer:?}");
}

#[tokio::test]
async fn a_code_that_is_bound_to_a_key_when_it_is_asked_for_needs_that_key() {
    let world = bank().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let fields = pushed_fields("https://bank.example/cb");
    let answer = posted(&world, "bank", "/par", &fields, Some(&proof(&DPOP, "/par", world.now()))).await;
    let uri = text(&answer.json(), "request_uri");
    let page = browser.get(&format!("/authorize?{}", form(&[("client_id", "bank"), ("request_uri", &uri)]))).await;
    let code = query_of(agree(&mut browser, &page).await.location())["code"].clone();
    let thief = Signer::new("ES256", "t");
    assert_eq!(
        error(&redeem(&world, &code, Some(&proof(&thief, "/token", world.now()))).await),
        (400, "invalid_grant".into())
    );
    assert_eq!(redeem(&world, &code, Some(&proof(&DPOP, "/token", world.now()))).await.status, 200);
}

#[tokio::test]
async fn departments_know_a_person_by_names_that_they_cannot_compare() {
    let tax = of_profile("tax", "cross-government", &["Cl.Cm"]);
    let cars = of_profile("cars", "cross-government", &["Cl.Cm"]);
    let boats =
        Registration { sector: Some("cars.example".into()), ..of_profile("boats", "cross-government", &["Cl.Cm"]) };
    let world = with(&[tax, cars, boats, registration("rp")]).await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let mut names = Vec::new();
    for id in ["tax", "cars", "boats"] {
        let code = Service(id).code(&mut browser, &[("scope", "openid email"), ("vtr", "")]).await;
        let uri = format!("https://{id}.example/cb");
        let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", &uri)];
        let tokens = posted(&world, id, "/token", &fields, None).await.json();
        assert!(tokens.get("refresh_token").is_none(), "{tokens}");
        assert_eq!(tokens["expires_in"], 180);
        let id_token = text(&tokens, "id_token");
        assert_eq!(header_of(&id_token)["alg"], "ES256");
        let claims = verified(&world, &id_token).await;
        assert_eq!((claims["vot"].as_str(), claims["aud"].as_str()), (Some("Cl.Cm"), Some(id)));
        assert_eq!(claims["vtm"], format!("{ISSUER}/trustmark"), "what these words mean");
        let info = userinfo(&world, &text(&tokens, "access_token")).await.json();
        assert_eq!((&info["sub"], info["email"].as_str()), (&claims["sub"], Some(EMAIL)));
        names.push(text(&claims, "sub"));
    }
    assert_ne!(names[0], names[1]);
    assert_eq!(names[1], names[2], "one sector, one name");
    for name in &names {
        let digest = name.strip_prefix("urn:fdc:gov.uk:2022:").expect("a name as departments know it");
        assert_eq!(URL_SAFE_NO_PAD.decode(digest).map(|bytes| bytes.len()), Ok(32), "{name}");
    }
    assert!(!names.contains(&account.to_string()));
    let said = send(&world, "GET", "/.well-known/openid-configuration", &[], "").await.json();
    assert_eq!(said["subject_types_supported"], json!(["public", "pairwise"]));
    assert_eq!(said["backchannel_logout_supported"], true);
    assert_eq!(said["trustmarks"], format!("{ISSUER}/trustmark"));
    assert_eq!(
        said["id_token_signing_alg_values_supported"],
        json!(["RS512", "ES256", "PS256", "EdDSA", "RS256"]),
        "RS256 among them (OpenID Connect Discovery, section 3)"
    );
    let trustmark = send(&world, "GET", "/trustmark", &[], "").await.json();
    assert_eq!((&trustmark["C"], &trustmark["idp"]), (&json!(["Cl", "Cl.Cm"]), &json!(ISSUER)));
    let signing = json!(["RS512", "ES256", "PS256", "EdDSA", "RS256"]);
    assert_eq!(said["request_object_signing_alg_values_supported"], signing);
    assert_eq!(said["end_session_endpoint"], format!("{ISSUER}/logout"));
    assert_eq!(said["pushed_authorization_request_endpoint"], format!("{ISSUER}/par"));
    let answer = browser.get(&Service("tax").request(&[("scope", "openid"), ("vtr", r#"["Cl.Cm.P2"]"#)])).await;
    assert_eq!(query_of(answer.location())["error"], "invalid_request", "not registered for it");
    let silent =
        world.browser().get(&Service("tax").request(&[("vtr", ""), ("prompt", "none"), ("scope", "openid")])).await;
    assert_eq!(query_of(silent.location())["error"], "login_required");
}

/// The claim by which a department learns who somebody is.
const CORE_IDENTITY: &str = "https://vocab.account.gov.uk/v1/coreIdentityJWT";

/// Tokens for a department, for a code that it was given.
async fn redeemed(world: &World, id: &str, code: &str) -> Value {
    let uri = format!("https://{id}.example/cb");
    let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", &uri)];
    let answer = posted(world, id, "/token", &fields, None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn names(json: &Value) -> Vec<&str> {
    json.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[tokio::test]
async fn who_somebody_is_is_told_a_department_in_a_token_of_its_own() {
    let tax = of_profile("tax", "cross-government", &["Cl.Cm", "Cl.Cm.P2"]);
    let world = with(&[tax, of_profile("cars", "cross-government", &["Cl.Cm"])]).await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    prove(&world, &account, IdentityLevel::P9).await;
    let claims = format!(r#"{{"userinfo":{{"{CORE_IDENTITY}":null,"birthdate":null,"nhs_number":null}}}}"#);
    let asked = |vtr| [("scope", "openid"), ("vtr", vtr), ("claims", claims.as_str())];
    let (high, low) = (asked(r#"["Cl.Cm.P2"]"#), asked(r#"["Cl.Cm"]"#));
    let page = browser.get(&Service("tax").request(&high)).await;
    assert!(page.body.contains("your name and date of birth, and that we have checked them"), "{}", page.body);
    assert!(!page.body.contains("NHS number"), "{}", page.body);
    let tokens = redeemed(&world, "tax", &Service("tax").code(&mut browser, &high).await).await;
    let id_token = verified(&world, &text(&tokens, "id_token")).await;
    assert_eq!(id_token["vot"], "Cl.Cm", "how one signed in, and no more");
    assert!(id_token.get("id_status").is_none() && id_token.get("nhs_number").is_none(), "{id_token}");
    let access_token = verified(&world, &text(&tokens, "access_token")).await;
    assert!(access_token.get("nhs_number").is_none(), "{access_token}");
    let info = userinfo(&world, &text(&tokens, "access_token")).await.json();
    assert_eq!(names(&info), ["aud", CORE_IDENTITY, "iss", "sub"]);

    let token = text(&info, CORE_IDENTITY);
    let key_id = text(&header_of(&token), "kid");
    let document = send(&world, "GET", "/.well-known/did.json", &[], "").await.json();
    assert_eq!(
        (&document["id"], header_of(&token)["alg"].as_str()),
        (&json!("did:web:localhost%3A8080"), Some("ES256"))
    );
    let methods = document["assertionMethod"].as_array().expect("keys");
    let method = methods.iter().find(|method| method["id"] == key_id).expect("the key that signed");
    assert_eq!(method["controller"], document["id"]);
    let set = KeySet::parse(json!({"keys": [method["publicKeyJwk"]]}).to_string().as_bytes()).expect("a key");
    let jws = Compact::parse(&token).expect("a JWS");
    let payload = set.find(method["publicKeyJwk"]["kid"].as_str()).expect("a key").verify(&jws).expect("verified");
    let said: Value = serde_json::from_slice(payload).expect("claims");
    assert_eq!((&said["sub"], &said["aud"], &said["iss"]), (&info["sub"], &json!("tax"), &json!(ISSUER)));
    assert_eq!((&said["vot"], &said["vtm"]), (&json!("P2"), &json!(format!("{ISSUER}/trustmark"))));
    let now = world.now().as_secs();
    assert_eq!((&said["nbf"], &said["iat"], &said["exp"]), (&json!(now), &json!(now), &json!(now + 1_800)));
    let credential = &said["vc"]["credentialSubject"];
    let parts = json!([{"type": "GivenName", "value": "Ada"}, {"type": "FamilyName", "value": "Lovelace"}]);
    assert_eq!(
        (&credential["name"][0]["nameParts"], &credential["birthDate"][0]["value"]),
        (&parts, &json!("1970-01-31"))
    );
    assert_eq!(userinfo(&world, &token).await.status, 401, "it opens nothing");

    // Neither a client nor a log-in that is not for that level is told it, nor is anybody once it is not so any more.
    let cars = redeemed(&world, "cars", &Service("cars").code(&mut browser, &low).await).await;
    let info = userinfo(&world, &text(&cars, "access_token")).await.json();
    assert_eq!(names(&info), ["aud", "iss", "sub"]);
    prove(&world, &account, IdentityLevel::P5).await;
    let info = userinfo(&world, &text(&tokens, "access_token")).await.json();
    assert_eq!(names(&info), ["aud", "iss", "sub"]);
    let (mut eve, _) = somebody(&world, "eve@example.org", 2).await;
    let refused = eve.get(&Service("tax").request(&high)).await;
    assert_eq!(query_of(refused.location())["error"], "access_denied", "the level is not reached");
}

#[tokio::test]
async fn a_department_is_answered_in_the_words_and_by_the_algorithm_that_it_knows() {
    let tax = Registration {
        id_token_signed_response_alg: Some("RS256".into()),
        ..of_profile("tax", "cross-government", &["Cl", "Cl.Cm"])
    };
    let world = with(&[tax]).await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let (tax, vtr) = (Service("tax"), r#"["Cl"]"#);
    for (changes, code) in [
        ([("scope", "openid profile"), ("vtr", vtr)], "invalid_scope"),
        ([("scope", "openid wallet-subject-id"), ("vtr", vtr)], "invalid_scope"),
        ([("scope", "openid email"), ("vtr", r#"["P2"]"#)], "invalid_request"),
        ([("scope", "openid email"), ("vtr", r#"["Cl.P1"]"#)], "invalid_request"),
        ([("scope", "openid email"), ("vtr", r#"["Cl.Cm.P1"]"#)], "invalid_request"),
    ] {
        let told = query_of(browser.get(&tax.request(&changes)).await.location());
        assert_eq!((told["error"].as_str(), told["state"].as_str()), (code, "the state"), "{changes:?}");
    }
    let acr = r#"{"id_token":{"acr":{"essential":true,"value":"x"}}}"#;
    let told = browser.get(&tax.request(&[("scope", "openid"), ("vtr", vtr), ("claims", acr)])).await;
    assert_eq!(query_of(told.location())["error"], "access_denied", "One Login has no other word for it");
    let code = tax.code(&mut browser, &[("scope", "openid email offline_access"), ("vtr", vtr)]).await;
    let tokens = redeemed(&world, "tax", &code).await;
    assert_eq!((&tokens["scope"], tokens.get("refresh_token")), (&json!("openid email"), None));
    let id_token = text(&tokens, "id_token");
    assert_eq!(header_of(&id_token)["alg"], "RS256");
    assert_eq!(verified(&world, &id_token).await["aud"], "tax");
    assert_eq!(header_of(&text(&tokens, "access_token"))["alg"], "ES256");
    let mut alone = world.with_password("eve@example.org").await;
    let page = alone.get(&tax.request(&[("scope", "openid"), ("vtr", r#"["Cl.Cm"]"#)])).await;
    let (_, rest) = page.body.split_once("name=\"request\" value=\"").expect("a request");
    let waiting = rest.split('"').next().expect("a value").to_owned();
    let told = alone.post("/authorize/without", &[("request", &waiting)]).await;
    assert_eq!(query_of(told.location())["error"], "access_denied");
}
