//! How much one address may ask for. Pure: the time is an argument, and nothing here waits.
//!
//! What is limited is a request that costs something: each class of cost ([`crate::policy::cost::CostClass`]) has a rate
//! of its own, so that what somebody spends on dear requests takes nothing from the cheap ones. How many may be under
//! way at once is for the shell to hold, which knows when one ends.

pub mod address;
pub mod rate;
pub mod table;
