//! What we keep about somebody, for themselves to take along (UK GDPR, article 20), and the end of it.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::Owner;
use super::fields::Form;
use super::page::{AccountClose, DonePage, Errors, FieldError};
use super::problem::Shown;
use crate::model::EmailAddress;
use crate::words::Words;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse as _;

/// `GET /account/data.json`.
pub(super) async fn export(State(front): State<Shared>, owner: Owner) -> Answer {
    let data = front.journeys.own_data(&owner.identity, &owner.caller).await?;
    let mut response = Json(data).into_response();
    let as_file = HeaderValue::from_static("attachment; filename=\"aldgate-account.json\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, as_file);
    Ok(response)
}

/// `GET /account/close`.
pub(super) async fn show_close(words: Words, State(front): State<Shared>, owner: Owner) -> Answer {
    close_page(words, &front, &owner, Errors::none(), Shown::Fine).await
}

async fn close_page(words: Words, front: &Shared, owner: &Owner, errors: Errors, shown: Shown) -> Answer {
    let email = front.journeys.email_of(owner.identity.account()).await?;
    answer::page_as(shown, &AccountClose { words, account: email.as_str(), errors })
}

/// `POST /account/close`.
pub(super) async fn close(words: Words, State(front): State<Shared>, owner: Owner, form: Form) -> Answer {
    let typed = EmailAddress::parse(form.text("email")?);
    let email = front.journeys.email_of(owner.identity.account()).await?;
    if !typed.is_ok_and(|typed| typed.canonical() == email.canonical()) {
        let errors = FieldError::new("email", words.close_not_confirmed()).into();
        return close_page(words, &front, &owner, errors, Shown::WithErrors).await;
    }
    front.journeys.close_account(&owner.identity, &owner.caller).await?;
    let page = DonePage {
        words,
        heading: words.account_is_closed(),
        explanation: words.account_is_closed_next(),
        href: "/",
        link: words.go_to_start(),
    };
    answer::without_session(answer::page(&page)?)
}
