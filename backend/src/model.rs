//! The nouns of the backend: what an account is and what opens it.
//!
//! Text from outside becomes a type here or nowhere (parse, don't validate): who holds an [`EmailAddress`] need not
//! look at it again. Nothing here knows a database, a page or a status code.

mod disabled;
mod ending;
mod grant;
mod nhs_number;
mod person;

pub use disabled::{DisabledAccount, DisabledFor, NoReason};
pub use ending::{Ending, Farewell, LogoutNotice};
pub use grant::{Consent, EndedTokens, Grant, GrantId, UsedService};
pub use nhs_number::{BadNhsNumber, NhsNumber};
pub use person::{GpAccount, GpRegistration, Person, Telephone};

use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::{AccountId, CredentialDigest, Lane, SessionId};
use aldgate_core::secret::Secret;
use aldgate_core::time::Timestamp;
use aldgate_core::webauthn::credential::CredentialRecord;
use std::fmt;

pub mod second_step;
pub mod telephone;

/// Longest e-mail address in bytes: RFC 5321, section 4.5.3.1.3 (256 for a path, less its angle brackets).
pub const EMAIL_BYTES_MAX: usize = 254;

/// An e-mail address: as the person typed it, but for its domain, which is in lower case.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

/// Why a text is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadEmailAddress {
    /// Nothing was typed.
    Empty,
    /// Longer than [`EMAIL_BYTES_MAX`].
    TooLong,
    /// A space, a line break or another character that no address holds.
    Whitespace,
    /// No `@`.
    NoAt,
    /// More than one `@`.
    SeveralAts,
    /// Nothing before the `@`.
    NoName,
    /// What follows the `@` is no domain.
    NoDomain,
}

impl EmailAddress {
    /// Reads what a person typed. Whether mail arrives there, only a sent code can tell.
    ///
    /// # Errors
    /// [`BadEmailAddress`].
    pub fn parse(text: &str) -> Result<Self, BadEmailAddress> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadEmailAddress::Empty);
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(BadEmailAddress::Whitespace);
        }
        let (name, domain) = text.split_once('@').ok_or(BadEmailAddress::NoAt)?;
        if domain.contains('@') {
            return Err(BadEmailAddress::SeveralAts);
        }
        if name.is_empty() {
            return Err(BadEmailAddress::NoName);
        }
        let domain = domain.to_ascii_lowercase();
        if !is_domain(&domain) {
            return Err(BadEmailAddress::NoDomain);
        }
        let address = format!("{name}@{domain}"); // A domain may grow when lower-cased, outside ASCII.
        if address.len() > EMAIL_BYTES_MAX { Err(BadEmailAddress::TooLong) } else { Ok(Self(address)) }
    }

    /// The address to write to and to show.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form by which an account is found: all in lower case, since nobody remembers how they typed it.
    pub fn canonical(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

fn is_domain(domain: &str) -> bool {
    let labelled = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    labelled || domain == "localhost"
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

/// Shortest password, in characters, whatever stands beside it (NIST SP 800-63B-4, section 3.1.1.2).
pub const PASSWORD_CHARS_MIN: usize = 8;

/// A hashed password: a PHC string, which names its algorithm and its cost.
pub struct PasswordHash {
    phc: Secret<String>,
    chars: usize,
}

impl PasswordHash {
    /// Takes a PHC string that the password hasher made.
    pub const fn new(phc: String) -> Self {
        Self { phc: Secret::new(phc), chars: PASSWORD_CHARS_MIN }
    }

    /// The same of a password that has at least so many characters, by the rule that it met.
    #[must_use]
    pub(crate) fn of_at_least(self, chars: usize) -> Self {
        Self { chars, ..self }
    }

    /// The PHC string, for the one call that verifies or stores it.
    pub fn expose(&self) -> &str {
        self.phc.expose()
    }

    /// How many characters the password has at least, for the one call that stores it: what is read from there does not
    /// say it.
    pub(crate) const fn chars(&self) -> usize {
        self.chars
    }
}

impl Clone for PasswordHash {
    fn clone(&self) -> Self {
        Self { phc: Secret::new(self.phc.expose().clone()), chars: self.chars }
    }
}

/// Hashes are the same that are the same text.
impl PartialEq for PasswordHash {
    fn eq(&self, other: &Self) -> bool {
        self.phc == other.phc
    }
}

impl Eq for PasswordHash {}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A passkey that was just registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCredential {
    /// The credential ID as the authenticator gave it.
    pub credential_id: Vec<u8>,
    /// What a log-in needs of it.
    pub record: CredentialRecord,
    /// What the person calls it.
    pub name: String,
    /// The authenticator's model; zeros where it does not tell.
    pub aaguid: [u8; 16],
    /// How the browser says that the authenticator is reached.
    pub transports: Vec<String>,
    /// When it was registered.
    pub created: Timestamp,
}

/// With what an account is opened from its first day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayIn {
    /// A passkey.
    Passkey(NewCredential),
    /// A password.
    Password(PasswordHash),
}

/// An account to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Its id.
    pub id: AccountId,
    /// Its verified address.
    pub email: EmailAddress,
    /// What opens it.
    pub way_in: WayIn,
    /// When it is created.
    pub created: Timestamp,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its address.
    pub email: EmailAddress,
    /// Since when it has stood.
    pub created: Timestamp,
    /// How well its owner's identity was verified.
    pub identity: IdentityLevel,
    /// Its password, if it has one.
    pub password: Option<PasswordHash>,
    /// Whether a second step is asked for after the password.
    pub has_second_step: bool,
    /// Whether an administrator has disabled it: nothing opens it, and whoever shows what would is told so.
    pub disabled: bool,
}

impl Account {
    /// Whether the same opens it with a password as when it was read before.
    pub fn asks_for_the_same(&self, before: &Self) -> bool {
        self.password == before.password && self.has_second_step == before.has_second_step
    }
}

/// A passkey as its owner's list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// By what the lists name it.
    pub digest: CredentialDigest,
    /// The credential ID, so that a browser is not asked to register it again.
    pub credential_id: Vec<u8>,
    /// What the person calls it.
    pub name: String,
    /// When it was registered.
    pub created: Timestamp,
    /// When it last opened a session.
    pub last_used: Option<Timestamp>,
    /// Whether it may be synchronised.
    pub backup_eligible: bool,
    /// Whether it was synchronised at the last log-in.
    pub backup_state: bool,
    /// The authenticator's model; zeros where it does not tell.
    pub aaguid: [u8; 16],
}

/// Something that the shared tier must be told because a fact has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Passkeys are worth another thing than before.
    Passkeys(ChangedPasskeys),
    /// Sessions end.
    Sessions(Revocation),
    /// Access tokens end.
    Tokens(EndedTokens),
}

impl News {
    /// In which lane of the tier it is.
    pub(crate) const fn lane(&self) -> Lane {
        match self {
            Self::Passkeys(changed) => changed.account.lane(),
            Self::Sessions(revocation) => revocation.account.lane(),
            Self::Tokens(ended) => ended.digest.lane(),
        }
    }
}

/// An account whose passkeys are worth another thing to the shared tier than before: at another level, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedPasskeys {
    /// Whose.
    pub account: AccountId,
    /// Whether every session ends when the tier knows: one may have been opened meanwhile by what they were worth before.
    pub ends_all: bool,
}

/// What the shared tier must end because a fact has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// Whose sessions.
    pub account: AccountId,
    /// The passkey that was removed, with the sessions that it opened; `None` for all of the account's.
    pub credential: Option<CredentialDigest>,
    /// The session that stays: the one in which it was done.
    pub keep: Option<SessionId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_name_as_typed_and_is_found_in_any_case() {
        let address = EmailAddress::parse("  Ada.Lovelace+x@Example.ORG ").expect("an address");
        assert_eq!(address.as_str(), "Ada.Lovelace+x@example.org");
        assert_eq!(address.canonical(), "ada.lovelace+x@example.org");
        assert_eq!(EmailAddress::parse(address.as_str()), Ok(address.clone()));
        assert_eq!(format!("{address:?}"), "EmailAddress(…)");
        assert!(EmailAddress::parse("dev@localhost").is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused_for_its_own_reason() {
        let refusal = |text: &str| EmailAddress::parse(text).expect_err("a refusal");
        assert_eq!(refusal("  "), BadEmailAddress::Empty);
        assert_eq!(refusal(&format!("{}@example.org", "a".repeat(243))), BadEmailAddress::TooLong);
        assert_eq!(refusal("a b@example.org"), BadEmailAddress::Whitespace);
        assert_eq!(refusal("a\u{0}@example.org"), BadEmailAddress::Whitespace);
        assert_eq!(refusal("example.org"), BadEmailAddress::NoAt);
        assert_eq!(refusal("a@b@example.org"), BadEmailAddress::SeveralAts);
        assert_eq!(refusal("@example.org"), BadEmailAddress::NoName);
        for domain in ["", "example", ".org", "example.", "a..b"] {
            assert_eq!(refusal(&format!("a@{domain}")), BadEmailAddress::NoDomain, "{domain:?}");
        }
    }

    #[test]
    fn a_password_hash_does_not_print() {
        assert_eq!(format!("{:?}", PasswordHash::new("$argon2id$x".into())), "PasswordHash(…)");
    }
}
