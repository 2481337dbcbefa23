//! Tokens that a client asks for itself, and what clients may ask about tokens.

use super::*;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

async fn introspected(world: &World, asking: Service, token: &str) -> Value {
    let answer = ask(world, asking, "/introspect", token, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn ask(world: &World, asking: Service, path: &str, token: &str, headers: &[(&str, &str)]) -> Answer {
    let assertion = asking.assertion(world);
    let fields =
        [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str()), ("token", token)];
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    send(world, "POST", path, &[&kind[..], headers].concat(), &form(&fields)).await
}

#[tokio::test]
async fn a_client_gets_a_token_for_itself_by_either_way() {
    let world = provider().await;
    let assertion = RP.assertion(&world);
    let bearer = [("grant_type", JWT_BEARER), ("assertion", &assertion), ("scope", "provision")];
    let jwt_bearer = post(&world, "/token", &form(&bearer)).await;
    let credentials = RP.exchange(&world, &[("grant_type", "client_credentials"), ("scope", "provision")]).await;
    for answer in [jwt_bearer, credentials] {
        assert_eq!(answer.status, 200, "{answer:?}");
        let tokens = answer.json();
        assert!(tokens.get("id_token").is_none() && tokens.get("refresh_token").is_none(), "{tokens}");
        assert_eq!((tokens["scope"].as_str(), tokens["expires_in"].as_u64()), (Some("provision"), Some(300)));
        let claims = verified(&world, &text(&tokens, "access_token")).await;
        assert_eq!((claims["sub"].as_str(), claims["client_id"].as_str()), (Some("rp"), Some("rp")));
        assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, 401, "it is about nobody");
        assert_eq!(introspected(&world, RP, &text(&tokens, "access_token")).await["active"], true);
        assert_eq!(introspected(&world, OTHER, &text(&tokens, "access_token")).await, json!({"active": false}));
    }
    let all = RP.exchange(&world, &[("grant_type", "client_credentials")]).await.json();
    assert_eq!(all["scope"], "provision https://login.example/Users.retrieve");
    let more = RP.exchange(&world, &[("grant_type", "client_credentials"), ("scope", "openid")]).await;
    assert_eq!(error(&more), (400, "invalid_scope".into()));
}

#[tokio::test]
async fn whoever_is_not_registered_for_it_or_does_not_prove_themselves_gets_none() {
    let without = Registration { machine_scopes: Vec::new(), ..registration("rp") };
    let world = World::with_clients(&database().await, registry(&[without, registration("other")])).await;
    let answer = RP.exchange(&world, &[("grant_type", "client_credentials")]).await;
    assert_eq!(error(&answer), (400, "unauthorized_client".into()));
    let assertion = OTHER.assertion(&world);
    let bearer = [("grant_type", JWT_BEARER), ("assertion", assertion.as_str())];
    assert_eq!(post(&world, "/token", &form(&bearer)).await.status, 200);
    assert_eq!(error(&post(&world, "/token", &form(&bearer)).await), (400, "invalid_grant".into()), "used before");
    assert_eq!(error(&post(&world, "/token", &form(&bearer[..1])).await), (400, "invalid_request".into()));
    let forged = [("grant_type", JWT_BEARER), ("assertion", "a.b.c")];
    assert_eq!(error(&post(&world, "/token", &form(&forged)).await), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn a_token_is_told_of_to_its_client_and_to_resource_servers_while_it_is_good() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    for asking in [RP, THIRD] {
        let told = introspected(&world, asking, &access).await;
        assert_eq!((told["active"].as_bool(), told["client_id"].as_str()), (Some(true), Some("rp")), "{told}");
        assert_eq!((told["sub"].as_str(), told["vot"].as_str()), (Some(account.to_string().as_str()), Some("P0.Cm")));
        assert_eq!(introspected(&world, asking, &refresh).await["active"], true);
    }
    let inactive = json!({"active": false});
    for nothing in [text(&tokens, "id_token"), "x".into(), format!("{access}A"), format!("{refresh}A")] {
        assert_eq!(introspected(&world, THIRD, &nothing).await, inactive, "{nothing}");
    }
    for token in [&access, &refresh] {
        assert_eq!(introspected(&world, OTHER, token).await, inactive, "another client's");
    }
    let signed = [("accept", "application/token-introspection+jwt")];
    let answer = ask(&world, THIRD, "/introspect", &access, &signed).await;
    assert_eq!(answer.header("content-type"), "application/token-introspection+jwt");
    assert_eq!(header_of(&answer.body)["typ"], "token-introspection+jwt");
    let claims = verified(&world, &answer.body).await;
    assert_eq!((claims["aud"].as_str(), &claims["token_introspection"]["active"]), (Some("third"), &json!(true)));
    world.after(Duration::from_mins(5));
    assert_eq!(introspected(&world, RP, &access).await, inactive);
    assert_eq!(introspected(&world, RP, &refresh).await["active"], true);
    RP.refresh(&world, &refresh).await;
    assert_eq!(introspected(&world, RP, &refresh).await, inactive, "it was replaced");
    let unproven = post(&world, "/introspect", &form(&[("token", &refresh)])).await;
    assert_eq!(error(&unproven), (400, "invalid_client".into()));
    let missing = ask(&world, RP, "/introspect", "", &[]).await;
    assert_eq!(error(&missing), (400, "invalid_request".into()));
}

#[tokio::test]
async fn a_client_ends_its_own_tokens_and_nobody_elses() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    for kind in ["access_token", "refresh_token"] {
        let tokens = RP.tokens(&world, &mut browser, &[]).await;
        let token = text(&tokens, kind);
        assert_eq!(ask(&world, OTHER, "/revoke", &token, &[]).await.status, 200);
        assert_eq!(
            userinfo(&world, &text(&tokens, "access_token")).await.status,
            200,
            "another client changes nothing"
        );
        for _ in 0..2 {
            let answer = ask(&world, RP, "/revoke", &token, &[]).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{kind}");
        }
        assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, 401);
        assert_eq!(RP.refresh(&world, &text(&tokens, "refresh_token")).await.status, 400);
    }
    assert_eq!(ask(&world, RP, "/revoke", "x", &[]).await.status, 200, "nothing is said of what is not there");
    assert_eq!(error(&post(&world, "/revoke", "token=x").await), (400, "invalid_client".into()));
}

#[tokio::test]
async fn an_assertion_may_be_meant_for_the_endpoint_that_is_asked_and_for_no_other() {
    let world = provider().await;
    let meant_for = |path: &str| {
        let mut claims = RP.assertion_claims(&world);
        claims["aud"] = format!("{ISSUER}{path}").into();
        signed(&claims)
    };
    for (path, audience, status) in [
        ("/introspect", "/introspect", 200),
        ("/revoke", "/revoke", 200),
        ("/revoke", "", 200),
        ("/revoke", "/token", 200),
        ("/revoke", "/introspect", 400),
        ("/token", "/revoke", 400),
        ("/par", "/revoke", 400),
    ] {
        let assertion = meant_for(audience);
        let by = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion), ("token", "x")];
        let answer = post(&world, path, &form(&by)).await;
        assert_eq!(answer.status, status, "{audience:?} at {path}: {answer:?}");
        assert!(status == 200 || error(&answer).1 == "invalid_client", "{answer:?}");
    }
}
