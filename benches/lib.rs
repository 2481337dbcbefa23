//! What the benches share: a snapshot with a gate's usual routes, and a hot tier of a given size.

pub mod cpu_time;

use aldgate_core::decide::Snapshot;
use aldgate_core::hot::{Capacity, Hot, SESSION_BYTES};
use aldgate_core::id::SessionId;
use aldgate_core::policy::demand::Demand;
use aldgate_core::policy::platform;
use aldgate_core::policy::route::{Access, PathPattern, Route, RouteTable, Target};
use aldgate_core::session::token::TagKeys;
use aldgate_core::testing::world;

/// The host of every route.
pub const HOST: &str = "localhost";

/// The platform's routes and one that demands a session, at `localhost`.
#[expect(clippy::expect_used, reason = "the routes are fixed")]
pub fn snapshot() -> Snapshot {
    let mut routes = platform::routes(HOST);
    let (path, access) = (PathPattern::Below("/app".into()), Access::Demand(Demand::SIGNED_IN));
    routes.push(Route::new(HOST.into(), path, Target::Backend, access));
    let routes = RouteTable::new(routes).expect("no two alike");
    Snapshot { routes, tag_keys: TagKeys::at(&world::master_key(), world::NOW) }
}

/// A hot tier that holds `sessions` sessions; session *i* has the handle `i` in its first eight bytes.
pub fn hot(sessions: u64) -> Hot {
    let hot = Hot::new(capacity_for(sessions.saturating_mul(2)));
    let asked = hot.ask(world::NOW);
    for i in 0..sessions {
        hot.admit_session(session(i), world::session_record(), asked);
    }
    hot
}

/// Room for so many sessions, and little of anything else.
pub const fn capacity_for(sessions: u64) -> Capacity {
    Capacity { sessions: sessions.saturating_mul(SESSION_BYTES), ..Capacity::LEAST }
}

/// The handle of session *i*.
pub fn session(i: u64) -> SessionId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&i.to_be_bytes());
    SessionId::from_bytes(bytes)
}
