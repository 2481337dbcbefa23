//! The pages behind the log-in. The gate has demanded a session (and a fresh proof, where one changes how one signs
//! in); the extractor [`Owner`] demands once more that somebody is there.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::{Id, Owner};
use super::dates::{day, day_and_time};
use super::done::Done;
use super::errand::Errand;
use super::fields::{Form, Query};
use super::page::{
    Account, Errors, FieldError, PasskeyAdd, PasskeyRemove, PasskeyRename, PasskeyRow, PasskeySignal, Passkeys,
    PasswordChange, SessionRow, Sessions, SignInMethod,
};
use super::problem::{Problem, Shown};
use super::wrong::{bad_password, too_many_passwords};
use crate::fault::NotDone;
use crate::journey::{Overview, PasswordNotChanged, RemovalRefused};
use crate::model::Passkey;
use crate::passkey::{NAME_CHARS_MAX, NameRefused, PasskeyName};
use crate::password::Typed;
use crate::words::Words;
use aldgate_core::assurance::Components;
use aldgate_core::id::{CredentialDigest, SessionId};
use aldgate_core::session::record::SessionRecord;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use uuid::Uuid;

const PASSKEYS: &str = "/account/passkeys";
const SESSIONS: &str = "/account/sessions";

/// `GET /account`.
pub(super) async fn show(words: Words, State(front): State<Shared>, owner: Owner, query: Query) -> Answer {
    let id = owner.identity.account();
    let overview = front.journeys.overview(id).await?;
    let Overview { account, passkeys } = &overview;
    let sessions = front.journeys.live_sessions(id, owner.caller.now).await?;
    answer::page(&Account {
        words,
        email: account.email.as_str(),
        passkeys: passkeys.len(),
        sessions: sessions.len(),
        has_password: account.password.is_some(),
        services: front.provider.services_of(&id).await?.len(),
        has_second_step: !front.journeys.second_steps(&id).await?.is_empty(),
        signal: signal(&front, &overview),
        notice: Done::notice(&query, words),
    })
}

/// `GET /account/passkeys`.
pub(super) async fn show_passkeys(words: Words, State(front): State<Shared>, owner: Owner, query: Query) -> Answer {
    let overview = front.journeys.overview(owner.identity.account()).await?;
    let removable = overview.is_passkey_removable();
    let rows = overview.passkeys.iter().map(|passkey| passkey_row(&front, passkey, removable, words)).collect();
    answer::page(&Passkeys { words, rows, signal: signal(&front, &overview), notice: Done::notice(&query, words) })
}

/// `GET /account/passkeys.json`: what a browser is told of an account's passkeys, by a page that does not show them.
pub(super) async fn accepted_passkeys(State(front): State<Shared>, owner: Owner) -> Answer {
    let overview = front.journeys.overview(owner.identity.account()).await?;
    let PasskeySignal { rp_id, user, name, accepted } = signal(&front, &overview);
    Ok(Json(json!({"rpId": rp_id, "userId": user, "name": name, "accepted": accepted})).into_response())
}

/// What a browser is told of an account's passkeys.
pub(super) fn signal<'a>(front: &'a Shared, overview: &'a Overview) -> PasskeySignal<'a> {
    let accepted = overview.passkeys.iter().map(|passkey| URL_SAFE_NO_PAD.encode(&passkey.credential_id));
    PasskeySignal {
        rp_id: front.journeys.registration.rp_id(),
        user: URL_SAFE_NO_PAD.encode(overview.account.id.as_bytes()),
        name: overview.account.email.as_str(),
        accepted: accepted.collect::<Vec<_>>().join(" "),
    }
}

fn passkey_row(front: &Shared, passkey: &Passkey, removable: bool, words: Words) -> PasskeyRow {
    let pictured = front.journeys.registration.model(passkey.aaguid).is_some_and(|model| model.icon.is_some());
    PasskeyRow {
        id: passkey.digest.to_string(),
        name: passkey.name.clone(),
        created: day(passkey.created, words),
        last_used: passkey.last_used.map(|moment| day(moment, words)),
        synced: passkey.backup_state,
        picture: pictured.then(|| format!("/account/authenticators/{}", Uuid::from_bytes(passkey.aaguid))),
        removable,
    }
}

/// `GET /account/authenticators/{aaguid}`: the picture of a model.
pub(super) async fn show_picture(State(front): State<Shared>, _: Owner, model: Id<Uuid>) -> Answer {
    let model = front.journeys.registration.model(model.0.into_bytes());
    let picture = model.and_then(|model| model.icon.clone()).ok_or(Problem::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/png")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400")),
    ];
    Ok((headers, picture).into_response())
}

/// `GET /account/passkeys/add`.
pub(super) async fn show_add(words: Words, _: Owner) -> Answer {
    answer::page(&PasskeyAdd { words })
}

/// `GET /account/passkeys/{id}/rename`.
pub(super) async fn show_rename(
    words: Words,
    State(front): State<Shared>,
    owner: Owner,
    id: Id<CredentialDigest>,
) -> Answer {
    let overview = front.journeys.overview(owner.identity.account()).await?;
    let passkey = overview.passkey(&id.0).ok_or(Problem::NotFound)?;
    answer::page(&PasskeyRename { words, id: &id.0.to_string(), name: &passkey.name, errors: Errors::none() })
}

/// `POST /account/passkeys/{id}/rename`.
pub(super) async fn rename(
    words: Words,
    State(front): State<Shared>,
    owner: Owner,
    id: Id<CredentialDigest>,
    form: Form,
) -> Answer {
    let typed = form.text("name")?;
    let name = match PasskeyName::parse(typed) {
        Ok(name) => name,
        Err(refusal) => {
            let errors = FieldError::new("name", name_refused(refusal, words)).into();
            return answer::page_as(
                Shown::WithErrors,
                &PasskeyRename { words, id: &id.0.to_string(), name: typed, errors },
            );
        }
    };
    if front.journeys.rename_passkey(&owner.identity, &id.0, &name, owner.caller.now).await? {
        answer::see_other(&Done::PasskeyRenamed.after(PASSKEYS))
    } else {
        Err(Problem::NotFound)
    }
}

fn name_refused(refusal: NameRefused, words: Words) -> String {
    match refusal {
        NameRefused::Empty => words.enter_a_name().to_owned(),
        NameRefused::TooLong => words.name_too_long(NAME_CHARS_MAX),
        NameRefused::Control => words.name_unseen().to_owned(),
    }
}

/// `GET /account/passkeys/{id}/remove`.
pub(super) async fn show_remove(
    words: Words,
    State(front): State<Shared>,
    owner: Owner,
    id: Id<CredentialDigest>,
) -> Answer {
    removal(words, &front, &owner, &id.0, Shown::Fine).await
}

async fn removal(words: Words, front: &Shared, owner: &Owner, id: &CredentialDigest, shown: Shown) -> Answer {
    let overview = front.journeys.overview(owner.identity.account()).await?;
    let name = &overview.passkey(id).ok_or(Problem::NotFound)?.name;
    let last_way_in = !overview.is_passkey_removable();
    answer::page_as(shown, &PasskeyRemove { words, id: &id.to_string(), name, last_way_in })
}

/// `POST /account/passkeys/{id}/remove`.
pub(super) async fn remove(
    words: Words,
    State(front): State<Shared>,
    owner: Owner,
    id: Id<CredentialDigest>,
) -> Answer {
    match front.journeys.remove_passkey(&owner.identity, &id.0, &owner.caller).await {
        Ok(()) => answer::see_other(&Done::PasskeyRemoved.after(PASSKEYS)),
        Err(NotDone::Refused(RemovalRefused::LastWayIn)) => {
            removal(words, &front, &owner, &id.0, Shown::Conflict).await
        }
        Err(NotDone::Refused(RemovalRefused::Stronger)) => {
            answer::see_other("/sign-in?return_to=%2Faccount%2Fpasskeys&why=second-step")
        }
        Err(NotDone::Refused(RemovalRefused::NotFound)) => Err(Problem::NotFound),
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// `GET /account/sessions`.
pub(super) async fn show_sessions(words: Words, State(front): State<Shared>, owner: Owner, query: Query) -> Answer {
    let sessions = front.journeys.live_sessions(owner.identity.account(), owner.caller.now).await?;
    let mine = owner.identity.session();
    let rows = sessions.iter().map(|(id, record)| session_row(*id, record, *id == mine, words)).collect();
    answer::page(&Sessions { words, rows, notice: Done::notice(&query, words) })
}

fn session_row(id: SessionId, record: &SessionRecord, this_one: bool, words: Words) -> SessionRow {
    let by_passkey = record.components.meets(Components::PASSKEY);
    SessionRow {
        id: id.to_string(),
        device: words.device(record.device),
        started: day_and_time(record.opened, words),
        last_seen: day_and_time(record.seen, words),
        how: if by_passkey { SignInMethod::Passkey } else { SignInMethod::Password },
        this_one,
    }
}

/// `POST /account/sessions/{id}/end`.
pub(super) async fn end_session(State(front): State<Shared>, owner: Owner, id: Id<SessionId>) -> Answer {
    front.journeys.end_session(&owner.identity, id.0, owner.caller.now).await?;
    if id.0 == owner.identity.session() {
        return answer::without_session(answer::see_other("/signed-out")?);
    }
    answer::see_other(&Done::SessionEnded.after(SESSIONS))
}

/// `GET /account/password`.
pub(super) async fn show_password(words: Words, State(front): State<Shared>, owner: Owner) -> Answer {
    password_page(words, &front, &owner, Errors::none(), Shown::Fine).await
}

async fn password_page(words: Words, front: &Shared, owner: &Owner, errors: Errors, shown: Shown) -> Answer {
    let account = front.journeys.overview(owner.identity.account()).await?.account;
    let has_password = account.password.is_some();
    let least = front.journeys.chars_min_of(&account).await?;
    answer::page_as(shown, &PasswordChange { words, has_password, errors, email: account.email.as_str(), least })
}

/// `POST /account/password`.
pub(super) async fn change_password(
    words: Words,
    State(front): State<Shared>,
    owner: Owner,
    errand: Errand,
    form: Form,
) -> Answer {
    let current = form.optional("current_password")?.map(Typed::new);
    let new = form.password("new_password")?;
    match front.journeys.change_password(&owner.identity, current, new, &owner.caller).await {
        Ok(()) => errand.leading_on(answer::see_other(errand.or(&Done::PasswordChanged.after("/account")))?),
        Err(NotDone::Refused(refusal)) => {
            let (errors, shown) = not_changed(refusal, &owner, words);
            password_page(words, &front, &owner, errors, shown).await
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

fn not_changed(refusal: PasswordNotChanged, owner: &Owner, words: Words) -> (Errors, Shown) {
    match refusal {
        PasswordNotChanged::CurrentWrong => {
            (FieldError::new("current_password", words.not_current_password()).into(), Shown::WithErrors)
        }
        PasswordNotChanged::Exhausted(refusal) => {
            (too_many_passwords("current_password", refusal, &owner.caller), Shown::Exhausted)
        }
        PasswordNotChanged::New(refusal) => (bad_password("new_password", refusal, words), Shown::WithErrors),
    }
}
