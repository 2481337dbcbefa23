//! The journeys: what people come here to do, each a list of steps over the methods below.
//!
//! The methods (passkey, password, one-time code) know nothing of one another; here they meet. No word of HTTP is
//! spoken: a journey takes typed values and gives a value or a refusal.

mod attempts;
mod enrol;
pub(crate) mod known_device;
mod manage;
mod new_browser;
pub(crate) mod offer;
pub(crate) mod own_data;
mod passkeys;
mod recover;
mod register;
pub(crate) mod remembered;
mod return_to;
pub(crate) mod sealed;
mod second_step;
mod sign_in;
mod sign_out;
mod stage;

pub(crate) use attempts::Exhausted;
pub(crate) use enrol::{EnrolRefused, ProofRefused, StepKept};
pub(crate) use manage::{Overview, PasswordNotChanged, RemovalRefused};
pub(crate) use passkeys::{Finished, PasskeyRefused, Registrant};
pub(crate) use recover::{CloseRefused, ResetRefused, UndoRefused};
pub(crate) use register::{CodeRefused, RegisterRefused, ResendRefused};
pub(crate) use return_to::ReturnTo;
pub(crate) use second_step::{SendingRefused, StepRefused, SteppedIn};
pub(crate) use sign_in::{SignInRefused, SignedIn};
pub(crate) use stage::{
    AddingApp, AwaitingCode, AwaitingStep, Contact, Journey, Proven, ProvingContact, SigningIn, Stage,
};

use crate::account::{Accounts, Change};
use crate::fault::Fault;
use crate::link_token::LinkTokens;
use crate::model::telephone::Countries;
use crate::model::{Account, EmailAddress};
use crate::notifier::Post;
use crate::one_time_code::OneTimeCodes;
use crate::passkey::Registration;
use crate::password::{Beside, Passwords, Rules};
use crate::recovery_code::RecoveryCodes;
use crate::store::Store;
use crate::words::Words;
use aldgate_core::device::Device;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::language::Language;
use aldgate_core::secret::MasterKey;
use aldgate_core::session::opened_here::{OpenedHere, Shown};
use aldgate_core::session::record::{Authentication, Lifetimes, SessionRecord};
use aldgate_core::session::token::TagKeys;
use aldgate_core::time::Timestamp;
use aldgate_core::token::identity_assertion::VerifiedIdentity;
use aldgate_core::warm::{Opening, Warm};
use attempts::Attempts;
use known_device::{KnownDevices, ShownDevice};
use remembered::ShownBrowser;
use sealed::Sealer;
use std::net::IpAddr;
use std::sync::Arc;

/// Who asks, as far as the connection tells, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    /// Now: one moment for the whole request.
    pub(crate) now: Timestamp,
    /// The client's address.
    pub(crate) client: IpAddr,
    /// The kind of browser.
    pub(crate) device: Device,
    /// What the browser shows for having signed in before.
    pub(crate) shown_device: Option<ShownDevice>,
    /// What the browser shows for being remembered.
    pub(crate) shown_browser: Option<ShownBrowser>,
    /// What the browser shows of the accounts that were opened in it.
    pub(crate) opened_here: Shown,
    /// Whether somebody has said in this browser lately that they want no passkey ([`offer`]).
    pub(crate) has_said_not_now: bool,
    /// The session that the request came in, to be replaced by a new one.
    pub(crate) session: Option<SessionId>,
    /// The language that the person reads.
    pub(crate) language: Language,
}

impl Caller {
    /// A change that the owner of an account makes in this request.
    fn change<'a>(&self, account: &'a Account, identity: &VerifiedIdentity) -> Change<'a> {
        let (session, authenticated) = (identity.session(), identity.authenticated());
        Change { account, session, authenticated, now: self.now, words: self.words() }
    }

    /// The messages in that language.
    pub(crate) const fn words(&self) -> Words {
        Words(self.language)
    }
}

/// A session that was just opened: by what, and what goes into the browser's cookies.
#[derive(Debug)]
pub(crate) struct OpenedSession {
    by: Authentication,
    session: SessionId,
    token: String,
    opened_here: String,
}

impl OpenedSession {
    /// The token, for the one cookie that carries it.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// What the browser shows from now on of the accounts that were opened in it.
    pub(crate) fn opened_here(&self) -> &str {
        &self.opened_here
    }
}

/// All that journeys are made with.
pub(crate) struct Journeys {
    pub(crate) accounts: Accounts,
    pub(crate) store: Store,
    pub(crate) warm: Arc<dyn Warm>,
    pub(crate) post: Arc<Post>,
    pub(crate) codes: OneTimeCodes,
    pub(crate) passwords: Passwords,
    pub(crate) password_rules: Rules,
    pub(crate) registration: Registration,
    pub(crate) sealer: Sealer,
    pub(crate) known_devices: KnownDevices,
    pub(crate) opened_here: OpenedHere,
    pub(crate) links: Arc<LinkTokens>,
    pub(crate) recovery_codes: RecoveryCodes,
    pub(crate) master: Arc<MasterKey>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) lifetimes: Lifetimes,
    /// Countries whose numbers are written to and called.
    pub(crate) countries: Countries,
    /// The host that session cookies are for, in lower case.
    pub(crate) login_host: String,
}

impl Journeys {
    /// The cookie's value for a journey.
    pub(crate) fn seal(&self, journey: &Journey, now: Timestamp) -> Result<String, EntropyFailed> {
        self.sealer.seal(journey, now)
    }

    /// The journey in a cookie's value, if there is one.
    pub(crate) fn open(&self, cookie: &[u8], now: Timestamp) -> Option<Journey> {
        self.sealer.open(cookie, now)
    }

    /// The value of the cookie by which this browser is known, in which the account's password was right just now.
    pub(crate) fn remember_device(&self, email: &EmailAddress, now: Timestamp) -> Result<String, EntropyFailed> {
        self.known_devices.remember(email, now, &*self.entropy)
    }

    /// Shortest password of an account that asks for nothing else, in characters.
    pub(crate) const fn chars_min(&self) -> usize {
        self.password_rules.chars_min(Beside::Nothing)
    }

    /// Shortest new password of an account.
    pub(crate) async fn chars_min_of(&self, account: &Account) -> Result<usize, Fault> {
        Ok(self.password_rules.chars_min(self.beside(account).await?))
    }

    fn attempts(&self) -> Attempts<'_> {
        Attempts(&self.store)
    }

    /// Opens a session for somebody who has just proved who they are, in the place of the one they came in.
    async fn open_session(&self, by: Authentication, caller: &Caller) -> Result<OpenedSession, Fault> {
        let session = SessionId::random(&by.account, &*self.entropy)?;
        let record = SessionRecord::open(by, self.lifetimes, caller.device, caller.now);
        self.warm.open_session(&Opening { session, record, replaces: caller.session }).await?;
        let token = TagKeys::at(&self.master, caller.now).token(session, &self.login_host);
        let opened_here = self.opened_here.noted(&caller.opened_here, &by.account, caller.now);
        Ok(OpenedSession { by, session, token, opened_here })
    }

    /// The account of somebody who is signed in.
    async fn owner(&self, id: AccountId) -> Result<Account, Fault> {
        let account = self.accounts.find(&id).await?;
        account.ok_or(Fault::Invariant("whoever is signed in has an account"))
    }
}
