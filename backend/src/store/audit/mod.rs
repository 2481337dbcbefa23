//! The audit: what was done, by whom, on whose account, and how it ended.
//!
//! An entry is written in the transaction of the fact ([`super::job::Tx::audit`]), so that there is no fact without its
//! entry and no entry without its fact. Entries are chained: each has a tag (HMAC-SHA-256 under a key of the deployment)
//! over itself and the tag before it, so that whoever can write in the database but has not the key can neither alter
//! nor insert nor leave out an entry unseen ([`chain`]).
//!
//! There is a chain for each lane of accounts and one for what is about no account: two who append to one chain at once
//! cannot both be next, and on PostgreSQL one of them is run again. A nation's changes of accounts are some tens a
//! second, so that with sixteen chains that is rare. What a tag cannot show, the cutting off of the newest entries
//! together with the head's going back, an earlier note of the heads shows ([`Head`]).
//!
//! No secret goes into an entry: no password or its hash, no code, no token, no e-mail address. An entry names things by
//! their ids.

pub(super) mod chain;

use super::job::{Tx, Write};
use super::{Store, StoreError, sql};
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
pub use chain::{Break, CHAINS, Head, NotAHead};
use std::fmt;

/// Longest text in an entry's detail, in bytes: an id or a short word. Longer ones are cut.
const DETAIL_BYTES_MAX: usize = 256;

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A person, in a session of this account. Where the entry is about another account, they act for its owner.
    Account(AccountId),
    /// A service, by its client ID.
    Client(String),
    /// Somebody who administers, by the name of their user on that machine.
    Operator(String),
    /// A part of the program, by itself.
    System(&'static str),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => write!(f, "account:{id}"),
            Self::Client(id) => write!(f, "client:{id}"),
            Self::Operator(name) => write!(f, "operator:{name}"),
            Self::System(part) => write!(f, "system:{part}"),
        }
    }
}

/// Who does something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

impl Act {
    /// The owner of an account does it.
    pub const fn own(account: AccountId, at: Timestamp) -> Self {
        Self { by: Actor::Account(account), at }
    }

    /// A part of the program does it by itself.
    pub const fn system(part: &'static str, at: Timestamp) -> Self {
        Self { by: Actor::System(part), at }
    }
}

/// What is done: two words with a dot, `noun.participle`. It must not change once in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action(pub &'static str);

/// An account came to be.
pub const ACCOUNT_CREATED: Action = Action("account.created");
/// A password was set or replaced.
pub const PASSWORD_SET: Action = Action("password.set");
/// A passkey was added.
pub const PASSKEY_ADDED: Action = Action("passkey.added");
/// A passkey was given another name.
pub const PASSKEY_RENAMED: Action = Action("passkey.renamed");
/// A passkey was removed.
pub const PASSKEY_REMOVED: Action = Action("passkey.removed");
/// A session, or all but one, was ended by its owner.
pub const SESSIONS_ENDED: Action = Action("sessions.ended");
/// A second step was added or replaced.
pub const SECOND_STEP_SET: Action = Action("second-step.set");
/// A second step was removed.
pub const SECOND_STEP_REMOVED: Action = Action("second-step.removed");
/// Recovery codes were made, in the place of those there were.
pub const RECOVERY_CODES_MADE: Action = Action("recovery-codes.made");
/// A recovery code was used up.
pub const RECOVERY_CODE_USED: Action = Action("recovery-code.used");
/// An account's address was changed.
pub const EMAIL_CHANGED: Action = Action("email.changed");
/// A change of contact was taken back.
pub const CONTACT_CHANGE_UNDONE: Action = Action("contact-change.undone");
/// An account was locked by its owner, since something was not done by them.
pub const ACCOUNT_LOCKED: Action = Action("account.locked");
/// An account was disabled by an administrator.
pub const ACCOUNT_DISABLED: Action = Action("account.disabled");
/// An account was enabled again.
pub const ACCOUNT_ENABLED: Action = Action("account.enabled");
/// An account was closed.
pub const ACCOUNT_CLOSED: Action = Action("account.closed");
/// It was written down what was verified of a person, and at which level.
pub const PERSON_VERIFIED: Action = Action("person.verified");
/// A browser was remembered, in which no second step is asked for.
pub const BROWSER_REMEMBERED: Action = Action("browser.remembered");
/// A remembered browser was forgotten: by its owner, or because too many were remembered.
pub const BROWSER_FORGOTTEN: Action = Action("browser.forgotten");
/// A person has allowed a client something.
pub const CONSENT_GIVEN: Action = Action("consent.given");
/// A person has taken back what they allowed a client.
pub const CONSENT_WITHDRAWN: Action = Action("consent.withdrawn");
/// What is kept about a person was given to them.
pub const DATA_EXPORTED: Action = Action("data.exported");
/// Sign-ins to an account were refused: so many in a window of time.
pub const SIGN_IN_REFUSED: Action = Action("sign-in.refused");
/// A client was registered.
pub const CLIENT_REGISTERED: Action = Action("client.registered");
/// What is registered of a client was changed.
pub const CLIENT_CHANGED: Action = Action("client.changed");
/// A client was put out of use.
pub const CLIENT_DISABLED: Action = Action("client.disabled");
/// A client was put into use again.
pub const CLIENT_ENABLED: Action = Action("client.enabled");
/// A client was given another token for its own registration.
pub const CLIENT_TOKEN_RENEWED: Action = Action("client.token-renewed");
/// A client was forgotten.
pub const CLIENT_REMOVED: Action = Action("client.removed");
/// A key was made that signs tokens.
pub const SIGNING_KEY_MADE: Action = Action("signing-key.made");
/// Keys of an algorithm were withdrawn at once: what they signed is refused.
pub const SIGNING_KEYS_WITHDRAWN: Action = Action("signing-keys.withdrawn");
/// A key was forgotten, since everything that it signed has expired.
pub const SIGNING_KEY_FORGOTTEN: Action = Action("signing-key.forgotten");
/// A new key was made for what is sealed in the database.
pub const DATA_KEY_MADE: Action = Action("data-key.made");
/// Everything had been sealed anew under a key.
pub const DATA_KEY_RESEALED: Action = Action("data-key.resealed");
/// A key that nothing used any more was dropped.
pub const DATA_KEY_DROPPED: Action = Action("data-key.dropped");
/// A backup was made.
pub const BACKUP_MADE: Action = Action("backup.made");
/// This database was put in place from a backup.
pub const BACKUP_RESTORED: Action = Action("backup.restored");

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It was asked for and refused.
    Refused,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// An entry to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    act: Act,
    action: Action,
    subject: Option<AccountId>,
    outcome: Outcome,
    detail: Vec<(&'static str, String)>,
}

impl AuditEntry {
    /// Something that was done.
    pub const fn done(act: Act, action: Action) -> Self {
        Self { act, action, subject: None, outcome: Outcome::Done, detail: Vec::new() }
    }

    /// Something that was refused.
    pub const fn refused(act: Act, action: Action) -> Self {
        Self { act, action, subject: None, outcome: Outcome::Refused, detail: Vec::new() }
    }

    /// Whose account it is about, and on whose behalf it was done if the actor is another.
    #[must_use]
    pub const fn about(mut self, account: AccountId) -> Self {
        self.subject = Some(account);
        self
    }

    /// With an id or a short word more. Never a secret, never a text that a person has typed.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        let mut value = value.to_string();
        let mut end = value.len().min(DETAIL_BYTES_MAX);
        while !value.is_char_boundary(end) {
            end -= 1;
        }
        value.truncate(end);
        self.detail.push((name, value));
        self
    }

    fn fields(&self) -> Result<Fields, StoreError> {
        let detail: serde_json::Map<String, serde_json::Value> =
            self.detail.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
        Ok(Fields {
            at: self.act.at,
            actor: self.act.by.to_string(),
            action: self.action.0.into(),
            subject: self.subject,
            outcome: self.outcome.as_str().into(),
            detail: serde_json::to_string(&detail).map_err(|error| StoreError::Broken(error.to_string()))?,
        })
    }
}

/// What an entry says, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) at: Timestamp,
    pub(super) actor: String,
    pub(super) action: String,
    pub(super) subject: Option<AccountId>,
    pub(super) outcome: String,
    pub(super) detail: String,
}

/// An entry as it stands in its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    pub(super) chain: u8,
    pub(super) n: u64,
    pub(super) fields: Fields,
    pub(super) tag: [u8; 32],
}

impl Audited {
    /// Its number in its chain.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// When it was written.
    pub(crate) const fn at(&self) -> Timestamp {
        self.fields.at
    }

    /// Who has done it, as [`Actor`] is written.
    pub(crate) fn actor(&self) -> &str {
        &self.fields.actor
    }

    /// What was done.
    pub(crate) fn action(&self) -> &str {
        &self.fields.action
    }

    /// How it ended.
    pub(crate) fn outcome(&self) -> &str {
        &self.fields.outcome
    }

    /// The ids and short words that say more; its text, if it cannot be read.
    pub(crate) fn detail(&self) -> serde_json::Value {
        let unread = || serde_json::Value::String(self.fields.detail.clone());
        serde_json::from_str(&self.fields.detail).unwrap_or_else(|_| unread())
    }

    /// The entry as a JSON object: `chain`, `n`, `at` (milliseconds since 1970), `actor`, `action`, `subject`, `outcome`,
    /// `detail`.
    pub fn json(&self) -> serde_json::Value {
        let Fields { at, actor, action, subject, outcome, .. } = &self.fields;
        serde_json::json!({
            "chain": self.chain,
            "n": self.n,
            "at": at.as_millis(),
            "actor": actor,
            "action": action,
            "subject": subject.map(|account| account.to_string()),
            "outcome": outcome,
            "detail": self.detail(),
        })
    }
}

impl Tx<'_> {
    /// Writes an entry with whatever else this transaction writes.
    ///
    /// # Errors
    /// [`StoreError`]. Nothing of the transaction may be committed then.
    pub(super) async fn audit(&mut self, entry: AuditEntry) -> Result<(), StoreError> {
        let fields = entry.fields()?;
        sql::audit::append(self.connection, self.audit_key, &fields).await
    }
}

/// An entry by itself: for what is done in another place than this database.
struct Note(AuditEntry);

#[async_trait]
impl Write for Note {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.audit(self.0.clone()).await
    }
}

/// The audit.
impl Store {
    /// Writes an entry about something that is not a fact of this database.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.writer.write(Note(entry)).await
    }

    /// Entries of a chain after a number, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audited(&self, chain: u8, after: u64, max: u32) -> Result<Vec<Audited>, StoreError> {
        sql::audit::of_chain(&self.readers, chain, after, max).await
    }

    /// The newest entries about an account, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audited_of(&self, account: &AccountId, max: u32) -> Result<Vec<Audited>, StoreError> {
        sql::audit::of_account(&self.readers, account, max).await
    }

    /// Entries about an account after the one of that moment and number, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn audited_of_after(
        &self,
        account: &AccountId,
        after: (Timestamp, u64),
        max: u32,
    ) -> Result<Vec<Audited>, StoreError> {
        sql::audit::of_account_after(&self.readers, account, after, max).await
    }

    /// Goes through every chain. Gives where each ends, or the first place at which one is broken. `earlier` are heads
    /// of a former time, which must be in their chains still.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub async fn verify_audit(&self, earlier: &[Head]) -> Result<Result<Vec<Head>, Break>, StoreError> {
        chain::verify(&self.readers, &self.audit_key, earlier).await
    }
}
