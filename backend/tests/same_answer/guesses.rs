//! Wrong tries at one account, by every route and in every spelling: 100 in all, and not one more (NIST SP 800-63B-4,
//! section 3.2.2).

use crate::WITH_BOTH_STEPS;
use crate::steps::{app_code, with_app};
use crate::work::{alone, doing};
use crate::world::{Browser, PASSWORD, World};
use std::time::Duration;

/// Spellings of one address: those that find its account, and some that look as if they might.
const SPELLINGS: [&str; 16] = [
    "bob@example.org",
    "BOB@EXAMPLE.ORG",
    "Bob@example.org",
    "bob@Example.Org",
    "  bob@example.org ",
    "bob@example.org.",
    ".bob@example.org",
    "b.ob@example.org",
    "bob+1@example.org",
    "\"bob\"@example.org",
    "\u{ff42}ob@example.org",
    "bob@\u{ff45}xample.org",
    "bob\u{301}@example.org",
    "bo\u{200b}b@example.org",
    "b\u{43e}b@example.org",
    "bob@example\u{3002}org",
];

/// From another address each time.
fn somewhere(world: &World, n: usize) -> Browser<'_> {
    let mut browser = world.browser();
    browser.client = format!("198.51.{}.{}", n / 250, n % 250);
    browser
}

/// The spellings by which the account is found.
async fn that_find_it(world: &World) -> Vec<&'static str> {
    let mut found = Vec::new();
    for (n, spelling) in SPELLINGS.into_iter().enumerate() {
        let mut browser = somewhere(world, 10_000 + n);
        browser.post("/sign-in", &[("email", spelling)]).await;
        let answer = browser.post("/sign-in/password", &[("password", PASSWORD)]).await;
        if answer.location() == "/sign-in/code" {
            found.push(spelling);
        }
    }
    found
}

/// Whether a try was made: it was wrong, and not refused unseen.
async fn tries(browser: &mut Browser<'_>, path: &str, field: (&str, &str)) -> bool {
    let answer = browser.post(path, &[field]).await;
    assert!([422, 429].contains(&answer.status), "{path}: {answer:?}");
    answer.status == 422
}

#[tokio::test]
async fn no_route_and_no_spelling_gives_more_than_a_hundred_wrong_tries_at_an_account() {
    let _alone = alone().await;
    let world = World::new().await;
    let mut owner = world.with_password(WITH_BOTH_STEPS).await;
    let key = with_app(&mut owner, &world).await;
    assert_eq!(owner.post("/account/recovery-codes", &[]).await.status, 200);
    // A browser in which the owner has signed in, as somebody may have stolen it.
    let mut known = world.browser();
    known.sign_in(WITH_BOTH_STEPS, PASSWORD).await;
    world.after(Duration::from_secs(60));
    let code = app_code(&key, world.now().as_secs());
    assert_eq!(known.post("/sign-in/code", &[("code", &code)]).await.status, 303);
    let spellings = that_find_it(&world).await;
    assert!(spellings.len() >= 4, "{spellings:?}");

    let mut by_strangers = 0;
    for n in 0..120_usize {
        let spelling = spellings[n % spellings.len()];
        let mut browser = somewhere(&world, n);
        browser.post("/sign-in", &[("email", spelling)]).await;
        // In turn: a wrong password; or the right one, and wrong at what comes after it.
        let made = match n % 3 {
            0 => tries(&mut browser, "/sign-in/password", ("password", "a wrong password")).await,
            kind => {
                let answer = browser.post("/sign-in/password", &[("password", PASSWORD)]).await;
                if answer.status != 303 {
                    continue;
                }
                match kind {
                    1 => tries(&mut browser, "/sign-in/recovery-code", ("recovery_code", "0000-1111-2222-3333")).await,
                    _ => tries(&mut browser, "/sign-in/code", ("code", &format!("{n:06}"))).await,
                }
            }
        };
        by_strangers += usize::from(made);
    }
    assert!((1..=50).contains(&by_strangers), "{by_strangers} tries by strangers");

    let mut by_known = 0;
    for round in 0..12 {
        for n in 0..12_usize {
            let mut browser = known.clone();
            browser.post("/sign-in", &[("email", spellings[n % spellings.len()])]).await;
            by_known += usize::from(tries(&mut browser, "/sign-in/password", ("password", "a wrong one")).await);
            if round == 0 {
                let change = [("current_password", "a wrong one"), ("new_password", "an entirely new one")];
                let answer = owner.post("/account/password", &change).await;
                by_known += usize::from(answer.status == 422);
            }
        }
        world.after(Duration::from_mins(16));
    }
    assert!((1..=50).contains(&by_known), "{by_known} tries in browsers that are known");
    assert!(by_strangers + by_known <= 100);
    // Nothing is even compared any more, whoever asks and however it is written.
    for spelling in spellings {
        let mut browser = somewhere(&world, 20_000);
        browser.post("/sign-in", &[("email", spelling)]).await;
        let (answer, did) = doing(&world, browser.post("/sign-in/password", &[("password", PASSWORD)])).await;
        assert_eq!((answer.status, did.hashes), (429, 0), "{spelling:?}");
    }
}
