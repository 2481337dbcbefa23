//! What a log-in costs the database: how many transactions.

use super::*;
use crate::world::PASSWORD;

const EMAIL: &str = "ada@example.org";

/// How many transactions it takes from the service's request over the sign-in to the tokens, in a browser that is known to
/// an account that has agreed before.
#[tokio::test]
async fn a_code_log_in_with_a_password_takes_four_at_the_most() {
    let world = provider().await;
    let mut browser = world.with_password(EMAIL).await;
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).await.status, 303);
    let _ = RP.tokens(&world, &mut browser, &[]).await;
    browser.cookies.remove(aldgate_core::session::cookie::SESSION);

    let before = world.commits();
    let to_sign_in = browser.get(&RP.request(&[])).await;
    let return_to = query_of(to_sign_in.location()).remove("return_to").expect("a way back");
    browser.post("/sign-in", &[("email", EMAIL), ("return_to", &return_to)]).await;
    let back = browser.post("/sign-in/password", &[("password", PASSWORD)]).await;
    let given = browser.get(back.location()).await;
    let code = query_of(given.location()).remove("code").expect("a code");
    assert_eq!(RP.redeem(&world, &code).await.status, 200);
    let writes = world.commits() - before;
    // The guess reserved, the session opened, the client's assertion used up, the grant made.
    assert!((1..=4).contains(&writes), "{writes}");
}

/// With a passkey the edge writes once; the rest is the service's.
#[tokio::test]
async fn a_code_for_whoever_is_signed_in_takes_two_at_the_most() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let _ = RP.tokens(&world, &mut browser, &[]).await;
    let before = world.commits();
    let _ = RP.tokens(&world, &mut browser, &[]).await;
    let writes = world.commits() - before;
    assert!((1..=2).contains(&writes), "{writes}");
}
