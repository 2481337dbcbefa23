//! The token endpoint under attack: who may redeem what, once, and with which proof.

use super::*;
use std::collections::BTreeMap;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".into())
}

#[tokio::test]
async fn a_code_is_good_once_and_its_second_use_ends_what_the_first_gave() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let code = RP.code(&mut browser, &[]).await;
    let tokens = RP.redeem(&world, &code).await.json();
    assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, 200);
    assert_eq!(error(&RP.redeem(&world, &code).await), invalid_grant());
    assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, 401);
    assert_eq!(error(&RP.refresh(&world, &text(&tokens, "refresh_token")).await), invalid_grant());
}

#[tokio::test]
async fn a_second_use_that_is_wrong_otherwise_ends_the_family_too() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    for wrong in ["redirect_uri", "code_verifier", "late", "signed out"] {
        let code = RP.code(&mut browser, &[]).await;
        let tokens = RP.redeem(&world, &code).await.json();
        let uri = if wrong == "redirect_uri" { "https://rp.example/other".into() } else { RP.redirect_uri() };
        let mut fields = vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", &uri)];
        match wrong {
            "code_verifier" => fields.push(("code_verifier", VERIFIER)),
            "late" => world.after(Duration::from_mins(11)),
            "signed out" => drop(world.warm.end_sessions(&account, None).await),
            _ => {}
        }
        assert_eq!(error(&RP.exchange(&world, &fields).await), invalid_grant(), "{wrong}");
        let refreshed = RP.refresh(&world, &text(&tokens, "refresh_token")).await;
        assert_eq!(error(&refreshed), invalid_grant(), "{wrong}");
    }
}

#[tokio::test]
async fn of_fifty_who_redeem_one_code_at_once_one_gets_tokens_that_are_then_worth_nothing() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let code = RP.code(&mut browser, &[]).await;
    let attempts: Vec<_> = (0..50).map(|_| RP.redeem(&world, &code)).collect();
    let answers = all(attempts).await;
    let mut tally = BTreeMap::new();
    answers.iter().for_each(|answer| *tally.entry(answer.status).or_insert(0) += 1);
    assert_eq!(tally, BTreeMap::from([(200, 1), (400, 49)]));
    let won = answers.iter().find(|answer| answer.status == 200).expect("one").json();
    assert_eq!(userinfo(&world, &text(&won, "access_token")).await.status, 401);
    assert_eq!(error(&RP.refresh(&world, &text(&won, "refresh_token")).await), invalid_grant());
}

/// Runs all at once.
pub(super) async fn all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, output) in pending.iter_mut().filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(context) {
                std::task::Poll::Ready(value) => *output = Some(value),
                std::task::Poll::Pending => ready = false,
            }
        }
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    pending.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test]
async fn a_code_is_its_clients_and_its_redirect_uris_alone() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let code = RP.code(&mut browser, &[]).await;
    let uri = RP.redirect_uri();
    let stolen = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", &uri)];
    assert_eq!(error(&OTHER.exchange(&world, &stolen).await), invalid_grant(), "another client's");
    for (elsewhere, code_of_error) in [
        ("https://rp.example/other", "invalid_grant"),
        ("https://rp.example/cb/", "invalid_grant"),
        ("", "invalid_request"),
    ] {
        let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", elsewhere)];
        assert_eq!(error(&RP.exchange(&world, &fields).await), (400, code_of_error.into()), "{elsewhere}");
    }
    assert_eq!(RP.redeem(&world, &code).await.status, 200, "whoever failed has used nothing up");
}

#[tokio::test]
async fn a_code_lives_ten_minutes() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let (young, old) = (RP.code(&mut browser, &[]).await, RP.code(&mut browser, &[]).await);
    world.after(Duration::from_secs(599));
    assert_eq!(RP.redeem(&world, &young).await.status, 200);
    world.after(Duration::from_secs(1));
    assert_eq!(error(&RP.redeem(&world, &old).await), invalid_grant());
}

#[tokio::test]
async fn a_code_dies_with_its_session() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let code = RP.code(&mut browser, &[]).await;
    world.warm.end_sessions(&account, None).await.expect("ended");
    assert_eq!(error(&RP.redeem(&world, &code).await), invalid_grant());
}

#[tokio::test]
async fn forged_and_cut_codes_are_nothing() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let code = RP.code(&mut browser, &[]).await;
    let mut forged =
        vec![code[..code.len() - 1].to_owned(), format!("{code}A"), "A".repeat(400), "x".into(), "é".into()];
    forged.extend((0..code.len()).step_by(37).map(|at| {
        let other = if &code[at..=at] == "A" { "B" } else { "A" };
        [&code[..at], other, &code[at + 1..]].concat()
    }));
    for forged in forged {
        assert_eq!(error(&RP.redeem(&world, &forged).await), invalid_grant(), "{forged}");
    }
    assert_eq!(RP.redeem(&world, &code).await.status, 200);
}

#[tokio::test]
async fn a_challenge_needs_its_verifier_and_a_verifier_its_challenge() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let bound = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let uri = RP.redirect_uri();
    for (changes, verifier, status) in [
        (&bound[..], VERIFIER, 200),
        (&bound[..], "", 400),
        (&bound[..], CHALLENGE, 400),
        (&bound[..], &VERIFIER[..42], 400),
        (&[], VERIFIER, 400),
        (&[], "", 200),
    ] {
        let code = RP.code(&mut browser, changes).await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", &uri),
            ("code_verifier", verifier),
        ];
        let answer = RP.exchange(&world, &fields).await;
        assert_eq!(answer.status, status, "{changes:?} {verifier:?}: {answer:?}");
    }
    let plain = browser.get(&RP.request(&[("code_challenge", VERIFIER), ("code_challenge_method", "plain")])).await;
    assert_eq!(query_of(plain.location())["error"], "invalid_request");
}

#[tokio::test]
async fn whoever_does_not_prove_to_be_the_client_gets_nothing() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let code = RP.code(&mut browser, &[]).await;
    let uri = RP.redirect_uri();
    let grant = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", uri.as_str())];
    let others = OTHER.assertion(&world);
    let by_another_key = Signer::new("ES256", "k1")
        .sign(json!({"alg": "ES256", "typ": "JWT", "kid": "k1"}).to_string(), RP.assertion_claims(&world).to_string());
    let with = |name: &str, value: Value| {
        let mut claims = RP.assertion_claims(&world);
        claims[name] = value;
        signed(&claims)
    };
    let attempts: Vec<(&str, Vec<(&str, String)>)> = vec![
        ("no assertion", vec![("client_assertion", String::new())]),
        ("no type", vec![("client_assertion_type", String::new())]),
        (
            "another type",
            vec![("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer".into())],
        ),
        ("another client's name beside", vec![("client_id", "other".into())]),
        ("unknown client", vec![("client_assertion", with("iss", "nobody".into()))]),
        ("another key", vec![("client_assertion", by_another_key)]),
        ("another audience", vec![("client_assertion", with("aud", "https://evil.example/token".into()))]),
        ("too old", vec![("client_assertion", with("exp", (world.now().as_secs() - 1).into()))]),
        ("no JWT", vec![("client_assertion", "a.b.c".into())]),
        ("a secret instead", vec![("client_assertion", String::new()), ("client_secret", "x".into())]),
    ];
    for (what, fields) in attempts {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = RP.exchange(&world, &[&grant[..], &fields].concat()).await;
        assert_eq!(error(&answer), (400, "invalid_client".into()), "{what}: {answer:?}");
    }
    let answer = RP.exchange(&world, &[&grant[..], &[("client_assertion", others.as_str())]].concat()).await;
    assert_eq!(error(&answer), invalid_grant(), "another client, proven, has no claim to the code");
    assert_eq!(RP.redeem(&world, &code).await.status, 200, "and nothing was used up");
}

#[tokio::test]
async fn an_assertion_is_good_once() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let assertion = RP.assertion(&world);
    let uri = RP.redirect_uri();
    let mut answers = Vec::new();
    for _ in 0..2 {
        let code = RP.code(&mut browser, &[]).await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", &uri),
            ("client_assertion", &assertion),
        ];
        answers.push(RP.exchange(&world, &fields).await);
    }
    assert_eq!(answers[0].status, 200);
    assert_eq!(error(&answers[1]), (400, "invalid_client".into()));
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let world = provider().await;
    for (fields, code) in [
        (vec![("grant_type", "password"), ("username", "a")], "unsupported_grant_type"),
        (vec![("code", "x")], "invalid_request"),
        (vec![("grant_type", "authorization_code"), ("redirect_uri", "x")], "invalid_request"),
        (vec![("grant_type", "refresh_token")], "invalid_request"),
    ] {
        assert_eq!(error(&RP.exchange(&world, &fields).await), (400, code.into()), "{fields:?}");
    }
    let doubled = post(&world, "/token", "grant_type=authorization_code&grant_type=refresh_token").await;
    assert_eq!(error(&doubled), (400, "invalid_request".into()));
    assert!(text(&doubled.json(), "error_description").contains("grant_type"));
    let json = send(&world, "POST", "/token", &[("content-type", "application/json")], "{}").await;
    assert_eq!(error(&json), (400, "invalid_request".into()));
    assert_eq!(error(&post(&world, "/token", &"a".repeat(20_000)).await), (413, "invalid_request".into()));
    assert_eq!(error(&post(&world, "/token", "grant_type=%ff").await), (400, "invalid_request".into()));
    assert_eq!(send(&world, "GET", "/token?grant_type=x", &[], "").await.status, 405);
}

#[tokio::test]
async fn a_client_that_is_out_of_use_gets_nothing_after_a_restart() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    let code = RP.code(&mut browser, &[]).await;
    let mut registrations = registrations();
    registrations[0].disabled = true;
    let world = world.restarted(registry(&registrations)).await;
    assert_eq!(error(&RP.redeem(&world, &code).await), (400, "invalid_client".into()));
    assert_eq!(error(&RP.refresh(&world, &text(&tokens, "refresh_token")).await), (400, "invalid_client".into()));
    assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, 401);
    let mut browser = world.browser();
    assert_eq!(query_of(browser.get(&RP.request(&[])).await.location())["error"], "unauthorized_client");
}

#[tokio::test]
async fn a_code_and_its_family_outlive_a_restart() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let used = RP.code(&mut browser, &[]).await;
    let tokens = RP.redeem(&world, &used).await.json();
    let fresh = RP.code(&mut browser, &[]).await;
    let world = world.restarted(registry(&registrations())).await;
    assert_eq!(RP.redeem(&world, &fresh).await.status, 200);
    assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, 200);
    assert_eq!(error(&RP.redeem(&world, &used).await), invalid_grant(), "a restart forgets no use");
    assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, 401);
}
