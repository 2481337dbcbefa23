//! A request on its way: read, judged, and led to its next step. What is decided is decided in [`super::judge`]; here the
//! facts for it are fetched and its outcome is carried out.
//!
//! Nothing is written before a person has proved who they are: a request waits in the browser, and so does a code.

use super::incoming::Incoming;
use super::judge::{Step, There, Why, judge};
use super::push::reference;
use super::read::{NotRead, Way};
use super::refusal::Addressee;
use super::resume::{Asked, Waiting, WaitingConsent};
use super::{AuthorizationRequest, ErrorCode, Once, Present, Refusal, Unaddressed, Unserved};
use crate::fault::{Fault, NotDone};
use crate::model::{Consent, GrantId};
use crate::oidc::Provider;
use crate::oidc::claim::ClaimSet;
use crate::oidc::client::Client;
use crate::oidc::code::Code;
use crate::oidc::hint::Called;
use crate::oidc::parameters::Parameters;
use crate::oidc::scope::Scopes;
use crate::oidc::trust::{self, Help, Ways};
use aldgate_core::assurance::{Components, IdentityLevel, Vector};
use aldgate_core::id::AccountId;
use aldgate_core::language::Language;
use aldgate_core::session::record::Standing;
use aldgate_core::time::Timestamp;
use aldgate_core::warm::Consumption;
use std::time::Duration;

/// How long what comes of a request may take: less than an answer may, so that its client hears of it.
const SERVED_WITHIN: Duration = Duration::from_secs(8);

/// What a browser is led to.
#[derive(Debug)]
pub(crate) enum Next {
    /// To sign in, in a language if the client has said one, and then back to the request that waits.
    SignIn(Why, String, Option<Language>),
    /// To the request that waits, with the cookies of this host.
    Again(String),
    /// To add what the client wants and the account lacks, and then back to the request that waits.
    Add(Lacking),
    /// To a page that asks for consent.
    Ask(Question),
    /// To its client.
    Leave(String),
    /// To its client with the word that we have failed.
    Fail(Box<Unserved>),
}

/// A question for consent.
#[derive(Debug)]
pub(crate) struct Question {
    /// Who wants to know.
    pub(crate) client: String,
    /// What.
    pub(crate) scopes: Scopes,
    /// What besides, claim by claim.
    pub(crate) claims: ClaimSet,
    /// As far as the person's level goes.
    pub(crate) level: IdentityLevel,
    /// In which language the client has spoken with the person, if it has said so.
    pub(crate) language: Option<Language>,
    /// The question itself, sealed, for the form that answers it.
    pub(crate) sealed: String,
    /// The origin that the form leads to in the end.
    pub(crate) target: String,
}

/// What an account lacks that a client wants.
#[derive(Debug)]
pub(crate) struct Lacking {
    /// Who wants it.
    pub(crate) client: String,
    /// One of these would do.
    pub(crate) ways: Ways,
    /// The request that waits.
    pub(crate) waiting: String,
    /// The origin at which the person ends who adds nothing.
    pub(crate) target: String,
}

/// What a step may come to: a person is told where no client can be.
type Outcome = Result<Next, NotDone<Unaddressed>>;

impl Provider {
    /// A request that has just come, in a browser in which somebody may be signed in. With `cookies` false the browser
    /// came from another site in a way in which it shows no cookie: it is asked to come again.
    pub(crate) async fn begin(
        &self,
        parameters: &Parameters,
        present: Option<Present>,
        cookies: bool,
        now: Timestamp,
    ) -> Outcome {
        let object = parameters.get("request");
        if let (Some(reference), None) = (parameters.get("request_uri").and_then(reference), object) {
            let request = self.pushed(parameters, reference, now).map_err(NotDone::Refused)?;
            if !cookies {
                return self.again(&request, now);
            }
            return self.served(unserved(&request), self.lead(request, present, now)).await;
        }
        let incoming = match self.incoming(parameters, Way::Browser, now) {
            Ok(incoming) => incoming,
            Err(NotRead::Unaddressed(why)) => return Err(NotDone::Refused(why)),
            Err(NotRead::Refused(refusal)) => return Ok(Next::Leave(refusal.address(&self.issuer))),
        };
        let to = unserved(&incoming.request);
        self.served(to, self.come(incoming, present, cookies, now)).await
    }

    /// A request that has come, once its client is known.
    async fn come(&self, of: Incoming, present: Option<Present>, cookies: bool, now: Timestamp) -> Outcome {
        let Incoming { request, assertion, hint } = of;
        let request = match self.about(request, hint.as_deref(), now).await {
            Ok(request) => request,
            Err(NotDone::Refused(refusal)) => return Ok(Next::Leave(refusal.address(&self.issuer))),
            Err(NotDone::Failed(fault)) => return Err(fault.into()),
        };
        let Some(assertion) = assertion else {
            return if cookies { self.lead(request, present, now).await } else { self.again(&request, now) };
        };
        match self.vouched(&request.client, &assertion, now).await {
            Ok(person) => self.lead_vouched(request, person, present, now).await,
            Err(NotDone::Refused(why)) => {
                let refusal = request.refuse(ErrorCode::InvalidRequest, why.to_string());
                Ok(Next::Leave(refusal.address(&self.issuer)))
            }
            Err(NotDone::Failed(fault)) => Err(fault.into()),
        }
    }

    /// What a request comes to; if that fails or takes too long, its client is told.
    async fn served(&self, to: Refusal, outcome: impl Future<Output = Outcome>) -> Outcome {
        let fault = match tokio::time::timeout(SERVED_WITHIN, outcome).await {
            Ok(Err(NotDone::Failed(fault))) => fault,
            Ok(outcome) => return outcome,
            Err(_) => Fault::Late("an authorization request"),
        };
        Ok(Next::Fail(Box::new(Unserved { fault, told: Addressee::of(to, &self.issuer) })))
    }

    /// A request that has waited.
    pub(crate) async fn resume(&self, waiting: &str, present: Option<Present>, now: Timestamp) -> Outcome {
        let request = self.waited(waiting, now).map_err(NotDone::Refused)?;
        self.served(unserved(&request), self.lead(request, present, now)).await
    }

    /// The answer to a question for consent.
    pub(crate) async fn answer(
        &self,
        question: &str,
        allowed: bool,
        present: Option<Present>,
        now: Timestamp,
    ) -> Outcome {
        let asked: WaitingConsent = self.consents.open(question, now).ok_or(NotDone::Refused(Unaddressed::Expired))?;
        let asked = asked.resume(&self.registry, now).map_err(NotDone::Refused)?;
        self.served(unserved(&asked.request), self.decided(asked, allowed, present, now)).await
    }

    /// The same, once its client is known.
    async fn decided(&self, asked: Asked, allowed: bool, present: Option<Present>, now: Timestamp) -> Outcome {
        let Asked { request, person, level } = asked;
        if present != Some(person) {
            // Another session than the one that was asked: it is asked itself.
            return self.lead(request, present, now).await;
        }
        if !allowed {
            let error = request.client.consent_refused().into();
            let refusal = request.refuse(error, "the person did not agree");
            return Ok(Next::Leave(refusal.address(&self.issuer)));
        }
        let there = self.there(&request.client, Some(person), now).await?.filter(|there| there.identity >= level);
        if let (Some(there), Ok(Step::AskConsent(_, vector))) = (there, judge(&request, there, None, now))
            && vector.identity == level
        {
            let claims = request.claims_beside_scopes().bits();
            let given = Consent { scopes: request.scopes.bits(), claims, level, at: now };
            self.store.give_consent(&there.present.account, request.client.id().as_str(), given).await?;
        }
        self.lead(request, Some(person), now).await
    }

    /// From a request and who is there to what comes next.
    async fn lead(&self, request: AuthorizationRequest, present: Option<Present>, now: Timestamp) -> Outcome {
        let step = self.judged(&request, present, now).await?;
        self.take(request, step, now).await
    }

    /// The same for somebody for whom another client vouches. It vouches for who is there, and not for what they want: what
    /// they have not allowed so far is asked of them in their own browser, where they are signed in, and nowhere else.
    async fn lead_vouched(
        &self,
        request: AuthorizationRequest,
        vouched: Option<Present>,
        present: Option<Present>,
        now: Timestamp,
    ) -> Outcome {
        match self.judged(&request, vouched, now).await? {
            Ok(Step::AskConsent(there, _)) => {
                let same = present.filter(|present| present.account == there.present.account);
                self.lead(request, same, now).await
            }
            step => self.take(request, step, now).await,
        }
    }

    /// The judgement, on facts that are read now.
    async fn judged(
        &self,
        request: &AuthorizationRequest,
        present: Option<Present>,
        now: Timestamp,
    ) -> Result<Result<Step, Refusal>, Fault> {
        let there = self.there(&request.client, present, now).await?;
        let consent = match &there {
            Some(there) => self.store.consent(&there.present.account, request.client.id().as_str()).await?,
            None => None,
        };
        Ok(judge(request, there, consent.as_ref(), now))
    }

    /// Takes the step that was judged to be the next.
    async fn take(&self, request: AuthorizationRequest, step: Result<Step, Refusal>, now: Timestamp) -> Outcome {
        Ok(match step {
            Err(refusal) => Next::Leave(refusal.address(&self.issuer)),
            Ok(Step::SignIn(why)) => Next::SignIn(why, self.waiting(&request, now)?, request.language),
            Ok(Step::ShowMore(there)) => self.more(&request, there, now).await?,
            Ok(Step::AskConsent(there, vector)) => {
                Next::Ask(self.question(request, there.present, vector.identity, now)?)
            }
            Ok(Step::Issue(there, vector)) => match self.use_up(&request).await? {
                Ok(()) => Next::Leave(self.code_address(&request, there, vector, now)?),
                Err(once) => {
                    let (error, what) = once.used_before();
                    Next::Leave(request.refuse(error, what).address(&self.issuer))
                }
            },
        })
    }

    /// To a sign-in that shows more, if the person can; to add what they need for it, if they may; else back to the client.
    async fn more(&self, request: &AuthorizationRequest, there: There, now: Timestamp) -> Result<Next, Fault> {
        let ways = self.ways(&there.present.account).await?;
        Ok(match trust::help(&request.vectors, there.identity, ways) {
            Help::Passkey => Next::SignIn(Why::Passkey, self.waiting(request, now)?, request.language),
            Help::Password => Next::SignIn(Why::Password, self.waiting(request, now)?, request.language),
            Help::Add(lacking) if may_add(there) => Next::Add(Lacking {
                client: request.client.name().to_owned(),
                ways: lacking,
                waiting: self.waiting(request, now)?,
                target: request.redirect_uri.origin().to_owned(),
            }),
            // What opens such an account is added with more than a password: with what they have of that, first.
            Help::Add(_) if ways.passkey => Next::SignIn(Why::Passkey, self.waiting(request, now)?, request.language),
            Help::Add(_) if ways.password && ways.second_step => {
                Next::SignIn(Why::Password, self.waiting(request, now)?, request.language)
            }
            Help::Add(_) | Help::Nothing => Next::Leave(unmet(request).address(&self.issuer)),
        })
    }

    /// By what the owner of an account can sign in.
    async fn ways(&self, account: &AccountId) -> Result<Ways, Fault> {
        let password = self.store.account(account).await?.is_some_and(|account| account.password.is_some());
        let second_step = !self.store.second_steps(account).await?.is_empty();
        Ok(Ways { password, second_step, passkey: !self.store.passkeys(account).await?.is_empty() })
    }

    /// The person does not want to add what a request that waits needs: its client is told.
    pub(crate) fn without(&self, waiting: &str, now: Timestamp) -> Result<Next, Unaddressed> {
        Ok(Next::Leave(unmet(&self.waited(waiting, now)?).address(&self.issuer)))
    }

    /// Uses up what a request is good once by, if by anything; gives that back if it was used before.
    pub(super) async fn use_up(&self, request: &AuthorizationRequest) -> Result<Result<(), Once>, Fault> {
        let Some(once) = request.once else { return Ok(Ok(())) };
        Ok(match self.warm.consume(&once.single_use(), request.began.plus(Once::REMEMBERED)).await? {
            Consumption::Consumed => Ok(()),
            Consumption::AlreadyUsed => Err(once),
        })
    }

    fn again(&self, request: &AuthorizationRequest, now: Timestamp) -> Outcome {
        Ok(Next::Again(self.waiting(request, now)?))
    }

    /// Who is there, as the shared tier and the store know it now; nobody, if the session or the account has ended, or the account is
    /// disabled.
    async fn there(&self, client: &Client, present: Option<Present>, now: Timestamp) -> Result<Option<There>, Fault> {
        let Some(present) = present else { return Ok(None) };
        let Some(record) = self.warm.session(&present.session).await? else { return Ok(None) };
        if record.account != present.account || record.standing(record.seen, now) != Standing::Live {
            return Ok(None);
        }
        let account = self.store.account(&present.account).await?.filter(|account| !account.disabled);
        Ok(account.map(|account| There {
            present,
            identity: account.identity,
            components: record.components,
            authenticated: record.authenticated,
            called: Called::of(&self.subject(client, &present.account)),
        }))
    }

    fn question(
        &self,
        request: AuthorizationRequest,
        person: Present,
        level: IdentityLevel,
        now: Timestamp,
    ) -> Result<Question, Fault> {
        let asked = Asked { request, person, level };
        let sealed = self.consents.seal(&WaitingConsent::of(&asked), now)?;
        let Asked { request, .. } = asked;
        Ok(Question {
            client: request.client.name().to_owned(),
            scopes: request.scopes,
            claims: request.claims_beside_scopes(),
            level,
            language: request.language,
            sealed,
            target: request.redirect_uri.origin().to_owned(),
        })
    }

    /// Where the client takes a code.
    fn code_address(
        &self,
        request: &AuthorizationRequest,
        there: There,
        vector: Vector,
        now: Timestamp,
    ) -> Result<String, Fault> {
        let grant = match request.once {
            Some(once) => self.names.grant_of_request(&once.single_use()),
            None => GrantId::random(&*self.entropy)?,
        };
        let code = Code {
            grant,
            person: there.present,
            client: request.client.id().to_string(),
            redirect_uri: request.redirect_uri.digest(),
            scopes: request.scopes,
            resources: request.resources.digests(),
            claims: request.claims,
            vector,
            authenticated: there.authenticated,
            issued: now,
            expires: now.plus(request.client.profile().rules().code),
            challenge: request.challenge,
            nonce: request.nonce.clone(),
            key: request.key,
        };
        let code = self.codes.seal(&code.content(), now)?;
        let mut parameters = vec![("code", code.as_str())];
        parameters.extend(request.state.as_deref().map(|state| ("state", state)));
        parameters.push(("iss", &self.issuer)); // RFC 9207.
        Ok(request.redirect_uri.with(&parameters))
    }

    fn waiting(&self, request: &AuthorizationRequest, now: Timestamp) -> Result<String, Fault> {
        Ok(self.requests.seal(&Waiting::of(request), now)?)
    }

    /// The request that waits.
    pub(crate) fn waited(&self, waiting: &str, now: Timestamp) -> Result<AuthorizationRequest, Unaddressed> {
        let waiting: Waiting = self.requests.open(waiting, now).ok_or(Unaddressed::Expired)?;
        waiting.resume(&self.registry, now)
    }
}

/// How a client is told of a request of its own that we could not serve.
fn unserved(request: &AuthorizationRequest) -> Refusal {
    request.refuse(ErrorCode::ServerError, "the request is good, and could not be served now")
}

/// Whether a session may add what opens its account: where the identity was verified, more than a password must have
/// opened it.
fn may_add(there: There) -> bool {
    let stronger = [Components::DEVICE, Components::SHARED_KEY, Components::PASSKEY];
    there.identity == IdentityLevel::P0 || stronger.iter().any(|one| there.components.meets(*one))
}

fn unmet(request: &AuthorizationRequest) -> Refusal {
    let error = ErrorCode::Unmet(request.client.profile().rules().unmet);
    request.refuse(error, "the person cannot sign in in any of the ways that vtr names")
}
