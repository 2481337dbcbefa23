//! Registering a passkey: the first one of a new account, or one more for somebody who signed in lately.
//!
//! Whoever is signed in adds to their own account, whatever journey lies half-done in the browser: otherwise a stale
//! cookie could make a second account of what was meant as a second passkey.

use super::{Caller, Journey, Journeys, OpenedSession, Proven, RegisterRefused, Stage};
use crate::fault::NotDone;
use crate::model::{NewCredential, WayIn};
use crate::passkey::{
    AnswerRefused, Applicant, Binding, PasskeyName, RegistrationResponse, VerifiedRegistration, first_name,
};
use crate::store::Addition;
use aldgate_core::policy::platform::FRESH;
use aldgate_core::time::Timestamp;
use aldgate_core::token::identity_assertion::VerifiedIdentity;
use aldgate_core::warm::Consumption;
use serde_json::Value;

/// Who registers a passkey.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Registrant<'a> {
    /// Somebody who proved an address and has no account yet.
    Newcomer(&'a Proven),
    /// Somebody who has signed in lately.
    Owner(&'a VerifiedIdentity),
}

/// Nobody who may register a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotSignedIn;

/// How a registration ended well.
#[derive(Debug)]
pub(crate) enum Finished {
    /// There is a new account, and this session of it.
    Registered(OpenedSession),
    /// The account has one more passkey.
    Added,
}

/// Why a passkey was not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasskeyRefused {
    /// The answer does not stand.
    Answer(AnswerRefused),
    /// The challenge was answered before.
    ChallengeUsed,
    /// The passkey is registered already.
    AlreadyRegistered,
    /// The session was opened with a password alone, and that is too little for this account.
    Stronger,
    /// The account has as many passkeys as one may have.
    TooMany,
    /// The address has got an account since the journey began.
    AccountExists,
}

impl<'a> Registrant<'a> {
    /// Who asks.
    pub(crate) fn of(
        identity: Option<&'a VerifiedIdentity>,
        journey: Option<&'a Journey>,
        now: Timestamp,
    ) -> Result<Self, NotSignedIn> {
        match (identity, journey.map(|journey| &journey.stage)) {
            (Some(identity), _) if now.since(identity.authenticated()) <= FRESH => Ok(Self::Owner(identity)),
            (None, Some(Stage::Proven(proven))) => Ok(Self::Newcomer(proven)),
            _ => Err(NotSignedIn),
        }
    }

    /// A newcomer is always asked.
    fn binding(&self, conditional: bool) -> Binding {
        match self {
            Self::Newcomer(proven) => Binding::Journey(*proven.id.as_bytes()),
            Self::Owner(identity) if conditional => Binding::Conditional(identity.session()),
            Self::Owner(identity) => Binding::Session(identity.session()),
        }
    }
}

impl Journeys {
    /// The options of the ceremony.
    pub(crate) async fn passkey_options(
        &self,
        registrant: Registrant<'_>,
        conditional: bool,
        now: Timestamp,
    ) -> Result<Value, crate::fault::Fault> {
        let (account, email, existing) = match registrant {
            Registrant::Newcomer(proven) => (proven.account, proven.email.clone(), Vec::new()),
            Registrant::Owner(identity) => {
                let account = self.owner(identity.account()).await?;
                let existing = self.accounts.passkeys(&account.id).await?;
                (account.id, account.email, existing)
            }
        };
        let applicant = Applicant { account, name: email.as_str() };
        self.registration.options(registrant.binding(conditional), applicant, &existing, now)
    }

    /// Takes the browser's answer.
    pub(crate) async fn register_passkey(
        &self,
        registrant: Registrant<'_>,
        response: RegistrationResponse,
        caller: &Caller,
    ) -> Result<Finished, NotDone<PasskeyRefused>> {
        let account = match registrant {
            Registrant::Newcomer(proven) => proven.account,
            Registrant::Owner(identity) => identity.account(),
        };
        let verified =
            self.registration.verify(registrant.binding(response.conditional), &response, account, caller.now);
        let verified = verified.map_err(|refusal| NotDone::Refused(PasskeyRefused::Answer(refusal)))?;
        self.consume_challenge(&verified).await?;
        let model = self.registration.model(verified.aaguid());
        let new = new_credential(verified, model.and_then(|model| model.name.clone()), response, caller);
        match registrant {
            Registrant::Newcomer(proven) => self.register_with_passkey(proven, new, caller).await,
            Registrant::Owner(identity) => self.add_passkey(identity, new, caller).await,
        }
    }

    async fn consume_challenge(&self, verified: &VerifiedRegistration) -> Result<(), NotDone<PasskeyRefused>> {
        let (value, until) = verified.challenge().single_use();
        match self.warm.consume(&value, until).await? {
            Consumption::Consumed => Ok(()),
            Consumption::AlreadyUsed => Err(NotDone::Refused(PasskeyRefused::ChallengeUsed)),
        }
    }

    async fn register_with_passkey(
        &self,
        proven: &Proven,
        new: NewCredential,
        caller: &Caller,
    ) -> Result<Finished, NotDone<PasskeyRefused>> {
        let created = self.create_account(proven.clone(), WayIn::Passkey(new), caller).await;
        created.map(Finished::Registered).map_err(|refused| {
            refused.in_terms(|refusal| match refusal {
                RegisterRefused::CredentialTaken => PasskeyRefused::AlreadyRegistered,
                RegisterRefused::AccountExists | RegisterRefused::Password(_) => PasskeyRefused::AccountExists,
            })
        })
    }

    async fn add_passkey(
        &self,
        identity: &VerifiedIdentity,
        mut new: NewCredential,
        caller: &Caller,
    ) -> Result<Finished, NotDone<PasskeyRefused>> {
        let account = self.owner(identity.account()).await?;
        if !self.may_bind(identity, &account) {
            return Err(NotDone::Refused(PasskeyRefused::Stronger));
        }
        new.record.identity = account.identity;
        let change = caller.change(&account, identity);
        match self.accounts.add_passkey(change, &new).await? {
            Addition::Added => Ok(Finished::Added),
            Addition::Taken => Err(NotDone::Refused(PasskeyRefused::AlreadyRegistered)),
            Addition::TooMany => Err(NotDone::Refused(PasskeyRefused::TooMany)),
            Addition::NoAccount => Err(crate::fault::Fault::Invariant("whoever is signed in has an account").into()),
        }
    }
}

fn new_credential(
    verified: VerifiedRegistration,
    model: Option<PasskeyName>,
    response: RegistrationResponse,
    caller: &Caller,
) -> NewCredential {
    let aaguid = verified.aaguid();
    let name = first_name(model, aaguid, &response.transports, caller.device, caller.words());
    let (credential_id, record) = verified.into_parts();
    NewCredential {
        credential_id,
        record,
        name: name.as_str().to_owned(),
        aaguid,
        transports: response.transports,
        created: caller.now,
    }
}
