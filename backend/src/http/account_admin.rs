//! What administrators do with accounts, on the socket of their own ([`super::admin`]).
//!
//! | | |
//! |---|---|
//! | `POST /accounts/find` | the account of an `email` or an `nhs_number`: in a body, since addresses are written into logs |
//! | `GET /accounts/{id}` | since when it stands, at which level, and whether and why it is disabled |
//! | `POST /accounts/{id}/disable` | `reason` (one of a few words) and `by`: nobody signs in, and all that was given ends, from the answer on |
//! | `POST /accounts/{id}/enable` | `by`: its owner may sign in again |

use super::Shared;
use super::admin::{failed, problem};
use super::json::json_object;
use crate::fault::Fault;
use crate::model::{Account, DisabledAccount, DisabledFor, EmailAddress, NhsNumber};
use crate::store::Switching;
use crate::store::audit::{Act, Actor};
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Longest name of who does it, in bytes.
const BY_BYTES_MAX: usize = 64;

/// The routes.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/accounts/find", post(find))
        .route("/accounts/{id}", get(tell))
        .route("/accounts/{id}/disable", post(disable))
        .route("/accounts/{id}/enable", post(enable))
}

/// By what an account is found.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Wanted {
    Email(String),
    NhsNumber(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disabling {
    reason: String,
    by: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enabling {
    by: String,
}

/// Why an administrator is told something else than what they asked for.
enum Refused {
    Bad(String),
    NoAccount,
    Failed(Fault),
}

impl<F: Into<Fault>> From<F> for Refused {
    fn from(fault: F) -> Self {
        Self::Failed(fault.into())
    }
}

impl Refused {
    fn answer(self) -> Response {
        match self {
            Self::Bad(what) => problem(StatusCode::BAD_REQUEST, &what),
            Self::NoAccount => problem(StatusCode::NOT_FOUND, "there is no such account"),
            Self::Failed(fault) => failed(fault),
        }
    }
}

fn bad(field: &'static str, why: impl std::fmt::Display) -> Refused {
    Refused::Bad(format!("{field}: {why}"))
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    let members = json_object(body).map_err(|bad| Refused::Bad(bad.to_string()))?;
    serde_json::from_value(Value::Object(members)).map_err(|bad| Refused::Bad(bad.to_string()))
}

fn account_id(text: &str) -> Result<AccountId, Refused> {
    text.parse().map_err(|_| Refused::NoAccount)
}

/// Who does it, as they say: whoever can open the socket can say anything, and this is for honest people's records.
fn act(by: &str, now: Timestamp) -> Result<Act, Refused> {
    if by.is_empty() || by.len() > BY_BYTES_MAX || !by.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad("by", "must be a name of 1 to 64 letters, digits and signs, without spaces"));
    }
    Ok(Act { by: Actor::Operator(by.to_owned()), at: now })
}

async fn find(State(front): State<Shared>, body: Bytes) -> Response {
    let found = async {
        let found = match read(&body)? {
            Wanted::Email(text) => {
                let email = EmailAddress::parse(&text).map_err(|_| bad("email", "must be an e-mail address"))?;
                front.journeys.store.account_by_email(&email).await?
            }
            Wanted::NhsNumber(text) => {
                let number = NhsNumber::parse(&text).map_err(|why| bad("nhs_number", why))?;
                front.journeys.store.account_by_nhs_number(&number).await?
            }
        };
        told(&front, found).await
    };
    found.await.unwrap_or_else(Refused::answer)
}

async fn tell(State(front): State<Shared>, Path(id): Path<String>) -> Response {
    let told = async { told_of(&front, &account_id(&id)?).await };
    told.await.unwrap_or_else(Refused::answer)
}

async fn disable(State(front): State<Shared>, Path(id): Path<String>, body: Bytes) -> Response {
    let disabled = async {
        let id = account_id(&id)?;
        let Disabling { reason, by } = read(&body)?;
        let reason: DisabledFor = reason.parse().map_err(|why| bad("reason", why))?;
        let act = act(&by, front.clock.now())?;
        switched(&front, &id, front.journeys.accounts.disable(&id, reason, act).await?, true).await
    };
    disabled.await.unwrap_or_else(Refused::answer)
}

async fn enable(State(front): State<Shared>, Path(id): Path<String>, body: Bytes) -> Response {
    let enabled = async {
        let id = account_id(&id)?;
        let Enabling { by } = read(&body)?;
        let act = act(&by, front.clock.now())?;
        switched(&front, &id, front.journeys.accounts.enable(&id, act).await?, false).await
    };
    enabled.await.unwrap_or_else(Refused::answer)
}

/// One who asks for what is so already is told since when.
async fn switched(front: &Shared, id: &AccountId, how: Switching, disabled: bool) -> Result<Response, Refused> {
    if how == Switching::Done {
        tracing::info!(account = %id, disabled, "an account was disabled, or enabled again");
    }
    told_of(front, id).await
}

async fn told_of(front: &Shared, id: &AccountId) -> Result<Response, Refused> {
    let account = front.journeys.store.account(id).await?;
    told(front, account).await
}

fn why(DisabledAccount { at, reason, actor }: &DisabledAccount) -> Value {
    json!({ "since": at.as_secs(), "reason": reason.as_str(), "by": actor })
}

async fn told(front: &Shared, account: Option<Account>) -> Result<Response, Refused> {
    let Some(account) = account else { return Err(Refused::NoAccount) };
    let disabled = front.journeys.store.disabled_account(&account.id).await?;
    let told = json!({
        "account": account.id.to_string(),
        "created": account.created.as_secs(),
        "identity": account.identity.as_str(),
        "disabled": disabled.as_ref().map(why),
    });
    Ok(Json(told).into_response())
}
