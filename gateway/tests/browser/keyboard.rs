//! Everything with the keyboard alone, and one always sees where one is.

use crate::person::{PASSWORD, World};
use crate::support::browser::Page;

/// How each element looks without the focus.
const REMEMBER: &str = "window.plainLook ??= (() => {
   const look = (e) => { const s = getComputedStyle(e); return [s.boxShadow, s.backgroundColor].join(); };
   const all = [...document.querySelectorAll('a, button, input, [tabindex]')];
   const plain = new Map(all.filter((e) => e !== document.activeElement).map((e) => [e, look(e)]));
   return (e) => plain.get(e) === look(e);
 })(); true";

/// What has the focus, and whether one can see that.
const WHERE: &str = "const e = document.activeElement;
 const style = getComputedStyle(e);
 const box = e.getBoundingClientRect();
 const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0
   && !/^rgba\\(.*, 0\\)$|transparent/.test(style.outlineColor);
 ({
   name: e.labels?.length ? words(e.labels[0]) : words(e),
   page: e === document.body,
   visible: (outlined || !window.plainLook(e)) && box.width > 5 && box.height > 5
     && box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth,
   look: [style.outline, style.boxShadow, style.backgroundColor, JSON.stringify(box)].join(' | '),
 })";

/// Tabs until something with this name has the focus; gives the names on the way. Each stop must show its focus.
async fn tab_to(page: &Page, name: &str) -> Vec<String> {
    let mut stops = Vec::new();
    page.eval(REMEMBER).await;
    for _ in 0..30 {
        page.key("Tab").await;
        let stop = page.eval(WHERE).await;
        let here = stop["name"].as_str().unwrap_or_default().to_owned();
        assert_eq!(stop["page"], false, "{name:?} cannot be reached; the stops were {stops:?}");
        assert_eq!(stop["visible"], true, "the focus cannot be seen on {here:?}: {stop}");
        stops.push(here.clone());
        if here == name {
            return stops;
        }
    }
    panic!("{name:?} was not reached: {stops:?}");
}

/// Tabs to a link or button and presses Enter.
async fn follow(page: &Page, name: &str, h1: &str) {
    tab_to(page, name).await;
    page.key("Enter").await;
    page.arrive(h1).await;
}

/// Tabs to a field, types, and presses Enter in it.
async fn answer(page: &Page, label: &str, text: &str, h1: &str) {
    tab_to(page, label).await;
    page.type_text(text).await;
    page.key("Enter").await;
    page.arrive(h1).await;
}

#[tokio::test]
async fn a_person_registers_and_signs_in_with_the_keyboard_alone() {
    let world = World::start().await;
    let page = world.page().await;
    page.open_at("/", "One account for public services").await;
    let stops = tab_to(&page, "Create an account").await;
    assert_eq!(stops, ["Skip to main content", "Aldgate", "Cymraeg", "Sign in", "Create an account"]);
    page.key("Enter").await;
    page.arrive("What is your email address?").await;
    answer(&page, "What is your email address?", "noaddress", "What is your email address?").await;
    // The error has the focus: the next stop is the line in it, and that leads into the field.
    page.eval(REMEMBER).await;
    page.key("Tab").await;
    assert_eq!(page.eval(WHERE).await["name"], "Email address must contain an @, like name@example.com");
    page.key("Enter").await;
    page.until("the field has the focus", "document.activeElement.id === 'email'").await;
    page.eval("document.activeElement.select(); window.isBeingLeft = false").await;
    page.type_text("ada@example.org").await;
    page.key("Enter").await;
    page.arrive("Check your email").await;
    answer(&page, "Code", &world.code_for("ada@example.org"), "Create a passkey").await;
    follow(&page, "Use a password instead", "Create a password").await;
    answer(&page, "Create a password", PASSWORD, "Your account is ready").await;
    follow(&page, "Continue", "Your account").await;
    follow(&page, "Sign out", "Sign out").await;
    let stops = tab_to(&page, "Sign out everywhere").await;
    assert_eq!(
        stops,
        [
            "Skip to main content",
            "Aldgate",
            "Your account",
            "Sign out",
            "Cymraeg",
            "Back",
            "Sign out",
            "Sign out everywhere"
        ],
        "the order of the page"
    );
    page.key("Enter").await;
    page.arrive("You are signed out").await;
    follow(&page, "Sign in again", "Sign in").await;
    let stops = tab_to(&page, "Sign in with a passkey").await;
    assert_eq!(stops[4..], ["Email address", "Continue", "Sign in with a passkey"]);
    page.open_at("/sign-in", "Sign in").await;
    answer(&page, "Email address", "ada@example.org", "Enter your password").await;
    answer(&page, "Password", PASSWORD, "Your account").await;
}

#[tokio::test]
async fn the_skip_link_leads_past_the_header() {
    let world = World::start().await;
    let page = world.page().await;
    page.open_at("/sign-in", "Sign in").await;
    let first = tab_to(&page, "Skip to main content").await;
    assert_eq!(first.len(), 1, "it is the first stop");
    page.key("Enter").await;
    page.until("the main part has the focus", "document.activeElement.id === 'main'").await;
    assert_eq!(tab_to(&page, "Email address").await, ["Email address"]);
}
