//! The steps that journeys share: an instance, a browser, and a person who knows their way.

use crate::support::browser::{Authenticator, Browser, Page};
use crate::support::instance::Instance;

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// An instance and a browser.
pub(crate) struct World {
    pub(crate) browser: Browser,
    pub(crate) instance: Instance,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    pub(crate) async fn start_with(config: &str) -> Self {
        let (instance, browser) = tokio::join!(Instance::start_with(config), Browser::launch());
        Self { browser, instance }
    }

    /// A window on the plain listener that shares no cookie with any other.
    pub(crate) async fn page(&self) -> Page {
        self.browser.page(&format!("http://localhost:{}", self.instance.ports.http)).await
    }

    /// The six digits that were sent last to an address.
    pub(crate) fn code_for(&self, email: &str) -> String {
        let message = self.instance.message_to(email).expect("a message");
        let code = message.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6);
        code.unwrap_or_else(|| panic!("no code in {message}")).to_owned()
    }

    /// From the start page to where one chooses how to sign in: the address is proven.
    pub(crate) async fn prove_address(&self, page: &Page, email: &str) {
        page.open_at("/", "One account for public services").await;
        self.prove_address_from_here(page, email).await;
    }

    /// The same from whatever page leads to a new account.
    async fn prove_address_from_here(&self, page: &Page, email: &str) {
        page.press("Create an account").await;
        page.arrive("What is your email address?").await;
        page.fill("What is your email address?", email).await;
        page.press("Continue").await;
        page.arrive("Check your email").await;
        page.assert_says(email).await;
        page.fill("Code", &self.code_for(email)).await;
        page.press("Continue").await;
        page.arrive("Create a passkey").await;
    }

    /// A new account with a passkey on a new authenticator; ends at the account page.
    pub(crate) async fn register_with_passkey(&self, page: &Page, email: &str) -> Authenticator {
        let authenticator = Authenticator::add(page).await;
        self.prove_address(page, email).await;
        page.press("Create a passkey").await;
        finish(page, email).await;
        authenticator
    }

    /// A new account with a password; ends at the account page.
    pub(crate) async fn register_with_password(&self, page: &Page, email: &str) {
        self.prove_address(page, email).await;
        choose_password(page).await;
        finish(page, email).await;
    }

    /// A new account with a password, from a page on the way to somewhere else; the caller says where that is.
    pub(crate) async fn register_on_the_way(&self, page: &Page, email: &str) {
        self.prove_address_from_here(page, email).await;
        choose_password(page).await;
        page.press("Continue").await;
    }
}

/// From where one chooses how to sign in to the end of a registration.
pub(crate) async fn choose_password(page: &Page) {
    page.press("Use a password instead").await;
    page.arrive("Create a password").await;
    page.fill("Create a password", PASSWORD).await;
    page.press("Continue").await;
    page.arrive("Your account is ready").await;
}

async fn finish(page: &Page, email: &str) {
    page.arrive("Your account is ready").await;
    page.assert_says(email).await;
    page.press("Continue").await;
    page.arrive("Your account").await;
    assert_eq!(page.path().await, "/account");
    assert_eq!(page.summary("Email address").await, email);
}

/// Signs out of this browser.
pub(crate) async fn sign_out(page: &Page) {
    page.press("Sign out").await;
    page.arrive("Sign out").await;
    page.press("Sign out").await;
    page.arrive("You are signed out").await;
    assert_eq!(page.session().await, None);
}

/// From the sign-in page on, with address and password; the caller says what page comes.
pub(crate) async fn give_password(page: &Page, email: &str, password: &str) {
    page.arrive("Sign in").await;
    page.fill("Email address", email).await;
    page.press("Continue").await;
    page.arrive("Enter your password").await;
    // The host is shown in small letters, however it was typed.
    assert!(page.summary("Email address").await.eq_ignore_ascii_case(email));
    page.fill("Password", password).await;
    page.press("Sign in").await;
}

/// Signs in with a password; ends at the account page.
pub(crate) async fn sign_in_with_password(page: &Page, email: &str, password: &str) {
    page.open("/sign-in").await;
    give_password(page, email, password).await;
    page.arrive("Your account").await;
}
