//! The pages of a registration. A browser that is at another place of the journey than the page it asks for is led to
//! where it is; whoever is signed in has an account already and is led there.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::Asker;
use super::done::Done;
use super::fields::{Form, Query};
use super::page::{Errors, FieldError, RegisterCode, RegisterDone, RegisterEmail, RegisterMethod, RegisterPassword};
use super::problem::{Problem, Shown};
use super::wrong::{bad_email, bad_password, code_refused, too_many};
use crate::fault::NotDone;
use crate::journey::{AwaitingCode, Caller, Journey, Proven, RegisterRefused, ResendRefused, ReturnTo, Stage};
use crate::model::EmailAddress;
use crate::words::Words;
use axum::extract::State;

const ACCOUNT: &str = "/account";

/// The page for a place of the journey.
const fn place(stage: Option<&Stage>) -> &'static str {
    match stage {
        Some(Stage::AwaitingCode(_)) => "/register/code",
        Some(Stage::Proven(_)) => "/register/method",
        _ => "/register", // Of no registration.
    }
}

/// The page where a browser belongs.
type Elsewhere = &'static str;

/// Where a browser belongs that asks for a page of another place.
fn elsewhere(asker: &Asker) -> Elsewhere {
    let stage = asker.journey.as_ref().map(|journey| &journey.stage);
    if asker.identity.is_some() { ACCOUNT } else { place(stage) }
}

/// The journey, if it waits for a code and nobody is signed in; otherwise where the browser belongs.
fn awaiting_code(asker: Asker) -> Result<(AwaitingCode, ReturnTo, Caller), Elsewhere> {
    match asker {
        Asker { identity: None, journey: Some(Journey { return_to, stage: Stage::AwaitingCode(stage) }), caller } => {
            Ok((stage, return_to, caller))
        }
        other => Err(elsewhere(&other)),
    }
}

/// As [`awaiting_code`], for an address that is proven.
fn proven(asker: Asker) -> Result<(Proven, ReturnTo, Caller), Elsewhere> {
    match asker {
        Asker { identity: None, journey: Some(Journey { return_to, stage: Stage::Proven(stage) }), caller } => {
            Ok((stage, return_to, caller))
        }
        other => Err(elsewhere(&other)),
    }
}

/// `GET /register`.
pub(super) async fn show_email(words: Words, asker: Asker, query: Query) -> Answer {
    if asker.identity.is_some() {
        return answer::see_other(ACCOUNT);
    }
    let return_to = ReturnTo::parse(query.text("return_to"));
    answer::page(&RegisterEmail { words, email: "", errors: Errors::none(), return_to: return_to.as_str() })
}

/// `POST /register`.
pub(super) async fn take_email(words: Words, State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    if asker.identity.is_some() {
        return answer::see_other(ACCOUNT);
    }
    let typed = form.text("email")?;
    let return_to = ReturnTo::parse(form.optional("return_to")?);
    let page = |errors| RegisterEmail { words, email: typed, errors, return_to: return_to.as_str() };
    let email = match EmailAddress::parse(typed) {
        Ok(email) => email,
        Err(bad) => return answer::page_as(Shown::WithErrors, &page(bad_email(bad, words))),
    };
    match front.journeys.begin_registration(email, return_to.clone(), &asker.caller).await {
        Ok(journey) => answer::with_journey(answer::see_other("/register/code")?, &front, &journey, asker.caller.now),
        Err(NotDone::Refused(refusal)) => {
            answer::exhausted(&page(too_many("email", refusal, &asker.caller)), refusal, asker.caller.now)
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// `GET /register/code`.
pub(super) async fn show_code(words: Words, asker: Asker, query: Query) -> Answer {
    match awaiting_code(asker) {
        Ok((stage, ..)) => answer::page(&RegisterCode {
            words,
            email: stage.email().as_str(),
            errors: Errors::none(),
            notice: Done::notice(&query, words),
        }),
        Err(elsewhere) => answer::see_other(elsewhere),
    }
}

/// `POST /register/code`.
pub(super) async fn take_code(words: Words, State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    let (stage, return_to, caller) = match awaiting_code(asker) {
        Ok(journey) => journey,
        Err(elsewhere) => return answer::see_other(elsewhere),
    };
    let email = stage.email().clone();
    match front.journeys.enter_code(stage, form.text("code")?, &caller).await {
        Ok(proven) => {
            let journey = Journey { return_to, stage: Stage::Proven(proven) };
            answer::with_journey(answer::see_other("/register/method")?, &front, &journey, caller.now)
        }
        Err(NotDone::Refused(refusal)) => {
            let (errors, shown) = code_refused(refusal, words.code_wrong(), &caller);
            answer::page_as(shown, &RegisterCode { words, email: email.as_str(), errors, notice: None })
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// `POST /register/code/resend`.
pub(super) async fn resend_code(words: Words, State(front): State<Shared>, asker: Asker) -> Answer {
    let (stage, return_to, caller) = match awaiting_code(asker) {
        Ok(journey) => journey,
        Err(elsewhere) => return answer::see_other(elsewhere),
    };
    let email = stage.email().clone();
    let page = |errors| RegisterCode { words, email: email.as_str(), errors, notice: None };
    match front.journeys.resend_code(stage, &caller).await {
        Ok(stage) => {
            let journey = Journey { return_to, stage: Stage::AwaitingCode(stage) };
            let next = answer::see_other(&Done::CodeSent.after("/register/code"))?;
            answer::with_journey(next, &front, &journey, caller.now)
        }
        Err(NotDone::Refused(ResendRefused::Enough)) => {
            let error = FieldError::new("email", words.no_more_codes());
            let (errors, return_to) = (error.into(), return_to.as_str());
            answer::page_as(Shown::Exhausted, &RegisterEmail { words, email: email.as_str(), errors, return_to })
        }
        Err(NotDone::Refused(ResendRefused::Exhausted(refusal))) => {
            answer::exhausted(&page(too_many("code", refusal, &caller)), refusal, caller.now)
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// `GET /register/method`.
pub(super) async fn show_method(words: Words, asker: Asker) -> Answer {
    match proven(asker) {
        Ok((stage, ..)) => answer::page(&RegisterMethod { words, email: stage.email().as_str() }),
        Err(elsewhere) => answer::see_other(elsewhere),
    }
}

/// `GET /register/password`.
pub(super) async fn show_password(words: Words, State(front): State<Shared>, asker: Asker) -> Answer {
    match proven(asker) {
        Ok((stage, ..)) => answer::page(&RegisterPassword {
            words,
            email: stage.email().as_str(),
            errors: Errors::none(),
            least: front.journeys.chars_min(),
        }),
        Err(elsewhere) => answer::see_other(elsewhere),
    }
}

/// `POST /register/password`.
pub(super) async fn take_password(words: Words, State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    let (stage, return_to, caller) = match proven(asker) {
        Ok(journey) => journey,
        Err(elsewhere) => return answer::see_other(elsewhere),
    };
    let email = stage.email().clone();
    match front.journeys.register_with_password(stage, form.password("password")?, &caller).await {
        Ok(session) => {
            let journey = Journey { return_to, stage: Stage::Registered };
            let next = answer::with_session(answer::see_other("/register/done")?, &session)?;
            let next = answer::with_known_device(next, &front, &email, caller.now)?;
            answer::with_journey(next, &front, &journey, caller.now)
        }
        Err(NotDone::Refused(RegisterRefused::Password(refusal))) => {
            let errors = bad_password("password", refusal, words);
            answer::page_as(
                Shown::WithErrors,
                &RegisterPassword { words, email: email.as_str(), errors, least: front.journeys.chars_min() },
            )
        }
        Err(NotDone::Refused(RegisterRefused::AccountExists | RegisterRefused::CredentialTaken)) => {
            Err(Problem::AccountExists)
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// `GET /register/done`.
pub(super) async fn show_done(words: Words, State(front): State<Shared>, asker: Asker) -> Answer {
    let Some(identity) = &asker.identity else { return answer::see_other(elsewhere(&asker)) };
    let email = front.journeys.email_of(identity.account()).await?;
    let return_to = match asker.journey {
        Some(Journey { return_to, stage: Stage::Registered }) => return_to,
        _ => ReturnTo::default(),
    };
    answer::page(&RegisterDone { words, email: email.as_str(), continue_to: return_to.as_str() })
}
