//! A service signs a person out here: at once if it shows that it is about this session, by a question otherwise, and to
//! nowhere that it has not registered.

use super::*;

const EMAIL: &str = "ada@example.org";
const BYE: &str = "https://rp.example/bye";

fn path(parameters: &[(&str, &str)]) -> String {
    format!("/logout?{}", form(parameters))
}

/// Says yes on the page that asks.
async fn confirm(browser: &mut Browser<'_>, page: &Answer) -> Answer {
    assert!(page.body.contains("<h1>Do you want to sign out?</h1>"), "{page:?}");
    let fields = page.body.split("<input type=\"hidden\" name=\"").skip(1).map(|field| {
        let (name, rest) = field.split_once("\" value=\"").expect("a value");
        (name.to_owned(), rest.split('"').next().expect("its end").to_owned())
    });
    let fields: Vec<_> = fields.collect();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post("/logout/confirm", &fields).await
}

#[tokio::test]
async fn with_a_hint_about_this_session_one_is_signed_out_and_back_at_the_service() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let id_token = text(&RP.tokens(&world, &mut browser, &[]).await, "id_token");
    let asked = path(&[("id_token_hint", &id_token), ("post_logout_redirect_uri", BYE), ("state", "a b")]);
    let answer = browser.get(&asked).await;
    assert_eq!((answer.status, answer.location()), (303, "https://rp.example/bye?state=a%20b"));
    assert!(browser.session().await.is_none());
    let silent = browser.get(&RP.request(&[("prompt", "none")])).await;
    assert_eq!(query_of(silent.location())["error"], "sso_login_required");
    assert_eq!(browser.get(&asked).await.location(), "https://rp.example/bye?state=a%20b", "whoever is out is let go");
}

#[tokio::test]
async fn without_such_a_hint_one_is_asked() {
    let world = provider().await;
    let (mut other, _) = somebody(&world, "eve@example.org", 2).await;
    let others = text(&RP.tokens(&world, &mut other, &[]).await, "id_token");
    for parameters in [
        vec![],
        vec![("state", "x")],
        vec![("client_id", "rp"), ("post_logout_redirect_uri", BYE)],
        vec![("id_token_hint", others.as_str()), ("post_logout_redirect_uri", BYE)],
    ] {
        let email = format!("p{}@example.org", JWT_IDS.fetch_add(1, Ordering::SeqCst));
        let mut browser = world.with_password(&email).await;
        let page = browser.get(&path(&parameters)).await;
        assert_eq!(page.status, 200, "{parameters:?}: {page:?}");
        assert!(browser.session().await.is_some(), "nothing has happened yet");
        let answer = confirm(&mut browser, &page).await;
        let back = parameters.iter().any(|(name, _)| *name == "post_logout_redirect_uri");
        assert_eq!((answer.status, answer.location()), (303, if back { BYE } else { "/signed-out" }), "{parameters:?}");
        assert!(browser.session().await.is_none());
    }
}

#[tokio::test]
async fn nobody_is_sent_to_what_is_not_registered_and_no_forged_hint_counts() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    let (id_token, access_token) = (text(&tokens, "id_token"), text(&tokens, "access_token"));
    let (_, rest) = id_token.split_once('.').expect("parts");
    let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), rest.split('.').next().expect("claims"));
    for parameters in [
        vec![("id_token_hint", id_token.as_str()), ("post_logout_redirect_uri", "https://evil.example/")],
        vec![("id_token_hint", id_token.as_str()), ("post_logout_redirect_uri", "https://rp.example/bye?x=1")],
        vec![("id_token_hint", id_token.as_str()), ("post_logout_redirect_uri", "https://other.example/bye")],
        vec![("post_logout_redirect_uri", BYE)],
        vec![("id_token_hint", id_token.as_str()), ("client_id", "other")],
        vec![("id_token_hint", none.as_str()), ("post_logout_redirect_uri", BYE)],
        vec![("id_token_hint", access_token.as_str()), ("post_logout_redirect_uri", BYE)],
        vec![("id_token_hint", "x"), ("post_logout_redirect_uri", BYE)],
        vec![("client_id", "rp"), ("client_id", "other")],
    ] {
        let answer = browser.get(&path(&parameters)).await;
        assert_eq!((answer.status, answer.location()), (400, ""), "{parameters:?}");
        assert!(browser.session().await.is_some(), "{parameters:?}");
    }
    browser.origin = Some("https://evil.example".into());
    assert_eq!(browser.post("/logout/confirm", &[]).await.status, 403, "another site does not say yes");
    let posted = browser.post("/logout", &[("id_token_hint", &id_token), ("post_logout_redirect_uri", BYE)]).await;
    assert_eq!(posted.location(), BYE, "but a service may post");
}
