//! The pages of signing in. The address travels from the first to the second in the sealed cookie; what the second
//! page posts of it is for password managers and is not read.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::Asker;
use super::fields::{Form, Query};
use super::page::{Errors, FieldError, PasskeyCeremony, PasskeyProblem, PasskeyReason, SignIn, SignInPassword};
use super::problem::{NOT_SIGNED_IN, Shown};
use super::wrong::{bad_email, too_many_passwords};
use crate::fault::NotDone;
use crate::journey::{Caller, Journey, ReturnTo, SignInRefused, SigningIn, Stage};
use crate::model::EmailAddress;
use aldgate_core::time::Timestamp;
use axum::extract::State;

/// Why the gate sends somebody here; anything else says nothing.
fn reason(why: Option<&str>) -> Option<&'static str> {
    match why? {
        "step-up" => Some("For your security, sign in again to go on."),
        "passkey" => Some(
            "This page needs a passkey. Sign in with a passkey to go on. If you do not have one, sign in another way and add one in your account.",
        ),
        "password" => Some("This service needs your password. Sign in with your email address and password to go on."),
        "ended" => Some("You were signed out. Sign in again to go on."),
        _ => None,
    }
}

/// `GET /sign-in`.
pub(super) async fn show_email(State(front): State<Shared>, query: Query) -> Answer {
    let return_to = ReturnTo::parse(query.text("return_to"));
    let reason = reason(query.text("why"));
    let registration = may_register(&front, &return_to, front.clock.now());
    answer::page(&SignIn { email: "", errors: Errors::none(), return_to: return_to.as_str(), reason, registration })
}

/// Whether the service behind a sign-in, if there is one, lets people get an account on the way to it.
fn may_register(front: &Shared, return_to: &ReturnTo, now: Timestamp) -> bool {
    front.provider.on_the_way(return_to.as_str(), now).is_none_or(|request| request.allow_registration)
}

/// `POST /sign-in`.
pub(super) async fn take_email(State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    let typed = form.text("email")?;
    let return_to = ReturnTo::parse(form.optional("return_to")?);
    match EmailAddress::parse(typed) {
        Ok(email) => {
            let next = format!("/sign-in/password?return_to={}", return_to.query_value());
            let journey = front.journeys.begin_sign_in(email, return_to);
            answer::with_journey(answer::see_other(&next)?, &front, &journey, asker.caller.now)
        }
        Err(bad) => {
            let registration = may_register(&front, &return_to, asker.caller.now);
            let (errors, return_to) = (bad_email(bad), return_to.as_str());
            answer::page_as(Shown::WithErrors, &SignIn { email: typed, errors, return_to, reason: None, registration })
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
pub(super) async fn show_password(State(front): State<Shared>, asker: Asker, query: Query) -> Answer {
    match signing_in(asker, query.text("return_to")) {
        Ok((stage, return_to, caller)) => {
            let page =
                SignInPassword { email: stage.email().as_str(), errors: Errors::none(), return_to: return_to.as_str() };
            answer::leading_back(answer::page(&page), &front, &return_to, caller.now)
        }
        Err(elsewhere) => answer::see_other(&elsewhere),
    }
}

/// `POST /sign-in/password`.
pub(super) async fn take_password(State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    let (stage, return_to, caller) = match signing_in(asker, form.optional("return_to")?) {
        Ok(journey) => journey,
        Err(elsewhere) => return answer::see_other(&elsewhere),
    };
    let (typed, email) = (form.secret("password")?, stage.email().as_str());
    let again = |page| answer::leading_back(page, &front, &return_to, caller.now);
    let page = |errors| SignInPassword { email, errors, return_to: return_to.as_str() };
    if typed.expose().is_empty() {
        let error = FieldError::new("password", "Enter your password");
        return again(answer::page_as(Shown::WithErrors, &page(error.into())));
    }
    match front.journeys.sign_in(&stage, typed, &caller).await {
        Ok(session) => {
            let next = answer::with_session(answer::see_other(return_to.as_str())?, &session)?;
            let next = answer::with_known_device(next, &front, stage.email(), caller.now)?;
            answer::without_journey(next)
        }
        Err(NotDone::Refused(SignInRefused::Wrong)) => {
            let error = FieldError::new("password", "The email address or password is not correct");
            again(answer::page_as(Shown::WithErrors, &page(error.into())))
        }
        Err(NotDone::Refused(SignInRefused::Exhausted(refusal))) => {
            let errors = too_many_passwords("password", refusal, &caller);
            again(answer::exhausted(&page(errors), refusal, caller.now))
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
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
pub(super) async fn show_problem(query: Query) -> Answer {
    let ceremony = PasskeyCeremony::from_slug(query.text("during").unwrap_or_default());
    let slug = query.text("reason").unwrap_or_default();
    if slug == NOT_SIGNED_IN {
        return answer::see_other(after_step_up(ceremony));
    }
    let reason = PasskeyReason::from_slug(slug).unwrap_or(PasskeyReason::Refused);
    let return_to = ReturnTo::parse(query.text("return_to"));
    answer::page(&PasskeyProblem { reason, ceremony, return_to: return_to.as_str() })
}
