//! The store: the backend's facts on SQLite or PostgreSQL, by domain verbs. Whoever calls it knows no row, no statement
//! and no kind of database.
//!
//! On SQLite one file, one writer ([`writer`]) and a few readers; on PostgreSQL many connections, and transactions that
//! are run again when they were overtaken ([`transactions`]). A write that is acknowledged is on the disk; a read sees
//! every write that was acknowledged before it. Whatever must be decided on the newest state (is the address taken, is
//! this the last way in, is an attempt left) is decided inside the write's transaction, never by a read before it.
//!
//! One struct, no trait over two: every statement has one text ([`sql`]), so that a second implementation would differ
//! in nothing but how a transaction is run. The embedded warm tier at the end of this file is SQLite's alone.
//! E-mail addresses are sealed ([`seal`]). Time is an argument.

pub mod audit;
mod backup;
mod checkpointer;
pub(crate) mod client;
mod client_session;
#[cfg(test)]
mod conformance;
mod contact;
mod data_key;
pub mod delivery;
mod grant;
mod job;
mod key_files;
mod key_program;
mod new_browser;
mod open;
mod person;
mod pulse;
mod reseal;
mod seal;
mod second_step;
mod settling;
pub(crate) mod signing_key;
mod sql;
#[cfg(test)]
pub(crate) mod tests;
mod transactions;
mod wrapped_keys;
mod writer;
mod writes;

use crate::model::{
    Account, DisabledAccount, DisabledFor, EmailAddress, Ending, NewAccount, NewCredential, News, Passkey,
    PasswordHash, WayIn,
};
use aldgate_core::entropy::Entropy;
use aldgate_core::id::{AccountId, CredentialDigest, Lane, SessionId, SingleUse};
use aldgate_core::secret::MasterKey;
use aldgate_core::session::record::SessionRecord;
use aldgate_core::time::{Clock, Timestamp};
use aldgate_core::warm::change::{Change, Follower, Followers};
use aldgate_core::warm::login_event::LoginEvent;
use aldgate_core::warm::{Opening, PasskeyLogin, Settlement};
use aldgate_core::webauthn::credential::CredentialRecord;
use audit::Act;
use audit::chain::AuditKey;
pub use backup::Unfit;
use checkpointer::Checkpointer;
pub use client_session::ServedFrom;
#[cfg(test)]
pub(crate) use client_session::TOLD_FOR;
pub(crate) use client_session::{FAREWELL, LOGOUT};
pub(crate) use contact::distrusted_from;
pub use contact::{ChangeId, ContactKind, Distrust, EmailChange, Once, Recovery, TakenAway, UNDO_WITHIN, Undoing};
pub use data_key::{DATA_KEY_BYTES, DataKey, DataKeys, KeyId, KeysFailed, NotDropped, Unopened};
use delivery::Outgoing;
pub use grant::{Redemption, Rotation};
use job::Given;
pub use key_files::KeyFiles;
pub use key_program::{BadProgram, KeyProgram};
pub use new_browser::NewBrowser;
pub use open::OpenError;
pub use open::postgres::{BadUrl, Server, ServerOptions};
pub use person::Verification;
use pulse::Pulse;
use seal::Sealer;
pub use second_step::StepRemoval;
use settling::Settling;
use sql::Readers;
use sql::account::NewRow;
use sql::passkey::NewPasskey;
use sql::sweep::{Expiring, STEP_ROWS_MAX};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use transactions::Transactions;
pub use wrapped_keys::WrappedKeys;
use writer::Writer;
use writes::{Database, Writes};

/// Most passkeys of one account: enough for every device of a person, few enough to list on a page.
pub const PASSKEYS_MAX: u32 = 20;

/// How long a single-use value is remembered beyond its end: a request that was judged just before the end may still
/// be on its way to be settled.
const SWEEP_GRACE: Duration = Duration::from_secs(60);

/// The store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too much waits already, or another process writes; nothing was changed. It may work in a moment.
    #[error("the database is busy")]
    Busy,
    /// The session for which it was to be done has ended. Nothing was changed.
    #[error("the session has ended")]
    SessionEnded,
    /// It does not work, and trying again will not help. Nothing was changed.
    #[error("the database failed: {0}")]
    Broken(String),
}

/// The session in which somebody wants a change of their account. The gate has seen that it stands; whoever ends all sessions of
/// the account (its owner locks it, or replaces the password) may come between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InSession {
    /// The account.
    pub account: AccountId,
    /// The session.
    pub session: SessionId,
    /// When its owner has signed in; no more exactly than to the second.
    pub authenticated: Timestamp,
}

/// How the creation of an account ended. Only `Created` has changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Creation {
    /// It stands.
    Created,
    /// The address belongs to an account.
    EmailTaken,
    /// The passkey belongs to an account.
    CredentialTaken,
}

/// How the adding of a passkey ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Addition {
    /// It opens the account from now on.
    Added,
    /// It is registered already, here or elsewhere.
    Taken,
    /// The account has [`PASSKEYS_MAX`].
    TooMany,
    /// There is no such account.
    NoAccount,
}

/// How the removal of a passkey ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Removal {
    /// It opens nothing any more.
    Removed,
    /// Nothing else would open the account.
    LastWayIn,
    /// The account has no such passkey.
    NotFound,
}

/// How the disabling or enabling of an account ended. Only `Done` has changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Switching {
    /// It is as was wanted.
    Done,
    /// It was so already.
    AsItWas,
    /// There is no such account.
    NoAccount,
}

/// What the shared tier has not been told of: a kind of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Passkeys that are worth another thing than before.
    Passkeys,
    /// Sessions that end.
    Sessions,
    /// Access tokens that end.
    Tokens,
}

impl Queue {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Passkeys, Self::Sessions, Self::Tokens];
}

/// What an attempt counts for: at most `limit` under `key` in a `window`, which opens with the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// Whose attempts are counted together.
    pub key: [u8; 32],
    /// How many.
    pub limit: u32,
    /// In how long.
    pub window: Duration,
}

/// For how long refused sign-ins of one account are counted together: so many entries of the audit can somebody cause who
/// hammers at it, and no more.
const REFUSALS_WINDOW: Duration = Duration::from_hours(1);

/// Why somebody was not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInRefusal {
    /// There were too many attempts.
    Throttled,
    /// After a right password, the second step was wrong.
    SecondStep,
}

/// A log-in that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastLogIn {
    /// Its number among all: later ones have higher ones.
    pub(crate) n: u64,
    /// When.
    pub at: Timestamp,
    /// With which passkey; `None` for a password.
    pub passkey: Option<CredentialDigest>,
}

/// Whether an attempt may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Attempt {
    /// It may, and is counted already.
    Granted {
        /// How many are left after it under each of the keys, in their order.
        left: Vec<u32>,
    },
    /// None is left.
    Exhausted {
        /// When there will be some again.
        until: Timestamp,
        /// Under which of the keys, by its place.
        at: usize,
    },
}

/// The store. A copy is the same store.
#[derive(Clone)]
pub struct Store {
    readers: Readers,
    writer: Writes,
    sealer: Arc<Sealer>,
    audit_key: Arc<AuditKey>,
    followers: Arc<Followers>,
    pulse: Arc<Pulse>,
}

/// Opening and closing.
impl Store {
    /// Opens the database at `path`, which is created or brought up to date if need be.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(path: &Path, master: &MasterKey, entropy: Arc<dyn Entropy>) -> Result<Self, OpenError> {
        let broken = |error: StoreError| OpenError::Broken { path: path.into(), cause: error.to_string() };
        let sealer = Arc::new(Sealer::new(master, entropy).map_err(broken)?);
        let open::sqlite::Connections { writer, checkpoints, readers } = open::sqlite::connect(path).await?;
        let (followers, audit_key) = (Arc::new(Followers::default()), Arc::new(AuditKey::of(master)));
        let given = Given { followers: followers.clone(), audit_key: audit_key.clone(), sealer: sealer.clone() };
        let writer = Writer::start(writer, Checkpointer::start(checkpoints), given);
        let writer = Writes::by(Database::Embedded(writer));
        let pulse = Arc::new(Pulse::of_this_process());
        Ok(Self { readers: Readers::Sqlite(readers), writer, sealer, audit_key, followers, pulse })
    }

    /// Connects to a database on PostgreSQL, which is brought up to date if need be, by at most so many connections, and
    /// one more for [`Store::watch_database`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn connect(
        server: &Server,
        connections: u32,
        master: &MasterKey,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, OpenError> {
        let broken =
            |error: StoreError| OpenError::Postgres { server: server.shown().into(), cause: error.to_string() };
        let sealer = Arc::new(Sealer::new(master, entropy).map_err(broken)?);
        let pool = open::postgres::connect(server, connections).await?;
        let (followers, audit_key) = (Arc::new(Followers::default()), Arc::new(AuditKey::of(master)));
        let given = Given { followers: followers.clone(), audit_key: audit_key.clone(), sealer: sealer.clone() };
        let writer = Writes::by(Database::Postgres(Transactions::new(pool.clone(), given)));
        let pulse = Arc::new(Pulse::of(server));
        Ok(Self { readers: Readers::Postgres(pool), writer, sealer, audit_key, followers, pulse })
    }

    /// A store on the same database with a ring of data keys of its own, as another process has one.
    #[cfg(test)]
    pub(crate) fn another(&self, master: &MasterKey, entropy: Arc<dyn Entropy>) -> Self {
        Self { sealer: Arc::new(Sealer::new(master, entropy).expect("a sealer")), ..self.clone() }
    }

    /// The same store, which has these delivered of whatever it changes: for the one write of a fact that somebody must
    /// hear of.
    pub(crate) fn telling(&self, told: Vec<Outgoing>) -> Self {
        Self { writer: self.writer.telling(told), ..self.clone() }
    }

    /// The same store, for whoever is in this session: while it stands, else every write is [`StoreError::SessionEnded`].
    pub fn within(&self, session: InSession) -> Self {
        Self { writer: self.writer.within(session), ..self.clone() }
    }

    /// Whether the database was there when it was asked last, by [`Store::watch_database`]. It need not be able to do
    /// anything.
    pub fn answers(&self) -> bool {
        self.pulse.beats()
    }

    /// Asks for ever whether the database is there.
    pub(crate) async fn watch_database(&self) {
        self.pulse.watch().await;
    }

    /// Writes what waits and closes the database. Every later call fails.
    pub async fn close(&self) {
        self.readers.close().await; // First: the last to close empties the log, which a reader cannot.
        self.writer.close().await;
    }
}

/// Accounts.
impl Store {
    /// Creates an account, unless its address or its passkey belongs to another.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_account(&self, new: &NewAccount) -> Result<Creation, StoreError> {
        self.writer.write(sql::account::Create(self.row(new)?)).await
    }

    /// Creates many accounts, all or none: the population of a load test. Ten thousand a call are a good measure.
    ///
    /// # Errors
    /// [`StoreError`], also if one of the addresses or passkeys is taken.
    pub async fn insert_accounts(&self, new: &[NewAccount]) -> Result<(), StoreError> {
        let rows = new.iter().map(|new| self.row(new)).collect::<Result<_, _>>()?;
        self.writer.write(sql::account::CreateAll(rows)).await
    }

    fn row(&self, new: &NewAccount) -> Result<NewRow, StoreError> {
        let (passkey, password) = match &new.way_in {
            WayIn::Passkey(credential) => (Some(NewPasskey(credential.clone())), None),
            WayIn::Password(password) => (None, Some(password.clone())),
        };
        let email = self.sealer.seal(&new.id, &new.email)?;
        let email_digest = self.sealer.digest(&new.email);
        Ok(NewRow { id: new.id, email, email_digest, created: new.created, password, passkey })
    }

    /// The account of this id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account(&self, account: &AccountId) -> Result<Option<Account>, StoreError> {
        sql::account::by_id(&self.readers, &self.sealer, account).await
    }

    /// The account of this address, in whatever case it is written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account_by_email(&self, email: &EmailAddress) -> Result<Option<Account>, StoreError> {
        sql::account::by_email(&self.readers, &self.sealer, self.sealer.digest(email)).await
    }

    /// Sets an account's password in the place of `present`, the one that was verified, and ends every session of it but
    /// `keep`, at once: whoever knew the old one is out, whatever becomes of the request that changed it. False if the
    /// account has another password by now, or there is no such account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_password(
        &self,
        account: &AccountId,
        present: Option<&PasswordHash>,
        password: &PasswordHash,
        keep: Option<SessionId>,
        act: Act,
    ) -> Result<bool, StoreError> {
        let (present, password) = (present.cloned(), password.clone());
        self.writer.write(sql::account::SetPassword { account: *account, present, password, keep, act }).await
    }

    /// Keeps the same password under another hash, unless that was changed meanwhile. False if it was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renew_hash(
        &self,
        account: &AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let renewal = sql::account::RenewHash { account: *account, old: old.clone(), new: new.clone() };
        self.writer.write(renewal).await
    }
}

/// Passkeys.
impl Store {
    /// What a log-in needs of a passkey.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn credential(&self, digest: &CredentialDigest) -> Result<Option<CredentialRecord>, StoreError> {
        sql::passkey::credential(&self.readers, digest).await
    }

    /// What log-ins need of the passkeys of an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn credentials_of(&self, account: &AccountId) -> Result<Vec<CredentialRecord>, StoreError> {
        sql::passkey::records(&self.readers, account).await
    }

    /// The passkeys of an account, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn passkeys(&self, account: &AccountId) -> Result<Vec<Passkey>, StoreError> {
        sql::passkey::list(&self.readers, account).await
    }

    /// Adds a passkey to an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_passkey(&self, account: &AccountId, new: &NewCredential) -> Result<Addition, StoreError> {
        self.writer.write(sql::passkey::Add { account: *account, passkey: NewPasskey(new.clone()) }).await
    }

    /// Gives a passkey another name. False if the account has no such passkey.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rename_passkey(
        &self,
        account: &AccountId,
        digest: &CredentialDigest,
        name: &str,
        act: Act,
    ) -> Result<bool, StoreError> {
        self.writer.write(sql::passkey::Rename { account: *account, digest: *digest, name: name.into(), act }).await
    }

    /// Removes a passkey, unless nothing else would open the account, and at once ends the sessions that it opened, but
    /// for `keep`. The followers hear of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_passkey(
        &self,
        account: &AccountId,
        digest: &CredentialDigest,
        keep: Option<SessionId>,
        act: Act,
    ) -> Result<Removal, StoreError> {
        self.writer.write(sql::passkey::Remove { account: *account, digest: *digest, keep, act }).await
    }
}

/// What the shared tier has not been told of ([`crate::herald`]).
impl Store {
    /// The oldest of a queue after the number `after`, with the numbers by which [`Store::told`] forgets them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn untold(&self, queue: Queue, after: i64, max: u32) -> Result<Vec<(i64, News)>, StoreError> {
        sql::untold::of_queue(&self.readers, queue, after, max).await
    }

    /// Forgets some of a queue: the shared tier knows.
    ///
    /// # Errors
    /// [`StoreError`]. They are told again then.
    pub(crate) async fn told(&self, queue: Queue, numbers: Vec<i64>) -> Result<(), StoreError> {
        self.writer.write(sql::untold::Told { queue, numbers }).await
    }
}

/// Disabled accounts.
impl Store {
    /// Disables an account: nothing opens it from now on, every session of it ends and every grant, and nothing that its
    /// owner can do changes that.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn disable_account(
        &self,
        account: &AccountId,
        reason: DisabledFor,
        act: Act,
    ) -> Result<Switching, StoreError> {
        self.writer.write(sql::disabled::Disable { account: *account, reason, act }).await
    }

    /// Enables an account again. Its owner signs in anew, and services ask anew for what they were given.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enable_account(&self, account: &AccountId, act: Act) -> Result<Switching, StoreError> {
        self.writer.write(sql::disabled::Enable { account: *account, act }).await
    }

    /// Since when and why an account is disabled, if it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn disabled_account(&self, account: &AccountId) -> Result<Option<DisabledAccount>, StoreError> {
        sql::disabled::by_id(&self.readers, account).await
    }
}

/// Log-ins that happened.
impl Store {
    /// The log-ins of an account after one of them, by its number; oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn log_ins_of(
        &self,
        account: &AccountId,
        after: u64,
        max: u32,
    ) -> Result<Vec<PastLogIn>, StoreError> {
        sql::login::of_account(&self.readers, account, after, max).await
    }
}

/// Log-ins that another tier than ours has settled ([`crate::settler`]).
impl Store {
    /// Up to which of its log-ins a lane is settled here; zero for none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn settled_through(&self, lane: Lane) -> Result<u64, StoreError> {
        sql::login::settled_through(&self.readers, lane).await
    }

    /// Writes log-ins of a lane down, with their numbers, oldest first: counters, last uses, events. One that is given
    /// twice counts once. Gives how many were new.
    ///
    /// # Errors
    /// [`StoreError`]; none of them is written then.
    pub(crate) async fn settle_log_ins(&self, lane: Lane, events: Vec<(u64, LoginEvent)>) -> Result<usize, StoreError> {
        self.writer.write(sql::login::Settle { lane, events }).await
    }
}

/// Attempts.
impl Store {
    /// Counts an attempt before it is made, in one write, under each of these keys in turn. The first that has none left
    /// ends it: what stands before it is counted, what follows is not.
    ///
    /// # Errors
    /// [`StoreError`]. No attempt may be made then.
    pub async fn reserve_attempt(&self, under: Vec<Reservation>, now: Timestamp) -> Result<Attempt, StoreError> {
        self.writer.write(sql::attempt::Reserve { under, now }).await
    }

    /// Takes back one attempt that was reserved under these keys and could not be made.
    ///
    /// # Errors
    /// [`StoreError`]. It stays counted then.
    pub async fn give_back_attempt(&self, keys: Vec<[u8; 32]>) -> Result<(), StoreError> {
        self.writer.write(sql::attempt::GiveBack(keys)).await
    }

    /// Counts a refused sign-in of whoever has this address, if anybody has: that is found out when the window is over
    /// and the audit is told, so that an address with an account is not told from one without.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_refusal(
        &self,
        email: &EmailAddress,
        refusal: SignInRefusal,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let throttled = refusal == SignInRefusal::Throttled;
        let ends = now.plus(REFUSALS_WINDOW);
        self.writer.write(sql::refusal::Count { digest: self.sealer.digest(email), throttled, now, ends }).await
    }

    /// Forgets the attempts that were counted under these keys.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear_attempts(&self, keys: Vec<[u8; 32]>) -> Result<(), StoreError> {
        self.writer.write(sql::attempt::Clear(keys)).await
    }
}

/// Sweeping.
impl Store {
    /// Deletes single-use values, attempts, sessions and grants that have ended, in steps between which others may write;
    /// refused sign-ins whose window is over go into the audit.
    /// Gives how many rows went.
    ///
    /// # Errors
    /// [`StoreError`]. What was deleted before stays deleted.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        let grace = u64::try_from(SWEEP_GRACE.as_millis()).unwrap_or(0);
        let mut swept = 0;
        loop {
            let closed = self.writer.write(sql::refusal::Close { until: now, most: STEP_ROWS_MAX }).await?;
            swept += closed;
            if closed < STEP_ROWS_MAX {
                break;
            }
        }
        let warm = if self.writer.are_embedded() { &Expiring::WARM[..] } else { &[] };
        for what in Expiring::COLD.iter().chain(warm).copied() {
            let outlives = u64::try_from(what.outlives().as_millis()).unwrap_or(u64::MAX);
            let until = Timestamp::from_millis(now.as_millis().saturating_sub(grace).saturating_sub(outlives));
            loop {
                let step = self.writer.write(sql::sweep::Step { what, until }).await?;
                swept += step;
                if step < STEP_ROWS_MAX {
                    break;
                }
            }
        }
        Ok(swept)
    }

    /// Sweeps for as long as it is polled.
    pub(crate) async fn run_sweeper(&self, clock: &dyn Clock, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            match self.sweep(clock.now()).await {
                Ok(rows) => tracing::debug!(rows, "expired rows were deleted"),
                Err(error) => tracing::warn!(%error, "expired rows were not deleted; the next sweep tries again"),
            }
        }
    }
}

/// What the embedded warm tier stands on ([`crate::warm::embedded`]).
impl Store {
    pub(crate) fn follow(&self, follower: Arc<dyn Follower>) {
        self.followers.add(follower);
    }

    pub(crate) fn tell(&self, change: &Change) {
        self.followers.tell(change);
    }

    pub(crate) async fn settle(&self, login: &PasskeyLogin) -> Result<Settlement, StoreError> {
        self.writer.settle(Settling::login(login)).await
    }

    pub(crate) async fn open_session(&self, opening: &Opening) -> Result<Settlement, StoreError> {
        self.writer.settle(Settling::opening(opening)).await
    }

    pub(crate) async fn consume(&self, value: &SingleUse, until: Timestamp) -> Result<Settlement, StoreError> {
        self.writer.settle(Settling::consumption(*value, until)).await
    }

    pub(crate) async fn is_consumed(&self, value: &SingleUse) -> Result<bool, StoreError> {
        sql::session::is_consumed(&self.readers, value).await
    }

    pub(crate) async fn session(&self, session: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        sql::session::by_id(&self.readers, session).await
    }

    pub(crate) async fn sessions_of(&self, account: &AccountId) -> Result<Vec<(SessionId, SessionRecord)>, StoreError> {
        sql::session::of_account(&self.readers, account).await
    }

    pub(crate) async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<(), StoreError> {
        if seen.is_empty() {
            return Ok(());
        }
        self.writer.write(sql::session::Touch(seen.to_vec())).await
    }

    pub(crate) async fn end(&self, account: &AccountId, ending: Ending) -> Result<usize, StoreError> {
        self.writer.write(sql::session::End { account: *account, ending }).await
    }
}
