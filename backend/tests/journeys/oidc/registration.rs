//! Clients that register themselves: they are told what is done for them and nothing else, and a token of theirs that
//! somebody has copied is good until they change anything.

use super::profiles::{CHALLENGE, DPOP, VERIFIER, proof};
use super::*;

const EMAIL: &str = "ada@example.org";

/// What a client says of itself, and more.
fn metadata(more: &Value) -> Value {
    let jwks: Value = serde_json::from_str(&key_set([&*RS512])).expect("JSON");
    let mut metadata = json!({
        "client_name": "Appointments", "redirect_uris": ["https://rp.example/cb"], "scope": "openid email",
        "jwks": jwks, "vectors": ["P0.Cm"],
    });
    more.as_object().expect("members").iter().for_each(|(name, value)| metadata[name] = value.clone());
    metadata
}

/// What a client is answered that shows a token.
async fn asked(world: &World, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    send(world, method, path, &headers, body).await
}

/// What is answered to a client that registers itself.
async fn registered(world: &World, more: &Value) -> Answer {
    let allowed = json!({"scope": "openid email", "vectors": ["P0.Cm"]}).to_string();
    let leave = world.administer("POST", "/initial-access-tokens", &allowed).await;
    assert_eq!(leave.status, 201, "{leave:?}");
    let token = text(&leave.json(), "initial_access_token");
    asked(world, "POST", "/oauth/register", &token, &metadata(more).to_string()).await
}

/// The path of a registration, and the token that opens it.
fn own(told: &Value) -> (String, String) {
    (format!("/oauth/register/{}", text(told, "client_id")), text(told, "registration_access_token"))
}

#[tokio::test]
async fn a_client_is_told_how_it_proves_itself_and_may_put_back_what_it_was_told() {
    let world = provider().await;
    for (more, method) in [
        (json!({}), "private_key_jwt"),
        (json!({"tls_client_auth_san_dns": "rp.example"}), "tls_client_auth"),
        (json!({"tls_client_auth_san_uri": "spiffe://rp/app", "jwks": null}), "tls_client_auth"),
    ] {
        let made = registered(&world, &more).await;
        assert_eq!((made.status, &made.json()["token_endpoint_auth_method"]), (201, &json!(method)), "{made:?}");
        let (path, token) = own(&made.json());
        let read = asked(&world, "GET", &path, &token, "").await;
        assert_eq!(read.json()["token_endpoint_auth_method"], method);
        let put = asked(&world, "PUT", &path, &token, &read.body).await;
        assert_eq!((put.status, &put.json()["token_endpoint_auth_method"]), (200, &json!(method)), "{put:?}");
    }
}

#[tokio::test]
async fn a_token_that_was_copied_is_good_until_its_client_changes_anything() {
    let world = provider().await;
    let made = registered(&world, &json!({})).await.json();
    let (path, copied) = own(&made);
    let of = |name: &str| metadata(&json!({"client_id": made["client_id"], "client_name": name})).to_string();
    let changed = asked(&world, "PUT", &path, &copied, &of("Letters")).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let (_, token) = own(&changed.json());
    for (method, body) in [("GET", String::new()), ("PUT", of("A thief")), ("DELETE", String::new())] {
        assert_eq!(asked(&world, method, &path, &copied, &body).await.status, 401, "{method}");
    }
    let read = asked(&world, "GET", &path, &token, "").await;
    assert_eq!((read.status, &read.json()["client_name"]), (200, &json!("Letters")));
    // Whoever is put out of use has no token any more, also when the client is in use again.
    for verb in ["disable", "enable"] {
        let path = format!("/clients/{}/{verb}", text(&made, "client_id"));
        assert_eq!(world.administer("POST", &path, "").await.status, 204);
    }
    assert_eq!(asked(&world, "GET", &path, &token, "").await.status, 401);
}

#[tokio::test]
async fn a_client_that_would_rely_on_what_is_not_done_is_refused() {
    let world = provider().await;
    for bad in [
        json!({"subject_type": "pairwise"}),
        json!({"sector_identifier_uri": "https://rp.example/sector"}),
        json!({"userinfo_signed_response_alg": "RS512"}),
        json!({"id_token_encrypted_response_alg": "RSA-OAEP"}),
        json!({"default_max_age": 60}),
    ] {
        let refused = registered(&world, &bad).await;
        assert_eq!(error(&refused), (400, "invalid_client_metadata".into()), "{bad}");
    }
    let told = registered(&world, &json!({"subject_type": "public", "software_id": "x"})).await;
    assert_eq!((told.status, &told.json()["subject_type"]), (201, &json!("public")), "{told:?}");
}

#[tokio::test]
async fn a_client_is_held_to_what_it_demands_of_itself() {
    let world = provider().await;
    let demands = json!({"require_pushed_authorization_requests": true, "dpop_bound_access_tokens": true});
    let made = registered(&world, &demands).await.json();
    assert_eq!(
        (&made["require_pushed_authorization_requests"], &made["dpop_bound_access_tokens"]),
        (&json!(true), &json!(true))
    );
    let id: &'static str = Box::leak(text(&made, "client_id").into_boxed_str());
    let (service, uri) = (Service(id), "https://rp.example/cb");
    let asked = [("redirect_uri", uri), ("scope", "openid email"), ("vtr", r#"["P0.Cm"]"#)];
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let direct = browser.get(&service.request(&asked)).await;
    assert_eq!(query_of(direct.location())["error"], "invalid_request", "it pushes its requests");

    let posted = async |path: &str, fields: &[(&str, &str)], proof: Option<&str>| {
        let assertion = service.assertion(&world);
        let by = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(proof.map(|proof| ("dpop", proof)));
        send(&world, "POST", path, &headers, &form(&[fields, &by].concat())).await
    };
    let bound = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let fields = service.parameters(&[&asked[..], &bound].concat());
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let reference = text(&posted("/par", &fields, None).await.json(), "request_uri");
    let page = browser.get(&format!("/authorize?{}", form(&[("client_id", id), ("request_uri", &reference)]))).await;
    let code = query_of(agree(&mut browser, &page).await.location())["code"].clone();
    let fields =
        [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", uri), ("code_verifier", VERIFIER)];
    let unbound = posted("/token", &fields, None).await;
    assert_eq!(error(&unbound), (400, "invalid_dpop_proof".into()), "its tokens are bound to a key");
    let given = posted("/token", &fields, Some(&proof(&DPOP, "/token", world.now()))).await;
    assert_eq!((given.status, &given.json()["token_type"]), (200, &json!("DPoP")), "{given:?}");
}

#[tokio::test]
async fn an_administrator_reads_changes_and_removes_a_client() {
    let world = provider().await;
    let (letters, asked) = (Service("letters"), [("scope", "openid email"), ("vtr", r#"["P0.Cm"]"#)]);
    let of = |more: &Value| {
        let mut all = metadata(&json!({"redirect_uris": ["https://letters.example/cb"], "software_id": "x"}));
        more.as_object().expect("members").iter().for_each(|(name, value)| all[name] = value.clone());
        all.to_string()
    };
    let admin = async |method: &str, path: &str, body: &str| world.administer(method, path, body).await;
    let made = of(&json!({"client_id": "letters"}));
    assert_eq!(admin("POST", "/clients", &made).await.status, 201);
    let read = admin("GET", "/clients/letters", "").await;
    assert_eq!((read.status, read.header("etag")), (200, "\"0\""), "{read:?}");
    let told = read.json();
    for (name, value) in [
        ("client_id", json!("letters")),
        ("client_name", json!("Appointments")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("configured", json!(false)),
        ("disabled", json!(false)),
        ("scope", json!("openid email")),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let tokens = letters.tokens(&world, &mut browser, &asked).await;
    let info = async || userinfo(&world, &text(&tokens, "access_token")).await;
    assert_eq!(info().await.json()["email"], EMAIL);

    let put = admin("PUT", "/clients/letters", &read.body).await;
    assert_eq!((put.status, put.header("etag")), (200, "\"1\""), "what was read may be put back: {put:?}");
    let put = admin("PUT", "/clients/letters", &of(&json!({"scope": "openid", "client_name": "Letters"}))).await;
    assert_eq!((put.status, &put.json()["client_name"]), (200, &json!("Letters")), "{put:?}");
    assert!(info().await.json().get("email").is_none(), "what is taken from it is taken from what it was given");
    for (body, told) in [
        (of(&json!({"redirect_uris": ["http://letters.example/cb"]})), "redirect_uris"),
        (of(&json!({"client_id": "other"})), "client_id"),
        (of(&json!({"scope": "openid x"})), "scope"),
        ("[]".into(), "JSON"),
    ] {
        let bad = admin("PUT", "/clients/letters", &body).await;
        assert_eq!((bad.status, bad.header("content-type")), (400, "application/problem+json"), "{bad:?}");
        assert!(text(&bad.json(), "detail").contains(told), "{bad:?}");
    }
    for method in ["PUT", "DELETE"] {
        assert_eq!(admin(method, "/clients/rp", &of(&json!({}))).await.status, 409, "the file says what it is");
        assert_eq!(admin(method, "/clients/nobody", &of(&json!({}))).await.status, 404);
    }
    let rp = admin("GET", "/clients/rp", "").await;
    assert_eq!((rp.status, &rp.json()["configured"]), (200, &json!(true)));
    let first = admin("GET", "/clients?limit=2", "").await.json();
    let of_page = |page: &Value| -> Vec<String> {
        page["clients"].as_array().expect("clients").iter().map(|client| text(client, "client_id")).collect()
    };
    assert_eq!((of_page(&first), &first["next"]), (vec!["letters".into(), "other".into()], &json!("other")));
    let rest = admin("GET", "/clients?limit=2&after=other", "").await.json();
    assert_eq!((of_page(&rest), rest.get("next")), (vec!["rp".into(), "third".into()], None));
    for bad in ["0", "1001", "x"] {
        assert_eq!(admin("GET", &format!("/clients?limit={bad}"), "").await.status, 400, "{bad}");
    }

    assert_eq!(admin("DELETE", "/clients/letters", "").await.status, 204);
    assert_eq!(info().await.status, 401);
    assert_eq!(error(&letters.refresh(&world, &text(&tokens, "refresh_token")).await), (400, "invalid_client".into()));
    assert_eq!(admin("GET", "/clients/letters", "").await.status, 404);
    assert_eq!(admin("POST", "/clients", &made).await.status, 409, "what people have allowed it is nobody else's");
}

#[tokio::test]
async fn a_client_that_was_out_of_use_is_given_a_token_again() {
    let world = provider().await;
    let made = registered(&world, &json!({})).await.json();
    let (id, (path, before)) = (text(&made, "client_id"), own(&made));
    let at = |verb: &str| format!("/clients/{id}/{verb}");
    assert_eq!(world.administer("POST", &at("disable"), "").await.status, 204);
    assert_eq!(world.administer("POST", &at("registration-access-token"), "").await.status, 409);
    assert_eq!(world.administer("POST", &at("enable"), "").await.status, 204);
    assert_eq!(asked(&world, "GET", &path, &before, "").await.status, 401);
    let told = world.administer("POST", &at("registration-access-token"), "").await;
    assert_eq!(told.status, 201, "{told:?}");
    let told = told.json();
    assert_eq!(told["registration_client_uri"], format!("{ISSUER}{path}"));
    let token = text(&told, "registration_access_token");
    let read = asked(&world, "GET", &path, &token, "").await;
    assert_eq!(asked(&world, "PUT", &path, &token, &read.body).await.status, 200);
    assert_eq!(asked(&world, "GET", &path, &before, "").await.status, 401);
    assert_eq!(world.administer("POST", "/clients/rp/registration-access-token", "").await.status, 409);
    assert_eq!(world.administer("POST", "/clients/nobody/registration-access-token", "").await.status, 404);
}
