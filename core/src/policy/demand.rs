//! What a route demands of a session, and what a session lacks for it.

use crate::assurance::{Components, IdentityLevel};
use crate::session::record::SessionRecord;
use crate::time::Timestamp;
use std::time::Duration;

/// What a session must show before a request may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The least identity level.
    pub identity: IdentityLevel,
    /// Components that must all have been shown.
    pub components: Components,
    /// How long ago the person may have proved who they are.
    pub max_age: Option<Duration>,
}

impl Demand {
    /// A standing session, whatever it shows.
    pub const SIGNED_IN: Self = Self { identity: IdentityLevel::P0, components: Components::NONE, max_age: None };
}

/// What a standing session lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The person's identity is not verified well enough: signing in again does not help.
    Identity(IdentityLevel),
    /// Signing in with these components helps.
    Components(Components),
    /// Signing in again, now, helps.
    Freshness(Duration),
}

impl Demand {
    /// What `session` lacks at `now`; `None` if it meets the demand.
    pub fn lack(&self, session: &SessionRecord, now: Timestamp) -> Option<Lack> {
        if session.identity < self.identity {
            return Some(Lack::Identity(self.identity));
        }
        if !session.components.meets(self.components) {
            return Some(Lack::Components(self.components));
        }
        let stale = self.max_age.filter(|max| now.since(session.authenticated) > *max);
        stale.map(Lack::Freshness)
    }
}
