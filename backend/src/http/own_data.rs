//! What we keep about somebody, for themselves to take along (UK GDPR, article 20), and the end of it.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::Owner;
use super::fields::Form;
use super::page::{AccountClose, DonePage, Errors, FieldError};
use super::problem::Shown;
use crate::fault::{Fault, NotDone};
use crate::journey::CloseRefused;
use crate::journey::own_data::{Mark, OfIdentity, PasskeyNames};
use crate::model::EmailAddress;
use crate::words::Words;
use aldgate_core::id::AccountId;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Map, Value, json};

/// `GET /account/data.json`. What grows with the years is read while it is sent, a page at a time. Where that fails
/// half way the connection breaks off, so that no part of a file passes for the whole.
pub(super) async fn export(words: Words, State(front): State<Shared>, owner: Owner) -> Answer {
    let account = owner.identity.account();
    let (mut data, names) = front.journeys.own_data(&owner.identity, &owner.caller).await?;
    data.append(&mut front.provider.own_data(&account).await?);
    data.append(&mut of_identity(words, &front, &owner).await?);
    let data = serde_json::to_string_pretty(&data).map_err(|_| Fault::Invariant("JSON can be written"))?;
    let opened = data.strip_suffix("\n}").unwrap_or(&data).to_owned();
    let lists = Lists { front, account, names, reading: Some(Mark::FIRST_LOG_IN) };
    let first = stream::once(async move { Ok(Bytes::from(opened)) });
    let body = Body::from_stream(first.chain(stream::try_unfold(lists, Lists::next)));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let as_file = HeaderValue::from_static("attachment; filename=\"aldgate-account.json\"");
    headers.insert(header::CONTENT_DISPOSITION, as_file);
    Ok(response)
}

/// What an export says of who somebody is; or that it leaves that out, and how they have it.
async fn of_identity(words: Words, front: &Shared, owner: &Owner) -> Result<Map<String, Value>, Fault> {
    let why = match front.journeys.of_identity(&owner.identity).await? {
        OfIdentity::Shown => return front.provider.own_identity(&owner.identity.account()).await,
        OfIdentity::PasswordAlone => words.left_out_for_password(),
        OfIdentity::Lowered => words.left_out_for_level(),
    };
    let left_out = json!({"what": ["verified", "notes_of_services"], "why": why});
    Ok(Map::from_iter([("left_out".to_owned(), left_out)]))
}

/// The lists of an export, as far as they have been read.
struct Lists {
    front: Shared,
    account: AccountId,
    names: PasskeyNames,
    reading: Option<Mark>,
}

impl Lists {
    /// The next part of the text, and what is left then.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Fault> {
        let Some(after) = self.reading else { return Ok(None) };
        let read = self.front.journeys.own_page(&self.account, after, &self.names).await;
        let (page, next) = read.inspect_err(|error| tracing::error!(%error, "an export broke off"))?;
        let mut text = match after {
            Mark::FIRST_LOG_IN => ",\n  \"log_ins\": [".to_owned(),
            Mark::FIRST_ENTRY => ",\n  \"history\": [".to_owned(),
            Mark::LogIns(_) | Mark::Entries(..) => String::new(),
        };
        for (at, row) in page.iter().enumerate() {
            let continued = at > 0 || !matches!(after, Mark::FIRST_LOG_IN | Mark::FIRST_ENTRY);
            text.push_str(if continued { ",\n    " } else { "\n    " });
            text.push_str(&row.to_string());
        }
        self.reading = match (next, after) {
            (Some(next), _) => Some(next),
            (None, Mark::LogIns(_)) => {
                text.push_str("\n  ]");
                Some(Mark::FIRST_ENTRY)
            }
            (None, Mark::Entries(..)) => {
                text.push_str("\n  ]\n}\n");
                None
            }
        };
        Ok(Some((Bytes::from(text), self)))
    }
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
    match front.journeys.close_account(&owner.identity, &owner.caller).await {
        Ok(()) => closed(words),
        Err(NotDone::Refused(refusal)) => answer::see_other(stronger_first(refusal)),
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// Where somebody signs in with more than a password, and comes back from.
const fn stronger_first(refusal: CloseRefused) -> &'static str {
    match refusal {
        CloseRefused::SecondStep => "/sign-in?return_to=%2Faccount%2Fclose&why=second-step",
        CloseRefused::Passkey => "/sign-in?return_to=%2Faccount%2Fclose&why=passkey",
    }
}

fn closed(words: Words) -> Answer {
    let page = DonePage {
        words,
        heading: words.account_is_closed(),
        explanation: words.account_is_closed_next(),
        href: "/",
        link: words.go_to_start(),
    };
    answer::without_session(answer::page(&page)?)
}
