//! What a form says to an answer that it cannot take.

use crate::person::{PASSWORD, World, give_password, sign_out};

#[tokio::test]
async fn an_address_that_is_missing_or_no_address_comes_back_with_its_error() {
    let world = World::start().await;
    let page = world.page().await;
    for (path, h1) in [("/register", "What is your email address?"), ("/sign-in", "Sign in")] {
        page.open_at(path, h1).await;
        page.press("Continue").await;
        page.arrive(h1).await;
        page.assert_error("email", "Enter an email address").await;
        page.fill("email", "noaddress").await;
        page.press("Continue").await;
        page.arrive(h1).await;
        let errors = page.errors().await;
        assert!(errors.len() == 1 && errors[0].contains("name@example.com"), "it says how one looks: {errors:?}");
        assert_eq!(page.eval("document.getElementById('email').value").await, "noaddress", "nothing typed is lost");
    }
}

#[tokio::test]
async fn a_code_can_be_guessed_five_times_and_then_only_a_new_one_helps() {
    let world = World::start().await;
    let page = world.page().await;
    page.open_at("/register", "What is your email address?").await;
    page.fill("email", "ada@example.org").await;
    page.press("Continue").await;
    page.arrive("Check your email").await;
    page.press("Continue").await;
    page.arrive("Check your email").await;
    page.assert_error("code", "Enter the 6 digits of your code").await;
    let right = world.code_for("ada@example.org");
    let wrong = if right == "111111" { "222222" } else { "111111" };
    for _ in 0..5 {
        page.fill("Code", wrong).await;
        page.press("Continue").await;
        page.arrive("Check your email").await;
        page.assert_error("code", "This is not the code that we sent last. Check the code and enter it again").await;
    }
    page.fill("Code", &right).await;
    page.press("Continue").await;
    page.arrive("Check your email").await;
    page.assert_error("code", "This code can no longer be used. Ask for a new code").await;
    page.press("Send a new code").await;
    page.arrive("Check your email").await;
    page.assert_says("We have sent a new code").await;
    let new = world.code_for("ada@example.org");
    assert_ne!(new, right);
    // As people copy it: with a space in the middle.
    page.fill("Code", &format!("{} {}", &new[..3], &new[3..])).await;
    page.press("Continue").await;
    page.arrive("Create a passkey").await;
}

#[tokio::test]
async fn a_password_that_is_too_simple_is_told_so() {
    let world = World::start().await;
    let page = world.page().await;
    world.prove_address(&page, "bert@example.org").await;
    page.press("Use a password instead").await;
    for (password, error) in [
        ("", "Enter a password"),
        ("seven77", "Password must be 8 characters or more"),
        ("password", "This password is one of those that are tried first. Choose another"),
        ("bert@example.org", "Password must not be your email address"),
    ] {
        page.arrive("Create a password").await;
        page.fill("password", password).await;
        page.press("Continue").await;
        page.arrive("Create a password").await;
        page.assert_error("password", error).await;
        assert_eq!(page.eval("document.getElementById('password').value").await, "", "a password never comes back");
    }
    assert_eq!(page.session().await, None);
}

#[tokio::test]
async fn guessing_passwords_ends_with_a_page_that_says_when_to_come_back() {
    let world = World::start().await;
    let page = world.page().await;
    world.register_with_password(&page, "carl@example.org").await;
    sign_out(&page).await;
    page.open("/sign-in").await;
    give_password(&page, "carl@example.org", "guess 0").await;
    for guess in 1..10 {
        page.arrive("Enter your password").await;
        assert_eq!(page.errors().await, ["The email address or password is not correct"]);
        page.fill("Password", &format!("guess {guess}")).await;
        page.press("Sign in").await;
    }
    page.arrive("Enter your password").await;
    page.fill("Password", PASSWORD).await;
    page.press("Sign in").await;
    page.arrive("Enter your password").await;
    let errors = page.errors().await;
    assert!(
        errors[0].starts_with("Too many passwords were tried, here or somewhere else. Try again after "),
        "{errors:?}"
    );
    assert_eq!(page.session().await, None, "even the right one is refused now");
}
