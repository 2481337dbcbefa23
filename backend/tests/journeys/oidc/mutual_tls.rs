//! Clients that show a certificate (RFC 8705), of which the gate tells in an assertion that it signs: tokens that are bound
//! to it, clients that prove themselves by it, and everybody who has another, none, or a forged word about one.

use super::*;
use aldgate_backend::AUDIENCE;
use aldgate_core::identity_header::CERTIFICATE_ASSERTION;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";
const MINE: [u8; 32] = [7; 32];
const ANOTHER: [u8; 32] = [8; 32];
const NAME: &str = "bound.example";

/// What the gate says of the certificate of a connection.
fn certificate(world: &World, sha256: &[u8; 32], names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    world.gate.mint_for_certificate(ISSUER, AUDIENCE, sha256, &names, world.now()).expect("signed")
}

fn bound(id: &str) -> Registration {
    Registration { tls_client_certificate_bound_access_tokens: true, ..registration(id) }
}

/// A client whose tokens are bound, one that proves itself by its certificate, and a resource server.
async fn provider() -> World {
    let by_name = Registration { tls_client_auth_san_dns: Some(NAME.into()), keys: None, ..bound("named") };
    let third = Registration { resource_server: true, ..registration("third") };
    World::with_clients(&database().await, registry(&[bound("rp"), registration("other"), by_name, third])).await
}

/// A form that is posted over a connection that has shown this.
async fn posted(world: &World, path: &str, fields: &[(&str, &str)], shown: Option<&str>) -> Answer {
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    headers.extend(shown.map(|shown| (CERTIFICATE_ASSERTION, shown)));
    send(world, "POST", path, &headers, &form(fields)).await
}

async fn exchange(world: &World, by: Service, fields: &[(&str, &str)], shown: Option<&str>) -> Answer {
    let assertion = by.assertion(world);
    let proof = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
    posted(world, "/token", &[fields, &proof].concat(), shown).await
}

async fn redeem(world: &World, by: Service, code: &str, shown: Option<&str>) -> Answer {
    let uri = by.redirect_uri();
    let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", uri.as_str())];
    exchange(world, by, &fields, shown).await
}

async fn told(world: &World, token: &str, shown: Option<&str>) -> u16 {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(shown.map(|shown| (CERTIFICATE_ASSERTION, shown)));
    send(world, "GET", "/userinfo", &headers, "").await.status
}

#[tokio::test]
async fn a_bound_token_is_good_with_its_certificate_alone() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let (mine, another) = (certificate(&world, &MINE, &[]), certificate(&world, &ANOTHER, &[]));
    let code = RP.code(&mut browser, &[]).await;
    let answer = redeem(&world, RP, &code, Some(&mine)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["token_type"], "bearer");
    let token = text(&answer.json(), "access_token");
    let expected = json!({"x5t#S256": URL_SAFE_NO_PAD.encode(MINE)});
    assert_eq!(verified(&world, &token).await["cnf"], expected);
    assert_eq!(told(&world, &token, Some(&mine)).await, 200);
    for (shown, what) in [(None, "none"), (Some(another.as_str()), "another")] {
        assert_eq!(told(&world, &token, shown).await, 401, "{what}");
    }
    let headers = [("authorization", format!("DPoP {token}")), ("dpop", "x".into()), (CERTIFICATE_ASSERTION, mine)];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(send(&world, "GET", "/userinfo", &headers, "").await.status, 401, "as one of a key");
    let assertion = THIRD.assertion(&world);
    let asked = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion), ("token", &token)];
    let introspected = post(&world, "/introspect", &form(&asked)).await.json();
    assert_eq!((&introspected["cnf"], &introspected["token_type"]), (&expected, &json!("Bearer")));
}

#[tokio::test]
async fn a_client_whose_tokens_are_bound_gets_none_without_a_certificate() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let code = RP.code(&mut browser, &[]).await;
    assert_eq!(error(&redeem(&world, RP, &code, None).await), (400, "invalid_request".into()));
    let (mine, another) = (certificate(&world, &MINE, &[]), certificate(&world, &ANOTHER, &[]));
    let tokens = redeem(&world, RP, &code, Some(&mine)).await.json();
    let refresh = text(&tokens, "refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    assert_eq!(error(&exchange(&world, RP, &fields, None).await), (400, "invalid_request".into()));
    // A client proves itself with a key of its own: it may have a new certificate.
    let renewed = exchange(&world, RP, &fields, Some(&another)).await.json();
    let token = text(&renewed, "access_token");
    assert_eq!((told(&world, &token, Some(&another)).await, told(&world, &token, Some(&mine)).await), (200, 401));
    let machine = [("grant_type", "client_credentials")];
    assert_eq!(error(&exchange(&world, RP, &machine, None).await), (400, "invalid_request".into()));
    let claims = exchange(&world, RP, &machine, Some(&mine)).await.json();
    let claims = verified(&world, &text(&claims, "access_token")).await;
    assert_eq!(claims["cnf"], json!({"x5t#S256": URL_SAFE_NO_PAD.encode(MINE)}));
    let code = OTHER.code(&mut browser, &[]).await;
    let tokens = redeem(&world, OTHER, &code, Some(&mine)).await.json();
    let claims = verified(&world, &text(&tokens, "access_token")).await;
    assert!(claims.get("cnf").is_none(), "bound for those alone that are registered for it");
}

#[tokio::test]
async fn a_client_proves_itself_by_the_name_of_its_certificate_and_by_nothing_else() {
    let world = provider().await;
    let good = certificate(&world, &MINE, &["x.example", NAME]);
    let machine = [("grant_type", "client_credentials"), ("client_id", "named")];
    let answer = posted(&world, "/token", &machine, Some(&good)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let invalid = (400, "invalid_client".to_owned());
    let wrong = certificate(&world, &MINE, &["x.example", "bound.example.evil", "https://bound.example"]);
    for shown in [None, Some(wrong.as_str())] {
        for path in ["/token", "/par", "/introspect", "/revoke"] {
            let fields = [&machine[..], &[("token", "x")]].concat();
            assert_eq!(error(&posted(&world, path, &fields, shown).await), invalid, "{path}");
        }
    }
    let unnamed = posted(&world, "/token", &machine[..1], Some(&good)).await;
    assert_eq!(error(&unnamed), invalid, "it must say who it is");
    let of_another = [("grant_type", "client_credentials"), ("client_id", "rp")];
    assert_eq!(error(&posted(&world, "/token", &of_another, Some(&good)).await), invalid, "not registered for it");
    let signed = exchange(&world, Service("named"), &[("grant_type", "client_credentials")], Some(&good)).await;
    assert_eq!(error(&signed), invalid, "an assertion is not how it proves itself");
}

#[tokio::test]
async fn a_word_about_a_certificate_that_the_gate_has_not_signed_is_refused() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let mine = certificate(&world, &MINE, &[NAME]);
    let code = RP.code(&mut browser, &[]).await;
    let token = text(&redeem(&world, RP, &code, Some(&mine)).await.json(), "access_token");
    let elsewhere = crate::world::signing_key();
    let names = [NAME.to_owned()];
    let forged = elsewhere.mint_for_certificate(ISSUER, AUDIENCE, &MINE, &names, world.now()).expect("signed");
    let of_service = world.gate.mint_for_certificate(ISSUER, "service", &MINE, &names, world.now()).expect("signed");
    let plain = format!("sha256=\"{}\", names=(\"{NAME}\")", URL_SAFE_NO_PAD.encode(MINE));
    let machine = [("grant_type", "client_credentials"), ("client_id", "named")];
    for bad in [forged.as_str(), &of_service, &plain, "", "a.b.c"] {
        assert_eq!(told(&world, &token, Some(bad)).await, 400, "{bad}");
        assert_eq!(error(&posted(&world, "/token", &machine, Some(bad)).await).0, 400, "{bad}");
    }
    let twice = [("content-type", "application/x-www-form-urlencoded"), (CERTIFICATE_ASSERTION, &mine)];
    let twice = [&twice[..], &[(CERTIFICATE_ASSERTION, mine.as_str())]].concat();
    assert_eq!(send(&world, "POST", "/token", &twice, &form(&machine)).await.status, 400);
    world.after(Duration::from_mins(1));
    assert_eq!(error(&posted(&world, "/token", &machine, Some(&mine)).await).0, 400, "an old one");
}

#[tokio::test]
async fn a_fapi_client_may_be_bound_by_either() {
    let fapi = Registration { profile: Some("fapi2".into()), vectors: vec!["P0.Cm".into()], ..bound("bank") };
    let bank = Registration { tls_client_auth_san_uri: Some("spiffe://bank/app".into()), keys: None, ..fapi };
    let world = World::with_clients(&database().await, registry(&[bank])).await;
    let mine = certificate(&world, &MINE, &["spiffe://bank/app"]);
    let machine = [("grant_type", "client_credentials"), ("client_id", "bank")];
    let answer = posted(&world, "/token", &machine, Some(&mine)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let said = send(&world, "GET", "/.well-known/openid-configuration", &[], "").await.json();
    assert_eq!(said["tls_client_certificate_bound_access_tokens"], true);
    assert_eq!(said["mtls_endpoint_aliases"]["token_endpoint"], format!("{ISSUER}/token"));
    assert_eq!(said["token_endpoint_auth_methods_supported"], json!(["private_key_jwt", "tls_client_auth"]));
}
