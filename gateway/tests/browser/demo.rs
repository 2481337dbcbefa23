//! A service behind the gate: one is sent to sign in, comes back to where one was, and the service knows who it is.

use crate::person::{PASSWORD, World, give_password, sign_out};

#[tokio::test]
async fn the_demo_service_is_opened_through_the_gate() {
    let world = World::start().await;
    let page = world.page().await;
    page.without_offers().await;
    world.register_with_password(&page, "eve@example.org").await;
    let account = page.session().await.expect("registering signs in")["account"].clone();
    sign_out(&page).await;

    page.open_at("/demo/?tab=1&name=a%20b", "Sign in").await;
    give_password(&page, "eve@example.org", PASSWORD).await;
    page.arrive("The gate says who you are").await;
    assert_eq!(page.path().await, "/demo/?tab=1&name=a%20b", "back at the same address");
    page.assert_says("The signature is valid").await;
    let session = page.session().await.expect("signed in");
    assert_eq!(session["account"], account);
    assert_eq!(page.summary("Subject").await, session["account"]);
    assert_eq!(page.summary("aldgate-subject").await, session["account"]);
    assert_eq!(page.summary("For the service").await, "demo");
    assert_eq!(page.summary("Issued by").await, page.origin);
}

#[tokio::test]
async fn whoever_registers_on_the_way_to_a_service_ends_there() {
    let world = World::start().await;
    let page = world.page().await;
    page.open_at("/demo/?from=here", "Sign in").await;
    world.register_on_the_way(&page, "finn@example.org").await;
    page.arrive("The gate says who you are").await;
    assert_eq!(page.path().await, "/demo/?from=here");
}

#[tokio::test]
async fn a_passkey_by_autofill_leads_back_to_the_service_too() {
    let world = World::start().await;
    let page = world.page().await;
    let _authenticator = world.register_with_passkey(&page, "gus@example.org").await;
    sign_out(&page).await;
    page.open("/demo/?x=1").await;
    page.arrive("The gate says who you are").await;
    assert_eq!(page.path().await, "/demo/?x=1");
}

#[tokio::test]
async fn a_program_is_told_in_a_problem_document_that_it_must_sign_in() {
    let world = World::start().await;
    let mut client = world.instance.client();
    let answer = client.send(hyper::Method::GET, "/demo/identity.json", &[("accept", "application/json")], "").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="aldgate""#);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.json()["type"], "urn:aldgate:problem:not-signed-in");
    assert_eq!(answer.json()["status"], 401);

    // The same from a script in a page of this very host: no redirection to a page of HTML.
    let page = world.page().await;
    page.open("/").await;
    let status = page.eval("fetch('/demo/', {redirect: 'manual'}).then((answer) => answer.status)").await;
    assert_eq!(status, 401);
}
