//! The services that a person uses, and the end of what one of them may know.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::{Id, Owner};
use super::dates::day;
use super::done::Done;
use super::fields::Query;
use super::page::{Confirm, ServiceRow, Services, facts};
use super::problem::Problem;
use crate::oidc::claim::ClaimSet;
use crate::oidc::client::ClientId;
use crate::oidc::scope::Scopes;
use crate::oidc::services::KnownService;
use crate::words::Words;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::str::FromStr;

const HOME: &str = "/account/services";

/// A client in a path: its name in base64url, since a name may hold what a path must not.
pub(super) struct ClientInPath(ClientId);

impl FromStr for ClientInPath {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ())?;
        let id = std::str::from_utf8(&bytes).map_err(|_| ())?;
        ClientId::parse(id).map(Self).map_err(|_| ())
    }
}

/// Where one says that a client may know nothing any more.
fn withdrawal(client: &str) -> String {
    format!("{HOME}/{}/withdraw", URL_SAFE_NO_PAD.encode(client))
}

/// `GET /account/services`.
pub(super) async fn show(words: Words, State(front): State<Shared>, owner: Owner, query: Query) -> Answer {
    let services = front.provider.services_of(&owner.identity.account()).await?;
    let rows = services.into_iter().map(|service| row(service, words)).collect();
    answer::page(&Services { words, rows, notice: Done::notice(&query, words) })
}

fn row(KnownService { name, used }: KnownService, words: Words) -> ServiceRow {
    let now = facts(
        words,
        Scopes::from_bits(used.allowed.scopes),
        ClaimSet::from_bits(used.allowed.claims),
        used.allowed.level,
    );
    let ever =
        facts(words, Scopes::from_bits(used.scopes_ever), ClaimSet::from_bits(used.claims_ever), used.level_ever);
    ServiceRow {
        withdraw: withdrawal(&used.client),
        first: day(used.first, words),
        used: used.used.map(|moment| day(moment, words)),
        formerly: ever.into_iter().filter(|fact| !now.contains(fact)).collect(),
        facts: now,
        level: used.allowed.level,
        name,
    }
}

/// `GET /account/services/{client}/withdraw`.
pub(super) async fn show_withdraw(
    words: Words,
    State(front): State<Shared>,
    owner: Owner,
    client: Id<ClientInPath>,
) -> Answer {
    let id = client.0.0.as_str();
    let services = front.provider.services_of(&owner.identity.account()).await?;
    let service = services.into_iter().find(|service| service.used.client == id).ok_or(Problem::NotFound)?;
    answer::page(&Confirm {
        words,
        heading: &words.stop_sharing_with(&service.name),
        explanation: words.stop_sharing_why(),
        button: words.stop_sharing(),
        action: &withdrawal(id),
        token: "",
        cancel: HOME,
    })
}

/// `POST /account/services/{client}/withdraw`. Whoever presses twice has done it once.
pub(super) async fn withdraw(State(front): State<Shared>, owner: Owner, client: Id<ClientInPath>) -> Answer {
    front.provider.withdraw(&owner.identity.account(), client.0.0.as_str(), owner.caller.now).await?;
    answer::see_other(&Done::SharingStopped.after(HOME))
}
