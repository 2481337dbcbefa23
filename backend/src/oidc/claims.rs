//! What a client is told of a person: by scope, and only at a level that supports it (NHS login, scopes and claims).
//!
//! What is not known is left out; nothing is ever null. Sex, gender, postcode and address are not here at all.

use super::scope::{Scope, Scopes};
#[cfg(test)]
use crate::model;
use crate::model::{Account, Person, Telephone};
use aldgate_core::assurance::IdentityLevel;
use serde_json::{Map, Value, json};

/// Of whom, and how much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Telling<'a> {
    /// The account.
    pub(crate) account: &'a Account,
    /// What was verified of its owner.
    pub(crate) person: &'a Person,
    /// What may be told.
    pub(crate) scopes: Scopes,
    /// The level of the log-in that the client was given.
    pub(crate) level: IdentityLevel,
}

/// A set of claims in the making.
#[derive(Default)]
struct Claims(Map<String, Value>);

impl Claims {
    fn put(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
    }
}

impl Telling<'_> {
    /// The level at which claims are told: that of the log-in, as far as it still stands.
    pub(crate) fn level(&self) -> IdentityLevel {
        self.level.min(self.account.identity)
    }

    fn has(&self, scope: Scope, least: IdentityLevel) -> bool {
        self.scopes.has(scope) && self.level() >= least
    }

    /// Whether the NHS number may be told.
    fn tells_nhs_number(&self) -> bool {
        self.has(Scope::Profile, IdentityLevel::P5)
    }

    /// The NHS number, if it may be told.
    pub(crate) fn nhs_number(&self) -> Option<&str> {
        self.person.nhs_number.as_deref().filter(|_| self.tells_nhs_number())
    }

    /// What an ID token says of the person.
    pub(crate) fn in_id_token(&self) -> Map<String, Value> {
        let mut claims = Claims::default();
        self.put_profile(&mut claims);
        if claims.0.contains_key("family_name") {
            claims.put("surname", self.person.family_name.clone());
        }
        if self.level() == IdentityLevel::P9 {
            claims.put("id_status", Some("verified"));
        }
        claims.0
    }

    /// What the userinfo endpoint says of the person.
    pub(crate) fn in_userinfo(&self) -> Map<String, Value> {
        let mut claims = Claims::default();
        self.put_profile(&mut claims);
        if self.has(Scope::ProfileExtended, IdentityLevel::P5) {
            claims.put("given_name", self.person.given_name.clone());
        }
        if self.scopes.has(Scope::Email) {
            claims.put("email", Some(self.account.email.as_str()));
            claims.put("email_verified", Some(true)); // An account has no address whose code did not come back.
        }
        if let Some(phone) = self.person.phone.as_ref().filter(|_| self.scopes.has(Scope::Phone)) {
            put_telephone(&mut claims, "phone_number", phone);
            claims.put("phone_number_pds_matched", Some(phone.matched));
        }
        if let Some(landline) = self.person.landline.as_ref().filter(|_| self.scopes.has(Scope::Landline)) {
            put_telephone(&mut claims, "landline_number", landline);
        }
        self.put_gp(&mut claims);
        claims.0
    }

    fn put_profile(&self, claims: &mut Claims) {
        let basic = self.has(Scope::BasicDemographics, IdentityLevel::P5);
        if !basic && !self.tells_nhs_number() {
            return;
        }
        claims.put("nhs_number", self.nhs_number());
        claims.put("family_name", self.person.family_name.clone());
        claims.put("birthdate", self.person.birthdate.clone());
        claims.put("identity_proofing_level", Some(self.account.identity.as_str()));
    }

    fn put_gp(&self, claims: &mut Claims) {
        let Some(gp) = &self.person.gp else { return };
        if self.has(Scope::GpRegistrationDetails, IdentityLevel::P5) {
            claims.put("gp_registration_details", Some(json!({"gp_ods_code": gp.ods_code})));
        }
        let account = gp.account.as_ref().filter(|_| self.has(Scope::GpIntegrationCredentials, IdentityLevel::P9));
        if let Some(account) = account {
            let credentials = json!({
                "gp_user_id": account.user_id,
                "gp_linkage_key": account.linkage_key,
                "gp_ods_code": gp.ods_code,
            });
            claims.put("gp_integration_credentials", Some(credentials));
        }
    }
}

fn put_telephone(claims: &mut Claims, name: &str, telephone: &Telephone) {
    claims.put(name, Some(telephone.number.as_str()));
    claims.put(&format!("{name}_verified"), Some(telephone.verified));
}

#[cfg(test)]
#[path = "../../tests/support/person.rs"]
mod sample;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EmailAddress;
    use aldgate_core::id::AccountId;
    use aldgate_core::testing::world::NOW;

    fn told(scopes: &str, reached: IdentityLevel, level: IdentityLevel) -> Vec<String> {
        let account = Account {
            id: AccountId::from_bytes([1; 16]),
            email: EmailAddress::parse("ada@example.org").expect("address"),
            created: NOW,
            identity: reached,
            password: None,
        };
        let telling = Telling { account: &account, person: &sample::facts(), scopes: Scopes::requested(scopes), level };
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
        let account = Account {
            id: AccountId::from_bytes([1; 16]),
            email: EmailAddress::parse("ada@example.org").expect("address"),
            created: NOW,
            identity: IdentityLevel::P9,
            password: None,
        };
        let all = Scopes::requested("openid profile phone landline profile_extended gp_registration_details");
        let telling = Telling { account: &account, person: &Person::default(), scopes: all, level: IdentityLevel::P9 };
        let keys = |claims: Map<String, Value>| claims.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(telling.in_userinfo()), ["identity_proofing_level"]);
        assert_eq!(keys(telling.in_id_token()), ["id_status", "identity_proofing_level"]);
    }
}
