//! Vectors of trust as clients ask for them (`vtr`) and as they are told (`vot`): RFC 8485, in the words of the client's
//! profile. Inside, every vector is one of NHS login's twelve.
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

const PASSWORD: Components = Components::PASSWORD;
const PASSWORD_AND_DEVICE: Components = Components::PASSWORD.with(Components::DEVICE);
const PASSWORD_AND_KEY: Components = Components::PASSWORD.with(Components::SHARED_KEY);
const PASSKEY: Components = Components::PASSKEY;

/// Two factors in one of the ways that there are.
const TWO_FACTORS: [Components; 3] = [PASSKEY, PASSWORD_AND_DEVICE, PASSWORD_AND_KEY];

/// What one shows together in one sign-in.
const TOGETHER: [Components; 2] = [PASSWORD_AND_DEVICE, PASSKEY];

/// In which words trust is asked for and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    /// NHS login's: `P9.Cp.Cd`.
    Nhs,
    /// GOV.UK One Login's: `Cl.Cm`, and `Cl.Cm.P1` or `Cl.Cm.P2` for a person whose identity was verified. What it calls so
    /// is at most our P9: whether a lower level meets it, nobody has said.
    OneLogin,
}

impl Words {
    /// The vectors, one of which a word asks for.
    ///
    /// # Errors
    /// [`UnknownVector`].
    pub(crate) fn parse(self, text: &str) -> Result<Vec<Vector>, UnknownVector> {
        let at = |identity, components: &[Components]| {
            components.iter().map(|components| Vector { identity, components: *components }).collect()
        };
        match (self, text) {
            (Self::Nhs, text) => parse(text).map(|vector| vec![vector]),
            (Self::OneLogin, "Cl") => {
                Ok(at(IdentityLevel::P0, &[PASSWORD, PASSKEY, PASSWORD_AND_DEVICE, PASSWORD_AND_KEY]))
            }
            (Self::OneLogin, "Cl.Cm") => Ok(at(IdentityLevel::P0, &TWO_FACTORS)),
            (Self::OneLogin, "Cl.Cm.P1" | "P1.Cl.Cm" | "Cl.Cm.P2" | "P2.Cl.Cm") => {
                Ok(at(IdentityLevel::P9, &TWO_FACTORS))
            }
            (Self::OneLogin, _) => Err(UnknownVector),
        }
    }

    /// What is asked for where a request names nothing.
    const fn default(self) -> &'static [&'static str] {
        match self {
            Self::Nhs => &["P9.Cp.Cd", "P9.Cp.Ck", "P9.Cm"],
            Self::OneLogin => &["Cl.Cm"],
        }
    }

    /// What a client is told of a vector that was met: at One Login, how the person signed in and no more.
    pub(crate) fn tell(self, vector: Vector) -> String {
        match self {
            Self::Nhs => vector.to_string(),
            Self::OneLogin if vector.components == PASSWORD => "Cl".to_owned(),
            Self::OneLogin => "Cl.Cm".to_owned(),
        }
    }
}

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
    let known = [PASSWORD, PASSWORD_AND_DEVICE, PASSWORD_AND_KEY, PASSKEY];
    if known.contains(&vector.components) { Ok(vector) } else { Err(UnknownVector) }
}

/// What a request asks for, of what its client is registered for. What is asked for by default must be the client's too:
/// else it would get by silence what it may not have.
pub(crate) fn requested(words: Words, vtr: Option<&str>, registered: &[Vector]) -> Result<Vec<Vector>, BadVtr> {
    let texts = match vtr {
        None => words.default().iter().map(|text| (*text).to_owned()).collect(),
        Some(text) => listed(text)?,
    };
    let mut vectors = Vec::new();
    for text in &texts {
        let meant = words.parse(text).map_err(|_| BadVtr::Malformed)?;
        vectors.extend(meant.into_iter().filter(|vector| !vectors.contains(vector)).collect::<Vec<_>>());
    }
    let all_registered = vectors.iter().all(|vector| registered.contains(vector));
    if all_registered { Ok(vectors) } else { Err(BadVtr::NotRegistered) }
}

/// Whether a client is registered for nothing of what a request without a `vtr` means.
pub(crate) fn lacks_default(words: Words, registered: &[Vector]) -> bool {
    let default = words.default().iter().filter_map(|text| words.parse(text).ok()).flatten();
    !default.into_iter().any(|vector| registered.contains(&vector))
}

fn listed(text: &str) -> Result<Vec<String>, BadVtr> {
    let values: Vec<Value> = serde_json::from_str(text).map_err(|_| BadVtr::Malformed)?;
    if values.is_empty() || values.len() > VECTORS_MAX {
        return Err(BadVtr::Malformed);
    }
    values.iter().map(|value| value.as_str().map(str::to_owned).ok_or(BadVtr::Malformed)).collect()
}

/// Whether there is no way of signing in at all by which one of these is met. Nobody has a shared key (`Ck`): NHS login has
/// never had one either.
pub(crate) fn are_beyond_everybody(vectors: &[Vector]) -> bool {
    vectors.iter().all(|vector| !TOGETHER.iter().any(|together| together.meets(vector.components)))
}

/// How a request's vectors stand against what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// This one is met.
    By(Vector),
    /// The person is known well enough, but has to show more.
    Components,
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
        (None, Some(_)) => Met::Components,
        (None, None) => Met::Identity,
    }
}

/// By what somebody can sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ways {
    /// By a password.
    pub(crate) password: bool,
    /// By a second step after it.
    pub(crate) second_step: bool,
    /// By a passkey.
    pub(crate) passkey: bool,
}

/// What would help somebody who has to show more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Help {
    /// To sign in with a passkey that they have.
    Passkey,
    /// To sign in with their password, and the second step if they have one.
    Password,
    /// To add one of these, which they have not.
    Add(Ways),
    /// Nothing.
    Nothing,
}

/// What would help somebody of this identity, who can sign in by these ways, to meet one of the vectors.
pub(crate) fn help(vectors: &[Vector], identity: IdentityLevel, ways: Ways) -> Help {
    let wanted =
        |components| vectors.iter().any(|vector| vector.identity <= identity && vector.components == components);
    let (key, step, word) = (wanted(PASSKEY), wanted(PASSWORD_AND_DEVICE), wanted(PASSWORD));
    if key && ways.passkey {
        return Help::Passkey;
    }
    if ways.password && (word || (step && ways.second_step)) {
        return Help::Password;
    }
    let lacking = Ways { passkey: key, second_step: step && ways.password, password: (word || step) && !ways.password };
    if lacking.passkey || lacking.second_step || lacking.password { Help::Add(lacking) } else { Help::Nothing }
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
            assert_eq!(parse(text).map(|vector| Words::Nhs.tell(vector)), Ok(text.to_owned()));
        }
        for text in ["P0", "P9.Cd", "P9.Cp.Cm", "P9.Cp.Cd.Ck", "P2.Cm", "Cl.Cm", "", "P9.Cm "] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_request_names_vectors_of_its_client_or_means_the_default() {
        let registered = vectors(&ALL);
        let texts = |vtr| {
            let vectors = requested(Words::Nhs, vtr, &registered);
            vectors.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(texts(None), Ok(["P9.Cp.Cd", "P9.Cp.Ck", "P9.Cm"].map(str::to_owned).to_vec()));
        assert_eq!(texts(Some(r#"["P0.Cp","P5.Cm"]"#)), Ok(vec!["P0.Cp".into(), "P5.Cm".into()]));
        for bad in ["", "[]", "{}", "P9.Cm", r#"["P9"]"#, "[1]", r#"["P9.Cm"] x"#, r#"[["P9.Cm"]]"#] {
            assert_eq!(texts(Some(bad)), Err(BadVtr::Malformed), "{bad}");
        }
        let many = format!("[{}]", vec![r#""P9.Cm""#; 13].join(","));
        assert_eq!(texts(Some(&many)), Err(BadVtr::Malformed));
        let few = vectors(&["P0.Cm"]);
        assert_eq!(requested(Words::Nhs, Some(r#"["P0.Cm","P5.Cm"]"#), &few), Err(BadVtr::NotRegistered));
        assert_eq!(requested(Words::Nhs, None, &few), Err(BadVtr::NotRegistered));
        assert!(lacks_default(Words::Nhs, &few) && !lacks_default(Words::Nhs, &vectors(&["P0.Cm", "P9.Cp.Ck"])));
    }

    #[test]
    fn one_logins_words_mean_ours_and_tell_only_how_one_signed_in() {
        let words = Words::OneLogin;
        let registered = words.parse("Cl.Cm").expect("vectors");
        let best_of = |vectors: &[Vector], identity, shown| match best(vectors, identity, shown) {
            Met::By(vector) => words.tell(vector),
            other => format!("{other:?}"),
        };
        let asked = requested(words, None, &registered).expect("the default");
        assert_eq!(best_of(&asked, IdentityLevel::P0, PASSKEY), "Cl.Cm");
        assert_eq!(best_of(&asked, IdentityLevel::P0, PASSWORD_AND_DEVICE), "Cl.Cm");
        assert_eq!(best(&asked, IdentityLevel::P0, PASSWORD), Met::Components);
        let low = words.parse("Cl").expect("vectors");
        assert_eq!(best_of(&low, IdentityLevel::P9, PASSWORD), "Cl");
        let high = words.parse("Cl.Cm.P2").expect("vectors");
        assert_eq!(best_of(&high, IdentityLevel::P9, PASSKEY), "Cl.Cm");
        assert_eq!(best(&high, IdentityLevel::P5, PASSKEY), Met::Identity);
        assert_eq!(requested(words, Some(r#"["Cl.Cm.P2"]"#), &registered), Err(BadVtr::NotRegistered));
        assert_eq!(words.parse("Cl.Cm.P1"), words.parse("Cl.Cm.P2"));
        let twice = requested(words, Some(r#"["Cl.Cm.P1","Cl.Cm.P2"]"#), &high).expect("registered");
        assert_eq!(twice, high, "each once");
        for unknown in ["P9.Cm", "P2", "P1", "Cl.P2", "Cl.P1", "Cm", "Cl.Cm.P3", "Cl.Cm.P0"] {
            assert!(words.parse(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn the_best_that_is_met_is_told() {
        use IdentityLevel::{P0, P5, P9};
        let both = vectors(&["P5.Cp.Cd", "P5.Cp.Ck", "P5.Cm", "P9.Cp.Cd", "P9.Cp.Ck", "P9.Cm"]);
        assert_eq!(best(&both, P9, PASSKEY), Met::By(parse("P9.Cm").expect("vector")));
        assert_eq!(best(&both, P5, PASSKEY), Met::By(parse("P5.Cm").expect("vector")));
        assert_eq!(best(&both, P5, PASSWORD), Met::Components);
        assert_eq!(best(&both, P0, PASSKEY), Met::Identity);
        let shown = PASSWORD_AND_DEVICE;
        assert_eq!(best(&vectors(&["P0.Cp", "P0.Cp.Cd"]), P0, shown), Met::By(parse("P0.Cp.Cd").expect("vector")));
        assert_eq!(best(&vectors(&["P0.Cp"]), P9, PASSKEY), Met::Components);
        assert_eq!(best(&vectors(&["P0.Cm", "P0.Cm"]), P0, PASSKEY), Met::By(parse("P0.Cm").expect("vector")));
    }

    #[test]
    fn whoever_has_to_show_more_signs_in_by_what_they_have_or_adds_what_they_lack() {
        use IdentityLevel::{P0, P9};
        let ways = |password, second_step, passkey| Ways { password, second_step, passkey };
        let of = |texts: &[&str], ways| help(&vectors(texts), P0, ways);
        let (nothing_else, stepped, keyed) =
            (ways(true, false, false), ways(true, true, false), ways(false, false, true));
        assert_eq!(of(&["P0.Cm"], keyed), Help::Passkey);
        assert_eq!(of(&["P0.Cm"], nothing_else), Help::Add(ways(false, false, true)));
        assert_eq!(of(&["P0.Cm"], stepped), Help::Add(ways(false, false, true)));
        assert_eq!(of(&["P0.Cp.Cd"], stepped), Help::Password);
        assert_eq!(of(&["P0.Cp.Cd"], nothing_else), Help::Add(ways(false, true, false)));
        assert_eq!(of(&["P0.Cp.Cd"], keyed), Help::Add(ways(true, false, false)), "a password comes first");
        assert_eq!(of(&["P0.Cp"], keyed), Help::Add(ways(true, false, false)));
        assert_eq!(of(&["P0.Cp"], nothing_else), Help::Password);
        assert_eq!(of(&["P0.Cp.Cd", "P0.Cm"], nothing_else), Help::Add(ways(false, true, true)));
        assert_eq!(of(&["P0.Cp.Ck"], stepped), Help::Nothing);
        assert_eq!(of(&["P9.Cm"], keyed), Help::Nothing, "no way helps to an identity");
        assert_eq!(help(&vectors(&["P9.Cm"]), P9, keyed), Help::Passkey);
        let beyond = |texts: &[&str]| are_beyond_everybody(&vectors(texts));
        assert!(beyond(&["P9.Cp.Ck"]) && beyond(&["P0.Cp.Ck", "P5.Cp.Ck"]));
        assert!(!beyond(&["P9.Cp.Ck", "P9.Cp"]) && !beyond(&["P0.Cm"]));
    }
}
