//! `POST /passkey/login`: an assertion in, a session out; the backend is not asked.
//!
//! In this order: read, open the challenge (no look-up for one that is not ours), find the credential, verify, and
//! then one call to warm that consumes the challenge, settles the counter and opens the session, all or nothing.

use crate::exchange::Exchange;
use crate::lookup::WARM_DEADLINE;
use crate::metrics::LoginOutcome;
use crate::passkey::{binding, body};
use crate::problem::Problem;
use crate::refusal::{refusal, refusal_with};
use crate::reply::Reply;
use crate::request::{cookies, language};
use crate::state::EdgeState;
use aldgate_core::assurance::Components;
use aldgate_core::device::Device;
use aldgate_core::entropy::EntropyFailed;
use aldgate_core::id::{AccountId, CredentialDigest, SessionId};
use aldgate_core::language::Language;
use aldgate_core::session::cookie::{self, Found};
use aldgate_core::session::opened_here::{self, Shown};
use aldgate_core::session::record::{Authentication, SessionRecord};
use aldgate_core::time::Timestamp;
use aldgate_core::token::identity_assertion::vector_of_trust;
use aldgate_core::verdict::Permit;
use aldgate_core::warm::{Opening, PasskeyLogin, Settlement, Unavailable};
use aldgate_core::webauthn::assertion::{self, AssertionRefused, VerifiedAssertion};
use aldgate_core::webauthn::challenge::{Ceremony, ChallengeRefused, OpenedChallenge};
use aldgate_core::webauthn::client_data::ClientData;
use aldgate_core::webauthn::json::{AuthenticationResponse, BadMember};
use pingora::protocols::http::ServerSession;

/// Why a log-in ended without a session.
#[derive(Debug)]
enum LoginRefused {
    Body(Problem),
    Member(BadMember),
    Challenge(ChallengeRefused),
    UnknownCredential,
    Assertion(AssertionRefused),
    ChallengeUsed,
    AccountDisabled,
    Unavailable(Unavailable),
    Entropy,
}

impl From<BadMember> for LoginRefused {
    fn from(bad: BadMember) -> Self {
        Self::Member(bad)
    }
}

impl From<ChallengeRefused> for LoginRefused {
    fn from(refused: ChallengeRefused) -> Self {
        Self::Challenge(refused)
    }
}

impl From<AssertionRefused> for LoginRefused {
    fn from(refused: AssertionRefused) -> Self {
        Self::Assertion(refused)
    }
}

impl From<Unavailable> for LoginRefused {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<EntropyFailed> for LoginRefused {
    fn from(_: EntropyFailed) -> Self {
        Self::Entropy
    }
}

impl LoginRefused {
    const fn outcome(&self) -> LoginOutcome {
        match self {
            Self::Body(_) | Self::Member(_) => LoginOutcome::Malformed,
            Self::Challenge(_) => LoginOutcome::Challenge,
            Self::UnknownCredential => LoginOutcome::UnknownCredential,
            Self::Assertion(step) => LoginOutcome::Refused(*step),
            Self::ChallengeUsed => LoginOutcome::ChallengeUsed,
            Self::AccountDisabled => LoginOutcome::AccountDisabled,
            Self::Unavailable(_) | Self::Entropy => LoginOutcome::Unavailable,
        }
    }

    const fn problem(&self) -> Problem {
        match self {
            Self::Body(problem) => *problem,
            Self::Member(_) => Problem::BadRequest,
            Self::Challenge(ChallengeRefused::NotOurs) => Problem::ChallengeInvalid,
            Self::Challenge(ChallengeRefused::Expired) => Problem::ChallengeExpired,
            Self::UnknownCredential => Problem::UnknownCredential,
            Self::Assertion(AssertionRefused::BadSignature) => Problem::BadSignature,
            Self::Assertion(AssertionRefused::UserNotVerified) => Problem::UserNotVerified,
            Self::Assertion(AssertionRefused::UserNotPresent) => Problem::UserNotPresent,
            Self::Assertion(AssertionRefused::CounterRegressed) => Problem::CounterRegressed,
            Self::Assertion(_) => Problem::AssertionRefused,
            Self::ChallengeUsed => Problem::ChallengeUsed,
            Self::AccountDisabled => Problem::AccountDisabled,
            Self::Unavailable(_) => Problem::Unavailable,
            Self::Entropy => Problem::Internal,
        }
    }
}

/// Reads what a log-in says, before it takes a place.
///
/// # Errors
/// The answer to what cannot be read.
pub async fn receive(
    session: &mut ServerSession,
    exchange: &mut Exchange,
    state: &EdgeState,
) -> Result<Vec<u8>, Reply> {
    let read = body::read_json(session).await;
    read.map_err(|problem| refuse(&LoginRefused::Body(problem), session, exchange, state))
}

/// Answers a log-in, whose body lies in the exchange.
pub async fn answer(permit: &Permit, session: &mut ServerSession, exchange: &mut Exchange, state: &EdgeState) -> Reply {
    let Some(body) = exchange.body.take() else {
        return refusal(Problem::Internal, session.req_header(), exchange);
    };
    match log_in(permit, &body, session, exchange, state).await {
        Ok(opened) => {
            state.metrics.login(LoginOutcome::Settled);
            opened_reply(opened, &shown(session), state, exchange.now)
        }
        Err(refused) => refuse(&refused, session, exchange, state),
    }
}

fn refuse(refused: &LoginRefused, session: &ServerSession, exchange: &mut Exchange, state: &EdgeState) -> Reply {
    state.metrics.login(refused.outcome());
    if let LoginRefused::Unavailable(unavailable) = refused
        && state.log_ins_told.may(exchange.now)
    {
        tracing::warn!(%unavailable, "a passkey log-in could not be settled");
    }
    let (detail, field) = match refused {
        LoginRefused::Member(bad) => (Some(bad.to_string()), Some(bad.field)),
        _ => (None, None),
    };
    refusal_with(refused.problem(), session.req_header(), exchange, detail.as_deref(), field)
}

fn opened_reply(opened: (SessionId, SessionRecord), shown: &Shown, state: &EdgeState, now: Timestamp) -> Reply {
    let (session, record) = &opened;
    let token = state.snapshot.load().tag_keys.token(*session, &state.login_host);
    let body = format!(
        r#"{{"account":"{}","session":"{session}","vot":"{}","expires":{}}}"#,
        record.account,
        vector_of_trust(record),
        record.expires.as_secs()
    );
    let noted = state.opened_here.noted(shown, &record.account, now);
    let opened_here = cookie::set(opened_here::COOKIE, &noted, Some(opened_here::LIFETIME.as_secs()));
    let reply = Reply::json(200, body).with("set-cookie", cookie::set(cookie::SESSION, &token, None));
    reply.with("set-cookie", opened_here)
}

/// What the browser shows of the accounts that were opened in it.
fn shown(session: &ServerSession) -> Shown {
    match cookie::find(cookies(session.req_header()), opened_here::COOKIE) {
        Found::One(value) => Shown::parse(value),
        Found::Nothing | Found::Several => Shown::default(),
    }
}

async fn log_in(
    permit: &Permit,
    body: &[u8],
    session: &ServerSession,
    exchange: &Exchange,
    state: &EdgeState,
) -> Result<(SessionId, SessionRecord), LoginRefused> {
    let response = AuthenticationResponse::parse(body)?;
    let response = response.as_assertion();
    let challenge = open_challenge(response.client_data, session, exchange, state)?;
    let asking = async {
        let digest = CredentialDigest::of(response.credential_id);
        let record = state.lookups.credential(&digest, exchange.now).await?.ok_or(LoginRefused::UnknownCredential)?;
        let verified = assertion::verify(&state.relying_party, &challenge, &response, &record)?;
        settle(verified, permit, session, exchange, state).await
    };
    let late = |_| LoginRefused::Unavailable(Unavailable("no answer in time".into()));
    tokio::time::timeout(WARM_DEADLINE, asking).await.map_err(late)?
}

/// Opens the challenge that the client data name, before anything is looked up.
fn open_challenge(
    client_data: &[u8],
    session: &ServerSession,
    exchange: &Exchange,
    state: &EdgeState,
) -> Result<OpenedChallenge, LoginRefused> {
    let data = ClientData::parse(client_data).map_err(|_| AssertionRefused::ClientDataMalformed)?;
    let presented = data.challenge_bytes().ok_or(ChallengeRefused::NotOurs)?;
    let binding = binding::presented(session).ok_or(ChallengeRefused::NotOurs)?;
    let opened = state.challenge_key.open(&presented, Ceremony::Authentication, binding.as_bytes(), exchange.now)?;
    Ok(opened)
}

async fn settle(
    verified: VerifiedAssertion,
    permit: &Permit,
    session: &ServerSession,
    exchange: &Exchange,
    state: &EdgeState,
) -> Result<(SessionId, SessionRecord), LoginRefused> {
    let record = session_record(&verified, session, exchange, state);
    let id = SessionId::random(&record.account, &*state.entropy)?;
    let (challenge, challenge_expires) = verified.challenge().single_use();
    let login = PasskeyLogin {
        challenge,
        challenge_expires,
        credential: verified.record().clone(),
        sign_count: verified.sign_count(),
        backup_state: verified.backup_state(),
        opening: Opening { session: id, record, replaces: permit.session().map(|old| old.session) },
        new_browser: new_browser(&record.account, session, exchange, state),
    };
    let asked = state.hot.ask(exchange.now);
    match state.warm.settle(&login).await? {
        Settlement::Settled => {
            state.hot.admit_session(id, record, asked);
            Ok((id, record))
        }
        Settlement::ChallengeUsed => Err(LoginRefused::ChallengeUsed),
        Settlement::CredentialGone => Err(LoginRefused::UnknownCredential),
        Settlement::AccountDisabled => Err(LoginRefused::AccountDisabled),
        Settlement::CounterRegressed => Err(AssertionRefused::CounterRegressed.into()),
    }
}

/// In which language the account's owner is to be told of this browser, if it was not opened in it before.
fn new_browser(
    account: &AccountId,
    session: &ServerSession,
    exchange: &Exchange,
    state: &EdgeState,
) -> Option<Language> {
    let is_new = !state.opened_here.knows(&shown(session), account, exchange.now);
    is_new.then(|| language(session.req_header()))
}

fn session_record(
    verified: &VerifiedAssertion,
    session: &ServerSession,
    exchange: &Exchange,
    state: &EdgeState,
) -> SessionRecord {
    let agent = session.req_header().headers.get(http::header::USER_AGENT);
    let device = agent.and_then(|value| value.to_str().ok()).map_or_else(Device::default, Device::from_user_agent);
    // Without user verification a passkey shows possession of the device, no more.
    let components = if verified.user_verified() { Components::PASSKEY } else { Components::DEVICE };
    let by = Authentication {
        account: verified.record().account,
        credential: Some(verified.record().digest),
        identity: verified.record().identity,
        components,
    };
    SessionRecord::open(by, state.lifetimes, device, exchange.now)
}
