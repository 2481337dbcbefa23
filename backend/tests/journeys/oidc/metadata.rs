//! What the provider says of itself.

use super::*;

#[tokio::test]
async fn discovery_says_what_nhs_login_says() {
    let world = provider().await;
    let answer = send(&world, "GET", "/.well-known/openid-configuration", &[], "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert!(answer.header("cache-control").contains("max-age"), "{answer:?}");
    let said = answer.json();
    for (name, value) in [
        ("issuer", json!(ISSUER)),
        ("authorization_endpoint", json!(format!("{ISSUER}/authorize"))),
        ("token_endpoint", json!(format!("{ISSUER}/token"))),
        ("userinfo_endpoint", json!(format!("{ISSUER}/userinfo"))),
        ("jwks_uri", json!(format!("{ISSUER}/.well-known/jwks.json"))),
        ("response_types_supported", json!(["code"])),
        ("subject_types_supported", json!(["public"])),
        ("id_token_signing_alg_values_supported", json!(["RS512"])),
        ("token_endpoint_auth_methods_supported", json!(["private_key_jwt"])),
        ("token_endpoint_auth_signing_alg_values_supported", json!(["RS512"])),
        ("request_parameter_supported", json!(true)),
        ("request_object_signing_alg_values_supported", json!(["RS512"])),
        ("request_uri_parameter_supported", json!(false)),
        ("require_signed_request_object", json!(false)),
    ] {
        assert_eq!(said[name], value, "{name}");
    }
    let mut scopes = SCOPES.map(str::to_owned);
    scopes.sort_unstable();
    assert_eq!(said["scopes_supported"], json!(scopes));
    assert_eq!(said["claims_supported"].as_array().map(Vec::len), Some(33));
    for absent in
        ["end_session_endpoint", "revocation_endpoint", "introspection_endpoint", "backchannel_logout_supported"]
    {
        assert!(said.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn the_trustmark_is_where_tokens_say() {
    let world = provider().await;
    let said = send(&world, "GET", "/trustmark/localhost", &[], "").await.json();
    let expected = json!({
        "idp": ISSUER, "trustmark_provider": ISSUER, "P": ["P0", "P5", "P9"], "C": ["Cp", "Cd", "Ck", "Cm"],
    });
    assert_eq!(said, expected);
    assert_eq!(send(&world, "GET", "/trustmark/evil.example", &[], "").await.status, 404);
}

#[tokio::test]
async fn the_key_set_holds_public_keys_alone() {
    let world = provider().await;
    let answer = send(&world, "GET", "/.well-known/jwks.json", &[], "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/jwk-set+json"));
    let set = answer.json();
    let keys = set["keys"].as_array().expect("keys");
    assert!(keys.iter().any(|key| key["alg"] == "RS512"), "{set}");
    for key in keys {
        for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(secret).is_none(), "{key}");
        }
    }
}

/// The table of docs/conformance.md, so that it cannot name a test that is gone.
#[test]
fn every_test_that_the_conformance_table_names_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("../docs/conformance.md")).expect("the table");
    let mut named = 0;
    for name in table.split('`').skip(1).step_by(2).filter(|name| name.contains("::") && !name.contains('…')) {
        let (module, test) = name.rsplit_once("::").expect("a path");
        if test == "tests" {
            continue; // A whole module of them.
        }
        let files = match module.strip_suffix("::tests").map(|unit| unit.replace("::", "/")) {
            Some(unit) => vec![format!("src/oidc/{unit}.rs"), format!("src/oidc/{unit}/tests.rs")],
            None => vec![format!("tests/journeys/oidc/{module}.rs")],
        };
        let source = files.iter().find_map(|file| std::fs::read_to_string(root.join(file)).ok());
        let source = source.unwrap_or_else(|| panic!("none of {files:?} is there"));
        assert!(source.contains(&format!("fn {test}(")), "{name} is not in {files:?}");
        named += 1;
    }
    assert!(named > 40, "the table names its tests: {named}");
}
