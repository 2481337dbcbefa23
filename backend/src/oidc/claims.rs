//! What a client is told of a person: by scope or claim by claim, and only at a level that supports it (NHS login, scopes and
//! claims).
//!
//! What is not known is left out; nothing is ever null. Sex, gender, postcode and address are not here at all.

use super::claim::{Claim, ClaimSet};
use super::profile::Rules;
use super::scope::Scopes;
use super::trust::Words;
#[cfg(test)]
use crate::model;
use crate::model::{Account, GpRegistration, NhsNumber, Person};
use aldgate_core::assurance::IdentityLevel;
use serde_json::{Map, Value, json};

/// Of whom, and how much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Telling<'a> {
    /// The account.
    pub(crate) account: &'a Account,
    /// What was verified of its owner.
    pub(crate) person: &'a Person,
    /// What may be told by scope.
    pub(crate) scopes: Scopes,
    /// What may be told besides, claim by claim.
    pub(crate) asked: ClaimSet,
    /// The level of the log-in that the client was given.
    pub(crate) level: IdentityLevel,
    /// The client's rules: what is told at all.
    pub(crate) rules: &'static Rules,
}

/// What ID tokens say by scope.
const IN_ID_TOKENS: [Claim; 5] =
    [Claim::NhsNumber, Claim::FamilyName, Claim::Surname, Claim::Birthdate, Claim::IdentityProofingLevel];

impl Telling<'_> {
    /// The level at which claims are told: that of the log-in, as far as it still stands.
    pub(crate) fn level(&self) -> IdentityLevel {
        self.level.min(self.account.identity)
    }

    fn tells_by_scope(&self, claim: Claim) -> bool {
        claim.scopes().meets(self.scopes) && self.may_tell(claim)
    }

    fn tells_as_asked(&self, claim: Claim) -> bool {
        self.asked.has(claim) && self.may_tell(claim)
    }

    fn may_tell(&self, claim: Claim) -> bool {
        self.rules.claims.has(claim) && self.level() >= claim.least()
    }

    /// The NHS number, if it may be told by scope.
    pub(crate) fn nhs_number(&self) -> Option<&str> {
        self.person.nhs_number.as_ref().map(NhsNumber::as_str).filter(|_| self.tells_by_scope(Claim::NhsNumber))
    }

    /// Whether what the client keeps about the person may be told it.
    pub(crate) fn tells_metadata(&self) -> bool {
        let claim = Claim::ClientUserMetadata;
        self.tells_by_scope(claim) || self.tells_as_asked(claim)
    }

    /// Whether who somebody is may be told in a token of its own.
    pub(crate) fn tells_core_identity(&self) -> bool {
        self.tells_as_asked(Claim::CoreIdentity)
    }

    /// What an ID token says of the person.
    pub(crate) fn in_id_token(&self) -> Map<String, Value> {
        let told = |claim| self.tells_as_asked(claim) || IN_ID_TOKENS.contains(&claim) && self.tells_by_scope(claim);
        let mut claims = self.told(told);
        if self.level() == IdentityLevel::P9 && self.rules.trust == Words::Nhs {
            claims.insert("id_status".to_owned(), "verified".into());
        }
        claims
    }

    /// What the userinfo endpoint says of the person.
    pub(crate) fn in_userinfo(&self) -> Map<String, Value> {
        self.told(|claim| self.tells_as_asked(claim) || claim != Claim::Surname && self.tells_by_scope(claim))
    }

    fn told(&self, may_be_told: impl Fn(Claim) -> bool) -> Map<String, Value> {
        let told = Claim::ALL.into_iter().filter(|claim| may_be_told(*claim));
        told.filter_map(|claim| Some((claim.as_str().to_owned(), self.value(claim)?))).collect()
    }

    /// The value of a claim, if it is known.
    fn value(&self, claim: Claim) -> Option<Value> {
        let Person { nhs_number, family_name, given_name, birthdate, phone, landline, gp } = self.person;
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let (phone, landline, gp) = (phone.as_ref(), landline.as_ref(), gp.as_ref());
        match claim {
            Claim::NhsNumber => nhs_number.as_ref().map(|number| number.as_str().into()),
            Claim::FamilyName | Claim::Surname => text(family_name),
            Claim::Birthdate => text(birthdate),
            Claim::IdentityProofingLevel => Some(self.account.identity.as_str().into()),
            Claim::GivenName => text(given_name),
            Claim::Email => Some(self.account.email.as_str().into()),
            Claim::EmailVerified => Some(true.into()), // An account has no address whose code did not come back.
            Claim::PhoneNumber => phone.map(|phone| phone.number.as_str().into()),
            Claim::PhoneNumberVerified => phone.map(|phone| phone.verified.into()),
            Claim::PhoneNumberPdsMatched => phone.map(|phone| phone.matched.into()),
            Claim::LandlineNumber => landline.map(|landline| landline.number.as_str().into()),
            Claim::LandlineNumberVerified => landline.map(|landline| landline.verified.into()),
            Claim::GpRegistrationDetails => gp.map(|gp| json!({"gp_ods_code": gp.ods_code})),
            Claim::GpIntegrationCredentials => gp.and_then(credentials),
            Claim::ClientUserMetadata => None, // It is not known of the person, but kept for the client.
            Claim::CoreIdentity => None,       // It is signed for the client.
        }
    }
}

fn credentials(gp: &GpRegistration) -> Option<Value> {
    let account = gp.account.as_ref()?;
    Some(json!({
        "gp_user_id": account.user_id,
        "gp_linkage_key": account.linkage_key,
        "gp_ods_code": gp.ods_code,
    }))
}

#[cfg(test)]
#[path = "../../tests/support/person.rs"]
mod sample;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EmailAddress;
    use crate::oidc::profile::Profile;
    use aldgate_core::id::AccountId;
    use aldgate_core::testing::world::NOW;

    fn account(identity: IdentityLevel) -> Account {
        Account {
            id: AccountId::from_bytes([1; 16]),
            email: EmailAddress::parse("ada@example.org").expect("address"),
            created: NOW,
            identity,
            password: None,
            has_second_step: false,
            disabled: false,
        }
    }

    fn told(scopes: &str, reached: IdentityLevel, level: IdentityLevel) -> Vec<String> {
        let (account, scopes, asked) = (account(reached), Scopes::requested(scopes), ClaimSet::NONE);
        let telling =
            Telling { account: &account, person: &sample::facts(), scopes, asked, level, rules: Profile::Nhs.rules() };
        let claims = telling.in_userinfo();
        assert!(claims.values().all(|value| !value.is_null()), "{claims:?}");
        claims.keys().cloned().collect()
    }

    /// The table of scopes and claims, row by row: what is told at P0, at P5 and at P9.
    #[test]
    fn each_scope_tells_what_the_table_says_at_each_level() {
        use IdentityLevel::{P0, P5, P9};
        let profile = ["birthdate", "family_name", "identity_proofing_level", "nhs_number"];
        let basic = ["birthdate", "family_name", "identity_proofing_level"];
        let phone = ["phone_number", "phone_number_pds_matched", "phone_number_verified"];
        let landline = ["landline_number", "landline_number_verified"];
        let rows: [(&str, &[&str], IdentityLevel); 8] = [
            ("profile", &profile, P5),
            ("basic_demographics", &basic, P5),
            ("profile_extended", &["given_name"], P5),
            ("email", &["email", "email_verified"], P0),
            ("phone", &phone, P0),
            ("landline", &landline, P0),
            ("gp_registration_details", &["gp_registration_details"], P5),
            ("gp_integration_credentials", &["gp_integration_credentials"], P9),
        ];
        for (scope, claims, least) in rows {
            for level in [P0, P5, P9] {
                let expected: &[&str] = if level >= least { claims } else { &[] };
                assert_eq!(told(&format!("openid {scope}"), P9, level), expected, "{scope} at {}", level.as_str());
                assert_eq!(
                    told(&format!("openid {scope}"), level, P9),
                    expected,
                    "{scope}, fallen to {}",
                    level.as_str()
                );
            }
        }
        for nothing in ["openid", "openid nhs_app_credentials", "openid client_metadata"] {
            assert!(told(nothing, P9, P9).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let account = account(IdentityLevel::P9);
        let scopes = Scopes::requested("openid profile phone landline profile_extended gp_registration_details");
        let (person, asked, level) = (Person::default(), ClaimSet::NONE, IdentityLevel::P9);
        let telling = Telling { account: &account, person: &person, scopes, asked, level, rules: Profile::Nhs.rules() };
        let keys = |claims: Map<String, Value>| claims.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(telling.in_userinfo()), ["identity_proofing_level"]);
        assert_eq!(keys(telling.in_id_token()), ["id_status", "identity_proofing_level"]);
    }

    /// What is asked for claim by claim is told where it is asked for and where the level supports it, and nothing beside it.
    #[test]
    fn a_claim_that_is_asked_for_is_told_at_its_level_alone() {
        use IdentityLevel::{P0, P5, P9};
        let everything = Claim::ALL.into_iter().fold(ClaimSet::NONE, ClaimSet::with);
        let told = |asked, reached, level| {
            let (account, person, scopes) = (account(reached), sample::facts(), Scopes::requested("openid"));
            let telling =
                Telling { account: &account, person: &person, scopes, asked, level, rules: Profile::Nhs.rules() };
            let names = |claims: Map<String, Value>| claims.keys().cloned().collect::<Vec<_>>();
            (names(telling.in_userinfo()), names(telling.in_id_token()))
        };
        let of_the_person = |claim: &Claim| !matches!(claim, Claim::ClientUserMetadata | Claim::CoreIdentity);
        for claim in Claim::ALL.into_iter().filter(of_the_person) {
            for level in [P0, P5, P9] {
                let one = ClaimSet::NONE.with(claim);
                let expected = if level >= claim.least() { vec![claim.as_str().to_owned()] } else { vec![] };
                assert_eq!(told(one, P9, level).0, expected, "{claim:?} at {}", level.as_str());
                assert_eq!(told(one, level, P9).0, expected, "{claim:?}, fallen to {}", level.as_str());
                let of_person: Vec<_> = told(one, P9, level).1.into_iter().filter(|name| name != "id_status").collect();
                assert_eq!(of_person, expected, "{claim:?} in an ID token at {}", level.as_str());
            }
        }
        assert_eq!(told(everything, P0, P0).0.len(), 7);
        assert_eq!(told(ClaimSet::NONE, P9, P9).0, Vec::<String>::new());
    }

    /// By anything that only health services know, two departments could compare people.
    #[test]
    fn departments_are_told_nothing_that_is_of_health_services_whatever_they_have() {
        let (account, person) = (account(IdentityLevel::P9), sample::facts());
        let (scopes, asked, level) = (Scopes::EVERY, ClaimSet::EVERY, IdentityLevel::P9);
        let rules = Profile::CrossGovernment.rules();
        let telling = Telling { account: &account, person: &person, scopes, asked, level, rules };
        let names = |claims: Map<String, Value>| claims.keys().cloned().collect::<Vec<_>>();
        let expected = ["email", "email_verified", "phone_number", "phone_number_verified"];
        assert_eq!(names(telling.in_userinfo()), expected);
        assert_eq!(names(telling.in_id_token()), expected);
        assert!(telling.nhs_number().is_none() && !telling.tells_metadata() && telling.tells_core_identity());
        let low = Telling { level: IdentityLevel::P5, ..telling };
        assert!(!low.tells_core_identity());
        let health = Telling { rules: Profile::Nhs.rules(), ..telling };
        assert!(!health.tells_core_identity() && health.nhs_number().is_some());
    }
}
