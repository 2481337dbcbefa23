//! Which requests may pass: the routes, what each demands, and the one normal form of a path that they are judged by.

pub mod alias;
pub mod cors;
pub mod cost;
pub mod demand;
pub mod path;
pub mod platform;
pub mod route;
