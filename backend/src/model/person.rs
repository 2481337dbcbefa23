//! Facts about a person, as far as they were verified: what clients may be told, if the person's level and consent allow it.

use super::NhsNumber;
use serde::{Deserialize, Serialize};

/// A telephone number and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telephone {
    /// The number, in international form.
    pub number: String,
    /// Whether a code that was sent there came back.
    pub verified: bool,
    /// Whether it was the one on the person's record, when that was last compared.
    #[serde(default)]
    pub matched: bool,
}

/// At which practice a person is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpRegistration {
    /// The practice.
    pub ods_code: String,
    /// What opens the person's record there.
    #[serde(default)]
    pub account: Option<GpAccount>,
}

/// What opens a person's record at their practice.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpAccount {
    /// The account's name.
    pub user_id: String,
    /// Its passphrase.
    pub linkage_key: String,
}

impl std::fmt::Debug for GpAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GpAccount(…)")
    }
}

/// A person's facts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// The NHS number: no two accounts have the same.
    pub nhs_number: Option<NhsNumber>,
    /// The family name; for who has one name, that.
    pub family_name: Option<String>,
    /// The given names.
    pub given_name: Option<String>,
    /// The birthday, as `1970-01-31`.
    pub birthdate: Option<String>,
    /// A mobile number.
    pub phone: Option<Telephone>,
    /// A landline.
    pub landline: Option<Telephone>,
    /// The practice.
    pub gp: Option<GpRegistration>,
}
