//! The hot path takes no memory: counted, because an allocation is invisible in the code and dear under load.
#![expect(clippy::expect_used, reason = "a test that cannot be set up fails")]

use aldgate_core::decide::{Lookup, Presented, Snapshot, decide};
use aldgate_core::hot::{Capacity, Hot};
use aldgate_core::id::SessionId;
use aldgate_core::policy::demand::Demand;
use aldgate_core::policy::platform;
use aldgate_core::policy::route::{Access, PathPattern, Route, RouteTable, Target};
use aldgate_core::session::cookie::Found;
use aldgate_core::session::token::TagKeys;
use aldgate_core::testing::world::{self, NOW};
use aldgate_core::time::Timestamp;
use aldgate_core::verdict::{Challenge, Verdict};
use std::time::Duration;

const HOST: &str = "localhost";
const SESSION: SessionId = SessionId::from_bytes([1; 16]);

fn snapshot() -> Snapshot {
    let mut routes = platform::routes(HOST);
    let access = Access::Demand(Demand::SIGNED_IN);
    routes.push(Route::new(HOST.into(), PathPattern::Below("/app".into()), Target::Backend, access));
    let routes = RouteTable::new(routes).expect("no two alike");
    Snapshot { routes, tag_keys: TagKeys::at(&world::master_key(), NOW) }
}

/// Decides ten times, a second after each other, and gives how often memory was taken and what came out last.
fn allocations(path: &str, token: Found<'_>) -> (u64, Verdict) {
    let (snapshot, hot) = (snapshot(), Hot::new(Capacity::LEAST));
    hot.admit_session(SESSION, world::session_record(), hot.ask(NOW)).expect("it has not ended");
    let presented = Presented { host: HOST, method: "GET", path, token, access_token: false, certificate: None };
    let ask = |now: Timestamp| decide(&presented, &Lookup::NotYet, &snapshot, &hot, now);
    let mut verdict = ask(NOW); // What a thread sets up once for itself is no part of a decision.
    let counted = allocation_counter::measure(|| {
        for second in 1..=10 {
            verdict = ask(NOW.plus(Duration::from_secs(second)));
        }
    });
    (counted.count_total, verdict)
}

#[test]
fn a_hot_hit_allocates_nothing() {
    let token = snapshot().tag_keys.token(SESSION, HOST);
    let (count, verdict) = allocations("/app/page", Found::One(token.as_bytes()));
    assert!(matches!(verdict, Verdict::Allow(permit) if permit.session().is_some()));
    assert_eq!(count, 0);
}

#[test]
fn a_forged_cookie_allocates_nothing() {
    let genuine = snapshot().tag_keys.token(SESSION, HOST);
    let last = if genuine.ends_with('A') { 'B' } else { 'A' };
    let forged: String = genuine.chars().take(genuine.len() - 1).chain([last]).collect();
    let (count, verdict) = allocations("/app/page", Found::One(forged.as_bytes()));
    assert!(matches!(verdict, Verdict::Challenge(_, Challenge::SignInAgain(_))));
    assert_eq!(count, 0);
}

#[test]
fn a_request_without_a_cookie_allocates_nothing() {
    let (count, verdict) = allocations("/app/page", Found::Nothing);
    assert!(matches!(verdict, Verdict::Challenge(_, Challenge::SignIn)));
    assert_eq!(count, 0);
}

#[test]
fn a_public_route_allocates_nothing() {
    let (count, verdict) = allocations("/assets/aldgate.css", Found::Nothing);
    assert!(matches!(verdict, Verdict::Allow(permit) if permit.principal().is_none()));
    assert_eq!(count, 0);
}

#[test]
fn what_is_counted_is_what_is_allocated() {
    assert_eq!(allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1);
}
