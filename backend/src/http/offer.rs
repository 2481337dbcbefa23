//! The page on which somebody who has just signed in with a password is offered a passkey, on the way to where they go.
//!
//! Only a browser that says that it can make one is led here: `passkey.js` says so where the address is asked for. So
//! nobody without a script, and no program, ever comes past. The passkey itself is made as every other is, by the calls of
//! [`super::passkey`].

use super::Shared;
use super::account::signal;
use super::answer::{self, Answer};
use super::asker::Owner;
use super::fields::{Form, Query};
use super::page::PasskeyOffer;
use crate::journey::{Caller, OpenedSession, ReturnTo, offer};
use crate::words::Words;
use aldgate_core::session::cookie;
use axum::extract::State;

/// What `passkey.js` says of a browser in which a passkey can be made.
pub(super) const MADE_HERE: &str = "made-here";

/// Where somebody goes who has just signed in with a password: to `return_to`, or to the offer first. The account's own
/// pages have one themselves.
pub(super) async fn on_the_way_to(
    return_to: &ReturnTo,
    makes_passkeys: bool,
    opened: &OpenedSession,
    front: &Shared,
    caller: &Caller,
) -> String {
    if makes_passkeys && !return_to.is_of_the_account() && front.journeys.offers_passkey(opened, caller).await {
        format!("/account/passkey-offer?return_to={}", return_to.query_value())
    } else {
        return_to.as_str().to_owned()
    }
}

/// `GET /account/passkey-offer`. Whoever has a passkey by now goes on.
pub(super) async fn show(words: Words, State(front): State<Shared>, owner: Owner, query: Query) -> Answer {
    let return_to = ReturnTo::parse(query.text("return_to"));
    let overview = front.journeys.overview(owner.identity.account()).await?;
    if !overview.passkeys.is_empty() {
        return answer::see_other(return_to.as_str());
    }
    let page = PasskeyOffer { words, return_to: return_to.as_str(), signal: signal(&front, &overview) };
    answer::leading_back(answer::page(&page), &front, &return_to, owner.caller.now)
}

/// `POST /account/passkey-offer`: not now. Who that was is nobody's business: the browser keeps it.
pub(super) async fn decline(form: Form) -> Answer {
    let return_to = ReturnTo::parse(form.optional("return_to")?);
    let said = cookie::set(offer::COOKIE, "1", Some(offer::NOT_NOW.as_secs()));
    answer::with_cookie(answer::see_other(return_to.as_str())?, &said)
}
