//! The `claims` parameter (OpenID Connect Core, section 5.5): claims that a client asks for one by one, so that it need not
//! ask for all that a scope tells. It gets no more by it than its scopes and the person's level let it have; what is not
//! known here is passed over.
//!
//! `essential`, `value` and `values` are read and must be well formed, and nothing is refused for want of a claim, as the
//! section says, but for two: a `sub` of a value is the person whom the request is about (section 3.1.2.1), and an essential
//! `acr` of values, which is never told here, cannot be met (section 5.5.1.1).

use super::claim::{Claim, ClaimSet};
use super::client::Client;
use super::hint::Called;
use aldgate_core::token::claims::Claims;
use serde_json::Value;

/// Longest text that is read; one that asks for every claim has about 600 bytes.
const BYTES_MAX: usize = 4 * 1024;

/// Most claims that one member may ask for.
const CLAIMS_MAX: usize = 64;

/// Why it is refused. The sentences are for whoever writes the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadClaims {
    /// No JSON that means one thing, too long, or not made as the section says.
    #[error("claims must be a JSON object of at most 4096 bytes with userinfo and id_token, objects of claims")]
    Malformed,
    /// Two people, or a person that is no text.
    #[error("claims must name one sub, and the same as id_token_hint")]
    Subject,
    /// An `acr`, which nobody is told here.
    #[error("claims has an essential acr: ask with vtr how well a person must be known")]
    Acr,
}

/// What is asked for one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct AskedClaims {
    /// Of the userinfo endpoint.
    pub(crate) userinfo: ClaimSet,
    /// In the ID token.
    pub(crate) id_token: ClaimSet,
}

impl AskedClaims {
    /// All of them, wherever they are told.
    pub(crate) const fn all(self) -> ClaimSet {
        self.userinfo.or(self.id_token)
    }

    /// What of it a client may ask for: what it may know, and in ID tokens what its profile lets stand there.
    pub(crate) fn allowed_to(self, client: &Client) -> Self {
        let in_id_token = client.profile().rules().claims_in_id_token;
        let id_token = if in_id_token { client.may_know(self.id_token) } else { ClaimSet::NONE };
        // It is long, and changes while an ID token does not.
        Self { userinfo: client.may_know(self.userinfo), id_token: id_token.without(Claim::ClientUserMetadata) }
    }
}

/// A `claims` parameter that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ClaimsRequest {
    /// What is asked for.
    pub(crate) claims: AskedClaims,
    /// Whom it is about, if it says so.
    pub(crate) about: Option<Called>,
}

/// Reads the parameter.
pub(crate) fn read(text: &str) -> Result<ClaimsRequest, BadClaims> {
    if text.len() > BYTES_MAX {
        return Err(BadClaims::Malformed);
    }
    let members = Claims::read(text.as_bytes()).map_err(|_| BadClaims::Malformed)?;
    let (userinfo, id_token) = (member(&members, "userinfo")?, member(&members, "id_token")?);
    if id_token.demands_acr {
        return Err(BadClaims::Acr);
    }
    let about = match (userinfo.about, id_token.about) {
        (Some(one), Some(other)) if one != other => return Err(BadClaims::Subject),
        (one, other) => one.or(other),
    };
    let claims = AskedClaims { userinfo: userinfo.claims, id_token: id_token.claims };
    Ok(ClaimsRequest { claims, about })
}

/// What one member asks for.
#[derive(Default)]
struct Member {
    claims: ClaimSet,
    about: Option<Called>,
    demands_acr: bool,
}

fn member(members: &Claims, name: &str) -> Result<Member, BadClaims> {
    let Some(value) = members.get(name) else { return Ok(Member::default()) };
    let asked = value.as_object().filter(|asked| asked.len() <= CLAIMS_MAX).ok_or(BadClaims::Malformed)?;
    let mut member = Member::default();
    for (name, wish) in asked {
        let wish = Wish::read(wish)?;
        match name.as_str() {
            "sub" => member.about = wish.one_text()?.map(Called::of),
            "acr" => member.demands_acr = wish.essential && !wish.values.is_empty(),
            name => member.claims = Claim::named(name).map_or(member.claims, |claim| member.claims.with(claim)),
        }
    }
    Ok(member)
}

/// How one claim is asked for: `null`, or an object.
struct Wish<'a> {
    essential: bool,
    values: Vec<&'a Value>,
}

impl<'a> Wish<'a> {
    fn read(wish: &'a Value) -> Result<Self, BadClaims> {
        let members = match wish {
            Value::Null => return Ok(Self { essential: false, values: Vec::new() }),
            Value::Object(members) => members,
            _ => return Err(BadClaims::Malformed),
        };
        let essential = match members.get("essential") {
            None => false,
            Some(Value::Bool(essential)) => *essential,
            Some(_) => return Err(BadClaims::Malformed),
        };
        let values = match (members.get("value"), members.get("values")) {
            (None, None) => Vec::new(),
            (Some(value), None) => vec![value],
            (None, Some(Value::Array(values))) if !values.is_empty() => values.iter().collect(),
            _ => return Err(BadClaims::Malformed),
        };
        Ok(Self { essential, values })
    }

    /// The one text that is asked for, if any value is.
    fn one_text(&self) -> Result<Option<&'a str>, BadClaims> {
        match self.values.as_slice() {
            [] => Ok(None),
            [Value::String(text)] => Ok(Some(text)),
            _ => Err(BadClaims::Subject),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::client::Registration;
    use crate::oidc::client::tests::registration;

    fn set(claims: &[Claim]) -> ClaimSet {
        claims.iter().copied().fold(ClaimSet::NONE, ClaimSet::with)
    }

    #[test]
    fn claims_are_asked_for_one_by_one_and_unknown_ones_passed_over() {
        let text = r#"{
            "userinfo": {"email": null, "given_name": {"essential": true}, "x": null, "https://x/address": {"y": 1},
                         "phone_number": {"value": "+44"}, "family_name#cy": null},
            "id_token": {"birthdate": {"values": ["1970-01-31"], "other": 1}, "auth_time": {"essential": true},
                         "acr": {"essential": true}},
            "other": 1
        }"#;
        let read = read(text).expect("read");
        assert_eq!(read.claims.userinfo, set(&[Claim::Email, Claim::GivenName, Claim::PhoneNumber]));
        assert_eq!((read.claims.id_token, read.about), (set(&[Claim::Birthdate]), None));
        assert_eq!(super::read("{}"), Ok(ClaimsRequest::default()));
    }

    #[test]
    fn a_sub_of_a_value_is_the_person_whom_it_is_about() {
        let about = |text| read(text).map(|read| read.about);
        let ada = Some(Called::of("ada"));
        assert_eq!(about(r#"{"id_token":{"sub":{"value":"ada"}}}"#), Ok(ada));
        assert_eq!(about(r#"{"userinfo":{"sub":{"values":["ada"]}},"id_token":{"sub":null}}"#), Ok(ada));
        for bad in [
            r#"{"id_token":{"sub":{"value":"ada"}},"userinfo":{"sub":{"value":"eve"}}}"#,
            r#"{"id_token":{"sub":{"values":["ada","eve"]}}}"#,
            r#"{"id_token":{"sub":{"value":1}}}"#,
        ] {
            assert_eq!(about(bad), Err(BadClaims::Subject), "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_met_or_means_two_things_is_refused() {
        for acr in [
            r#"{"id_token":{"acr":{"essential":true,"values":["x"]}}}"#,
            r#"{"id_token":{"acr":{"essential":true,"value":"x"}}}"#,
        ] {
            assert_eq!(read(acr), Err(BadClaims::Acr), "{acr}");
        }
        assert!(read(r#"{"id_token":{"acr":{"values":["x"]}}}"#).is_ok(), "a wish");
        let many: Vec<_> = (0..=CLAIMS_MAX).map(|n| format!(r#""c{n}":null"#)).collect();
        let many = format!(r#"{{"userinfo":{{{}}}}}"#, many.join(","));
        let long = format!(r#"{{"userinfo":{{"{}":null}}}}"#, "x".repeat(BYTES_MAX));
        let deep = format!(r#"{{"userinfo":{{"x":{{"value":{}1{}}}}}}}"#, "[".repeat(900), "]".repeat(900));
        for bad in [
            "",
            "x",
            "null",
            "[]",
            r#"{"userinfo":null}"#,
            r#"{"userinfo":[]}"#,
            r#"{"userinfo":{"email":true}}"#,
            r#"{"userinfo":{"email":{"essential":"true"}}}"#,
            r#"{"userinfo":{"email":{"values":[]}}}"#,
            r#"{"userinfo":{"email":{"values":"x"}}}"#,
            r#"{"userinfo":{"email":{"value":"x","values":["y"]}}}"#,
            r#"{"userinfo":{"email":null,"email":null}}"#,
            r#"{"userinfo":{},"userinfo":{"email":null}}"#,
            r#"{"userinfo":{}} {}"#,
            &many,
            &long,
            &deep,
        ] {
            assert_eq!(read(bad), Err(BadClaims::Malformed), "{}", &bad[..bad.len().min(80)]);
        }
    }

    #[test]
    fn a_client_may_ask_for_what_its_scopes_tell_and_where_its_profile_allows() {
        let asked = read(r#"{"userinfo":{"email":null,"phone_number":null},"id_token":{"birthdate":null}}"#);
        let asked = asked.expect("read").claims;
        let client = |profile: &str, vector: &str| {
            let (profile, vectors) = (Some(profile.to_owned()), vec![vector.to_owned()]);
            Client::register(&Registration { profile, vectors, ..registration("rp") }).expect("a client")
        };
        let nhs = asked.allowed_to(&client("nhs", "P9.Cm"));
        assert_eq!((nhs.userinfo, nhs.id_token), (set(&[Claim::Email]), set(&[Claim::Birthdate])));
        let core = r#"{"userinfo":{"https://vocab.account.gov.uk/v1/coreIdentityJWT":null,"birthdate":null}}"#;
        let core = read(core).expect("read").claims;
        let department = |vector: &str| {
            let scopes = vec!["openid".to_owned()];
            let (profile, vectors) = (Some("cross-government".to_owned()), vec![vector.to_owned()]);
            Client::register(&Registration { profile, vectors, scopes, ..registration("rp") }).expect("a client")
        };
        assert_eq!(core.allowed_to(&department("Cl.Cm.P2")).userinfo, set(&[Claim::CoreIdentity]));
        assert_eq!(core.allowed_to(&department("Cl.Cm")), AskedClaims::default(), "not for that level");
        assert_eq!(core.allowed_to(&client("nhs", "P9.Cm")).userinfo, set(&[Claim::Birthdate]));
        let metadata = read(r#"{"id_token":{"client_user_metadata":null}}"#).expect("read").claims;
        assert_eq!(metadata.allowed_to(&client("nhs", "P9.Cm")), AskedClaims::default());
    }
}
