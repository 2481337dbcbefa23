//! Token exchange (RFC 8693): a service that was given somebody's token gets one that is good at the next service; and
//! everybody who wants more than that, for longer, or in somebody else's name.

use super::*;
use aldgate_backend::AUDIENCE;
use aldgate_backend::oidc::jws::Kind;
use aldgate_backend::oidc::keys::SigningAlgorithm;
use aldgate_core::identity_header::CERTIFICATE_ASSERTION;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(super) const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";
const RECORDS: &str = "https://records.example/api";
pub(super) const LETTERS: &str = "https://letters.example";
pub(super) const PRINTER: &str = "https://printer.example";

/// A service that people come to, whose tokens are good at the records.
pub(super) const APP: Service = Service("rp");
/// The records, which call the letters.
pub(super) const OF_RECORDS: Service = Service("records");
/// The letters, which call the printer.
const OF_LETTERS: Service = Service("letters");

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

fn clients() -> Vec<Registration> {
    let server = |id: &str, serves: &str, next: &[&str]| Registration {
        resource_server: true,
        serves: texts(&[serves]),
        exchange_for: texts(next),
        ..registration(id)
    };
    let app =
        Registration { resources: texts(&[RECORDS]), exchange_for: texts(&[LETTERS, ISSUER]), ..registration("rp") };
    let bystander = Registration { exchange_for: texts(&[LETTERS]), ..registration("other") };
    let unserved = Registration { resource_server: true, exchange_for: texts(&[LETTERS]), ..registration("third") };
    let bound = Registration {
        tls_client_certificate_bound_access_tokens: true,
        resources: texts(&[RECORDS]),
        exchange_for: texts(&[LETTERS]),
        ..registration("bound")
    };
    vec![
        app,
        bystander,
        unserved,
        bound,
        server("records", RECORDS, &[LETTERS]),
        server("letters", LETTERS, &[PRINTER]),
        server("printer", PRINTER, &[LETTERS]),
    ]
}

pub(super) async fn provider() -> World {
    World::with_clients(&database().await, registry(&clients())).await
}

/// Tokens of somebody's that are good at the records.
pub(super) async fn for_records(world: &World, browser: &mut Browser<'_>) -> Value {
    APP.tokens(world, browser, &[("resource", RECORDS)]).await
}

/// An exchange of an access token; `more` has the last word.
pub(super) async fn exchange(world: &World, by: Service, token: &str, target: &str, more: &[(&str, &str)]) -> Answer {
    let usual =
        [("grant_type", GRANT_TYPE), ("subject_token", token), ("subject_token_type", ACCESS), ("resource", target)];
    let usual = usual.into_iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    by.exchange(world, &usual.chain(more.iter().copied()).collect::<Vec<_>>()).await
}

async fn given(world: &World, answer: &Answer) -> (String, Value) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = text(&answer.json(), "access_token");
    let claims = verified(world, &token).await;
    (token, claims)
}

async fn introspected(world: &World, asking: Service, token: &str) -> Value {
    let assertion = asking.assertion(world);
    let fields = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion), ("token", token)];
    post(world, "/introspect", &form(&fields)).await.json()
}

fn refused() -> (u16, String) {
    (400, "invalid_request".into())
}

/// A token as the provider would sign it, with other claims than it gave.
async fn signed_by_the_provider(world: &World, claims: &Value) -> String {
    let keys =
        SigningKeys::new(world.store.clone(), &world::master_key(), Arc::new(SeededEntropy::new(99)), Rules::default());
    keys.look(world.now()).await.expect("keys");
    keys.sign(SigningAlgorithm::Rs512, Kind::Jwt, claims, world.now()).expect("signed")
}

#[tokio::test]
async fn a_service_gets_a_token_for_the_next_one_that_says_who_acts() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let first = text(&for_records(&world, &mut browser).await, "access_token");
    world.after(Duration::from_mins(1));
    let answer = exchange(&world, OF_RECORDS, &first, LETTERS, &[("scope", "email")]).await;
    let (second, claims) = given(&world, &answer).await;
    let said = answer.json();
    assert_eq!((&said["issued_token_type"], &said["token_type"]), (&json!(ACCESS), &json!("bearer")));
    assert_eq!((&said["expires_in"], &said["scope"]), (&json!(240), &json!("email")), "no longer than the first");
    assert!(said.get("refresh_token").is_none() && said.get("id_token").is_none(), "{said}");
    assert_eq!((&claims["aud"], &claims["client_id"]), (&json!(LETTERS), &json!("records")));
    assert_eq!((&claims["sub"], &claims["scope"]), (&json!(account.to_string()), &json!("email")));
    assert_eq!(claims["exp"], verified(&world, &first).await["exp"]);
    assert_eq!(claims["act"], json!({"iss": ISSUER, "sub": "records"}));
    let (third, claims) = given(&world, &exchange(&world, OF_LETTERS, &second, PRINTER, &[]).await).await;
    assert_eq!(claims["act"], json!({"iss": ISSUER, "sub": "letters", "act": {"iss": ISSUER, "sub": "records"}}));
    assert_eq!(claims["scope"], "email", "no more than the second");
    let told = introspected(&world, Service("printer"), &third).await;
    assert_eq!((&told["active"], &told["act"]), (&json!(true), &claims["act"]));
    assert_eq!(introspected(&world, OF_RECORDS, &third).await, json!({"active": false}));
    assert_eq!(userinfo(&world, &third).await.status, 401, "it tells nothing here");
}

#[tokio::test]
async fn its_own_client_gets_one_for_less_and_nobody_acts() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let tokens = APP.tokens(&world, &mut browser, &[]).await;
    let (_, claims) = given(&world, &exchange(&world, APP, &text(&tokens, "access_token"), LETTERS, &[]).await).await;
    assert_eq!((&claims["aud"], &claims["scope"]), (&json!(LETTERS), &json!("openid email profile")));
    assert!(claims.get("act").is_none(), "{claims}");
    let id_token = text(&tokens, "id_token");
    let by_audience = [("subject_token_type", ID), ("resource", ""), ("audience", LETTERS)];
    let (_, claims) = given(&world, &exchange(&world, APP, &id_token, LETTERS, &by_audience).await).await;
    assert_eq!((&claims["aud"], &claims["token_use"]), (&json!(LETTERS), &json!("access")));
}

#[tokio::test]
async fn nobody_exchanges_what_was_given_to_another() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let tokens = for_records(&world, &mut browser).await;
    let first = text(&tokens, "access_token");
    // One to whom it is nothing, one that stands for all services and so for none, and one further down the row.
    for by in [OTHER, THIRD, OF_LETTERS] {
        let target = if by.0 == "letters" { PRINTER } else { LETTERS };
        assert_eq!(error(&exchange(&world, by, &first, target, &[]).await), refused(), "{}", by.0);
    }
    let id = [("subject_token_type", ID)];
    let id_token = text(&tokens, "id_token");
    assert_eq!(
        error(&exchange(&world, OF_RECORDS, &id_token, LETTERS, &id).await),
        refused(),
        "an ID token is its client's"
    );
    let unauthorized = Registration { exchange_for: Vec::new(), ..clients()[0].clone() };
    let world = {
        drop(browser);
        world.restarted(registry(&[unauthorized])).await
    };
    let answer = exchange(&world, APP, &first, LETTERS, &[]).await;
    assert_eq!(error(&answer), (400, "unauthorized_client".into()), "nothing unless it is registered");
}

#[tokio::test]
async fn scope_audience_and_time_are_never_widened() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let first = text(&for_records(&world, &mut browser).await, "access_token");
    for scope in ["openid phone", "gp_integration_credentials", "nonsense"] {
        let answer = exchange(&world, OF_RECORDS, &first, LETTERS, &[("scope", scope)]).await;
        assert_eq!(error(&answer), (400, "invalid_scope".into()), "{scope}");
    }
    for target in [PRINTER, RECORDS, ISSUER, "letters", "https://letters.example#x", "https://letters.example/", ""] {
        let answer = exchange(&world, OF_RECORDS, &first, target, &[]).await;
        assert_eq!(error(&answer), (400, "invalid_target".into()), "{target}");
    }
    let both = [("audience", PRINTER)];
    assert_eq!(error(&exchange(&world, OF_RECORDS, &first, LETTERS, &both).await), (400, "invalid_target".into()));
    let own = exchange(&world, APP, &first, ISSUER, &[]).await;
    assert_eq!(error(&own), (400, "invalid_target".into()), "never for the provider, whatever is registered");
    let narrow = exchange(&world, OF_RECORDS, &first, LETTERS, &[("scope", "openid")]).await;
    let (narrow, _) = given(&world, &narrow).await;
    let wide = exchange(&world, OF_LETTERS, &narrow, PRINTER, &[("scope", "openid email")]).await;
    assert_eq!(error(&wide), (400, "invalid_scope".into()));
    world.after(Duration::from_mins(5) - Duration::from_secs(1));
    let (_, last) = given(&world, &exchange(&world, OF_RECORDS, &first, LETTERS, &[]).await).await;
    assert_eq!(last["exp"], verified(&world, &first).await["exp"]);
    world.after(Duration::from_secs(1));
    assert_eq!(error(&exchange(&world, OF_RECORDS, &first, LETTERS, &[]).await), refused(), "expired");
}

#[tokio::test]
async fn what_ends_the_grant_ends_the_exchange_and_what_came_of_it() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let tokens = for_records(&world, &mut browser).await;
    let first = text(&tokens, "access_token");
    let (second, _) = given(&world, &exchange(&world, OF_RECORDS, &first, LETTERS, &[]).await).await;
    assert_eq!(introspected(&world, OF_LETTERS, &second).await["active"], true);
    let assertion = APP.assertion(&world);
    let refresh = text(&tokens, "refresh_token");
    let fields = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion), ("token", &refresh)];
    assert_eq!(post(&world, "/revoke", &form(&fields)).await.status, 200);
    assert_eq!(introspected(&world, OF_LETTERS, &second).await, json!({"active": false}));
    for (by, token, target) in [(OF_RECORDS, &first, LETTERS), (OF_LETTERS, &second, PRINTER), (APP, &first, LETTERS)] {
        assert_eq!(error(&exchange(&world, by, token, target, &[]).await), refused(), "{}", by.0);
    }
}

#[tokio::test]
async fn what_is_shown_is_one_of_ours_and_of_the_kind_that_it_is_said_to_be() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let tokens = for_records(&world, &mut browser).await;
    let (first, id_token) = (text(&tokens, "access_token"), text(&tokens, "id_token"));
    let machine = APP.exchange(&world, &[("grant_type", "client_credentials")]).await.json();
    let mut claims = verified(&world, &first).await;
    claims["act"] = json!({"sub": "somebody else"});
    let forged = RS512.sign(json!({"alg": "RS512", "typ": "JWT", "kid": "k1"}).to_string(), claims.to_string());
    let refresh = text(&tokens, "refresh_token");
    let kinds = [
        (forged.as_str(), ACCESS, "forged"),
        (id_token.as_str(), ACCESS, "an ID token for an access token"),
        (first.as_str(), ID, "an access token for an ID token"),
        (refresh.as_str(), ACCESS, "a refresh token"),
        (refresh.as_str(), "urn:ietf:params:oauth:token-type:refresh_token", "a refresh token"),
        (first.as_str(), "", "no type"),
        ("", ACCESS, "no token"),
        ("a.b.c", ACCESS, "no token of anybody's"),
    ];
    for (token, kind, what) in kinds {
        let answer = exchange(&world, APP, token, LETTERS, &[("subject_token_type", kind)]).await;
        assert_eq!(error(&answer), refused(), "{what}");
    }
    let of_client = text(&machine, "access_token");
    assert_eq!(error(&exchange(&world, APP, &of_client, LETTERS, &[]).await), refused(), "about nobody");
    let other = [("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")];
    assert_eq!(error(&exchange(&world, APP, &first, LETTERS, &other).await), refused());
    // What a request says of who acts is nobody's word.
    let said = [("act", r#"{"sub":"somebody else"}"#), ("requested_token_type", ACCESS)];
    let (_, claims) = given(&world, &exchange(&world, APP, &first, LETTERS, &said).await).await;
    assert!(claims.get("act").is_none(), "{claims}");
}

#[tokio::test]
async fn a_person_acts_for_another_whose_token_names_them() {
    let world = provider().await;
    let (mut browser, ada) = somebody(&world, EMAIL, 1).await;
    let patient = for_records(&world, &mut browser).await;
    let (mut browser, proxy) = somebody(&world, "bob@example.org", 2).await;
    let actor = APP.tokens(&world, &mut browser, &[]).await;
    let with =
        |token: &str, kind: &'static str| [("actor_token", token.to_owned()), ("actor_token_type", kind.to_owned())];
    let act = async |subject: &str, actor: &[(&str, String)]| {
        let actor: Vec<_> = actor.iter().map(|(name, value)| (*name, value.as_str())).collect();
        exchange(&world, APP, subject, LETTERS, &actor).await
    };
    let first = text(&patient, "access_token");
    let by = with(&text(&actor, "id_token"), ID);
    assert_eq!(error(&act(&first, &by).await), refused(), "two tokens in one hand are no delegation");
    let mut claims = verified(&world, &first).await;
    claims["may_act"] = json!({"sub": proxy.to_string()});
    let named = signed_by_the_provider(&world, &claims).await;
    for by in [by.clone(), with(&text(&actor, "access_token"), ACCESS)] {
        let (token, given) = given(&world, &act(&named, &by).await).await;
        assert_eq!(given["sub"], ada.to_string());
        assert_eq!(given["act"], json!({"iss": ISSUER, "sub": proxy.to_string(), "vot": "P0.Cm"}));
        assert!(given.get("may_act").is_none(), "the next one has to be named anew: {given}");
        assert_eq!(introspected(&world, APP, &token).await["act"], given["act"]);
    }
    claims["may_act"] = json!({"sub": ada.to_string()});
    let another = signed_by_the_provider(&world, &claims).await;
    assert_eq!(error(&act(&another, &by).await), refused(), "it names another");
    // A client acts for nobody whose token names somebody else.
    assert_eq!(error(&exchange(&world, OF_RECORDS, &named, LETTERS, &[]).await), refused());
    let forged = signed(&verified(&world, &text(&actor, "id_token")).await);
    for bad in [with(&forged, ID), with(&text(&actor, "id_token"), ACCESS), with("x", ID), with("", ID)] {
        assert_eq!(error(&act(&named, &bad).await), refused(), "{bad:?}");
    }
    let elsewhere = OTHER.tokens(&world, &mut browser, &[]).await;
    let not_ours = with(&text(&elsewhere, "id_token"), ID);
    assert_eq!(error(&act(&named, &not_ours).await), refused(), "given to another client");
    world.after(Duration::from_mins(4));
    let late = APP.refresh(&world, &text(&patient, "refresh_token")).await.json();
    let mut claims = verified(&world, &text(&late, "access_token")).await;
    claims["may_act"] = json!({"sub": proxy.to_string()});
    let named = signed_by_the_provider(&world, &claims).await;
    let by = with(&text(&actor, "access_token"), ACCESS);
    assert_eq!(act(&named, &by).await.json()["expires_in"], 60, "no longer than the actor's");
    world.after(Duration::from_mins(1));
    assert_eq!(error(&act(&named, &by).await), refused(), "the actor's has expired");
}

#[tokio::test]
async fn so_many_act_one_after_another_and_no_more() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let first = text(&for_records(&world, &mut browser).await, "access_token");
    let (mut token, _) = given(&world, &exchange(&world, OF_RECORDS, &first, LETTERS, &[]).await).await;
    for (by, next) in [(OF_LETTERS, PRINTER), (Service("printer"), LETTERS), (OF_LETTERS, PRINTER)] {
        (token, _) = given(&world, &exchange(&world, by, &token, next, &[]).await).await;
    }
    assert_eq!(error(&exchange(&world, Service("printer"), &token, LETTERS, &[]).await), refused(), "four have");
}

#[tokio::test]
async fn a_bound_token_never_becomes_one_that_is_not() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let certificate = |digest: u8| world.gate.mint_for_certificate(ISSUER, AUDIENCE, &[digest; 32], &[], world.now());
    let (mine, another) = (certificate(7).expect("signed"), certificate(8).expect("signed"));
    let shown = async |by: Service, fields: &[(&str, &str)], certificate: Option<&str>| {
        let assertion = by.assertion(&world);
        let proof = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(certificate.map(|certificate| (CERTIFICATE_ASSERTION, certificate)));
        send(&world, "POST", "/token", &headers, &form(&[fields, &proof].concat())).await
    };
    let holder = Service("bound");
    let code = holder.code(&mut browser, &[("resource", RECORDS)]).await;
    let uri = holder.redirect_uri();
    let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", &uri)];
    let first = text(&shown(holder, &fields, Some(&mine)).await.json(), "access_token");
    let fields = [
        ("grant_type", GRANT_TYPE),
        ("subject_token", first.as_str()),
        ("subject_token_type", ACCESS),
        ("resource", LETTERS),
    ];
    for (by, certificate, what) in [
        (holder, None, "unbound"),
        (holder, Some(another.as_str()), "by another certificate"),
        (OF_RECORDS, None, "by a service without anything of its own"),
        // Its tokens are not bound to its certificate.
        (OF_RECORDS, Some(another.as_str()), "by a service that binds nothing"),
    ] {
        assert_eq!(error(&shown(by, &fields, certificate).await), refused(), "{what}");
    }
    let (_, claims) = given(&world, &shown(holder, &fields, Some(&mine)).await).await;
    assert_eq!(claims["cnf"], json!({"x5t#S256": URL_SAFE_NO_PAD.encode([7; 32])}));
}

#[tokio::test]
async fn what_is_taken_from_the_service_of_a_token_is_not_exchanged() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let tokens = for_records(&world, &mut browser).await;
    let first = text(&tokens, "access_token");
    drop(browser);
    let mut less = clients();
    less[0].scopes = texts(&["openid", "profile"]);
    let world = world.restarted(registry(&less)).await;
    let (_, claims) = given(&world, &exchange(&world, OF_RECORDS, &first, LETTERS, &[]).await).await;
    assert_eq!(claims["scope"], "openid profile");
    let id = [("subject_token_type", ID)];
    let of_id = exchange(&world, APP, &text(&tokens, "id_token"), LETTERS, &id).await;
    assert_eq!(given(&world, &of_id).await.1["scope"], "openid profile");
    for email in ["email", "openid email"] {
        let answer = exchange(&world, OF_RECORDS, &first, LETTERS, &[("scope", email)]).await;
        assert_eq!(error(&answer), (400, "invalid_scope".into()), "{email}");
    }
    // What the person allows the service no more, neither.
    let narrower = model::Consent { scopes: 1, claims: 0, level: IdentityLevel::P0, at: world.now() };
    world.store.give_consent(&account, "rp", narrower).await.expect("written");
    let (_, claims) = given(&world, &exchange(&world, OF_RECORDS, &first, LETTERS, &[]).await).await;
    assert_eq!(claims["scope"], "openid");
}
