//! The pages behind the log-in. The gate has demanded a session (and a fresh proof, where one changes how one signs
//! in); the extractor [`Owner`] demands once more that somebody is there.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::{Id, Owner};
use super::dates::{day, day_and_time};
use super::done::Done;
use super::fields::{Form, Query};
use super::page::{
    Account, Errors, FieldError, PasskeyAdd, PasskeyRemove, PasskeyRename, PasskeyRow, Passkeys, PasswordChange,
    SessionRow, Sessions, SignInMethod,
};
use super::problem::{Problem, Shown};
use super::wrong::{bad_password, too_many_passwords};
use crate::fault::NotDone;
use crate::journey::{Overview, PasswordNotChanged, RemovalRefused};
use crate::model::Passkey;
use crate::oidc::logout::Ending;
use crate::passkey::{NAME_CHARS_MAX, NameRefused, PasskeyName};
use aldgate_core::assurance::Components;
use aldgate_core::id::{CredentialDigest, SessionId};
use aldgate_core::secret::Secret;
use aldgate_core::session::record::SessionRecord;
use axum::extract::State;

const PASSKEYS: &str = "/account/passkeys";
const SESSIONS: &str = "/account/sessions";

/// `GET /account`.
pub(super) async fn show(State(front): State<Shared>, owner: Owner, query: Query) -> Answer {
    let id = owner.identity.account();
    let Overview { account, passkeys } = front.journeys.overview(id).await?;
    let sessions = front.journeys.live_sessions(id, owner.caller.now).await?;
    answer::page(&Account {
        email: account.email.as_str(),
        passkeys: passkeys.len(),
        sessions: sessions.len(),
        has_password: account.password.is_some(),
        notice: Done::notice(&query),
    })
}

/// `GET /account/passkeys`.
pub(super) async fn show_passkeys(State(front): State<Shared>, owner: Owner, query: Query) -> Answer {
    let overview = front.journeys.overview(owner.identity.account()).await?;
    let removable = overview.is_passkey_removable();
    let rows = overview.passkeys.iter().map(|passkey| passkey_row(passkey, removable)).collect();
    answer::page(&Passkeys { rows, notice: Done::notice(&query) })
}

fn passkey_row(passkey: &Passkey, removable: bool) -> PasskeyRow {
    PasskeyRow {
        id: passkey.digest.to_string(),
        name: passkey.name.clone(),
        created: day(passkey.created),
        last_used: passkey.last_used.map(day),
        synced: passkey.backup_state,
        removable,
    }
}

/// `GET /account/passkeys/add`.
pub(super) async fn show_add(_: Owner) -> Answer {
    answer::page(&PasskeyAdd)
}

/// `GET /account/passkeys/{id}/rename`.
pub(super) async fn show_rename(State(front): State<Shared>, owner: Owner, id: Id<CredentialDigest>) -> Answer {
    let overview = front.journeys.overview(owner.identity.account()).await?;
    let passkey = overview.passkey(&id.0).ok_or(Problem::NotFound)?;
    answer::page(&PasskeyRename { id: &id.0.to_string(), name: &passkey.name, errors: Errors::none() })
}

/// `POST /account/passkeys/{id}/rename`.
pub(super) async fn rename(State(front): State<Shared>, owner: Owner, id: Id<CredentialDigest>, form: Form) -> Answer {
    let typed = form.text("name")?;
    let name = match PasskeyName::parse(typed) {
        Ok(name) => name,
        Err(refusal) => {
            let errors = FieldError::new("name", name_refused(refusal)).into();
            return answer::page_as(Shown::WithErrors, &PasskeyRename { id: &id.0.to_string(), name: typed, errors });
        }
    };
    if front.journeys.rename_passkey(&owner.identity, &id.0, &name, owner.caller.now).await? {
        answer::see_other(&Done::PasskeyRenamed.after(PASSKEYS))
    } else {
        Err(Problem::NotFound)
    }
}

fn name_refused(refusal: NameRefused) -> String {
    match refusal {
        NameRefused::Empty => "Enter a name".to_owned(),
        NameRefused::TooLong => format!("Name must be {NAME_CHARS_MAX} characters or fewer"),
        NameRefused::Control => "Name must only include characters that can be seen".to_owned(),
    }
}

/// `GET /account/passkeys/{id}/remove`.
pub(super) async fn show_remove(State(front): State<Shared>, owner: Owner, id: Id<CredentialDigest>) -> Answer {
    removal(&front, &owner, &id.0, Shown::Fine).await
}

async fn removal(front: &Shared, owner: &Owner, id: &CredentialDigest, shown: Shown) -> Answer {
    let overview = front.journeys.overview(owner.identity.account()).await?;
    let name = &overview.passkey(id).ok_or(Problem::NotFound)?.name;
    let last_way_in = !overview.is_passkey_removable();
    answer::page_as(shown, &PasskeyRemove { id: &id.to_string(), name, last_way_in })
}

/// `POST /account/passkeys/{id}/remove`.
pub(super) async fn remove(State(front): State<Shared>, owner: Owner, id: Id<CredentialDigest>) -> Answer {
    let ending = Ending::OfPasskey { passkey: id.0, keep: owner.identity.session() };
    let farewell = front.provider.farewell(&owner.identity.account(), ending, owner.caller.now).await;
    match front.journeys.remove_passkey(&owner.identity, &id.0, owner.caller.now).await {
        Ok(()) => {
            front.provider.note_farewell(farewell).await;
            answer::see_other(&Done::PasskeyRemoved.after(PASSKEYS))
        }
        Err(NotDone::Refused(RemovalRefused::LastWayIn)) => removal(&front, &owner, &id.0, Shown::Conflict).await,
        Err(NotDone::Refused(RemovalRefused::NotFound)) => Err(Problem::NotFound),
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// `GET /account/sessions`.
pub(super) async fn show_sessions(State(front): State<Shared>, owner: Owner, query: Query) -> Answer {
    let sessions = front.journeys.live_sessions(owner.identity.account(), owner.caller.now).await?;
    let mine = owner.identity.session();
    let rows = sessions.iter().map(|(id, record)| session_row(*id, record, *id == mine)).collect();
    answer::page(&Sessions { rows, notice: Done::notice(&query) })
}

fn session_row(id: SessionId, record: &SessionRecord, this_one: bool) -> SessionRow {
    let by_passkey = record.components.meets(Components::PASSKEY);
    SessionRow {
        id: id.to_string(),
        device: record.device.to_string(),
        started: day_and_time(record.opened),
        last_seen: day_and_time(record.seen),
        how: if by_passkey { SignInMethod::Passkey } else { SignInMethod::Password },
        this_one,
    }
}

/// `POST /account/sessions/{id}/end`.
pub(super) async fn end_session(State(front): State<Shared>, owner: Owner, id: Id<SessionId>) -> Answer {
    let account = owner.identity.account();
    let farewell = front.provider.farewell(&account, Ending::One(id.0), owner.caller.now).await;
    front.provider.note_farewell(farewell).await;
    front.journeys.end_session(&owner.identity, id.0, owner.caller.now).await?;
    if id.0 == owner.identity.session() {
        return answer::without_session(answer::see_other("/signed-out")?);
    }
    answer::see_other(&Done::SessionEnded.after(SESSIONS))
}

/// `GET /account/password`.
pub(super) async fn show_password(State(front): State<Shared>, owner: Owner) -> Answer {
    password_page(&front, &owner, Errors::none(), Shown::Fine).await
}

async fn password_page(front: &Shared, owner: &Owner, errors: Errors, shown: Shown) -> Answer {
    let account = front.journeys.overview(owner.identity.account()).await?.account;
    let has_password = account.password.is_some();
    answer::page_as(shown, &PasswordChange { has_password, errors, email: account.email.as_str() })
}

/// `POST /account/password`.
pub(super) async fn change_password(State(front): State<Shared>, owner: Owner, form: Form) -> Answer {
    let current = form.optional("current_password")?.map(|text| Secret::new(text.to_owned()));
    let new = form.secret("new_password")?;
    let ending = Ending::AllBut(Some(owner.identity.session()));
    let farewell = front.provider.farewell(&owner.identity.account(), ending, owner.caller.now).await;
    match front.journeys.change_password(&owner.identity, current, new, &owner.caller).await {
        Ok(()) => {
            front.provider.note_farewell(farewell).await;
            answer::see_other(&Done::PasswordChanged.after("/account"))
        }
        Err(NotDone::Refused(refusal)) => {
            let (errors, shown) = not_changed(refusal, &owner);
            password_page(&front, &owner, errors, shown).await
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

fn not_changed(refusal: PasswordNotChanged, owner: &Owner) -> (Errors, Shown) {
    match refusal {
        PasswordNotChanged::CurrentWrong => {
            (FieldError::new("current_password", "This is not your current password").into(), Shown::WithErrors)
        }
        PasswordNotChanged::Exhausted(refusal) => {
            (too_many_passwords("current_password", refusal, &owner.caller), Shown::Exhausted)
        }
        PasswordNotChanged::New(refusal) => (bad_password("new_password", refusal), Shown::WithErrors),
    }
}
