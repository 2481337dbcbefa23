//! Vectors of trust as clients ask for them (`vtr`) and as they are told (`vot`): RFC 8485 in the words of NHS login.
//!
//! The components of one vector are all demanded; of several vectors one is enough. What a session and an account have
//! to show decides which of them is met, and the best that is met is told.

use aldgate_core::assurance::{Components, IdentityLevel, UnknownVector, Vector};
use serde_json::Value;

/// Most vectors that a request may name: there are twelve.
const VECTORS_MAX: usize = 12;

/// The twelve vectors of NHS login (EIS, table 21).
#[cfg(test)]
pub(crate) const ALL: [&str; 12] = [
    "P0.Cp", "P0.Cp.Cd", "P0.Cp.Ck", "P0.Cm", "P5.Cp", "P5.Cp.Cd", "P5.Cp.Ck", "P5.Cm", "P9.Cp", "P9.Cp.Cd",
    "P9.Cp.Ck", "P9.Cm",
];

/// What is asked for where a request names nothing.
pub(crate) const DEFAULT: [&str; 3] = ["P9.Cp.Cd", "P9.Cp.Ck", "P9.Cm"];

/// Why a `vtr` is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadVtr {
    /// Not a JSON array of some vectors.
    #[error("vtr must be a JSON array of vectors of trust")]
    Malformed,
    /// A vector for which the client is not registered.
    #[error("vtr holds a vector that this client is not registered for")]
    NotRegistered,
}

/// Reads one of the twelve vectors; components in another order are the same vector.
///
/// # Errors
/// [`UnknownVector`].
pub(crate) fn parse(text: &str) -> Result<Vector, UnknownVector> {
    let vector: Vector = text.parse()?;
    let password = Components::PASSWORD;
    let known =
        [password, password.with(Components::DEVICE), password.with(Components::SHARED_KEY), Components::PASSKEY];
    if known.contains(&vector.components) { Ok(vector) } else { Err(UnknownVector) }
}

/// What a request asks for, of what its client is registered for.
pub(crate) fn requested(vtr: Option<&str>, registered: &[Vector]) -> Result<Vec<Vector>, BadVtr> {
    let Some(text) = vtr else { return default(registered) };
    let listed: Vec<Value> = serde_json::from_str(text).map_err(|_| BadVtr::Malformed)?;
    if listed.is_empty() || listed.len() > VECTORS_MAX {
        return Err(BadVtr::Malformed);
    }
    let read = |value: &Value| value.as_str().and_then(|text| parse(text).ok()).ok_or(BadVtr::Malformed);
    let vectors = listed.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let all_registered = vectors.iter().all(|vector| registered.contains(vector));
    if all_registered { Ok(vectors) } else { Err(BadVtr::NotRegistered) }
}

/// The default must be the client's too: else it asks for what it may not have.
fn default(registered: &[Vector]) -> Result<Vec<Vector>, BadVtr> {
    let vectors: Vec<Vector> = DEFAULT.iter().filter_map(|text| parse(text).ok()).collect();
    if vectors.iter().all(|vector| registered.contains(vector)) { Ok(vectors) } else { Err(BadVtr::NotRegistered) }
}

/// How a request's vectors stand against what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// This one is met.
    By(Vector),
    /// The person is known well enough, but has to show more, such as these components.
    Components(Components),
    /// Nobody has verified the person's identity as far as that.
    Identity,
}

/// The best of the vectors that is met: the highest level, then the most components, then the first.
pub(crate) fn best(vectors: &[Vector], identity: IdentityLevel, shown: Components) -> Met {
    let known: Vec<&Vector> = vectors.iter().filter(|vector| vector.identity <= identity).collect();
    let rank = |vector: &Vector| (vector.identity, vector.components.as_byte().count_ones());
    // `max_by_key` gives the last of several; the first was named first.
    let met = known.iter().rev().filter(|vector| shown.meets(vector.components)).max_by_key(|vector| rank(vector));
    match (met, known.first()) {
        (Some(vector), _) => Met::By(**vector),
        (None, Some(_)) => {
            let passkey = known.iter().find(|vector| vector.components == Components::PASSKEY);
            Met::Components(passkey.or(known.first()).map_or(Components::NONE, |vector| vector.components))
        }
        (None, None) => Met::Identity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors(texts: &[&str]) -> Vec<Vector> {
        texts.iter().map(|text| parse(text).expect(text)).collect()
    }

    #[test]
    fn all_twelve_are_read_and_nothing_else() {
        for text in ALL {
            assert_eq!(parse(text).map(|vector| vector.to_string()), Ok(text.to_owned()));
        }
        for text in ["P0", "P9.Cd", "P9.Cp.Cm", "P9.Cp.Cd.Ck", "P2.Cm", "Cl.Cm", "", "P9.Cm "] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_request_names_vectors_of_its_client_or_means_the_default() {
        let registered = vectors(&ALL);
        let texts =
            |vtr| requested(vtr, &registered).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(texts(None), Ok(DEFAULT.map(str::to_owned).to_vec()));
        assert_eq!(texts(Some(r#"["P0.Cp","P5.Cm"]"#)), Ok(vec!["P0.Cp".into(), "P5.Cm".into()]));
        for bad in ["", "[]", "{}", "P9.Cm", r#"["P9"]"#, r#"[1]"#, r#"["P9.Cm"] x"#, r#"[["P9.Cm"]]"#] {
            assert_eq!(texts(Some(bad)), Err(BadVtr::Malformed), "{bad}");
        }
        let many = format!("[{}]", vec![r#""P9.Cm""#; 13].join(","));
        assert_eq!(texts(Some(&many)), Err(BadVtr::Malformed));
        let few = vectors(&["P0.Cm"]);
        assert_eq!(requested(Some(r#"["P0.Cm","P5.Cm"]"#), &few), Err(BadVtr::NotRegistered));
        assert_eq!(requested(None, &few), Err(BadVtr::NotRegistered));
    }

    #[test]
    fn the_best_that_is_met_is_told() {
        use IdentityLevel::{P0, P5, P9};
        let both = vectors(&["P5.Cp.Cd", "P5.Cp.Ck", "P5.Cm", "P9.Cp.Cd", "P9.Cp.Ck", "P9.Cm"]);
        let passkey = Components::PASSKEY;
        assert_eq!(best(&both, P9, passkey), Met::By(parse("P9.Cm").expect("vector")));
        assert_eq!(best(&both, P5, passkey), Met::By(parse("P5.Cm").expect("vector")));
        assert_eq!(best(&both, P5, Components::PASSWORD), Met::Components(passkey));
        assert_eq!(best(&both, P0, passkey), Met::Identity);
        let two = Components::PASSWORD.with(Components::DEVICE);
        assert_eq!(best(&vectors(&["P0.Cp", "P0.Cp.Cd"]), P0, two), Met::By(parse("P0.Cp.Cd").expect("vector")));
        assert_eq!(best(&vectors(&["P0.Cp"]), P9, passkey), Met::Components(Components::PASSWORD));
        assert_eq!(best(&vectors(&["P0.Cm", "P0.Cm"]), P0, passkey), Met::By(parse("P0.Cm").expect("vector")));
    }
}
