//! One login for many hosts: services on hosts of their own, each with a cookie of its own, in a real browser.

use crate::every_page::faults;
use crate::person::{PASSWORD, World, give_password, sign_out};
use crate::support::browser::Page;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const APP: &str = "app.localhost";
const RECORDS: &str = "records.localhost";

/// A service that says on a page whom the gate told it of.
async fn service() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                let mut piece = [0; 4096];
                while let Ok(n @ 1..) = stream.read(&mut piece).await {
                    head.extend_from_slice(&piece[..n]);
                    if head.windows(4).any(|end| end == b"\r\n\r\n") {
                        break;
                    }
                }
                let _ = stream.write_all(page_for(&String::from_utf8_lossy(&head)).as_bytes()).await;
            });
        }
    });
    port
}

fn page_for(head: &str) -> String {
    let told = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("nobody", |(_, value)| value)
    };
    let cookies = told("cookie");
    let body = format!(
        "<!DOCTYPE html><html lang=en><title>A service</title><link rel=icon href=data:,>\
         <main><h1>A service</h1><p>subject {}</p><p>session {}</p><p>cookies {cookies}</p></main>",
        told("aldgate-subject"),
        told("aldgate-session"),
    );
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// An instance with the service on two hosts of its own.
async fn world() -> World {
    let port = service().await;
    World::start_with(&format!(
        r#"
        [[service]]
        name = "service"
        upstream = "127.0.0.1:{port}"
        [[route]]
        host = "{APP}"
        path = "/"
        service = "service"
        [[route]]
        host = "{APP}"
        path = "/passkey-only/"
        service = "service"
        demand = {{ authenticator = "passkey" }}
        [[route]]
        host = "{RECORDS}"
        path = "/"
        service = "service"
        "#
    ))
    .await
}

impl World {
    fn at(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.instance.ports.http)
    }
}

/// The service's page for somebody.
async fn assert_known(page: &Page, address: &str, account: &serde_json::Value) {
    page.arrive("A service").await;
    assert_eq!(page.address().await, address);
    page.assert_says(&format!("subject {}", account.as_str().expect("an account"))).await;
    page.assert_says("cookies nobody").await;
}

/// What the browser keeps for a host: one session cookie, for this host alone.
async fn assert_one_cookie(world: &World, page: &Page, host: &str) -> String {
    let cookies = page.cookies_for(&world.at(host, "/")).await;
    let ours: Vec<_> = cookies.iter().filter(|cookie| cookie.name == "__Host-aldgate").collect();
    let [cookie] = &ours[..] else { panic!("{cookies:?}") };
    for cookie in &cookies {
        // A cookie with a `Domain` attribute would be shown with a dot before the host.
        assert_eq!(cookie.domain, host, "{cookie:?}");
        assert!(cookie.secure && cookie.http_only && cookie.path == "/", "{cookie:?}");
    }
    cookie.value.clone()
}

#[tokio::test]
async fn a_passkey_on_one_host_opens_them_all_and_signing_out_closes_them_all() {
    let world = world().await;
    let page = world.page().await;
    page.without_autofill().await;
    let _authenticator = world.register_with_passkey(&page, "ada@example.org").await;
    let account = page.session().await.expect("registering signs in")["account"].clone();
    sign_out(&page).await;

    let app = world.at(APP, "/x?y=1&z=%20a");
    page.open_at(&app, "Sign in").await;
    assert!(page.address().await.starts_with(&world.at("localhost", "/sign-in?")), "on the log-in host");
    page.press("Sign in with a passkey").await;
    assert_known(&page, &app, &account).await;

    // The next host: known at once, and no page between.
    let pages = page.eval("history.length").await.as_i64().expect("a number");
    let records = world.at(RECORDS, "/y");
    page.open(&records).await;
    assert_known(&page, &records, &account).await;
    assert_eq!(page.eval("history.length").await, pages + 1);

    let mut tokens = Vec::new();
    for host in ["localhost", APP, RECORDS] {
        tokens.push(assert_one_cookie(&world, &page, host).await);
    }
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), 3, "each host has a token of its own");

    // Sent to the log-in host's page from one of them.
    page.open_at(&world.at(APP, "/.aldgate/sign-out"), "Sign out").await;
    page.press("Sign out").await;
    page.arrive("You are signed out").await;
    for host in [APP, RECORDS] {
        page.open_at(&world.at(host, "/x"), "Sign in").await;
        page.assert_says("You were signed out.").await;
        let kept = page.cookies_for(&world.at(host, "/")).await;
        assert!(kept.iter().all(|cookie| cookie.name != "__Host-aldgate"), "{kept:?}");
    }
}

/// The policy `form-action 'self'` of the sign-in pages holds for redirections of a form too; nobody is stuck by it.
#[tokio::test]
async fn a_password_leads_back_to_a_services_host_and_a_step_up_to_the_passkey() {
    let world = world().await;
    let page = world.page().await;
    page.without_autofill().await;
    page.without_offers().await;
    world.register_with_password(&page, "ben@example.org").await;
    let account = page.session().await.expect("registering signs in")["account"].clone();
    sign_out(&page).await;

    let app = world.at(APP, "/x?y=1");
    page.open_at(&app, "Sign in").await;
    give_password(&page, "ben@example.org", PASSWORD).await;
    assert_known(&page, &app, &account).await;

    // A passkey is needed, and there is none yet: one is asked, not sent round.
    let stronger = world.at(APP, "/passkey-only/?a=b");
    page.open_at(&stronger, "Sign in").await;
    page.assert_says("This page needs a passkey.").await;
    give_password(&page, "ben@example.org", PASSWORD).await;
    page.arrive("Sign in").await;
    page.assert_says("This page needs a passkey.").await;

    let _authenticator = crate::support::browser::Authenticator::add(&page).await;
    page.open_at("/account/passkeys/add", "Add a passkey").await;
    page.press("Add a passkey").await;
    page.arrive("Your passkeys").await;
    page.open_at(&stronger, "Sign in").await;
    page.press("Sign in with a passkey").await;
    assert_known(&page, &stronger, &account).await;
    // The step-up has replaced the session; the other page of this host follows.
    page.open(&app).await;
    assert_known(&page, &app, &account).await;
}

#[tokio::test]
async fn whoever_registers_on_the_way_ends_on_the_services_host() {
    let world = world().await;
    let page = world.page().await;
    page.without_autofill().await;
    let app = world.at(APP, "/x");
    page.open_at(&app, "Sign in").await;
    world.register_on_the_way(&page, "finn@example.org").await;
    page.arrive("A service").await;
    assert_eq!(page.address().await, app);
}

#[tokio::test]
async fn over_tls_nobody_is_led_to_the_plain_listener() {
    let world = world().await;
    let page = world.page().await;
    page.without_autofill().await;
    world.register_with_password(&page, "gus@example.org").await;
    let account = page.session().await.expect("registering signs in")["account"].clone();
    let app = format!("https://{APP}:{}/x", world.instance.ports.https);
    page.open(&app).await;
    assert_known(&page, &app, &account).await;
}

/// The faults of the page as it looks now, at two widths and in two schemes of colours.
pub(crate) async fn faults_everywhere(page: &Page, name: &str) -> Vec<String> {
    let mut all = Vec::new();
    for width in [320, 1200] {
        for scheme in ["light", "dark"] {
            page.look(width, scheme).await;
            all.extend(faults(page).await);
            if std::env::var_os("ALDGATE_PICTURES").is_some() {
                page.screenshot(&format!("{name}-{width}-{scheme}")).await;
            }
        }
    }
    all
}

#[tokio::test]
async fn a_hand_off_that_failed_is_a_page_with_a_way_on_and_nothing_is_logged() {
    let world = world().await;
    let page = world.page().await;
    page.without_autofill().await;
    world.register_with_password(&page, "eve@example.org").await;
    let account = page.session().await.expect("registering signs in")["account"].clone();
    let forged = world.at(APP, "/.aldgate/hand-off?code=c0de-of-somebody-else&return_to=/x%3Fy%3D1");
    page.open_at(&forged, "We could not sign you in here").await;
    page.assert_says("Signing in to this site was not started in this browser").await;
    let header = page.eval("getComputedStyle(document.querySelector('.header')).backgroundColor").await;
    assert_ne!(header, "rgba(0, 0, 0, 0)", "the stylesheet is there on a service's host too");
    assert_eq!(faults_everywhere(&page, "hand-off-failed").await, Vec::<String>::new());
    page.press("Try again").await;
    assert_known(&page, &world.at(APP, "/x?y=1"), &account).await;

    let log = world.instance.data().join("log/access.jsonl");
    let read = async || {
        loop {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            if text.matches("/.aldgate/hand-off").count() >= 2 {
                return text;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let text = tokio::time::timeout(crate::support::browser::PATIENCE, read()).await.expect("two lines in time");
    assert!(!text.contains('?') && !text.contains("c0de") && !text.contains("return_to"), "{text}");
}

#[tokio::test]
async fn the_page_that_goes_on_by_itself_can_be_read_where_a_browser_does_not() {
    let world = world().await;
    let host = format!("{APP}:{}", world.instance.ports.http);
    let mut client = world.instance.client();
    // A browser that does not say where it comes from.
    let answer = client.send(hyper::Method::GET, "/.aldgate/sign-out", &[("host", &host)], "").await;
    assert_eq!(answer.status, 200);
    let (before, rest) = answer.body.split_once("<meta http-equiv=\"refresh\"").expect("it goes on");
    let still = format!("{before}{}", rest.split_once('>').expect("an end").1);
    let page = world.page().await;
    page.open_at(&world.at(APP, "/.aldgate/nothing"), "Page not found").await;
    page.eval(&format!("document.open(); document.write({}); document.close()", json!(still))).await;
    page.until(
        "the page",
        "document.readyState === 'complete' && words(document.querySelector('h1')) === 'One moment'",
    )
    .await;
    assert_eq!(faults_everywhere(&page, "hand-off-still").await, Vec::<String>::new());
    page.press("Continue").await;
    page.arrive("One account for public services").await;
    assert_eq!(page.address().await, world.at("localhost", "/"), "nobody is signed in, so there is nothing to end");
}
