//! A service asks for more than somebody can show: they are told what is missing, add it and come back; whoever can never
//! show it is not sent round in circles.

use super::*;
use crate::steps::with_phone;
use crate::world::PASSWORD;
use aldgate_backend::model::EmailAddress;
use aldgate_core::testing::authenticator::Authenticator;

const EMAIL: &str = "ada@example.org";
const PASSKEY: [(&str, &str); 1] = [("vtr", r#"["P0.Cm"]"#)];
const TWO_STEPS: [(&str, &str); 1] = [("vtr", r#"["P0.Cp.Cd"]"#)];

/// Asserts that a page says what the account lacks, and leads to these places and to no others.
fn offers(page: &Answer, paths: &[&str]) {
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.contains("<h1>Add a way to sign in</h1>") && page.body.contains("The rp service"), "{page:?}");
    for path in ["/account/passkeys/add", "/account/second-step", "/account/password"] {
        let offered = page.body.contains(&format!("class=\"button\" href=\"{path}\""));
        assert_eq!(offered, paths.contains(&path), "{path}: {}", page.body);
    }
}

fn told(answer: &Answer) -> (String, String) {
    let given = query_of(answer.location());
    (given.get("error").cloned().unwrap_or_default(), given.get("state").cloned().unwrap_or_default())
}

fn unmet() -> (String, String) {
    ("unmet_authentication_requirements".into(), "the state".into())
}

#[tokio::test]
async fn whoever_lacks_a_second_step_sets_one_up_signs_in_with_it_and_is_where_they_wanted_to_be() {
    let world = provider().await;
    let mut browser = world.with_password(EMAIL).await;
    offers(&browser.get(&RP.request(&TWO_STEPS)).await, &["/account/second-step"]);
    browser.post("/account/second-step/phone", &[("phone", "07700 900123")]).await;
    let back = browser.post("/account/prove", &[("code", &world.code())]).await;
    assert!(back.location().starts_with("/authorize/resume?request="), "{back:?}");
    let answer = browser.get(back.location()).await;
    let sign_in = answer.location().to_owned();
    assert!(sign_in.starts_with("/sign-in?return_to=") && sign_in.ends_with("&why=password"), "{answer:?}");
    let return_to = query_of(&sign_in)["return_to"].clone();
    browser.post("/sign-in", &[("email", EMAIL), ("return_to", &return_to)]).await;
    browser.post("/sign-in/password", &[("password", PASSWORD)]).await;
    let answer = browser.post("/sign-in/code", &[("code", &world.code())]).await;
    assert_eq!(answer.location(), return_to, "{answer:?}");
    let page = browser.get(&return_to).await;
    assert!(query_of(agree(&mut browser, &page).await.location()).contains_key("code"));
    // The errand is over: the next telephone leads nowhere else than it did before.
    with_phone(&mut browser, &world, "07700 900456").await;
}

#[tokio::test]
async fn whoever_lacks_a_passkey_or_a_password_adds_it_and_goes_on_to_sign_in_by_it() {
    let world = provider().await;
    let mut browser = world.with_password(EMAIL).await;
    offers(&browser.get(&RP.request(&PASSKEY)).await, &["/account/passkeys/add"]);
    let answer = browser.register_passkey(&Authenticator::derived(1, 7)).await;
    let back = answer.json()["next"].as_str().expect("a path").to_owned();
    assert!(back.starts_with("/authorize/resume?request="), "{back}");
    assert!(browser.get(&back).await.location().ends_with("&why=passkey"));
    let (mut browser, _) = somebody(&world, "bob@example.org", 2).await;
    for vtr in [r#"["P0.Cp"]"#, r#"["P0.Cp.Cd"]"#] {
        offers(&browser.get(&RP.request(&[("vtr", vtr)])).await, &["/account/password"]);
    }
    let back = browser.post("/account/password", &[("new_password", PASSWORD)]).await;
    assert!(back.location().starts_with("/authorize/resume?request="), "{back:?}");
    offers(&browser.get(back.location()).await, &["/account/second-step"]);
    let either = [("vtr", r#"["P0.Cp.Cd","P0.Cm"]"#)];
    let mut carol = world.with_password("carol@example.org").await;
    offers(&carol.get(&RP.request(&either)).await, &["/account/passkeys/add", "/account/second-step"]);
}

#[tokio::test]
async fn whoever_adds_nothing_goes_back_and_the_service_is_told() {
    let world = provider().await;
    let mut browser = world.with_password(EMAIL).await;
    let page = browser.get(&RP.request(&PASSKEY)).await;
    assert!(page.header("content-security-policy").contains("form-action 'self' https://rp.example"), "{page:?}");
    let (_, rest) = page.body.split_once("name=\"request\" value=\"").expect("a request");
    let waiting = rest.split('"').next().expect("a value").to_owned();
    assert_eq!(told(&browser.post("/authorize/without", &[("request", &waiting)]).await), unmet());
    assert_eq!(browser.post("/authorize/without", &[("request", "x")]).await.status, 400);
    let answer = browser.register_passkey(&Authenticator::derived(1, 7)).await;
    assert_eq!(answer.json()["next"], "/account/passkeys?done=passkey-added", "the errand is over");
    let silent = browser.get(&RP.request(&[("vtr", r#"["P0.Cm"]"#), ("prompt", "none")])).await;
    assert_eq!(told(&silent).0, "sso_login_required");
}

#[tokio::test]
async fn what_nobody_can_show_and_what_this_person_may_not_add_is_refused_at_once() {
    let world = provider().await;
    let nobody = world.browser().get(&RP.request(&[("vtr", r#"["P0.Cp.Ck","P9.Cp.Ck"]"#)])).await;
    assert_eq!(told(&nobody), unmet());
    let mut browser = world.with_password(EMAIL).await;
    let account = world
        .store
        .account_by_email(&EmailAddress::parse(EMAIL).expect("an address"))
        .await
        .expect("read")
        .expect("an account")
        .id;
    prove(&world, &account, IdentityLevel::P9).await;
    // A stolen password alone makes no passkey for an identity that was verified.
    assert_eq!(told(&browser.get(&RP.request(&[("vtr", r#"["P9.Cm"]"#)])).await), unmet());
}
