//! The forms that an answer takes: a page, a redirect, a cookie with either.

use super::Shared;
use super::guard::FormsLeadTo;
use super::problem::{Problem, Shown};
use super::render::rendered;
use crate::fault::Fault;
use crate::journey::{Exhausted, Journey, OpenedSession, ReturnTo, known_device, remembered, sealed};
use crate::model::EmailAddress;
use aldgate_core::session::{cookie, opened_here};
use aldgate_core::time::Timestamp;
use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// What a handler gives.
pub(super) type Answer = Result<Response, Problem>;

/// A page as it was asked for.
pub(super) fn page(page: &impl Template) -> Answer {
    page_as(Shown::Fine, page)
}

/// A page that stands otherwise.
#[expect(clippy::unnecessary_wraps, reason = "a handler's last line")]
pub(super) fn page_as(shown: Shown, page: &impl Template) -> Answer {
    Ok(rendered(shown.status(), page))
}

/// A page with a form whose end is `return_to`: where that leads on to a client, the form may too.
pub(super) fn leading_back(answer: Answer, front: &Shared, return_to: &ReturnTo, now: Timestamp) -> Answer {
    let mut response = answer?;
    if let Some(origin) = front.provider.on_the_way(return_to.as_str(), now).map(|request| request.target) {
        response.extensions_mut().insert(FormsLeadTo(origin));
    }
    Ok(response)
}

/// A page that says that something was tried too often, with the word for programs.
pub(super) fn exhausted(page: &impl Template, refusal: Exhausted, now: Timestamp) -> Answer {
    let mut response = rendered(Shown::Exhausted.status(), page);
    let wait = refusal.until.since(now).as_secs().saturating_add(1);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    Ok(response)
}

/// On to another page, with GET. The path is one of ours, or was parsed as a path of this host.
pub(super) fn see_other(path: &str) -> Answer {
    let location = HeaderValue::from_str(path).map_err(|_| Problem::Broken)?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

/// An answer and a `Set-Cookie` with it.
pub(super) fn with_cookie(mut response: Response, cookie: &str) -> Answer {
    let cookie = HeaderValue::from_str(cookie).map_err(|_| Problem::Broken)?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// An answer after which the browser is at this place of a journey.
pub(super) fn with_journey(response: Response, front: &Shared, journey: &Journey, now: Timestamp) -> Answer {
    let value = front.journeys.seal(journey, now).map_err(Fault::from)?;
    with_cookie(response, &cookie::set(sealed::COOKIE, &value, Some(sealed::LIFETIME.as_secs())))
}

/// An answer after which the browser is on no journey.
pub(super) fn without_journey(response: Response) -> Answer {
    with_cookie(response, &cookie::clear(sealed::COOKIE))
}

/// An answer after which the browser is in this session, and says that its account was opened in it.
pub(super) fn with_session(response: Response, session: &OpenedSession) -> Answer {
    let response = with_cookie(response, &cookie::set(cookie::SESSION, session.token(), None))?;
    let lifetime = opened_here::LIFETIME.as_secs();
    with_cookie(response, &cookie::set(opened_here::COOKIE, session.opened_here(), Some(lifetime)))
}

/// An answer after which the browser is known for an account whose password was right in it.
pub(super) fn with_known_device(response: Response, front: &Shared, email: &EmailAddress, now: Timestamp) -> Answer {
    let value = front.journeys.remember_device(email, now).map_err(Fault::from)?;
    with_cookie(response, &cookie::set(known_device::COOKIE, &value, Some(known_device::LIFETIME.as_secs())))
}

/// An answer after which the browser is remembered, if it is to be.
pub(super) fn with_remembered(response: Response, value: Option<&str>) -> Answer {
    let Some(value) = value else { return Ok(response) };
    with_cookie(response, &cookie::set(remembered::COOKIE, value, Some(remembered::LIFETIME.as_secs())))
}

/// An answer after which the browser is in no session.
pub(super) fn without_session(response: Response) -> Answer {
    with_cookie(response, &cookie::clear(cookie::SESSION))
}
