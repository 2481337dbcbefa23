//! English and Welsh: by the browser's wish, by a choice that stays, by what a service asks for; never half and half.

use crate::world::{PASSWORD, World};

const EMAIL: &str = "ada@example.org";

#[tokio::test]
async fn a_page_speaks_the_language_that_is_wished_chosen_or_asked_for() {
    let world = World::new().await;
    let mut browser = world.browser();
    let accept = |tags| [("accept-language", tags)];
    let page = browser.send("GET", "/sign-in", "", b"", &accept("cy-GB,en;q=0.5")).await;
    assert!(page.body.contains("<html lang=\"cy\">") && page.body.contains("<h1>Mewngofnodi</h1>"), "{}", page.body);
    assert_eq!(page.header("content-language"), "cy");
    let page = browser.send("GET", "/sign-in", "", b"", &accept("fr")).await;
    assert!(page.body.contains("<html lang=\"en\">"), "{}", page.body);
    // A choice beats the wish.
    let referer = [("referer", "http://localhost:8080/register?return_to=%2Fdemo")];
    let answer = browser.send("GET", "/language/cy", "", b"", &referer).await;
    assert_eq!((answer.status, answer.location()), (303, "/register?return_to=%2Fdemo"));
    let page = browser.send("GET", "/register", "", b"", &accept("en")).await;
    assert!(page.body.contains("Beth yw eich cyfeiriad e-bost?"), "{}", page.body);
    // What a service asks for beats the choice, and stays.
    let page = browser.get("/sign-in?ui_locales=fr%20en-GB").await;
    assert!(page.body.contains("<html lang=\"en\">"), "{}", page.body);
    assert!(browser.get("/sign-in").await.body.contains("<html lang=\"en\">"));
}

#[tokio::test]
async fn the_switch_leads_back_to_our_pages_alone() {
    let world = World::new().await;
    let mut browser = world.browser();
    for referer in
        ["https://evil.example/", "http://localhost:8080.evil.example/x", "http://localhost:8080//evil.example", ""]
    {
        let answer = browser.send("GET", "/language/cy", "", b"", &[("referer", referer)]).await;
        assert_eq!((answer.status, answer.location()), (303, "/"), "{referer}");
    }
    assert_eq!(browser.get("/language/fr").await.status, 404);
    assert_eq!(browser.get("/language/%00").await.status, 404);
    let referer = [("referer", "http://localhost:8080/register/code/resend")];
    assert_eq!(browser.send("GET", "/language/en", "", b"", &referer).await.location(), "/register/code");
}

#[tokio::test]
async fn a_whole_journey_is_welsh_its_errors_and_messages_too() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.get("/language/cy").await;
    let answer = browser.post("/register", &[("email", "nobody")]).await;
    assert!(answer.status == 422 && answer.body.contains("<title>Gwall: "), "{}", answer.body);
    assert!(answer.body.contains("gynnwys @"), "{}", answer.body);
    browser.prove(EMAIL).await;
    assert!(world.messages()[0].body.contains("Eich cod yw"), "{}", world.messages()[0].body);
    let answer = browser.post("/register/password", &[("password", "short")]).await;
    assert!(answer.body.contains("8 nod neu fwy"), "{}", answer.body);
    assert_eq!(browser.post("/register/password", &[("password", PASSWORD)]).await.status, 303);
    let page = browser.get("/account").await;
    assert!(page.body.contains(">Eich cyfrif</h1>") && page.body.contains("href=\"/language/en\""), "{}", page.body);
    let page = browser.get("/account/nothing").await;
    assert!(page.status == 404 && page.body.contains("Heb ddod o hyd i"), "{}", page.body);
}

#[tokio::test]
async fn programs_get_documents_and_people_pages() {
    let world = World::new().await;
    let mut browser = world.browser();
    let refused = browser.send("POST", "/passkey/register/options", "application/json", b"{}", &[]).await;
    assert_eq!((refused.status, refused.slug().as_str()), (401, "not-signed-in"));
    browser.origin = Some("https://evil.example".into());
    let refused = browser.post("/sign-in", &[("email", EMAIL)]).await;
    assert!(refused.status == 403 && refused.body.contains("This did not come from our pages"), "{}", refused.body);
}
