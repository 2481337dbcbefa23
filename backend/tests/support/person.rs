//! A person of whom everything is known that can be, for tests of what services are told.

use super::model::{GpAccount, GpRegistration, NhsNumber, Person, Telephone};

/// Facts about a person.
pub(crate) fn facts() -> Person {
    let telephone = |number: &str| Telephone { number: number.into(), verified: true, matched: false };
    let account = Some(GpAccount { user_id: "gp-user".into(), linkage_key: "gp-key".into() });
    Person {
        nhs_number: NhsNumber::parse("943 476 5919").ok(),
        family_name: Some("Lovelace".into()),
        given_name: Some("Ada".into()),
        birthdate: Some("1970-01-31".into()),
        phone: Some(telephone("+447700900000")),
        landline: Some(telephone("+441632960000")),
        gp: Some(GpRegistration { ods_code: "A12345".into(), account }),
    }
}
