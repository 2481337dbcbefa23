//! Resource indicators (RFC 8707): a token is for the services that were named for it, of those that were allowed, and is
//! good nowhere else.

use super::*;

const EMAIL: &str = "ada@example.org";
const RECORDS: &str = "https://records.example/api";
const LETTERS: &str = "https://letters.example";

/// A service that may ask for two others and for the provider; one that may ask for one; and two resource servers.
async fn provider() -> World {
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let rp = Registration { resources: texts(&[RECORDS, LETTERS, ISSUER]), ..registration("rp") };
    let other = Registration { resources: texts(&[LETTERS]), ..registration("other") };
    let third = Registration { resource_server: true, serves: texts(&[RECORDS]), ..registration("third") };
    let all = Registration { resource_server: true, ..registration("all") };
    World::with_clients(&database().await, registry(&[rp, other, third, all])).await
}

/// A request's address that names these services.
fn request(resources: &[&str]) -> String {
    resources.iter().fold(RP.request(&[]), |path, uri| format!("{path}&{}", form(&[("resource", uri)])))
}

/// A code for these services.
async fn code(browser: &mut Browser<'_>, resources: &[&str]) -> String {
    let answer = browser.get(&request(resources)).await;
    let answer = if answer.status == 200 { agree(browser, &answer).await } else { answer };
    query_of(answer.location()).get("code").unwrap_or_else(|| panic!("{answer:?}")).clone()
}

/// An exchange that names these services.
async fn exchange(world: &World, fields: &[(&str, &str)], resources: &[&str]) -> Answer {
    let named: Vec<_> = resources.iter().map(|uri| ("resource", *uri)).collect();
    let uri = RP.redirect_uri();
    let code = fields.iter().any(|(name, _)| *name == "code");
    let rest =
        if code { vec![("grant_type", "authorization_code"), ("redirect_uri", uri.as_str())] } else { Vec::new() };
    RP.exchange(world, &[fields, &rest, &named].concat()).await
}

async fn audience(world: &World, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    verified(world, &text(&answer.json(), "access_token")).await["aud"].clone()
}

fn invalid_target() -> (u16, String) {
    (400, "invalid_target".into())
}

async fn introspected(world: &World, asking: Service, token: &str) -> Value {
    let assertion = asking.assertion(world);
    let fields = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion), ("token", token)];
    post(world, "/introspect", &form(&fields)).await.json()
}

#[tokio::test]
async fn a_token_is_for_what_was_allowed_or_for_less() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let none = code(&mut browser, &[]).await;
    assert_eq!(audience(&world, &exchange(&world, &[("code", &none)], &[]).await).await, ISSUER);
    let both = code(&mut browser, &[RECORDS, LETTERS, RECORDS]).await;
    let answer = exchange(&world, &[("code", &both)], &[]).await;
    assert_eq!(audience(&world, &answer).await, json!([RECORDS, LETTERS]));
    let narrowed = code(&mut browser, &[RECORDS, LETTERS]).await;
    let answer = exchange(&world, &[("code", &narrowed)], &[LETTERS]).await;
    assert_eq!(audience(&world, &answer).await, LETTERS);
    let mut token = text(&answer.json(), "refresh_token");
    for (named, expected) in [
        (&[RECORDS][..], json!(RECORDS)),
        (&[], json!([RECORDS, LETTERS])),
        (&[LETTERS, RECORDS], json!([LETTERS, RECORDS])),
    ] {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        let answer = exchange(&world, &fields, named).await;
        assert_eq!(audience(&world, &answer).await, expected, "the grant is as wide as it was");
        token = text(&answer.json(), "refresh_token");
    }
}

#[tokio::test]
async fn no_service_can_be_added_after_the_person_has_allowed_it() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let (none, one) = (code(&mut browser, &[]).await, code(&mut browser, &[RECORDS]).await);
    for (code, more) in [(&none, LETTERS), (&one, LETTERS), (&one, ISSUER), (&one, "https://evil.example")] {
        let answer = exchange(&world, &[("code", code)], &[RECORDS, more]).await;
        assert_eq!(error(&answer), invalid_target(), "{more}");
    }
    let answer = exchange(&world, &[("code", &one)], &[RECORDS]).await;
    assert_eq!(audience(&world, &answer).await, RECORDS, "a refusal uses no code up");
    let token = text(&answer.json(), "refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    for more in [LETTERS, ISSUER, "/relative", "https://records.example/api#x", "https://records.example/api/"] {
        assert_eq!(error(&exchange(&world, &fields, &[more]).await), invalid_target(), "{more}");
    }
    assert_eq!(exchange(&world, &fields, &[]).await.status, 200, "nor a refresh token");
    let alone = exchange(&world, &[("code", &none)], &[ISSUER]).await;
    assert_eq!(audience(&world, &alone).await, ISSUER, "a grant that names none is for the provider");
}

#[tokio::test]
async fn a_client_asks_for_what_it_is_registered_for() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    for bad in ["https://evil.example", "records", "https://records.example/api#part", "https://records.example/API"] {
        let answer = browser.get(&request(&[RECORDS, bad])).await;
        let told = query_of(answer.location());
        assert_eq!((told["error"].as_str(), told["state"].as_str()), ("invalid_target", "the state"), "{bad}");
        let machine = exchange(&world, &[("grant_type", "client_credentials")], &[bad]).await;
        assert_eq!(error(&machine), invalid_target(), "{bad}");
        let pushed: Vec<_> = RP.parameters(&[("resource", bad)]);
        let pushed: Vec<_> = pushed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let assertion = RP.assertion(&world);
        let proof = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
        let answer = post(&world, "/par", &form(&[&pushed[..], &proof].concat())).await;
        assert_eq!(error(&answer), invalid_target(), "{bad}");
    }
    let machine = [("grant_type", "client_credentials")];
    assert_eq!(audience(&world, &exchange(&world, &machine, &[]).await).await, ISSUER);
    let both = exchange(&world, &machine, &[RECORDS, LETTERS]).await;
    assert_eq!(audience(&world, &both).await, json!([RECORDS, LETTERS]));
    let assertion = RP.assertion(&world);
    let bearer = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion.as_str()),
        ("resource", RECORDS),
    ];
    assert_eq!(audience(&world, &post(&world, "/token", &form(&bearer)).await).await, RECORDS);
}

#[tokio::test]
async fn services_that_were_pushed_are_those_of_the_code() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let pushed: Vec<_> = RP.parameters(&[("resource", LETTERS)]);
    let pushed: Vec<_> = pushed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let assertion = RP.assertion(&world);
    let proof = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
    let answer = post(&world, "/par", &form(&[&pushed[..], &proof].concat())).await;
    let uri = text(&answer.json(), "request_uri");
    // What is beside the request_uri in the browser is nothing.
    let beside = [("client_id", "rp"), ("request_uri", &uri), ("resource", RECORDS)];
    let page = browser.get(&format!("/authorize?{}", form(&beside))).await;
    let code = query_of(agree(&mut browser, &page).await.location())["code"].clone();
    assert_eq!(audience(&world, &exchange(&world, &[("code", &code)], &[]).await).await, LETTERS);
}

#[tokio::test]
async fn a_token_for_another_service_tells_nothing_here() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    for (named, status) in [(&[][..], 200), (&[RECORDS][..], 401), (&[RECORDS, ISSUER][..], 200)] {
        let code = code(&mut browser, named).await;
        let tokens = exchange(&world, &[("code", &code)], &[]).await.json();
        assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, status, "{named:?}");
    }
    let machine = exchange(&world, &[("grant_type", "client_credentials")], &[RECORDS]).await.json();
    assert_eq!(userinfo(&world, &text(&machine, "access_token")).await.status, 401);
}

#[tokio::test]
async fn a_resource_server_is_told_of_tokens_for_its_own_service() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    for (named, knows) in [(&[RECORDS, LETTERS][..], true), (&[LETTERS][..], false), (&[][..], false)] {
        let code = code(&mut browser, named).await;
        let tokens = exchange(&world, &[("code", &code)], &[]).await.json();
        let access = text(&tokens, "access_token");
        let told = introspected(&world, Service("third"), &access).await;
        assert_eq!(told["active"], knows, "{named:?}: {told}");
        let told = introspected(&world, Service("all"), &access).await;
        let expected = verified(&world, &access).await["aud"].clone();
        assert_eq!((&told["active"], &told["aud"]), (&json!(true), &expected));
        let refresh = introspected(&world, Service("third"), &text(&tokens, "refresh_token")).await;
        assert_eq!(refresh, json!({"active": false}), "a refresh token is for no service");
    }
}

#[tokio::test]
async fn what_is_not_registered_any_more_is_not_given_and_never_reads_as_the_provider() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let code = code(&mut browser, &[RECORDS, LETTERS]).await;
    let tokens = exchange(&world, &[("code", &code)], &[]).await.json();
    let refresh = async |world: &World, tokens: &Value| {
        let token = text(tokens, "refresh_token");
        exchange(world, &[("grant_type", "refresh_token"), ("refresh_token", &token)], &[]).await
    };
    drop(browser);
    let with = |one: &str| registry(&[Registration { resources: vec![one.to_owned()], ..registration("rp") }]);
    let world = world.restarted(with(LETTERS)).await;
    let answer = refresh(&world, &tokens).await;
    assert_eq!(audience(&world, &answer).await, LETTERS);
    let world = world.restarted(with("https://x.example")).await;
    assert_eq!(error(&refresh(&world, &answer.json()).await), invalid_target());
}
