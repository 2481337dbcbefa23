//! What ends a grant or stops a client is told to every gateway before whoever did it is answered, and a token that is of no
//! grant of its client's is ended alone.

use super::token_exchange::{ACCESS, APP, LETTERS, OF_RECORDS, exchange, for_records};
use super::*;
use crate::world::Ear;
use aldgate_core::token::access_token::UnverifiedToken;
use aldgate_core::token::family;
use aldgate_core::warm::change::Change;

const EMAIL: &str = "ada@example.org";

/// A gate that hears of changes from now on.
fn gate(world: &World) -> Arc<Ear> {
    let gate = Arc::new(Ear::default());
    world.warm.follow(gate.clone());
    gate
}

/// The end of the grant that a token is of.
async fn end_of_grant(world: &World, tokens: &Value) -> Change {
    let name = text(&verified(world, &text(tokens, "access_token")).await, "jti");
    let bytes = URL_SAFE_NO_PAD.decode(name).expect("base64url");
    Change::TokenRevoked(family::of_grant(bytes.first_chunk().expect("a grant")))
}

async fn asked(world: &World, asking: Service, path: &str, token: &str) -> Answer {
    let assertion = asking.assertion(world);
    let by = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str()), ("token", token)];
    let answer = post(world, path, &form(&by)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

async fn is_active(world: &World, asking: Service, token: &str) -> bool {
    asked(world, asking, "/introspect", token).await.json()["active"] == true
}

#[tokio::test]
async fn every_gateway_hears_that_a_grant_has_ended_whatever_ends_it() {
    for what in ["withdrawn", "locked", "closed", "revoked", "token reused", "code reused"] {
        let world = provider().await;
        let (mut browser, _) = somebody(&world, EMAIL, 1).await;
        let code = RP.code(&mut browser, &[]).await;
        let tokens = RP.redeem(&world, &code).await.json();
        let refresh = text(&tokens, "refresh_token");
        let (mut eve, _) = somebody(&world, "eve@example.org", 2).await;
        let of_another = end_of_grant(&world, &RP.tokens(&world, &mut eve, &[]).await).await;
        let (gate, ended) = (gate(&world), end_of_grant(&world, &tokens).await);
        match what {
            "withdrawn" => {
                let path = format!("/account/services/{}/withdraw", URL_SAFE_NO_PAD.encode("rp"));
                assert_eq!(browser.post(&path, &[]).await.status, 303);
            }
            "locked" => assert_eq!(browser.post("/account/lock", &[]).await.status, 200),
            "closed" => assert_eq!(browser.post("/account/close", &[("email", EMAIL)]).await.status, 200),
            "revoked" => drop(asked(&world, RP, "/revoke", &refresh).await),
            "token reused" => {
                assert_eq!(RP.refresh(&world, &refresh).await.status, 200);
                assert!(!gate.heard(&ended));
                assert_eq!(RP.refresh(&world, &refresh).await.status, 400);
            }
            _ => assert_eq!(RP.redeem(&world, &code).await.status, 400),
        }
        assert!(gate.heard(&ended), "{what}");
        assert!(!gate.heard(&of_another), "{what}");
    }
}

#[tokio::test]
async fn every_gateway_hears_that_a_client_is_stopped() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let token = text(&RP.tokens(&world, &mut browser, &[]).await, "access_token");
    let machine = RP.exchange(&world, &[("grant_type", "client_credentials")]).await.json();
    let gate = gate(&world);
    assert_eq!(world.administer("POST", "/clients/rp/disable", "").await.status, 204);
    let stopped: Vec<_> = family::all_of_client("rp", world.now()).collect();
    assert!(stopped.iter().all(|ended| gate.heard(&Change::TokenRevoked(*ended))));
    for token in [token, text(&machine, "access_token")] {
        let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"at+jwt","alg":"RS512"}"#); // As one of another profile's.
        let token = format!("{header}.{}", token.split_once('.').expect("a JWS").1);
        let families = UnverifiedToken::parse(&token).expect("a token").families();
        assert!(families.iter().flatten().any(|family| stopped.contains(family)), "{families:?}");
    }
}

#[tokio::test]
async fn a_client_ends_what_it_has_for_itself() {
    let world = provider().await;
    let given = async || {
        let answer = RP.exchange(&world, &[("grant_type", "client_credentials")]).await;
        text(&answer.json(), "access_token")
    };
    let (token, other) = (given().await, given().await);
    let gate = gate(&world);
    asked(&world, OTHER, "/revoke", &token).await;
    assert!(is_active(&world, RP, &token).await, "another client changes nothing");
    for _ in 0..2 {
        asked(&world, RP, "/revoke", &token).await;
    }
    assert!(!is_active(&world, RP, &token).await && is_active(&world, RP, &other).await);
    let name = text(&verified(&world, &token).await, "jti");
    assert!(gate.heard(&Change::TokenRevoked(family::of_name(&name))));
    assert_eq!(userinfo(&world, &token).await.status, 401);
}

#[tokio::test]
async fn an_exchanged_token_is_ended_by_whom_it_was_given_to_and_alone() {
    let world = token_exchange::provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let first = text(&for_records(&world, &mut browser).await, "access_token");
    let given = async || {
        let answer = exchange(&world, OF_RECORDS, &first, LETTERS, &[]).await;
        text(&answer.json(), "access_token")
    };
    let (second, other) = (given().await, given().await);
    let gate = gate(&world);
    for another in [APP, Service("letters"), Service("other")] {
        asked(&world, another, "/revoke", &second).await;
    }
    assert!(is_active(&world, APP, &first).await, "whose grant it is of has ended nothing by it");
    assert!(is_active(&world, OF_RECORDS, &second).await);
    asked(&world, OF_RECORDS, "/revoke", &second).await;
    for asking in [OF_RECORDS, Service("letters")] {
        assert!(!is_active(&world, asking, &second).await, "{asking:?}");
        assert!(is_active(&world, asking, &other).await, "{asking:?}");
    }
    assert!(is_active(&world, APP, &first).await, "its grant stands");
    let name = text(&verified(&world, &second).await, "jti");
    assert!(gate.heard(&Change::TokenRevoked(family::of_name(&name))));
    let answer = exchange(&world, Service("letters"), &second, token_exchange::PRINTER, &[]).await;
    assert_eq!(error(&answer), (400, "invalid_request".into()), "nothing is made of it");
    let kind = [("subject_token_type", ACCESS)];
    assert_eq!(exchange(&world, Service("letters"), &other, token_exchange::PRINTER, &kind).await.status, 200);
    asked(&world, APP, "/revoke", &first).await;
    assert!(!is_active(&world, OF_RECORDS, &other).await, "it ends with its grant");
}
