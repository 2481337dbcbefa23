//! What the gateway's integration tests share: a whole Aldgate in a process of its own, and a small HTTP client.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "tests")]

pub mod administrator;
pub mod agreed;
pub mod asker;
pub mod axe;
pub mod browser;
pub mod cluster;
pub mod deployment;
pub mod front;
pub mod http;
pub mod instance;
pub mod issuer;
pub mod pair;
pub mod person;
pub mod postgres;
pub mod redis;
pub mod service_key;
pub mod world;

/// The moment at which a world stands.
pub fn world_now(world: &world::World) -> aldgate_core::time::Timestamp {
    aldgate_core::time::Clock::now(&*world.clock)
}
