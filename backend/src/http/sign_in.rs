//! The pages of signing in. The address travels from the first to the second in the sealed cookie; what the second
//! page posts of it is for password managers and is not read.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::Asker;
use super::done::Done;
use super::fields::{Form, Query};
use super::page::{Errors, FieldError, PasskeyCeremony, PasskeyProblem, PasskeyReason, SignIn, SignInPassword};
use super::problem::{NOT_SIGNED_IN, Shown};
use super::wrong::{bad_email, too_many_passwords};
use super::{offer, sign_in_step};
use crate::fault::NotDone;
use crate::journey::{Caller, Journey, ReturnTo, SignInRefused, SignedIn, SigningIn, Stage};
use crate::model::EmailAddress;
use crate::words::Words;
use aldgate_core::time::Timestamp;
use axum::extract::State;

/// Why the gate sends somebody here; anything else says nothing.
fn reason(why: Option<&str>, words: Words) -> Option<&'static str> {
    match why? {
        "step-up" => Some(words.why_step_up()),
        "passkey" => Some(words.why_passkey()),
        "password" => Some(words.why_password()),
        "second-step" => Some(words.why_second_step()),
        "ended" => Some(words.why_ended()),
        _ => None,
    }
}

/// `GET /sign-in`.
pub(super) async fn show_email(words: Words, State(front): State<Shared>, query: Query) -> Answer {
    let return_to = ReturnTo::parse(query.text("return_to"));
    let reason = reason(query.text("why"), words);
    let registration = may_register(&front, &return_to, front.clock.now());
    answer::page(&SignIn {
        words,
        email: "",
        errors: Errors::none(),
        return_to: return_to.as_str(),
        reason,
        registration,
        notice: Done::notice(&query, words),
    })
}

/// Whether the service behind a sign-in, if there is one, lets people get an account on the way to it.
fn may_register(front: &Shared, return_to: &ReturnTo, now: Timestamp) -> bool {
    front.provider.on_the_way(return_to.as_str(), now).is_none_or(|request| request.allow_registration)
}

/// `POST /sign-in`.
pub(super) async fn take_email(words: Words, State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    let typed = form.text("email")?;
    let return_to = ReturnTo::parse(form.optional("return_to")?);
    match EmailAddress::parse(typed) {
        Ok(email) => {
            let next = format!("/sign-in/password?return_to={}", return_to.query_value());
            let makes_passkeys = form.optional("passkeys")? == Some(offer::MADE_HERE);
            let journey = front.journeys.begin_sign_in(email, makes_passkeys, return_to);
            answer::with_journey(answer::see_other(&next)?, &front, &journey, asker.caller.now)
        }
        Err(bad) => {
            let registration = may_register(&front, &return_to, asker.caller.now);
            let (errors, return_to) = (bad_email(bad, words), return_to.as_str());
            answer::page_as(
                Shown::WithErrors,
                &SignIn { words, email: typed, errors, return_to, reason: None, registration, notice: None },
            )
        }
    }
}

/// The journey, if the address was given; otherwise back to where it is asked for.
fn signing_in(asker: Asker, return_to: Option<&str>) -> Result<(SigningIn, ReturnTo, Caller), String> {
    match asker.journey {
        Some(Journey { return_to, stage: Stage::SigningIn(stage) }) => Ok((stage, return_to, asker.caller)),
        _ => {
            let return_to = ReturnTo::parse(return_to);
            Err(format!("/sign-in?return_to={}", return_to.query_value()))
        }
    }
}

/// `GET /sign-in/password`.
pub(super) async fn show_password(words: Words, State(front): State<Shared>, asker: Asker, query: Query) -> Answer {
    match signing_in(asker, query.text("return_to")) {
        Ok((stage, return_to, caller)) => {
            let email = stage.email().as_str();
            let page = SignInPassword { words, email, errors: Errors::none(), return_to: return_to.as_str() };
            answer::leading_back(answer::page(&page), &front, &return_to, caller.now)
        }
        Err(elsewhere) => answer::see_other(&elsewhere),
    }
}

/// `POST /sign-in/password`.
pub(super) async fn take_password(words: Words, State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    let (stage, return_to, caller) = match signing_in(asker, form.optional("return_to")?) {
        Ok(journey) => journey,
        Err(elsewhere) => return answer::see_other(&elsewhere),
    };
    let (typed, email) = (form.password("password")?, stage.email().as_str());
    let again = |page| answer::leading_back(page, &front, &return_to, caller.now);
    let page = |errors| SignInPassword { words, email, errors, return_to: return_to.as_str() };
    if typed.is_empty() {
        let error = FieldError::new("password", words.enter_your_password_now());
        return again(answer::page_as(Shown::WithErrors, &page(error.into())));
    }
    match front.journeys.sign_in(&stage, typed, &caller).await {
        Ok(SignedIn::Opened(session)) => {
            let next = offer::on_the_way_to(&return_to, stage.makes_passkeys(), &session, &front, &caller).await;
            let next = answer::with_session(answer::see_other(&next)?, &session)?;
            let next = answer::with_known_device(next, &front, stage.email(), caller.now)?;
            answer::without_journey(next)
        }
        Ok(SignedIn::AwaitingStep(step)) => {
            let journey = Journey { return_to, stage: Stage::SecondStep(step) };
            answer::with_journey(answer::see_other("/sign-in/code")?, &front, &journey, caller.now)
        }
        Ok(SignedIn::NotAsked(step, refusal)) => {
            sign_in_step::not_asked(&front, step, return_to, refusal, &caller).await
        }
        Err(NotDone::Refused(SignInRefused::Disabled)) => disabled(&return_to),
        Err(NotDone::Refused(SignInRefused::Wrong)) => {
            let error = FieldError::new("password", words.email_or_password_wrong());
            again(answer::page_as(Shown::WithErrors, &page(error.into())))
        }
        Err(NotDone::Refused(SignInRefused::Exhausted(refusal))) => {
            let errors = too_many_passwords("password", refusal, &caller);
            again(answer::exhausted(&page(errors), refusal, caller.now))
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// To the page that says that an account is disabled: for whoever has shown all that it asks for, and nobody else.
pub(super) fn disabled(return_to: &ReturnTo) -> Answer {
    let (reason, return_to) = (PasskeyReason::AccountDisabled.slug(), return_to.query_value());
    answer::without_journey(answer::see_other(&format!("/sign-in/problem?reason={reason}&return_to={return_to}"))?)
}

/// Where somebody goes on who has to sign in before a passkey can be made.
const fn after_step_up(ceremony: PasskeyCeremony) -> &'static str {
    match ceremony {
        PasskeyCeremony::Add => "/sign-in?return_to=%2Faccount%2Fpasskeys%2Fadd&why=step-up",
        PasskeyCeremony::Register => "/register",
        PasskeyCeremony::SignIn => "/sign-in",
    }
}

/// `GET /sign-in/problem`.
pub(super) async fn show_problem(words: Words, query: Query) -> Answer {
    let ceremony = PasskeyCeremony::from_slug(query.text("during").unwrap_or_default());
    let slug = query.text("reason").unwrap_or_default();
    if slug == NOT_SIGNED_IN {
        return answer::see_other(after_step_up(ceremony));
    }
    let reason = PasskeyReason::from_slug(slug).unwrap_or(PasskeyReason::Refused);
    let return_to = ReturnTo::parse(query.text("return_to"));
    answer::page(&PasskeyProblem { words, reason, ceremony, return_to: return_to.as_str() })
}
