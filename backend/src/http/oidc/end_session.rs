//! `/logout`: a client sends a person here to be signed out.

use crate::http::Shared;
use crate::http::answer::{self, Answer};
use crate::http::asker::Asker;
use crate::http::fields::{self, read_body};
use crate::http::guard::FormsLeadTo;
use crate::http::page::{EndSession as Page, ServiceProblem};
use crate::http::problem::Problem;
use crate::http::render::rendered;
use crate::oidc::end_session::EndSession;
use crate::oidc::parameters::Parameters;
use crate::words::Words;
use aldgate_core::token::identity_assertion::VerifiedIdentity;
use axum::extract::{FromRequestParts as _, RawQuery, Request, State};
use axum::http::StatusCode;

const SIGNED_OUT: &str = "/signed-out";

/// The parameters that the page's form sends again; they are judged anew.
const KEPT: [&str; 4] = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"];

/// `GET /logout`.
pub(super) async fn show(State(front): State<Shared>, asker: Asker, RawQuery(query): RawQuery) -> Answer {
    judge(&front, &asker, query.unwrap_or_default().as_bytes(), false).await
}

/// `POST /logout`, by a client's page.
pub(super) async fn posted(State(front): State<Shared>, request: Request) -> Answer {
    let (asker, body) = form(&front, request).await?;
    judge(&front, &asker, &body, false).await
}

/// `POST /logout/confirm`: the person has said yes, on our page.
pub(super) async fn confirm(State(front): State<Shared>, request: Request) -> Answer {
    let (asker, body) = form(&front, request).await?;
    judge(&front, &asker, &body, true).await
}

async fn form(front: &Shared, request: Request) -> Result<(Asker, axum::body::Bytes), Problem> {
    let (mut parts, body) = request.into_parts();
    let asker = Asker::from_request_parts(&mut parts, front).await?;
    if !fields::is_form(&parts.headers) {
        return Err(Problem::ContentType);
    }
    Ok((asker, read_body(Request::from_parts(parts, body), front).await?))
}

async fn judge(front: &Shared, asker: &Asker, encoded: &[u8], confirmed: bool) -> Answer {
    let words = asker.caller.words();
    let parameters = match Parameters::read(fields::pairs(encoded)) {
        Ok(parameters) => parameters,
        Err(bad) => return told(words, &bad.to_string()),
    };
    let asked = match front.provider.end_session(&parameters, asker.caller.now).await? {
        Ok(asked) => asked,
        Err(refused) => return told(words, &refused.to_string()),
    };
    match &asker.identity {
        None => leave(&asked),
        Some(identity) if confirmed || is_about(&asked, identity) => {
            front.journeys.sign_out(identity, asker.caller.now).await?;
            answer::without_session(leave(&asked)?)
        }
        Some(_) => ask(words, &asked, &parameters),
    }
}

/// Whether the hint is about the session that this browser is in.
fn is_about(asked: &EndSession, identity: &VerifiedIdentity) -> bool {
    asked.hinted.is_some_and(|hinted| hinted.session == identity.session() && hinted.account == identity.account())
}

fn leave(asked: &EndSession) -> Answer {
    answer::see_other(asked.destination.as_ref().map_or(SIGNED_OUT, |destination| destination.address.as_str()))
}

fn ask(words: Words, asked: &EndSession, parameters: &Parameters) -> Answer {
    let kept = KEPT.iter().filter_map(|name| parameters.get(name).map(|value| (*name, value))).collect();
    let mut response = answer::page(&Page { words, kept })?;
    if let Some(destination) = &asked.destination {
        response.extensions_mut().insert(FormsLeadTo(destination.origin.clone()));
    }
    Ok(response)
}

#[expect(clippy::unnecessary_wraps, reason = "a handler's last line")]
fn told(words: Words, reason: &str) -> Answer {
    Ok(rendered(StatusCode::BAD_REQUEST, &ServiceProblem { words, expired: false, reason }))
}
