//! Who acts for somebody, and who did before them: the claims `act` and `may_act` (RFC 8693, sections 4.1 and 4.4).

use serde_json::{Value, json};

/// Most actors in a row: each is a service that calls another for one person.
const ACTORS_MAX: usize = 4;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Actor<'a> {
    /// Another person than the one that the token is about.
    Person {
        /// As the client of the subject token knows them.
        known_as: String,
        /// As the client that gets the new token knows them.
        told_as: String,
        /// How well they are known.
        vector: String,
    },
    /// A client.
    Client(&'a str),
}

/// Why somebody does not act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotActing {
    /// The subject token names another, in words that are understood.
    #[error("subject_token does not let this actor act (may_act)")]
    NotNamed,
    /// A person whom nobody has named.
    #[error("subject_token names nobody who may act (may_act)")]
    Nobody,
    /// There would be too many.
    #[error("too many act for the person already")]
    TooMany,
}

impl Actor<'_> {
    /// Whether the subject token lets them act. A client needs no more than its registration, unless the token names
    /// somebody; a person must be named. What is named in other words than these names nobody here.
    pub(super) fn may_act(&self, named: Option<&Value>, issuer: &str) -> Result<(), NotActing> {
        let (named, own) = match (self, named) {
            (Self::Client(_), None) => return Ok(()),
            (Self::Person { .. }, None) => return Err(NotActing::Nobody),
            (Self::Client(id), Some(named)) => (named, *id),
            (Self::Person { known_as, .. }, Some(named)) => (named, known_as.as_str()),
        };
        let members = named.as_object().ok_or(NotActing::NotNamed)?;
        let is_they = |(name, value): (&String, &Value)| match name.as_str() {
            "sub" => value == own,
            "iss" => value == issuer,
            _ => false,
        };
        let they = members.contains_key("sub") && members.iter().all(is_they);
        if they { Ok(()) } else { Err(NotActing::NotNamed) }
    }

    /// The `act` that says so, with those around it who acted before.
    pub(super) fn after(&self, before: Option<&Value>, issuer: &str) -> Result<Value, NotActing> {
        if depth(before) >= ACTORS_MAX {
            return Err(NotActing::TooMany);
        }
        let mut act = match self {
            Self::Person { told_as, vector, .. } => json!({"iss": issuer, "sub": told_as, "vot": vector}),
            Self::Client(id) => json!({"iss": issuer, "sub": id}),
        };
        if let Some(before) = before {
            act["act"] = before.clone();
        }
        Ok(act)
    }
}

/// How many act already.
fn depth(act: Option<&Value>) -> usize {
    std::iter::successors(act, |act| act.get("act")).take(ACTORS_MAX).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://login.example";

    fn person() -> Actor<'static> {
        Actor::Person { known_as: "ada".into(), told_as: "a1".into(), vector: "P9.Cm".into() }
    }

    #[test]
    fn a_person_acts_if_they_are_named_and_a_client_unless_another_is() {
        let may = |actor: &Actor<'_>, named: Value| actor.may_act(Some(&named), ISSUER);
        let client = Actor::Client("rp");
        assert_eq!(client.may_act(None, ISSUER), Ok(()));
        assert_eq!(person().may_act(None, ISSUER), Err(NotActing::Nobody));
        assert_eq!(may(&person(), json!({"sub": "ada"})), Ok(()));
        assert_eq!(may(&client, json!({"sub": "rp", "iss": ISSUER})), Ok(()));
        for other in [
            json!({"sub": "bob"}),
            json!({"sub": "a1"}),
            json!({"sub": ["ada", "rp"]}),
            json!({"iss": ISSUER}),
            json!({"sub": "ada", "iss": "https://evil.example"}),
            json!({"sub": "ada", "amr": "face"}),
            json!({}),
            json!("ada"),
            json!(null),
        ] {
            assert_eq!(may(&person(), other.clone()), Err(NotActing::NotNamed), "{other}");
            assert_eq!(may(&client, other.clone()), Err(NotActing::NotNamed), "{other}");
        }
    }

    #[test]
    fn who_acts_stands_outside_and_not_too_many_do() {
        let mut act = person().after(None, ISSUER).expect("one");
        assert_eq!(act, json!({"iss": ISSUER, "sub": "a1", "vot": "P9.Cm"}));
        for n in 2..=ACTORS_MAX {
            act = Actor::Client("rp").after(Some(&act), ISSUER).expect("not too many");
            assert_eq!(depth(Some(&act)), n);
        }
        assert_eq!((&act["sub"], &act["act"]["act"]["act"]["sub"]), (&json!("rp"), &json!("a1")));
        assert_eq!(Actor::Client("rp").after(Some(&act), ISSUER), Err(NotActing::TooMany));
    }
}
