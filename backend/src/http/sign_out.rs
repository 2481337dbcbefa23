//! The pages of signing out. Whoever is signed out already may do it again.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::Asker;
use super::done::Done;
use super::fields::Query;
use super::page::{SignOut, SignedOut};
use crate::words::Words;
use axum::extract::State;

const SIGNED_OUT: &str = "/signed-out";

/// `GET /sign-out`.
pub(super) async fn show(words: Words, State(front): State<Shared>, asker: Asker) -> Answer {
    let Some(identity) = asker.identity else { return answer::see_other("/") };
    let email = front.journeys.email_of(identity.account()).await?;
    answer::page(&SignOut { words, email: email.as_str() })
}

/// `POST /sign-out`.
pub(super) async fn here(State(front): State<Shared>, asker: Asker) -> Answer {
    if let Some(identity) = &asker.identity {
        front.journeys.sign_out(identity, asker.caller.now).await?;
    }
    answer::without_session(answer::see_other(SIGNED_OUT)?)
}

/// `POST /sign-out/everywhere`.
pub(super) async fn everywhere(State(front): State<Shared>, asker: Asker) -> Answer {
    let Some(identity) = &asker.identity else {
        return answer::without_session(answer::see_other(SIGNED_OUT)?);
    };
    front.journeys.sign_out_everywhere(identity, asker.caller.now).await?;
    answer::without_session(answer::see_other(&Done::SignedOutEverywhere.after(SIGNED_OUT))?)
}

/// `GET /signed-out`.
pub(super) async fn show_done(words: Words, query: Query) -> Answer {
    answer::page(&SignedOut { words, everywhere: Done::of(&query) == Some(Done::SignedOutEverywhere) })
}
