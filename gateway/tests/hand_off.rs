//! Many hosts, one login: the walk by which a service's host gets its own token of a session, and what it withstands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::session::hand_off::LIFETIME;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::warm::Warm as _;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::time::Duration;
use support::http::Answer;
use support::world::{APP, RECORDS, World, received};

const LOGIN: &str = "localhost";
const SESSION: &str = "__Host-aldgate";
const BINDING: &str = "__Host-aldgate-hand-off";

/// What a browser says of a navigation that a person began.
const NAVIGATION: [(&str, &str); 4] = [
    ("accept", "text/html"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-site", "none"),
];

/// The steps that a walk may take before it counts as endless.
const STEPS_MAX: usize = 60;

/// An address: host, and path with query.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address(String, String);

impl Address {
    fn new(host: &str, path: &str) -> Self {
        Self(host.into(), path.into())
    }

    /// Where an answer leads from here.
    fn after(&self, answer: &Answer) -> Self {
        let location = answer.header("location");
        match location.strip_prefix("http://") {
            None => Self(self.0.clone(), location.into()),
            Some(rest) => {
                let (host, path) = rest.split_once(":8080").expect("the port of the log-in host");
                Self::new(host, path)
            }
        }
    }

    /// The value of a parameter, as it stands there.
    fn parameter(&self, name: &str) -> &str {
        let query = self.1.split_once('?').map_or("", |(_, query)| query);
        query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap_or_default()
    }

    /// The same with another value.
    fn with(&self, name: &str, value: &str) -> Self {
        let was = format!("{name}={}", self.parameter(name));
        assert!(self.1.contains(&was), "{self:?}");
        Self(self.0.clone(), self.1.replace(&was, &format!("{name}={value}")))
    }
}

/// A browser: cookies, host by host, and what a navigation says of itself.
#[derive(Clone, Default)]
struct Walker {
    jars: BTreeMap<String, BTreeMap<String, String>>,
}

impl Walker {
    /// A person who has signed in on the log-in host.
    async fn signed_in(world: &World, authenticator: &Authenticator) -> Self {
        let mut walker = Self::default();
        walker.sign_in(world, authenticator).await;
        walker
    }

    /// Signs in with a passkey on the log-in host, as the page there does; a session that stands is replaced.
    async fn sign_in(&mut self, world: &World, authenticator: &Authenticator) {
        let (challenge, ceremony) = world.options().await;
        let cookies = [ceremony, self.cookies(LOGIN)].join("; ");
        let body = authenticator.login_body(support::world::RP_ID, support::world::ORIGIN, &challenge);
        let answer = world.post_json("/passkey/login", &cookies, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.keep(LOGIN, &answer);
    }

    fn cookie(&self, host: &str, name: &str) -> Option<&str> {
        self.jars.get(host)?.get(name).map(String::as_str)
    }

    fn set_cookie(&mut self, host: &str, name: &str, value: &str) {
        self.jars.entry(host.into()).or_default().insert(name.into(), value.into());
    }

    fn drop_cookie(&mut self, host: &str, name: &str) {
        self.jars.entry(host.into()).or_default().remove(name);
    }

    fn cookies(&self, host: &str) -> String {
        let jar = self.jars.get(host).cloned().unwrap_or_default();
        jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&mut self, host: &str, answer: &Answer) {
        for value in answer.headers.get_all("set-cookie") {
            let text = value.to_str().expect("text");
            assert!(!text.to_ascii_lowercase().contains("domain"), "{text}");
            let (name, value) = text.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            if name.starts_with("__Host-aldgate") {
                for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
                    assert!(text.contains(attribute), "{text}");
                }
            }
            if text.contains("Max-Age=0") {
                self.drop_cookie(host, name);
            } else {
                self.set_cookie(host, name, value);
            }
        }
    }

    async fn ask(&self, world: &World, at: &Address, headers: &[(&str, &str)]) -> Answer {
        let cookies = self.cookies(&at.0);
        let mut headers = headers.to_vec();
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        world.send_to(&at.0, "GET", &at.1, &headers, "").await
    }

    /// One step, as from the address bar.
    async fn get(&mut self, world: &World, at: &Address) -> Answer {
        let answer = self.ask(world, at, &NAVIGATION).await;
        self.keep(&at.0, &answer);
        answer
    }

    /// Goes on until `stop` is reached, or an answer that leads nowhere.
    async fn walk(&mut self, world: &World, from: Address, stop: impl Fn(&Address) -> bool) -> (Address, Answer) {
        let mut at = from;
        for _ in 0..STEPS_MAX {
            let answer = self.get(world, &at).await;
            if answer.status != 303 {
                return (at, answer);
            }
            assert!(answer.header("cache-control").contains("no-store"), "{answer:?}");
            let next = at.after(&answer);
            if stop(&next) {
                return (next, answer);
            }
            at = next;
        }
        panic!("an endless walk: {at:?}");
    }

    /// Goes wherever it is sent.
    async fn open(&mut self, world: &World, host: &str, path: &str) -> (Address, Answer) {
        self.walk(world, Address::new(host, path), |_| false).await
    }

    /// The address with the code, not yet opened; from `host` as somebody who has no session there.
    async fn code_for(&mut self, world: &World, host: &str, path: &str) -> Address {
        let (at, _) = self.walk(world, Address::new(host, path), |at| !at.parameter("code").is_empty()).await;
        assert_eq!(at.0, host);
        at
    }
}

async fn world_and_person() -> (World, Authenticator) {
    let world = World::new().await;
    let authenticator = world.register(1).await;
    (world, authenticator)
}

fn problem_of(answer: &Answer) -> String {
    assert!(answer.status.as_u16() >= 400, "{answer:?}");
    assert!(answer.headers.get("location").is_none(), "{answer:?}");
    assert!(!answer.headers.get_all("set-cookie").iter().any(|c| c.as_bytes().starts_with(b"__Host-aldgate=")));
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cache-control"), "no-store");
    let h1 = answer.body.split_once("<h1>").and_then(|(_, rest)| rest.split_once("</h1>"));
    h1.expect("a heading").0.to_owned()
}

const INVALID: &str = "We could not sign you in here";
const EXPIRED: &str = "Signing in took too long";
const USED: &str = "This link was already used";
const ENDLESS: &str = "We could not keep you signed in here";

#[tokio::test]
async fn somebody_who_has_signed_in_once_is_known_on_each_host_without_a_page() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    for (host, service) in [(APP, "echo"), (RECORDS, "other")] {
        let (at, answer) = walker.open(&world, host, "/x?y=1&z=%20").await;
        assert_eq!(at, Address::new(host, "/x?y=1&z=%20"), "back at the same address");
        let seen = received(&answer);
        assert_eq!(seen["aldgate-subject"], person.account.to_string());
        let identity = world.verifier(service).verify(&seen["aldgate-identity"], support::world_now(&world));
        assert_eq!(identity.expect("an identity").account(), person.account);
        let cookies = seen.get("cookie").map_or("", String::as_str);
        assert!(!cookies.contains("aldgate"), "no cookie of ours reaches a service: {cookies}");
        assert_eq!(walker.cookie(host, BINDING), None, "the binding has served");
    }
    let token = |host| walker.cookie(host, SESSION).expect("a session").to_owned();
    assert!(token(LOGIN) != token(APP) && token(APP) != token(RECORDS), "each host has a token of its own");
    assert_eq!(world.warm.sessions_of(&person.account).await.expect("warm").len(), 1, "of one session");
}

#[tokio::test]
async fn somebody_who_is_not_signed_in_is_taken_to_the_sign_in_page_and_on_to_where_they_were() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::default();
    let first = walker.get(&world, &Address::new(APP, "/x?y=1")).await;
    assert_eq!(first.header("location"), "/.aldgate/sign-in?return_to=/x%3Fy%3D1", "a path of the same host");
    let is_sign_in = |at: &Address| at.1.starts_with("/sign-in?");
    let (sign_in, _) = walker.walk(&world, Address::new(APP, "/x?y=1"), is_sign_in).await;
    assert_eq!(sign_in.0, LOGIN);
    // The page leads back to the step that it was asked from.
    let back = decoded(sign_in.parameter("return_to"));
    let binding = Address::new(LOGIN, &back).parameter("binding").to_owned();
    assert_eq!(back, format!("/hand-off?host={APP}&return_to=/x%3Fy%3D1&binding={binding}"));
    assert_eq!(binding.len(), 43);
    assert!(!back.contains(walker.cookie(APP, BINDING).expect("a binding")), "its digest alone travels");
    walker.sign_in(&world, &person).await;
    let (at, answer) = walker.walk(&world, Address::new(LOGIN, &back), |_| false).await;
    assert_eq!(at, Address::new(APP, "/x?y=1"));
    assert_eq!(received(&answer)["aldgate-subject"], person.account.to_string());
}

/// Undoes the escapes of one level.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (hex, rest) = part.split_at(2);
        out.push(char::from(u8::from_str_radix(hex, 16).expect("hexadecimal")));
        out.push_str(rest);
    }
    out
}

#[tokio::test]
async fn ending_the_session_ends_it_on_every_host_at_once() {
    let (world, person) = world_and_person().await;
    let elsewhere = world.beside().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    walker.open(&world, APP, "/x").await;
    walker.open(&elsewhere, RECORDS, "/x").await;
    world.warm.end_sessions(&person.account, None).await.expect("warm");
    for (host, gateway) in [(APP, &world), (RECORDS, &elsewhere), (APP, &elsewhere)] {
        let answer = walker.ask(gateway, &Address::new(host, "/x"), &NAVIGATION).await;
        assert_eq!(answer.header("location"), "/.aldgate/sign-in?return_to=/x&why=ended", "{host}: {answer:?}");
        let cleared = answer.header("set-cookie");
        assert!(cleared.starts_with("__Host-aldgate=;") && cleared.contains("Max-Age=0"), "{cleared}");
        let program = walker.ask(gateway, &Address::new(host, "/x"), &[]).await;
        assert_eq!(program.status, 401);
    }
    let (at, _) = walker.walk(&world, Address::new(APP, "/x"), |at| at.1.starts_with("/sign-in?")).await;
    assert_eq!(at.parameter("why"), "ended", "the sign-in page says why");
    // Where nobody need be known, nobody is.
    let maybe = received(&walker.ask(&world, &Address::new(APP, "/maybe/"), &NAVIGATION).await);
    assert!(!maybe.contains_key("aldgate-subject"), "{maybe:?}");
}

#[tokio::test]
async fn signing_out_on_a_services_host_leads_to_the_log_in_hosts_page() {
    let world = World::new().await;
    let answer = Walker::default().get(&world, &Address::new(APP, "/.aldgate/sign-out")).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "http://localhost:8080/sign-out"));
}

#[tokio::test]
async fn a_token_of_one_host_is_nobody_on_another() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    walker.open(&world, APP, "/x").await;
    let token = walker.cookie(APP, SESSION).expect("a session").to_owned();
    for host in [LOGIN, RECORDS] {
        let mut thief = Walker::default();
        thief.set_cookie(host, SESSION, &token);
        let answer = thief.ask(&world, &Address::new(host, "/app/"), &[]).await;
        assert_eq!(answer.status, 401, "{host}");
    }
}

#[tokio::test]
async fn a_stolen_code_opens_nothing_in_another_browser_and_is_spent_by_the_attempt() {
    let (world, person) = world_and_person().await;
    let mut owner = Walker::signed_in(&world, &person).await;
    let code = owner.code_for(&world, APP, "/x").await;
    let mut thief = Walker::default();
    let (_, _) = thief.walk(&world, Address::new(APP, "/"), |at| at.0 == LOGIN).await; // A binding of their own.
    assert_eq!(problem_of(&thief.get(&world, &code).await), INVALID);
    assert_eq!(thief.cookie(APP, SESSION), None);
    assert_eq!(problem_of(&owner.get(&world, &code).await), USED);
    // The owner begins again, and is through without a page.
    let (at, answer) = owner.open(&world, APP, "/x").await;
    assert_eq!((at.1.as_str(), answer.status.as_u16()), ("/x", 200));
}

#[tokio::test]
async fn nobody_is_signed_in_as_the_attacker_by_the_attackers_link() {
    let (world, attacker) = world_and_person().await;
    let mut evil = Walker::signed_in(&world, &attacker).await;
    for with_binding in [false, true] {
        let mut victim = Walker::default();
        if with_binding {
            victim.walk(&world, Address::new(APP, "/"), |at| at.0 == LOGIN).await;
        }
        let link = evil.code_for(&world, APP, "/x").await;
        assert_eq!(problem_of(&victim.get(&world, &link).await), INVALID);
        assert_eq!(victim.cookie(APP, SESSION), None);
    }
}

#[tokio::test]
async fn a_victims_code_for_the_attackers_binding_is_spent_before_the_attacker_can_have_it() {
    let (world, person) = world_and_person().await;
    let mut evil = Walker::default();
    let (ask, _) = evil.walk(&world, Address::new(APP, "/x"), |at| at.0 == LOGIN).await;
    // The victim, who is signed in, is led to the attacker's link.
    let mut victim = Walker::signed_in(&world, &person).await;
    let (code, _) = victim.walk(&world, ask, |at| !at.parameter("code").is_empty()).await;
    assert_eq!(problem_of(&victim.get(&world, &code).await), INVALID);
    assert_eq!(problem_of(&evil.get(&world, &code).await), USED);
    assert_eq!(evil.cookie(APP, SESSION), None);
}

#[tokio::test]
async fn a_code_for_one_host_is_refused_on_another() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    let code = walker.code_for(&world, APP, "/x").await;
    let binding = walker.cookie(APP, BINDING).expect("a binding").to_owned();
    walker.set_cookie(RECORDS, BINDING, &binding);
    assert_eq!(problem_of(&walker.get(&world, &Address::new(RECORDS, &code.1)).await), INVALID);
    assert_eq!(walker.get(&world, &Address::new(LOGIN, &code.1)).await.status, 404, "it is no step of that host");
    assert_eq!(walker.get(&world, &code).await.status, 303, "and it is still good where it belongs");
}

#[tokio::test]
async fn a_late_code_is_refused() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    let code = walker.code_for(&world, APP, "/x").await;
    world.clock.advance(LIFETIME);
    assert_eq!(problem_of(&walker.get(&world, &code).await), EXPIRED);
}

#[tokio::test]
async fn of_a_hundred_who_present_a_code_at_once_at_two_gateways_one_gets_a_session() {
    let (world, person) = world_and_person().await;
    let elsewhere = world.beside().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    let code = walker.code_for(&world, APP, "/x").await;
    let tries = (0..100).map(|n| walker.ask(if n % 2 == 0 { &world } else { &elsewhere }, &code, &NAVIGATION));
    let answers = join_all(tries).await;
    let (through, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 303);
    assert_eq!(through.len(), 1);
    assert!(refused.iter().all(|answer| problem_of(answer) == USED));
}

#[tokio::test]
async fn every_changed_character_of_a_code_is_refused() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    let address = walker.code_for(&world, APP, "/x").await;
    let code = address.parameter("code").to_owned();
    let forged = (0..code.len()).map(|at| {
        let mut forged = code.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        address.with("code", &String::from_utf8(forged).expect("ASCII"))
    });
    let cut = [code[1..].to_owned(), format!("{code}A"), format!("{code}="), String::new()];
    let wrong: Vec<_> = forged.chain(cut.iter().map(|code| address.with("code", code))).collect();
    for answer in join_all(wrong.iter().map(|at| walker.ask(&world, at, &NAVIGATION))).await {
        assert_eq!(problem_of(&answer), INVALID);
    }
    assert_eq!(walker.get(&world, &address).await.status, 303, "none of them has spent it");
}

/// Addresses that would lead to another site, or to more than one line of a header.
const ELSEWHERE: [&str; 13] = [
    "//evil.example",
    "%2F%2Fevil.example",
    "/%5Cevil.example",
    "%5Cevil.example",
    "%5C%5Cevil.example",
    "https://evil.example",
    "https%3A%2F%2Fevil.example%2F",
    "javascript%3Aalert(1)",
    "/x%0D%0ASet-Cookie:%20a=1",
    "/x%3Fy%0D%0ALocation:%20https://evil.example",
    "/%2509/evil.example",
    "/%252F/evil.example",
    "/.aldgate/sign-in",
];

#[tokio::test]
async fn the_way_back_never_leads_to_another_site() {
    let (world, person) = world_and_person().await;
    let signed_in = Walker::signed_in(&world, &person).await;
    for elsewhere in ELSEWHERE {
        let mut walker = signed_in.clone();
        // At each of the three steps that read it.
        let begin = Address::new(APP, &format!("/.aldgate/sign-in?return_to={elsewhere}"));
        let (give, _) = walker.walk(&world, begin, |at| at.0 == LOGIN).await;
        assert_eq!(give.parameter("return_to"), "/", "{elsewhere}");
        let (take, _) = walker.walk(&world, give.with("return_to", elsewhere), |at| at.0 == APP).await;
        assert_eq!(take.parameter("return_to"), "/", "{elsewhere}");
        let answer = walker.get(&world, &take.with("return_to", elsewhere)).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"), "{elsewhere}");
        // And in the page of a step that failed.
        walker.drop_cookie(APP, SESSION);
        let failed = walker.get(&world, &take.with("return_to", elsewhere)).await;
        assert!(failed.body.contains(r#"href="/.aldgate/sign-in?return_to=/""#), "{elsewhere}: {failed:?}");
    }
}

#[tokio::test]
async fn a_session_is_given_to_hosts_with_routes_only() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    let (give, _) = walker.walk(&world, Address::new(APP, "/x"), |at| at.0 == LOGIN).await;
    let hosts = [
        "evil.example",
        "localhost",
        "app.localhost.evil.example",
        "APP.localhost",
        "app.localhost:9",
        "app.localhost%2F@evil.example",
        "evil.example%23app.localhost",
        "",
    ];
    let binding = give.parameter("binding");
    let without_host = Address::new(LOGIN, &format!("/hand-off?binding={binding}"));
    let doubled = Address::new(LOGIN, &format!("{}&host={RECORDS}", give.1));
    let without_binding = Address::new(LOGIN, &format!("/hand-off?host={APP}"));
    let wrong = hosts.iter().map(|host| give.with("host", host));
    let wrong = wrong.chain([without_host, doubled, without_binding, give.with("binding", "AAAA")]);
    for at in wrong.collect::<Vec<_>>() {
        let answer = walker.get(&world, &at).await;
        assert_eq!(answer.status, 400, "{at:?}");
        assert!(answer.headers.get("location").is_none() && !answer.body.contains("code="), "{answer:?}");
    }
}

#[tokio::test]
async fn a_step_up_on_a_services_host_asks_once_and_goes_on_with_the_new_session() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    walker.open(&world, APP, "/x").await;
    let (_, answer) = walker.open(&world, APP, "/fresh/").await;
    assert_eq!(answer.status, 200, "fresh enough");
    let old = received(&answer)["aldgate-session"].clone();
    world.clock.advance(Duration::from_mins(6));
    assert_eq!(walker.open(&world, APP, "/x").await.1.status, 200, "still signed in");
    let is_sign_in = |at: &Address| at.1.starts_with("/sign-in?");
    let (sign_in, _) = walker.walk(&world, Address::new(APP, "/fresh/?a=1"), is_sign_in).await;
    assert_eq!((sign_in.0.as_str(), sign_in.parameter("why")), (LOGIN, "step-up"));
    let back = decoded(sign_in.parameter("return_to"));
    assert!(!back.contains("why"), "{back}");
    walker.sign_in(&world, &person).await;
    let (at, answer) = walker.walk(&world, Address::new(LOGIN, &back), |_| false).await;
    assert_eq!((at, answer.status.as_u16()), (Address::new(APP, "/fresh/?a=1"), 200));
    assert_ne!(received(&answer)["aldgate-session"], old, "a new session");
    assert_eq!(world.warm.sessions_of(&person.account).await.expect("warm").len(), 1, "the old one has ended");
}

#[tokio::test]
async fn a_password_where_a_passkey_is_needed_ends_at_the_sign_in_page_each_time() {
    let world = World::new().await;
    let mut walker = Walker::default();
    let session = world.open_by_password().await;
    walker.set_cookie(LOGIN, SESSION, session.split_once('=').expect("a pair").1);
    for _ in 0..3 {
        let is_sign_in = |at: &Address| at.1.starts_with("/sign-in?");
        let (sign_in, _) = walker.walk(&world, Address::new(APP, "/fresh/"), is_sign_in).await;
        assert_eq!(sign_in.parameter("why"), "passkey");
        // The same proof again, and back: the service's host judges as before, and the person is asked again.
        let back = Address::new(LOGIN, &decoded(sign_in.parameter("return_to")));
        let (at, _) = walker.walk(&world, back, is_sign_in).await;
        assert_eq!(at.parameter("why"), "passkey");
    }
}

#[tokio::test]
async fn a_browser_that_keeps_no_cookie_gets_a_page_and_is_not_sent_round() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    // No cookie at all on the service's host.
    let code = walker.code_for(&world, APP, "/x?y=1").await;
    walker.jars.remove(APP);
    let answer = walker.get(&world, &code).await;
    assert_eq!(problem_of(&answer), INVALID);
    assert!(answer.body.contains(r#"href="/.aldgate/sign-in?return_to=/x%3Fy%3D1""#), "a way to start again");
    // Something on the way loses the session cookie alone.
    let mut at = Address::new(APP, "/x");
    for _ in 0..STEPS_MAX {
        walker.drop_cookie(APP, SESSION);
        let answer = walker.get(&world, &at).await;
        if answer.status != 303 {
            assert_eq!(problem_of(&answer), ENDLESS);
            // The person tries again, and this time the cookie stays.
            let (_, again) = walker.open(&world, APP, "/.aldgate/sign-in?return_to=/x").await;
            assert_eq!(again.status, 200);
            return;
        }
        at = at.after(&answer);
    }
    panic!("an endless walk");
}

#[tokio::test]
async fn a_second_window_that_comes_late_goes_on_with_the_session_that_is_there() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    let first = walker.code_for(&world, APP, "/first").await;
    let second = walker.code_for(&world, APP, "/second").await;
    assert_eq!(walker.get(&world, &first).await.header("location"), "/first");
    let token = walker.cookie(APP, SESSION).map(str::to_owned);
    // Its binding is gone with the first; and the first page may be loaded again, too.
    assert_eq!(walker.get(&world, &second).await.header("location"), "/second");
    assert_eq!(walker.get(&world, &first).await.header("location"), "/first");
    assert_eq!(walker.cookie(APP, SESSION).map(str::to_owned), token);
}

#[tokio::test]
async fn a_session_that_ended_on_the_way_is_not_taken() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    let code = walker.code_for(&world, APP, "/x").await;
    world.warm.end_sessions(&person.account, None).await.expect("warm");
    assert_eq!(problem_of(&walker.get(&world, &code).await), "You need to sign in");
    assert_eq!(walker.cookie(APP, SESSION), None);
}

#[tokio::test]
async fn without_the_shared_tier_no_code_is_taken_and_none_is_spent() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    let code = walker.code_for(&world, APP, "/x").await;
    world.warm.set_down(true);
    let answer = walker.get(&world, &code).await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains(r#"href="/.aldgate/sign-in?return_to=/x""#), "{answer:?}");
    world.warm.set_down(false);
    assert_eq!(walker.get(&world, &code).await.status, 303);
}

#[tokio::test]
async fn what_a_form_may_have_led_to_is_answered_with_a_page_that_goes_on_by_itself() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    let (give, _) = walker.walk(&world, Address::new(APP, "/x?y='%22%3E%3Cscript%3E&z"), |at| at.0 == LOGIN).await;
    let from = |site: Option<&'static str>| {
        let mut headers = NAVIGATION[..3].to_vec();
        headers.extend(site.map(|site| ("sec-fetch-site", site)));
        headers
    };
    for site in [Some("same-origin"), None] {
        let page = walker.ask(&world, &give, &from(site)).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (200, ""), "{site:?}");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(page.header("content-security-policy").contains("default-src 'none'"));
        assert!(!page.body.contains("<script"), "{}", page.body);
        let (_, rest) = page.body.split_once("content=\"0; url=").expect("a refresh");
        let address = rest.split('"').next().expect("an end").replace("&#38;", "&").replace("&amp;", "&");
        let (at, answer) = walker.clone().walk(&world, target(&address), |_| false).await;
        assert_eq!((at, answer.status.as_u16()), (Address::new(APP, "/x?y='%22%3E%3Cscript%3E&z"), 200));
    }
    for site in ["none", "cross-site", "same-site"] {
        let answer = walker.ask(&world, &give, &from(Some(site))).await;
        assert_eq!(answer.status, 303, "{site}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
}

fn target(address: &str) -> Address {
    let rest = address.strip_prefix("http://").expect("an absolute address");
    let (host, path) = rest.split_once(":8080").expect("the port");
    Address::new(host, path)
}

#[tokio::test]
async fn frames_scripts_and_heads_take_no_step() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    let code = walker.code_for(&world, APP, "/x").await;
    let (give, _) = walker.walk(&world, Address::new(APP, "/x"), |at| at.0 == LOGIN).await;
    let begin = Address::new(APP, "/.aldgate/sign-in?return_to=/x");
    for dest in ["iframe", "frame", "empty", "image", "script", "object"] {
        for at in [&begin, &give, &code] {
            let answer = walker.ask(&world, at, &[("sec-fetch-dest", dest), ("sec-fetch-site", "same-site")]).await;
            assert_eq!(answer.status, 400, "{dest} {at:?}");
            assert!(answer.headers.get("set-cookie").is_none());
        }
    }
    for method in ["HEAD", "POST"] {
        let cookies = walker.cookies(APP);
        let answer = world.send_to(APP, method, &code.1, &[("cookie", &cookies)], "").await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET"));
    }
    assert_eq!(walker.get(&world, &code).await.status, 303, "and the code is still good");
}

#[tokio::test]
async fn a_program_on_a_services_host_is_told_where_a_person_would_sign_in() {
    let world = World::new().await;
    let answer = world.send_to(APP, "GET", "/x", &[], "").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="aldgate""#);
    assert_eq!(answer.header("link"), r#"<http://app.localhost:8080/.aldgate/sign-in>; rel="login""#);
    let on_the_login_host = world.get("/app/", &[]).await;
    assert_eq!(on_the_login_host.header("link"), r#"<http://localhost:8080/sign-in>; rel="login""#);
}

#[tokio::test]
async fn what_is_reserved_never_reaches_a_service() {
    let (world, person) = world_and_person().await;
    let mut walker = Walker::signed_in(&world, &person).await;
    walker.open(&world, APP, "/x").await;
    for path in ["/.aldgate", "/.aldgate/", "/.aldgate/x", "/.aldgate/sign-in/x", "/.aldgate/hand-off/"] {
        for host in [APP, LOGIN] {
            assert_eq!(walker.get(&world, &Address::new(host, path)).await.status, 404, "{host}{path}");
        }
    }
    for path in ["/session", "/passkey/login", "/account"] {
        let seen = received(&walker.get(&world, &Address::new(APP, path)).await);
        assert_eq!(seen["aldgate-subject"], person.account.to_string(), "{path} is the service's own there");
    }
    for path in ["/.aldgate/assets/aldgate.css", "/.aldgate/assets/favicon.svg", "/.well-known/aldgate/jwks.json"] {
        assert_eq!(world.send_to(APP, "GET", path, &[], "").await.status, 200, "{path}");
    }
}
