//! The sign-in that a route asks for, for programs (RFC 9470, section 3) and for people.
//!
//! A program is told of the whole sign-in, and not only of what is missing: told of one part at a time, it could get
//! the second by giving up the first, for ever. What it is told are vectors of trust, the words in which a token's
//! `acr` or `vot` then has to answer.

use aldgate_core::assurance::{Components, IdentityLevel, Vector};
use aldgate_core::policy::demand::{Demand, Lack};
use aldgate_core::policy::route::{Access, Route};

/// What any sign-in shows.
const ANY: Vector = Vector { identity: IdentityLevel::P0, components: Components::NONE };

/// The parameters `acr_values`, if it matters how one signs in, and `max_age`, if it matters when; each with a comma
/// before it. The nearest way stands first.
pub fn parameters(route: &Route, lack: &Lack) -> String {
    let Some(demand) = demand(route) else { return String::new() };
    let mut ways: Vec<Vector> = ways(demand).collect();
    ways.sort_by_key(|way| !is_named(lack, *way));
    ways.dedup();
    let mut out = String::new();
    if !ways.contains(&ANY) {
        let ways: Vec<_> = ways.iter().map(Vector::to_string).collect();
        out.push_str(&format!(r#", acr_values="{}""#, ways.join(" ")));
    }
    if let Some(max_age) = demand.max_age {
        out.push_str(&format!(r#", max_age="{}""#, max_age.as_secs()));
    }
    out
}

/// Whether a way has what is lacking.
fn is_named(lack: &Lack, way: Vector) -> bool {
    match lack {
        Lack::Components(parts) => way.components.meets(*parts),
        Lack::Identity(level) => way.identity == *level,
        Lack::Freshness(_) | Lack::Oneself | Lack::Mandate | Lack::Scope(_) => true,
    }
}

/// Whether a sign-in without a passkey would be met with the next challenge.
pub fn only_a_passkey_does(route: &Route) -> bool {
    demand(route).is_some_and(|demand| ways(demand).all(|way| way.components.meets(Components::PASSKEY)))
}

/// Whether one sign-in here shows all of these components.
pub fn can_be_shown(parts: Components) -> bool {
    [Components::PASSKEY, Components::PASSWORD.with(Components::DEVICE)].iter().any(|one| one.meets(parts))
}

/// The ways of signing in that do, whole, in the order of the configuration.
fn ways(demand: &Demand) -> impl Iterator<Item = Vector> {
    demand.vectors.as_deref().unwrap_or(&[ANY]).iter().map(|vector| Vector {
        identity: vector.identity.max(demand.identity),
        components: vector.components.with(demand.components),
    })
}

fn demand(route: &Route) -> Option<&Demand> {
    match &route.access {
        Access::Demand(demand) => Some(demand),
        Access::Public | Access::Optional => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::policy::route::{PathPattern, Target};
    use std::sync::Arc;
    use std::time::Duration;

    const LATELY: Demand = Demand { max_age: Some(Duration::from_mins(5)), ..Demand::SIGNED_IN };

    fn route(demand: Demand) -> Route {
        let path = PathPattern::parse("/app/").expect("a pattern");
        Route::new("a".into(), path, Target::Backend, Access::Demand(demand))
    }

    fn vectors(texts: &[&str]) -> Option<Arc<[Vector]>> {
        Some(texts.iter().map(|text| text.parse().expect("a vector")).collect())
    }

    #[test]
    fn a_sign_in_is_asked_for_whole_whatever_is_missing() {
        let demand = Demand { components: Components::PASSKEY, identity: IdentityLevel::P9, ..LATELY };
        for lack in [
            Lack::Identity(IdentityLevel::P9),
            Lack::Components(Components::PASSKEY),
            Lack::Freshness(Duration::from_mins(5)),
        ] {
            assert_eq!(parameters(&route(demand.clone()), &lack), r#", acr_values="P9.Cm", max_age="300""#);
        }
    }

    #[test]
    fn what_does_not_matter_is_not_asked_for() {
        assert_eq!(parameters(&route(LATELY), &Lack::Freshness(Duration::from_mins(5))), r#", max_age="300""#);
        let identified = Demand { identity: IdentityLevel::P5, ..Demand::SIGNED_IN };
        assert_eq!(parameters(&route(identified), &Lack::Identity(IdentityLevel::P5)), r#", acr_values="P5""#);
    }

    #[test]
    fn the_nearest_way_stands_first() {
        let either = Demand { vectors: vectors(&["P9.Cp.Cd", "P9.Cm", "P5.Cm"]), ..Demand::SIGNED_IN };
        let told = |lack| parameters(&route(either.clone()), &lack);
        assert_eq!(told(Lack::Components(Components::PASSKEY)), r#", acr_values="P9.Cm P5.Cm P9.Cp.Cd""#);
        assert_eq!(told(Lack::Identity(IdentityLevel::P5)), r#", acr_values="P5.Cm P9.Cp.Cd P9.Cm""#);
    }

    #[test]
    fn nobody_is_asked_for_a_sign_in_that_would_be_met_with_the_next_challenge() {
        let only = |demand| only_a_passkey_does(&route(demand));
        assert!(only(Demand { components: Components::PASSKEY, ..LATELY }));
        assert!(only(Demand { vectors: vectors(&["P9.Cm", "P5.Cm"]), ..LATELY }));
        assert!(!only(Demand { vectors: vectors(&["P9.Cm", "P5.Cp"]), ..LATELY }));
        assert!(!only(LATELY));
        for (parts, can) in
            [("P0.Cm", true), ("P0.Cp", true), ("P0.Cp.Cd", true), ("P0.Cd.Cm", false), ("P0.Ck", false)]
        {
            let vector: Vector = parts.parse().expect("a vector");
            assert_eq!(can_be_shown(vector.components), can, "{parts}");
        }
    }
}
