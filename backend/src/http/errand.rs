//! What somebody came for who was sent to add something to their account: the service's request waits in a cookie of its own,
//! sealed as it waits in an address, and they go back to it when they have added it, whatever they chose to add and however
//! often they signed in on the way.

use super::Shared;
use super::answer::{self, Answer};
use super::asker;
use super::problem::Problem;
use crate::oidc::authorize::resume::LIFETIME;
use crate::oidc::on_the_way::path_to;
use aldgate_core::session::cookie;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;

/// The cookie's name.
const COOKIE: &str = "__Host-aldgate-errand";

/// Where to go on, if somebody came for something that can still be had.
pub(super) struct Errand(Option<String>);

impl FromRequestParts<Shared> for Errand {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        let waiting = asker::cookie(&parts.headers, COOKIE).and_then(|value| std::str::from_utf8(value).ok());
        let path = waiting.map(path_to);
        Ok(Self(path.filter(|path| front.provider.on_the_way(path, front.clock.now()).is_some())))
    }
}

impl Errand {
    /// Where somebody goes on who has added something: to what they came for, or to `page`.
    pub(super) fn or<'a>(&'a self, page: &'a str) -> &'a str {
        self.0.as_deref().unwrap_or(page)
    }

    /// An answer that leads there: the errand ends with it.
    pub(super) fn leading_on(&self, response: Response) -> Answer {
        if self.0.is_some() { ended(response) } else { Ok(response) }
    }
}

/// An answer to somebody who is sent to add something.
pub(super) fn begun(response: Response, waiting: &str) -> Answer {
    answer::with_cookie(response, &cookie::set(COOKIE, waiting, Some(LIFETIME.as_secs())))
}

/// An answer to somebody who came for something and goes back to it.
pub(super) fn ended(response: Response) -> Answer {
    answer::with_cookie(response, &cookie::clear(COOKIE))
}
