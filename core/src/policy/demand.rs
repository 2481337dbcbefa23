//! What a route demands of whoever comes, and what they lack for it.

use crate::assurance::{Components, IdentityLevel, Vector};
use crate::session::record::SessionRecord;
use crate::time::Timestamp;
use crate::token::grant::Grant;
use std::sync::Arc;
use std::time::Duration;

/// Whether a request may be made on somebody else's behalf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delegation {
    /// Only for oneself.
    #[default]
    Forbidden,
    /// For oneself or for somebody else.
    Allowed,
    /// Only for somebody else.
    Required,
}

/// What must be shown before a request may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The least identity level.
    pub identity: IdentityLevel,
    /// Components that must all have been shown.
    pub components: Components,
    /// Vectors of trust, one of which must be met; `None` for any.
    pub vectors: Option<Arc<[Vector]>>,
    /// How long ago the person may have proved who they are.
    pub max_age: Option<Duration>,
    /// Whether they may act for somebody else.
    pub delegation: Delegation,
    /// Scopes, all of which an access token must have. A session is the person: it needs none.
    pub scopes: Option<Arc<[String]>>,
}

impl Demand {
    /// Somebody, whatever they show.
    pub const SIGNED_IN: Self = Self {
        identity: IdentityLevel::P0,
        components: Components::NONE,
        vectors: None,
        max_age: None,
        delegation: Delegation::Forbidden,
        scopes: None,
    };
}

/// What whoever comes has shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// How well their identity was verified.
    pub identity: IdentityLevel,
    /// What they signed in with.
    pub components: Components,
    /// When they last proved who they are, if it is known.
    pub authenticated: Option<Timestamp>,
    /// Whether they act for somebody else.
    pub delegated: bool,
    /// What an access token was given for; `None` for a session.
    pub scopes: Option<&'a [String]>,
}

impl<'a> Shown<'a> {
    /// What a session shows.
    pub const fn by_session(record: &SessionRecord) -> Self {
        Self {
            identity: record.identity,
            components: record.components,
            authenticated: Some(record.authenticated),
            delegated: record.acting_for.is_some(),
            scopes: None,
        }
    }

    /// What an access token shows.
    pub fn by_grant(grant: &'a Grant) -> Self {
        Self {
            identity: grant.identity,
            components: grant.components,
            authenticated: grant.authenticated,
            delegated: grant.delegated,
            scopes: Some(&grant.scopes),
        }
    }
}

/// What whoever comes lacks. One thing at a time, the one that takes longest to mend first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// The person's identity is not verified well enough: signing in again does not help.
    Identity(IdentityLevel),
    /// They act for somebody else, which is forbidden here.
    Oneself,
    /// They act for nobody else, which is required here.
    Mandate,
    /// The access token was not given for this.
    Scope(String),
    /// Signing in with these components helps.
    Components(Components),
    /// Signing in again, now, helps.
    Freshness(Duration),
}

impl Demand {
    /// What is lacking at `now`; `None` if the demand is met.
    pub fn lack(&self, shown: &Shown<'_>, now: Timestamp) -> Option<Lack> {
        if shown.identity < self.identity {
            return Some(Lack::Identity(self.identity));
        }
        if let Some(lack) = self.lack_of_delegation(shown).or_else(|| self.lack_of_scope(shown)) {
            return Some(lack);
        }
        if !shown.components.meets(self.components) {
            return Some(Lack::Components(self.components));
        }
        self.lack_of_vector(shown).or_else(|| self.lack_of_freshness(shown, now))
    }

    const fn lack_of_delegation(&self, shown: &Shown<'_>) -> Option<Lack> {
        match (self.delegation, shown.delegated) {
            (Delegation::Forbidden, true) => Some(Lack::Oneself),
            (Delegation::Required, false) => Some(Lack::Mandate),
            (Delegation::Forbidden | Delegation::Allowed, false)
            | (Delegation::Allowed | Delegation::Required, true) => None,
        }
    }

    fn lack_of_scope(&self, shown: &Shown<'_>) -> Option<Lack> {
        let (demanded, shown) = (self.scopes.as_deref()?, shown.scopes?);
        demanded.iter().find(|scope| !shown.contains(scope)).cloned().map(Lack::Scope)
    }

    /// The step to the nearest vector: one that needs another sign-in only, before one that needs a better identity.
    fn lack_of_vector(&self, shown: &Shown<'_>) -> Option<Lack> {
        let vectors = self.vectors.as_deref()?;
        let identified = |vector: &&Vector| shown.identity >= vector.identity;
        if vectors.iter().filter(identified).any(|vector| shown.components.meets(vector.components)) {
            return None;
        }
        match vectors.iter().find(identified) {
            Some(vector) => Some(Lack::Components(vector.components)),
            None => vectors.iter().map(|vector| vector.identity).min().map(Lack::Identity),
        }
    }

    fn lack_of_freshness(&self, shown: &Shown<'_>, now: Timestamp) -> Option<Lack> {
        let max = self.max_age?;
        let fresh = shown.authenticated.is_some_and(|at| now.since(at) <= max);
        (!fresh).then_some(Lack::Freshness(max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    const SHOWN: Shown<'static> = Shown {
        identity: IdentityLevel::P5,
        components: Components::PASSWORD,
        authenticated: Some(NOW),
        delegated: false,
        scopes: None,
    };

    fn vectors(texts: &[&str]) -> Option<Arc<[Vector]>> {
        Some(texts.iter().map(|text| text.parse().expect("vector")).collect())
    }

    fn lack_of(demand: &Demand, shown: Shown<'_>) -> Option<Lack> {
        demand.lack(&shown, NOW)
    }

    #[test]
    fn one_of_the_vectors_is_enough_and_the_nearest_step_is_named() {
        let demand = |texts: &[&str]| Demand { vectors: vectors(texts), ..Demand::SIGNED_IN };
        assert_eq!(lack_of(&demand(&["P9.Cm", "P5.Cp"]), SHOWN), None);
        let passkey = Lack::Components(Components::PASSKEY);
        assert_eq!(lack_of(&demand(&["P9.Cp", "P5.Cm"]), SHOWN), Some(passkey));
        assert_eq!(lack_of(&demand(&["P9.Cp", "P9.Cm"]), SHOWN), Some(Lack::Identity(IdentityLevel::P9)));
    }

    #[test]
    fn delegation_is_forbidden_unless_the_route_says_otherwise() {
        let demand = |delegation| Demand { delegation, ..Demand::SIGNED_IN };
        let acting = Shown { delegated: true, ..SHOWN };
        assert_eq!(lack_of(&Demand::SIGNED_IN, acting), Some(Lack::Oneself));
        assert_eq!(lack_of(&demand(Delegation::Allowed), acting), None);
        assert_eq!(lack_of(&demand(Delegation::Allowed), SHOWN), None);
        assert_eq!(lack_of(&demand(Delegation::Required), SHOWN), Some(Lack::Mandate));
        assert_eq!(lack_of(&demand(Delegation::Required), acting), None);
    }

    #[test]
    fn scopes_bind_tokens_and_not_people() {
        let demand = Demand { scopes: Some(["read".into(), "write".into()].into()), ..Demand::SIGNED_IN };
        assert_eq!(lack_of(&demand, SHOWN), None);
        let scopes = ["read".to_owned()];
        assert_eq!(lack_of(&demand, Shown { scopes: Some(&scopes), ..SHOWN }), Some(Lack::Scope("write".into())));
    }

    #[test]
    fn who_does_not_say_when_they_signed_in_did_not_lately() {
        let demand = Demand { max_age: Some(Duration::from_mins(5)), ..Demand::SIGNED_IN };
        assert_eq!(lack_of(&demand, SHOWN), None);
        let unknown = Shown { authenticated: None, ..SHOWN };
        assert_eq!(lack_of(&demand, unknown), Some(Lack::Freshness(Duration::from_mins(5))));
    }
}
