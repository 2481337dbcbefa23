//! The TLS listener: the same site, the same passkeys, an origin of its own.

use crate::person::{World, sign_out};

#[tokio::test]
async fn a_passkey_made_on_the_http_origin_works_on_the_https_origin_and_back() {
    let world = World::start().await;
    let mut page = world.page().await;
    page.without_autofill().await;
    let _authenticator = world.register_with_passkey(&page, "ada@example.org").await;
    let account = page.session().await.expect("registering signs in")["account"].clone();
    sign_out(&page).await;

    let http = std::mem::replace(&mut page.origin, format!("https://localhost:{}", world.instance.ports.https));
    page.open_at("/demo/?over=tls", "Sign in").await;
    assert_eq!(page.session().await, None);
    page.press("Sign in with a passkey").await;
    page.arrive("The gate says who you are").await;
    assert_eq!(page.path().await, "/demo/?over=tls");
    let origin = page.eval("location.origin").await;
    assert_eq!(origin, page.origin.as_str(), "nobody was led to another origin");
    let protocol = page.eval("performance.getEntriesByType('navigation')[0].nextHopProtocol").await;
    assert_eq!(protocol, "h2");
    assert_eq!(page.session().await.expect("signed in")["account"], account);
    page.open_at("/account", "Your account").await;
    sign_out(&page).await;

    page.origin = http;
    page.open_at("/sign-in", "Sign in").await;
    page.press("Sign in with a passkey").await;
    page.arrive("Your account").await;
    assert_eq!(page.session().await.expect("signed in")["account"], account);
}
