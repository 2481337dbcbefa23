//! The pages of getting an account back. A link is looked at by GET, since programs that read mail open links too, and
//! used by POST. Whoever follows one need not be signed in.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::{Asker, Owner};
use super::done::Done;
use super::fields::{Form, Query};
use super::page::{Confirm, DonePage, Errors, LinkProblem, LinkPurpose, ResetEmail, ResetPassword, ResetSent, Undone};
use super::problem::Shown;
use super::wrong::{bad_email, bad_password, too_many};
use crate::fault::NotDone;
use crate::journey::ResetRefused;
use crate::link_token::LinkRefused;
use crate::model::EmailAddress;
use crate::store::ContactKind;
use crate::words::Words;
use axum::extract::State;

fn token(query: &Query) -> &str {
    query.text("token").unwrap_or_default()
}

fn link_problem(words: Words, purpose: LinkPurpose, why: LinkRefused) -> Answer {
    answer::page_as(Shown::Conflict, &LinkProblem { words, purpose, why })
}

/// `GET /reset`.
pub(super) async fn show_email(words: Words) -> Answer {
    answer::page(&ResetEmail { words, email: "", errors: Errors::none() })
}

/// `POST /reset`.
pub(super) async fn take_email(words: Words, State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    let typed = form.text("email")?;
    let page = |errors| ResetEmail { words, email: typed, errors };
    let email = match EmailAddress::parse(typed) {
        Ok(email) => email,
        Err(bad) => return answer::page_as(Shown::WithErrors, &page(bad_email(bad, words))),
    };
    match front.journeys.begin_reset(&email, &asker.caller).await {
        Ok(()) => answer::page(&ResetSent { words, email: email.as_str() }),
        Err(NotDone::Refused(refusal)) => {
            answer::exhausted(&page(too_many("email", refusal, &asker.caller)), refusal, asker.caller.now)
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// `GET /reset/new`.
pub(super) async fn show_password(words: Words, State(front): State<Shared>, asker: Asker, query: Query) -> Answer {
    password_page(words, &front, &asker, token(&query), Errors::none(), Shown::Fine).await
}

async fn password_page(
    words: Words,
    front: &Shared,
    asker: &Asker,
    token: &str,
    errors: Errors,
    shown: Shown,
) -> Answer {
    match front.journeys.look_at_reset(token, &asker.caller).await {
        Ok(account) => {
            let least = front.journeys.chars_min_of(&account).await?;
            let page = ResetPassword { words, token, email: account.email.as_str(), errors, least };
            answer::page_as(shown, &page)
        }
        Err(NotDone::Refused(why)) => link_problem(words, LinkPurpose::Reset, why),
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// `POST /reset/new`.
pub(super) async fn take_password(words: Words, State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    let token = form.text("token")?;
    match front.journeys.reset(token, form.password("password")?, &asker.caller).await {
        Ok(email) => {
            let next = answer::without_session(answer::see_other(&Done::PasswordReset.after("/sign-in"))?)?;
            answer::with_known_device(next, &front, &email, asker.caller.now)
        }
        Err(NotDone::Refused(ResetRefused::Link(why))) => link_problem(words, LinkPurpose::Reset, why),
        Err(NotDone::Refused(ResetRefused::Password(refusal))) => {
            let errors = bad_password("password", refusal, words);
            password_page(words, &front, &asker, token, errors, Shown::WithErrors).await
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// `GET /not-me`.
pub(super) async fn show_not_me(words: Words, State(front): State<Shared>, asker: Asker, query: Query) -> Answer {
    let token = token(&query);
    match front.journeys.look_at_not_me(token, &asker.caller).await {
        Ok(_) => answer::page(&lock(words, "/not-me", token, "/")),
        Err(NotDone::Refused(why)) => link_problem(words, LinkPurpose::NotMe, why),
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

const fn lock<'a>(words: Words, action: &'a str, token: &'a str, cancel: &'a str) -> Confirm<'a> {
    let explanation = if token.is_empty() { words.lock_own_what_happens() } else { words.not_you_what_happens() };
    Confirm {
        words,
        heading: words.was_it_not_you(),
        explanation,
        button: words.lock_my_account(),
        action,
        token,
        cancel,
    }
}

/// `POST /not-me`.
pub(super) async fn not_me(words: Words, State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    match front.journeys.not_me(form.text("token")?, &asker.caller).await {
        Ok(()) => locked(words),
        Err(NotDone::Refused(why)) => link_problem(words, LinkPurpose::NotMe, why),
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

fn locked(words: Words) -> Answer {
    let page = DonePage {
        words,
        heading: words.account_is_locked(),
        explanation: words.account_is_locked_next(),
        href: "/",
        link: words.go_to_start(),
    };
    answer::without_session(answer::page(&page)?)
}

/// `GET /account/lock`.
pub(super) async fn show_lock(words: Words, _: Owner) -> Answer {
    answer::page(&lock(words, "/account/lock", "", "/account"))
}

/// `POST /account/lock`.
pub(super) async fn lock_own(words: Words, State(front): State<Shared>, owner: Owner) -> Answer {
    front.journeys.lock_own(&owner.identity, &owner.caller).await?;
    locked(words)
}

/// `GET /cancel-change`.
pub(super) async fn show_undo(words: Words, State(front): State<Shared>, asker: Asker, query: Query) -> Answer {
    let token = token(&query);
    let of = match front.journeys.look_at_undo(token, &asker.caller).await {
        Ok(of) => of,
        Err(NotDone::Refused(refusal)) => {
            return answer::page_as(Shown::Conflict, &LinkProblem::of_undo(words, refusal));
        }
        Err(NotDone::Failed(fault)) => return Err(fault.into()),
    };
    let of_contact = if of == ContactKind::Email { words.take_back_email() } else { words.take_back_phone() };
    let explanation = format!("{of_contact} {}", words.take_back_all_since());
    answer::page(&Confirm {
        words,
        heading: words.take_change_back(),
        explanation: &explanation,
        button: words.take_it_back(),
        action: "/cancel-change",
        token,
        cancel: "/",
    })
}

/// `POST /cancel-change`.
pub(super) async fn undo(words: Words, State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    match front.journeys.undo_change(form.text("token")?, &asker.caller).await {
        Ok(taken) => answer::without_session(answer::page(&Undone::of(words, taken))?),
        Err(NotDone::Refused(refusal)) => answer::page_as(Shown::Conflict, &LinkProblem::of_undo(words, refusal)),
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}
