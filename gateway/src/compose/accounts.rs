//! `aldgate account`: what an operator does with one account, through the backend that runs.
//!
//! Through it and not beside it: with the embedded tier the sessions are in that process's database and its caches, and
//! nobody else could end them there at once. It is asked on the administrators' socket, which only the backend's user can
//! open.

use super::CannotStart;
use super::operator::{Operator, date, say};
use aldgate_backend::model::DisabledFor;
use aldgate_backend::store::audit::Actor;
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;
use aldgate_gateway::config::Config;
use aldgate_gateway::socket;
use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// How long an answer may take: the backend ends every session and grant of the account before it gives one.
const DEADLINE: Duration = Duration::from_secs(10);

/// An answer is some hundred bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Digits of an NHS number.
const NHS_NUMBER_DIGITS: usize = 10;

/// Prints how an account stands: found by its id, its address or its owner's NHS number.
///
/// # Errors
/// One line that says what to do.
pub(crate) async fn show(config: Config, account: String) -> Result<(), CannotStart> {
    say_how_it_stands(&found(&config, &account).await?);
    Ok(())
}

/// Disables one.
///
/// # Errors
/// One line that says what to do.
pub(crate) async fn disable(config: Config, account: String, reason: DisabledFor) -> Result<(), CannotStart> {
    let body = json!({ "reason": reason.as_str(), "by": operator() });
    say_how_it_stands(&switch(&config, &account, "disable", &body).await?);
    Ok(())
}

/// Enables one again.
///
/// # Errors
/// One line that says what to do.
pub(crate) async fn enable(config: Config, account: String) -> Result<(), CannotStart> {
    say_how_it_stands(&switch(&config, &account, "enable", &json!({ "by": operator() })).await?);
    Ok(())
}

/// The name of whoever runs the command, as the socket takes it.
fn operator() -> String {
    let name = match Operator::act().by {
        Actor::Operator(name) => name,
        other => other.to_string(),
    };
    name.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(64).collect()
}

async fn switch(config: &Config, account: &str, how: &str, body: &Value) -> Result<Value, CannotStart> {
    let found = found(config, account).await?;
    let id = found["account"].as_str().unwrap_or_default();
    ask(&config.admin_socket(), Method::POST, &format!("/accounts/{id}/{how}"), Some(body)).await
}

async fn found(config: &Config, account: &str) -> Result<Value, CannotStart> {
    let socket = config.admin_socket();
    if let Ok(id) = account.parse::<AccountId>() {
        return ask(&socket, Method::GET, &format!("/accounts/{id}"), None).await;
    }
    let is_number = account.chars().filter(char::is_ascii_digit).count() == NHS_NUMBER_DIGITS && !account.contains('@');
    let by = if is_number { json!({ "nhs_number": account }) } else { json!({ "email": account }) };
    ask(&socket, Method::POST, "/accounts/find", Some(&by)).await
}

/// Asks the backend; gives what it answers, if it did what it was asked for.
async fn ask(socket: &Path, method: Method, path: &str, body: Option<&Value>) -> Result<Value, CannotStart> {
    let body = Bytes::from(body.map(Value::to_string).unwrap_or_default());
    let question = Request::builder().method(method).uri(path);
    let asked = tokio::time::timeout(DEADLINE, socket::ask(socket, question, body, ANSWER_BYTES_MAX)).await;
    let away = |why: String| {
        let socket = socket.display();
        CannotStart(format!("the backend does not answer on {socket}: {why}. It must run, and you be its user"))
    };
    let (status, answer) =
        asked.map_err(|_| away("no answer in time".into()))?.map_err(|error| away(error.to_string()))?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(answer);
    }
    let why = answer["detail"].as_str().map_or_else(|| status.to_string(), str::to_owned);
    Err(CannotStart(why))
}

fn say_how_it_stands(account: &Value) {
    let moment = |value: &Value| date(Timestamp::from_secs(value.as_u64().unwrap_or_default()));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (id, created) = (text(&account["account"]), moment(&account["created"]));
    say(format!("account {id}: stands since {created}, identity {}", text(&account["identity"])));
    match &account["disabled"] {
        Value::Null => say("It is in use."),
        disabled => {
            let (since, reason, by) = (moment(&disabled["since"]), text(&disabled["reason"]), text(&disabled["by"]));
            say(format!("It is disabled since {since} by {by} ({reason}): nobody signs in, and nothing is given."));
        }
    }
}
