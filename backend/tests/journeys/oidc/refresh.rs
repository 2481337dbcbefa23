//! Refresh tokens: replaced at each use, for thirty days, for less and never for more; and a copy of one ends them all.

use super::*;
use crate::world::PASSWORD;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".into())
}

#[tokio::test]
async fn only_the_latest_is_good_and_an_older_one_ends_the_family() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let first = RP.tokens(&world, &mut browser, &[]).await;
    let answer = RP.refresh(&world, &text(&first, "refresh_token")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let second = answer.json();
    assert!(second.get("id_token").is_none(), "{second}");
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let access_token = verified(&world, &text(&second, "access_token")).await;
    assert_eq!(
        (access_token["sub"].as_str(), access_token["vot"].as_str()),
        (Some(account.to_string().as_str()), Some("P0.Cm"))
    );
    let third = RP.refresh(&world, &text(&second, "refresh_token")).await.json();
    assert_eq!(userinfo(&world, &text(&third, "access_token")).await.status, 200);
    assert_eq!(error(&RP.refresh(&world, &text(&first, "refresh_token")).await), invalid_grant(), "a copy");
    assert_eq!(error(&RP.refresh(&world, &text(&third, "refresh_token")).await), invalid_grant());
    for tokens in [&first, &second, &third] {
        assert_eq!(userinfo(&world, &text(tokens, "access_token")).await.status, 401);
    }
}

#[tokio::test]
async fn of_fifty_who_use_one_at_once_one_gets_tokens_that_are_then_worth_nothing() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    let token = text(&tokens, "refresh_token");
    let attempts: Vec<_> = (0..50).map(|_| RP.refresh(&world, &token)).collect();
    let answers = token::all(attempts).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1);
    assert!(answers.iter().filter(|answer| answer.status != 200).all(|answer| error(answer) == invalid_grant()));
    assert_eq!(error(&RP.refresh(&world, &text(&won[0].json(), "refresh_token")).await), invalid_grant());
}

#[tokio::test]
async fn each_lives_thirty_days() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let first = RP.tokens(&world, &mut browser, &[]).await;
    let other = OTHER.tokens(&world, &mut browser, &[]).await;
    world.after(Duration::from_hours(29 * 24));
    let second = RP.refresh(&world, &text(&first, "refresh_token")).await;
    assert_eq!(second.status, 200, "the session has long ended: {second:?}");
    world.after(Duration::from_hours(2 * 24));
    assert_eq!(RP.refresh(&world, &text(&second.json(), "refresh_token")).await.status, 200);
    assert_eq!(error(&OTHER.refresh(&world, &text(&other, "refresh_token")).await), invalid_grant());
}

#[tokio::test]
async fn a_family_ends_after_half_a_year_however_often_it_is_renewed() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let mut token = text(&RP.tokens(&world, &mut browser, &[]).await, "refresh_token");
    for _ in 0..8 {
        world.after(Duration::from_hours(20 * 24));
        let answer = RP.refresh(&world, &token).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        token = text(&answer.json(), "refresh_token");
    }
    world.after(Duration::from_hours(20 * 24));
    assert_eq!(error(&RP.refresh(&world, &token).await), invalid_grant());
}

#[tokio::test]
async fn a_new_password_ends_what_was_given_in_other_sessions() {
    let world = provider().await;
    let mut owner = world.with_password(EMAIL).await;
    let mut thief = world.browser();
    assert_eq!(thief.sign_in(EMAIL, PASSWORD).await.status, 303);
    let with_password = [("vtr", r#"["P0.Cp"]"#)];
    let (mine, stolen) =
        (RP.tokens(&world, &mut owner, &with_password).await, RP.tokens(&world, &mut thief, &with_password).await);
    let fields = [("current_password", PASSWORD), ("new_password", "an entirely new one")];
    assert_eq!(owner.post("/account/password", &fields).await.status, 303);
    assert_eq!(userinfo(&world, &text(&stolen, "access_token")).await.status, 401);
    assert_eq!(error(&RP.refresh(&world, &text(&stolen, "refresh_token")).await), invalid_grant());
    assert_eq!(RP.refresh(&world, &text(&mine, "refresh_token")).await.status, 200);
}

#[tokio::test]
async fn it_is_its_clients_alone_and_cannot_be_forged() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    let token = text(&tokens, "refresh_token");
    assert_eq!(error(&OTHER.refresh(&world, &token).await), invalid_grant());
    for forged in [&token[1..], &token[..token.len() - 1], &format!("{token}A"), &text(&tokens, "access_token"), "x"] {
        assert_eq!(error(&RP.refresh(&world, forged).await), invalid_grant(), "{forged}");
    }
    assert_eq!(RP.refresh(&world, &token).await.status, 200);
}

#[tokio::test]
async fn scopes_may_only_narrow() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    let with = async |token: &str, scope: &str| {
        RP.exchange(&world, &[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]).await
    };
    let first = text(&tokens, "refresh_token");
    for more in ["openid phone", "openid profile email phone", "email"] {
        assert_eq!(error(&with(&first, more).await), (400, "invalid_scope".into()), "{more}");
    }
    let narrow = with(&first, "openid").await.json();
    assert_eq!(narrow["scope"], "openid");
    assert!(userinfo(&world, &text(&narrow, "access_token")).await.json().get("email").is_none());
    let wide = RP.refresh(&world, &text(&narrow, "refresh_token")).await.json();
    assert_eq!(wide["scope"], "openid email profile", "the grant is as wide as it was");
    assert!(userinfo(&world, &text(&wide, "access_token")).await.json().get("email").is_some());
}

#[tokio::test]
async fn a_level_that_has_fallen_tells_no_more() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    prove(&world, &account, IdentityLevel::P9).await;
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    assert_eq!(verified(&world, &text(&tokens, "access_token")).await["nhs_number"], "9434765919");
    prove(&world, &account, IdentityLevel::P0).await;
    assert!(userinfo(&world, &text(&tokens, "access_token")).await.json().get("nhs_number").is_none());
    let refreshed = RP.refresh(&world, &text(&tokens, "refresh_token")).await.json();
    assert!(verified(&world, &text(&refreshed, "access_token")).await.get("nhs_number").is_none());
}

/// Whoever has copied a token may have no idea of what else belongs into a request.
#[tokio::test]
async fn a_copy_ends_the_family_whatever_else_is_wrong_with_the_request() {
    for wrong in
        [("scope", "openid phone"), ("scope", "profile"), ("resource", "https://api.example"), ("resource", "x")]
    {
        let world = provider().await;
        let (mut browser, _) = somebody(&world, EMAIL, 1).await;
        let first = text(&RP.tokens(&world, &mut browser, &[]).await, "refresh_token");
        let second = RP.refresh(&world, &first).await.json();
        let fields = [("grant_type", "refresh_token"), ("refresh_token", first.as_str()), wrong];
        assert_eq!(error(&RP.exchange(&world, &fields).await), invalid_grant(), "{wrong:?}");
        assert_eq!(error(&RP.refresh(&world, &text(&second, "refresh_token")).await), invalid_grant(), "{wrong:?}");
        assert_eq!(userinfo(&world, &text(&second, "access_token")).await.status, 401, "{wrong:?}");
    }
}

#[tokio::test]
async fn what_is_taken_from_a_service_is_taken_from_what_it_was_given() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    prove(&world, &account, IdentityLevel::P9).await;
    let asked = [("scope", "openid profile email"), ("claims", r#"{"id_token":{"given_name":null,"email":null}}"#)];
    let tokens = RP.tokens(&world, &mut browser, &asked).await;
    let code = RP.code(&mut browser, &asked).await;
    let before = userinfo(&world, &text(&tokens, "access_token")).await.json();
    assert_eq!((before["email"].as_str(), before["nhs_number"].as_str()), (Some(EMAIL), Some("9434765919")));
    drop(browser);
    let less = |scopes: &[&str], vectors: &[&str]| {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        registry(&[Registration { scopes: texts(scopes), vectors: texts(vectors), ..registration("rp") }])
    };
    let world = world.restarted(less(&["openid", "profile"], &["P0.Cm", "P9.Cm"])).await;
    let info = userinfo(&world, &text(&tokens, "access_token")).await.json();
    assert!(info.get("email").is_none() && info["nhs_number"] == "9434765919", "{info}");
    let redeemed = RP.redeem(&world, &code).await.json();
    assert_eq!(redeemed["scope"], "openid profile");
    let id_token = verified(&world, &text(&redeemed, "id_token")).await;
    assert!(id_token.get("email").is_none() && id_token.get("given_name").is_none(), "{id_token}");
    let wide = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &text(&tokens, "refresh_token")),
        ("scope", "openid email"),
    ];
    assert_eq!(error(&RP.exchange(&world, &wide).await), (400, "invalid_scope".into()));
    let refreshed = RP.refresh(&world, &text(&tokens, "refresh_token")).await.json();
    assert_eq!(refreshed["scope"], "openid profile");
    let world = world.restarted(less(&["openid", "profile"], &["P0.Cm"])).await;
    let info = userinfo(&world, &text(&refreshed, "access_token")).await.json();
    assert!(info.get("nhs_number").is_none(), "no level at which it is told: {info}");
    let refreshed = RP.refresh(&world, &text(&refreshed, "refresh_token")).await.json();
    let access_token = verified(&world, &text(&refreshed, "access_token")).await;
    assert_eq!((access_token["vot"].as_str(), access_token.get("nhs_number")), (Some("P0.Cm"), None));
}
