//! openid-client (npm): a service in JavaScript, to which people sign in with a passkey and with a password.

use crate::person::{PASSWORD, World, give_password, sign_out};
use crate::service::{Service, free_port, key_pair};
use crate::support::browser::{Page, target};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const VTR: &str = r#"["P0.Cm","P0.Cp"]"#;

/// The service's table in our configuration.
fn client(port: u16, public_key: &Path) -> String {
    format!(
        r#"
        [[client]]
        id = "appointments"
        name = "Book an appointment"
        profile = "nhs"
        redirect_uris = ["http://localhost:{port}/callback"]
        scopes = ["openid", "profile", "email"]
        vectors = ["P0.Cp", "P0.Cm", "P9.Cm"]
        public_key = "{}"
        "#,
        public_key.display()
    )
}

struct Ground {
    world: World,
    service: Service,
    _keys: tempfile::TempDir,
}

async fn ground() -> Ground {
    let keys = tempfile::tempdir().expect("a directory");
    let (private, public) = key_pair(keys.path());
    let port = free_port();
    let world = World::start_with(&client(port, &public)).await;
    let issuer = format!("http://localhost:{}", world.instance.ports.http);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc/openid_client.mjs");
    let mut command = Command::new("node");
    command.arg(script).args([issuer.as_str(), "appointments"]).arg(private);
    command.args([port.to_string().as_str(), "openid profile email", VTR]).arg(target("test-tools"));
    let service = Service::start(command, port).await;
    Ground { world, service, _keys: keys }
}

/// What the service has learnt, from its page.
async fn learnt(page: &Page) -> Value {
    let text = page.eval("document.getElementById('learnt').textContent").await;
    serde_json::from_str(text.as_str().expect("text")).expect("JSON")
}

#[tokio::test]
async fn a_person_signs_in_to_a_service_with_a_passkey_and_agrees_once() {
    let Ground { world, service, .. } = ground().await;
    let page = world.page().await;
    let _passkey = world.register_with_passkey(&page, "ada@example.org").await;
    let account = page.session().await.expect("signed in")["account"].clone();
    sign_out(&page).await;
    page.open(&service.origin).await;
    page.arrive("Share your information").await; // The passkey is offered in the field, and its owner is there.
    page.assert_says("Book an appointment").await;
    page.press("Agree and continue").await;
    page.arrive("Welcome to the service").await;
    let first = learnt(&page).await;
    assert_eq!((&first["claims"]["sub"], first["claims"]["vot"].as_str()), (&account, Some("P0.Cm")), "{first}");
    assert_eq!((first["userinfo"]["email"].as_str(), &first["again"]), (Some("ada@example.org"), &first["userinfo"]));
    assert_eq!(first["replaced"], "invalid_grant", "a refresh token is good once");
    page.open(&service.origin).await;
    page.arrive("Welcome to the service").await;
    assert_eq!(learnt(&page).await["claims"]["sub"], account, "the second time nobody is asked anything");
    page.open(&format!("{}/?prompt=login", service.origin)).await;
    page.arrive("Welcome to the service").await;
    assert!(learnt(&page).await["claims"]["auth_time"].as_u64() >= first["claims"]["auth_time"].as_u64());
}

#[tokio::test]
async fn a_person_signs_in_to_a_service_with_a_password_or_says_no() {
    let Ground { world, service, .. } = ground().await;
    let page = world.page().await;
    world.register_with_password(&page, "ben@example.org").await;
    sign_out(&page).await;
    page.open(&service.origin).await;
    give_password(&page, "ben@example.org", PASSWORD).await;
    page.arrive("Share your information").await;
    page.press("Do not share").await;
    page.arrive("You did not get in").await;
    assert_eq!(learnt(&page).await["error"], "access_denied");
    page.open_at(&service.origin, "Share your information").await;
    page.press("Agree and continue").await;
    page.arrive("Welcome to the service").await;
    assert_eq!(learnt(&page).await["claims"]["vot"], "P0.Cp");
    page.open_at("/account", "Your account").await;
    sign_out(&page).await;
    // A password posted here leads by redirects to the service: the page's policy lets it.
    page.open(&service.origin).await;
    give_password(&page, "ben@example.org", PASSWORD).await;
    page.arrive("Welcome to the service").await;
    page.open(&format!("{}/?prompt=none", service.origin)).await;
    page.arrive("Welcome to the service").await;
    page.open_at("/account", "Your account").await;
    sign_out(&page).await;
    page.open(&format!("{}/?prompt=none", service.origin)).await;
    page.arrive("You did not get in").await;
    assert_eq!(learnt(&page).await["error"], "sso_login_required");
}
