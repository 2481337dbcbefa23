//! Every page in every state that a person can reach: accessible, within a window of 320 px, in both schemes of
//! colours, and without a line of script or style in its text.
//!
//! Each walk says which templates it saw; together they must be all that there are.

use crate::person::{PASSWORD, World, give_password, sign_in_with_password, sign_out};
use crate::support::axe;
use crate::support::browser::{Authenticator, Page, target};
use crate::support::service_key::ServiceKey;
use std::collections::BTreeSet;
use std::path::Path;

const BEFORE_SIGN_IN: [&str; 10] = [
    "home",
    "register_code",
    "register_done",
    "register_email",
    "register_method",
    "register_password",
    "sign_in",
    "sign_in_password",
    "sign_out",
    "signed_out",
];
const OF_AN_ACCOUNT: [&str; 9] = [
    "account",
    "demo",
    "passkey_add",
    "passkey_offer",
    "passkey_remove",
    "passkey_rename",
    "passkeys",
    "password_change",
    "sessions",
];
const OF_SECOND_STEPS: [&str; 11] = [
    "browsers",
    "confirm",
    "prove_contact",
    "recovery_codes",
    "recovery_codes_shown",
    "second_step",
    "second_step_app",
    "second_step_phone",
    "sign_in_code",
    "sign_in_other",
    "sign_in_recovery",
];
const OF_RECOVERY: [&str; 9] = [
    "account_close",
    "confirm",
    "done",
    "email_change",
    "link_problem",
    "reset_email",
    "reset_password",
    "reset_sent",
    "undone",
];
const OF_SERVICES: [&str; 6] = ["add_a_way", "confirm", "consent", "end_session", "service_problem", "services"];
const OF_HAND_OFFS: [&str; 1] = ["hand_off"]; // It goes on by itself; `hand_off.rs` holds it still and looks.
const OF_WAITING: [&str; 1] = ["waiting_room"]; // `waiting_room.rs` looks at it.
const OF_PROBLEMS: [&str; 2] = ["passkey_problem", "problem"];

/// An address that is longer than a line on a small screen, without a place to break it.
const LONG: &str = "averyveryverylongnamethatnobodywouldwanttotype@averylongdepartmentname.example.org";

/// What is wrong with the page as it looks now, a line each.
pub(crate) async fn faults(page: &Page) -> Vec<String> {
    let mut faults = axe::violations(page).await;
    let found = page
        .eval(
            "const inline = [...document.querySelectorAll('script:not([src]), style, *')].filter((e) =>
               e.matches('script:not([src]), style, [style]')
               || e.getAttributeNames().some((name) => name.startsWith('on')));
             const { scrollWidth } = document.scrollingElement;
             [
               ...inline.map((e) => `inline script or style: ${e.outerHTML.slice(0, 100)}`),
               ...(scrollWidth > innerWidth
                 ? [`it is ${scrollWidth} wide, wider than the window of ${innerWidth}`] : []),
               ...(document.querySelectorAll('h1').length === 1 ? [] : ['it has not one h1']),
               ...(document.title ? [] : ['it has no title']),
             ]",
        )
        .await;
    faults.extend(serde_json::from_value::<Vec<String>>(found).expect("texts"));
    faults
}

/// A walk over pages, and what was found on the way.
struct Walk {
    page: Page,
    templates: BTreeSet<&'static str>,
    faults: Vec<String>,
    states: usize,
}

impl Walk {
    const fn begin(page: Page) -> Self {
        Self { page, templates: BTreeSet::new(), faults: Vec::new(), states: 0 }
    }

    /// Looks at the page that is shown: a template in a state. Pictures are taken when `ALDGATE_PICTURES` is set.
    async fn look(&mut self, template: &'static str, state: &str) {
        self.templates.insert(template);
        self.states += 1;
        let picture = std::env::var_os("ALDGATE_PICTURES").is_some();
        for width in [320, 1200] {
            for scheme in ["light", "dark"] {
                self.page.look(width, scheme).await;
                let h1 = self.page.h1().await;
                let at = format!("{template} ({state}, {h1:?}) at {width} px, {scheme}");
                self.faults.extend(faults(&self.page).await.into_iter().map(|fault| format!("{at}: {fault}")));
                if picture {
                    let state = state.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
                    self.page.screenshot(&format!("{template}-{state}-{width}-{scheme}")).await;
                }
            }
        }
    }

    /// Opens an address, expects a heading, and looks.
    async fn at(&mut self, path: &str, h1: &str, template: &'static str, state: &str) {
        self.page.open_at(path, h1).await;
        self.look(template, state).await;
    }

    /// The same where scripts are off. They must be on again for axe-core: the page stays as it is but for what stands
    /// in `noscript`, which is kept in sight.
    async fn without_script(&mut self, path: &str, h1: &str, template: &'static str) {
        self.page.set_script(false).await;
        self.page.open_at(path, h1).await;
        self.page.set_script(true).await;
        self.page.eval("for (const e of document.querySelectorAll('noscript')) e.replaceWith(...e.childNodes)").await;
        self.page.assert_says("Passkeys need JavaScript").await;
        self.look(template, "without scripts").await;
    }

    /// Presses, expects a heading, and looks.
    async fn press(&mut self, text: &str, h1: &str, template: &'static str, state: &str) {
        self.page.press(text).await;
        self.page.arrive(h1).await;
        self.look(template, state).await;
    }

    fn end(self, templates: &[&str]) {
        assert!(self.templates.iter().eq(templates.iter()), "{:?} were seen", self.templates);
        assert!(
            self.faults.is_empty(),
            "{} faults in {} states:\n{}",
            self.faults.len(),
            self.states,
            self.faults.join("\n")
        );
    }
}

#[test]
fn the_walks_know_every_template() {
    let known: BTreeSet<_> = [
        &BEFORE_SIGN_IN[..],
        &OF_AN_ACCOUNT,
        &OF_SECOND_STEPS,
        &OF_RECOVERY,
        &OF_SERVICES,
        &OF_HAND_OFFS,
        &OF_WAITING,
        &OF_PROBLEMS,
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect();
    let mut there = BTreeSet::new();
    for directory in ["../backend/templates", "../gateway/templates"] {
        for file in std::fs::read_dir(target(directory)).expect("a directory") {
            let file = file.expect("a file").path();
            let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
            if file.is_file() && name != "base" {
                there.insert(name);
            }
        }
    }
    assert_eq!(known, there, "a new page needs its place in a walk");
}

#[tokio::test]
async fn every_page_on_the_way_in_is_accessible_in_every_state() {
    let world = World::start().await;
    let page = world.page().await;
    page.without_autofill().await;
    let mut walk = Walk::begin(page.clone());
    walk.at("/", "One account for public services", "home", "signed out").await;
    walk.press("Create an account", "What is your email address?", "register_email", "first").await;
    walk.press("Continue", "What is your email address?", "register_email", "with an error").await;
    page.fill("email", LONG).await;
    walk.press("Continue", "Check your email", "register_code", "first").await;
    walk.press("Continue", "Check your email", "register_code", "with an error").await;
    walk.press("Send a new code", "Check your email", "register_code", "with a new code").await;
    page.press("Send a new code").await;
    page.arrive("Check your email").await;
    walk.press("Send a new code", "What is your email address?", "register_email", "with no more codes").await;
    page.open_at("/register/code", "Check your email").await;
    page.fill("Code", &world.code_for(LONG)).await;
    walk.press("Continue", "Create a passkey", "register_method", "first").await;
    walk.press("Use a password instead", "Create a password", "register_password", "first").await;
    walk.press("Continue", "Create a password", "register_password", "with an error").await;
    page.fill("password", PASSWORD).await;
    walk.press("Continue", "Your account is ready", "register_done", "first").await;
    walk.at("/", "One account for public services", "home", "signed in").await;
    walk.press("Sign out", "Sign out", "sign_out", "first").await;
    walk.press("Sign out everywhere", "You are signed out", "signed_out", "everywhere").await;
    walk.at("/signed-out", "You are signed out", "signed_out", "here").await;
    walk.press("Sign in again", "Sign in", "sign_in", "first").await;
    walk.press("Continue", "Sign in", "sign_in", "with an error").await;
    walk.at("/sign-in?return_to=/demo/&why=step-up", "Sign in", "sign_in", "again for safety").await;
    walk.at("/sign-in?return_to=/demo/&why=ended", "Sign in", "sign_in", "after the session ended").await;
    page.fill("email", LONG).await;
    walk.press("Continue", "Enter your password", "sign_in_password", "first").await;
    walk.press("Sign in", "Enter your password", "sign_in_password", "with an error").await;

    // The two pages with a button for passkeys, where there are none.
    page.without_passkeys().await;
    walk.at("/sign-in", "Sign in", "sign_in", "in a browser without passkeys").await;
    world.prove_address(&page, "short@example.org").await;
    walk.look("register_method", "in a browser without passkeys").await;
    walk.without_script("/register/method", "Create a passkey", "register_method").await;
    walk.without_script("/sign-in", "Sign in", "sign_in").await;
    walk.end(&BEFORE_SIGN_IN);
}

#[tokio::test]
async fn every_page_of_an_account_is_accessible_in_every_state() {
    let world = World::start().await;
    let (page, other) = (world.page().await, world.page().await);
    page.without_autofill().await;
    world.register_with_password(&page, LONG).await;
    let mut walk = Walk::begin(page.clone());
    walk.look("account", "with a password alone").await;
    walk.at("/account/passkey-offer?return_to=/demo/", "Sign in faster next time", "passkey_offer", "first").await;
    walk.at("/account", "Your account", "account", "again").await;
    walk.press("Manage passkeys", "Your passkeys", "passkeys", "none").await;
    walk.press("Add a passkey", "Add a passkey", "passkey_add", "first").await;
    let device = Authenticator::add(&page).await;
    walk.press("Add a passkey", "Your passkeys", "passkeys", "one was added").await;
    walk.press("Rename", "What do you want to call this passkey?", "passkey_rename", "first").await;
    page.fill("name", "").await;
    walk.press("Save", "What do you want to call this passkey?", "passkey_rename", "with an error").await;
    // A name as long as it may be, without a place to break it.
    page.fill("name", &"M".repeat(50)).await;
    walk.press("Save", "Your passkeys", "passkeys", "with a long name").await;
    walk.press("Remove", "Remove this passkey?", "passkey_remove", "first").await;
    page.open_at("/account", "Your account").await;
    walk.press("Change password", "Change your password", "password_change", "first").await;
    walk.press("Save password", "Change your password", "password_change", "with an error").await;
    page.fill("Current password", PASSWORD).await;
    page.fill("New password", "another good password").await;
    walk.press("Save password", "Your account", "account", "with a new password").await;
    walk.press("Manage where you are signed in", "Where you are signed in", "sessions", "one").await;
    sign_in_with_password(&other, LONG, "another good password").await;
    walk.at("/account/sessions", "Where you are signed in", "sessions", "two").await;
    walk.press("Sign out of Chrome", "Where you are signed in", "sessions", "one was ended").await;
    walk.at("/demo/", "The gate says who you are", "demo", "signed in").await;

    // An account with a passkey alone.
    device.remove().await;
    sign_out_at(&page).await;
    let device = world.register_with_passkey(&page, "passkey@example.org").await;
    walk.look("account", "with a passkey alone").await;
    walk.press("Add a password", "Add a password", "password_change", "for the first").await;
    walk.at("/account/passkeys", "Your passkeys", "passkeys", "the last way in").await;
    let rename = page.eval("shown('.card a').map((e) => e.getAttribute('href'))[0]").await;
    let remove = rename.as_str().expect("an address").replace("/rename", "/remove");
    walk.at(&remove, "You cannot remove this passkey yet", "passkey_remove", "the last way in").await;
    device.set_presence(false).await;
    let _key = Authenticator::add_security_key(&page).await;
    page.open_at("/account/passkeys/add", "Add a passkey").await;
    walk.press("Add a passkey", "Your passkeys", "passkeys", "two").await;
    page.without_passkeys().await;
    walk.at("/account/passkeys/add", "Add a passkey", "passkey_add", "in a browser without passkeys").await;
    walk.without_script("/account/passkeys/add", "Add a passkey", "passkey_add").await;
    walk.end(&OF_AN_ACCOUNT);
}

#[tokio::test]
async fn every_page_of_a_second_step_is_accessible_in_every_state_and_in_welsh() {
    let world = World::start().await;
    let (page, other) = (world.page().await, world.page().await);
    page.without_autofill().await;
    world.register_with_password(&page, "ada@example.org").await;
    let mut walk = Walk::begin(page.clone());
    walk.press("Manage second step", "Your second step", "second_step", "none").await;
    walk.press("Add or change a telephone number", "What is your telephone number?", "second_step_phone", "first")
        .await;
    page.fill("phone", "ring me").await;
    walk.press("Continue", "What is your telephone number?", "second_step_phone", "with an error").await;
    page.fill("phone", "07700 900 123").await;
    walk.press("Continue", "Check your telephone", "prove_contact", "first").await;
    walk.press("Continue", "Check your telephone", "prove_contact", "with an error").await;
    page.fill("Code", &world.code_for("+447700900123")).await;
    walk.press("Continue", "Your second step", "second_step", "with a telephone").await;
    walk.press("Add an authenticator app", "Add an authenticator app", "second_step_app", "first").await;
    walk.press("Continue", "Add an authenticator app", "second_step_app", "with an error").await;
    walk.at("/account/recovery-codes", "Recovery codes", "recovery_codes", "none").await;
    walk.press("Make new recovery codes", "Your recovery codes", "recovery_codes_shown", "ten").await;
    walk.press("I have kept them", "Your second step", "second_step", "with codes").await;
    walk.press("Remove mobile phone", "Remove this second step?", "confirm", "a second step").await;

    other.without_autofill().await;
    other.open("/sign-in").await;
    give_password(&other, "ada@example.org", PASSWORD).await;
    other.arrive("Enter the code we sent you").await;
    let mut there = Walk::begin(other.clone());
    there.look("sign_in_code", "first").await;
    there.press("Continue", "Enter the code we sent you", "sign_in_code", "with an error").await;
    there.press("Use another way", "How do you want to go on?", "sign_in_other", "first").await;
    there.press("Use a recovery code", "Enter a recovery code", "sign_in_recovery", "first").await;
    there.press("Continue", "Enter a recovery code", "sign_in_recovery", "with an error").await;
    there.press("Cymraeg", "Rhowch god adfer", "sign_in_recovery", "in Welsh").await;
    there.at("/sign-in/code", "Rhowch y cod a anfonwyd gennym atoch", "sign_in_code", "in Welsh").await;
    other.eval("document.getElementById('remember').click()").await;
    other.fill("Cod", &world.code_for("+447700900123")).await;
    other.press("Parhau").await;
    other.arrive("Eich cyfrif").await;
    there.at("/account/browsers", "Porwyr a gofir", "browsers", "in Welsh").await;
    there.press("English", "Remembered browsers", "browsers", "one").await;
    there.press("Forget", "Remembered browsers", "browsers", "none any more").await;
    walk.templates.extend(there.templates.iter());
    walk.faults.append(&mut there.faults);
    walk.end(&OF_SECOND_STEPS);
}

/// The token of a link in the last message to an address.
async fn token_to(world: &World, email: &str, path: &str) -> String {
    let message = world.instance.told(email, path).await;
    let token = message.split("?token=").nth(1).and_then(|rest| rest.split_whitespace().next());
    token.expect("a link").to_owned()
}

#[tokio::test]
async fn every_page_on_the_way_back_and_out_is_accessible_in_every_state() {
    let world = World::start().await;
    let page = world.page().await;
    page.without_autofill().await;
    world.register_with_password(&page, "ada@example.org").await;
    let mut walk = Walk::begin(page.clone());
    walk.press("Change email address", "What is your new email address?", "email_change", "first").await;
    walk.press("Continue", "What is your new email address?", "email_change", "with an error").await;
    page.fill("email", "new@example.org").await;
    page.press("Continue").await;
    page.arrive("Check your email").await;
    page.fill("Code", &world.code_for("new@example.org")).await;
    page.press("Continue").await;
    page.arrive("Your account").await;
    let undo = format!("/cancel-change?token={}", token_to(&world, "ada@example.org", "/cancel-change").await);
    walk.at(&undo, "Take this change back?", "confirm", "to take a change back").await;
    walk.press("Take the change back", "The change was taken back", "undone", "first").await;
    page.open_at("/sign-in/password", "Sign in").await;
    walk.at("/reset", "Forgotten your password?", "reset_email", "first").await;
    walk.press("Continue", "Forgotten your password?", "reset_email", "with an error").await;
    page.fill("email", "ada@example.org").await;
    walk.press("Continue", "Check your email", "reset_sent", "first").await;
    let link = format!("/reset/new?token={}", token_to(&world, "ada@example.org", "/reset/new").await);
    walk.at(&link, "Choose a new password", "reset_password", "first").await;
    walk.press("Save password", "Choose a new password", "reset_password", "with an error").await;
    page.fill("password", "another good password").await;
    page.press("Save password").await;
    page.arrive("Sign in").await;
    page.assert_says("Your password was changed. Sign in with it").await;
    walk.at(&link, "This link was already used", "link_problem", "used").await;
    walk.at("/reset/new?token=x", "This link does not work", "link_problem", "broken").await;
    sign_in_with_password(&page, "ada@example.org", "another good password").await;
    walk.press("Close your account", "Close your account", "account_close", "first").await;
    walk.press("Close your account", "Close your account", "account_close", "with an error").await;
    page.fill("email", "ada@example.org").await;
    walk.press("Close your account", "Your account is closed", "done", "closed").await;
    assert_eq!(page.session().await, None);
    walk.end(&OF_RECOVERY);
}

/// A service that people sign in to by OpenID Connect; its key is made for it.
fn client(keys: &Path, port: u16) -> String {
    let public = ServiceKey::rsa(keys, "service").public;
    let public = public.display();
    format!(
        r#"
        [[client]]
        id = "appointments"
        name = "Book an appointment with a very long name that nobody would choose"
        profile = "nhs"
        redirect_uris = ["http://localhost:{port}/callback"]
        scopes = ["openid", "email"]
        vectors = ["P0.Cp", "P0.Cp.Cd"]
        public_key = "{public}"
        "#
    )
}

#[tokio::test]
async fn every_page_on_the_way_to_a_service_is_accessible() {
    let keys = tempfile::tempdir().expect("a directory");
    let port =
        answering("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 21\r\nconnection: close\r\n\r\n<h1>Appointments</h1>").await;
    let world = World::start_with(&client(keys.path(), port)).await;
    let page = world.page().await;
    page.without_autofill().await;
    world.register_with_password(&page, "ada@example.org").await;
    let mut walk = Walk::begin(page.clone());
    walk.at("/authorize?client_id=nobody", "There is a problem with the service", "service_problem", "unknown").await;
    let request = format!(
        "/authorize?client_id=appointments&redirect_uri=http%3A%2F%2Flocalhost%3A{port}%2Fcallback&response_type=code\
         &scope=openid%20email&state=s&nonce=n&vtr=%5B%22P0.Cp%22%5D"
    );
    walk.at(&request, "Share your information", "consent", "first").await;
    walk.press("Cymraeg", "Rhannu eich gwybodaeth", "consent", "in Welsh").await;
    walk.press("English", "Share your information", "consent", "in English again").await;
    walk.at("/account/services", "Services you use", "services", "none").await;
    page.open_at(&request, "Share your information").await;
    page.press("Agree and continue").await;
    page.arrive("Appointments").await;
    page.open_at("/account", "Your account").await;
    walk.press("Manage the services you use", "Services you use", "services", "one").await;
    walk.press("Cymraeg", "Gwasanaethau rydych yn eu defnyddio", "services", "one, in Welsh").await;
    page.press("English").await;
    page.arrive("Services you use").await;
    let stop = "Stop sharing with Book an appointment with a very long name that nobody would choose?";
    walk.press("Stop sharing", stop, "confirm", "to stop sharing").await;
    walk.press("Stop sharing", "Services you use", "services", "one was stopped").await;
    let second_step = request.replace("P0.Cp", "P0.Cp.Cd");
    walk.at(&second_step, "Add a way to sign in", "add_a_way", "a second step").await;
    walk.press("Cymraeg", "Ychwanegu ffordd o fewngofnodi", "add_a_way", "in Welsh").await;
    page.press("English").await;
    page.arrive("Add a way to sign in").await;
    walk.at("/logout", "Do you want to sign out?", "end_session", "first").await;
    walk.end(&OF_SERVICES);
}

async fn sign_out_at(page: &Page) {
    page.open_at("/account", "Your account").await;
    sign_out(page).await;
}

/// A service that answers whatever it is asked with the same.
async fn answering(answer: &'static str) -> u16 {
    use tokio::io::AsyncWriteExt as _;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

#[tokio::test]
async fn every_page_about_a_problem_is_accessible_and_says_what_to_do() {
    let broken = answering("good day\r\n\r\n").await;
    let world = World::start_with(&format!(
        r#"
        [[service]]
        name = "dead"
        upstream = "127.0.0.1:1"
        [[service]]
        name = "broken"
        upstream = "127.0.0.1:{broken}"
        [[route]]
        path = "/dead/"
        service = "dead"
        access = "public"
        [[route]]
        path = "/broken/"
        service = "broken"
        access = "public"
        [[route]]
        path = "/verified/"
        service = "dead"
        demand = {{ identity = "P9" }}
        [[route]]
        path = "/passkey-only/"
        service = "dead"
        demand = {{ authenticator = "passkey" }}
        "#
    ))
    .await;
    let page = world.page().await;
    page.without_autofill().await;
    page.without_offers().await;
    world.register_with_password(&page, "ada@example.org").await;
    let mut walk = Walk::begin(page.clone());

    // The edge's own.
    for (path, h1, state) in [
        ("/nothing", "Page not found", "the edge's 404"),
        ("/a%2fb", "There is a problem with this address", "the edge's 400"),
        ("/verified/", "You need to prove who you are", "the edge's 403"),
        ("/passkey/login", "This cannot be done here", "the edge's 405"),
        ("/broken/", "Sorry, this service is not working", "the edge's 502"),
        ("/dead/", "Sorry, this is not available just now", "the edge's 503"),
    ] {
        walk.at(path, h1, "problem", state).await;
        page.assert_says("Reference: ").await;
    }
    let welsh = "Mae'n ddrwg gennym, nid yw hyn ar gael ar hyn o bryd";
    walk.at("/dead/?ui_locales=cy", welsh, "problem", "the edge's 503 in Welsh").await;
    page.assert_says("Cyfeirnod: ").await;
    page.open_at("/dead/", "Sorry, this is not available just now").await;
    page.press("Try again").await;
    page.arrive("Sorry, this is not available just now").await;
    assert_eq!(page.path().await, "/dead/");
    page.open_at("/passkey-only/?x=1", "Sign in").await;
    page.assert_says("This page needs a passkey.").await;
    give_password(&page, "ada@example.org", PASSWORD).await;
    // The same proof again is still not enough: one ends at the sign-in page, not in a circle.
    page.arrive("Sign in").await;

    // The backend's.
    walk.at("/register/nothing", "Page not found", "problem", "the backend's 404").await;
    walk.at("/register/code/resend", "This cannot be done here", "problem", "the backend's 405").await;
    page.open_at("/sign-in", "Sign in").await;
    page.eval("document.getElementById('email').remove()").await;
    walk.press("Continue", "We could not read what was sent", "problem", "the backend's 400").await;
    page.open_at("/sign-in", "Sign in").await;
    page.eval("document.getElementById('email').value = 'x'.repeat(20_000)").await;
    walk.press("Continue", "Too much was sent", "problem", "the backend's 413").await;
    page.open_at("/sign-in", "Sign in").await;
    page.eval("document.getElementById('email').value = 'x'.repeat(70_000)").await;
    walk.press("Continue", "The request is too large", "problem", "the edge's 413").await;

    // A form on a page of somebody else's.
    let action = format!("{}/sign-out/everywhere", page.origin);
    page.open("about:blank").await;
    page.eval(&format!(
        "document.body.innerHTML = '<form method=\"post\"><button>Win a prize</button></form>';
         document.forms[0].action = {action:?}"
    ))
    .await;
    walk.press("Win a prize", "This did not come from our pages", "problem", "the backend's 403").await;
    assert!(page.session().await.is_some(), "nothing was done");

    // Passkeys.
    for (reason, h1) in [
        ("unknown-credential", "We do not recognise this passkey"),
        ("account-disabled", "Your account has been stopped"),
        ("bad-signature", "We could not check your passkey"),
        ("user-not-verified", "Your device did not check that it was you"),
        ("user-not-present", "Your device did not see you use the passkey"),
        ("challenge-expired", "You ran out of time"),
        ("challenge-used", "This request was already used"),
        ("counter-regression", "We could not accept this passkey"),
        ("cancelled", "You did not use your passkey"),
        ("not-supported", "You cannot use a passkey here"),
        ("refused", "We could not use your passkey"),
        ("unavailable", "Sorry, passkeys are not working right now"),
        ("registration-refused", "We could not create your passkey"),
        ("already-registered", "You already have a passkey here"),
        ("<script>alert(1)</script>", "We could not use your passkey"),
    ] {
        let path = format!("/sign-in/problem?reason={reason}&during=sign-in&return_to=/demo/");
        let state = if reason.starts_with('<') { "of no known reason" } else { reason };
        walk.at(&path, h1, "passkey_problem", state).await;
    }
    for during in ["register", "add"] {
        let path = format!("/sign-in/problem?reason=cancelled&during={during}");
        walk.at(&path, "You did not use your passkey", "passkey_problem", during).await;
    }
    walk.end(&OF_PROBLEMS);
}
