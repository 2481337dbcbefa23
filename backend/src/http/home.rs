//! The start page.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::Asker;
use super::page::Home;
use crate::words::Words;
use axum::extract::State;

/// `GET /`.
pub(super) async fn show(words: Words, State(front): State<Shared>, asker: Asker) -> Answer {
    let email = match &asker.identity {
        Some(identity) => Some(front.journeys.email_of(identity.account()).await?),
        None => None,
    };
    answer::page(&Home { words, signed_in: email.as_ref().map(|email| email.as_str()) })
}
