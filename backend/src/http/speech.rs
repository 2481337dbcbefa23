//! In which language an answer speaks: what the request asks for (`ui_locales`), what its browser chose here before,
//! what its browser prefers (`Accept-Language`), English.

use super::Shared;
use super::answer::{self, Answer};
use super::problem::Problem;
use crate::journey::ReturnTo;
use crate::words::Words;
use aldgate_core::language::{Language, VARY};
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use std::convert::Infallible;

/// Decides the language of a request, tells the handlers, and renders in it whatever went wrong.
pub(super) async fn speak(mut request: Request, next: Next) -> Response {
    let query = request.uri().query().filter(|query| is_plain(query));
    let wanted = query.and_then(Language::of_query);
    let cookies = request.headers().get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    let accepted = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = wanted.unwrap_or_else(|| Language::of_request(None, cookies, accepted));
    let path = request.uri().path().to_owned();
    request.extensions_mut().insert(language);
    let mut response = next.run(request).await;
    // A handler may know better, from a request that has waited or that its client has signed.
    let known = response.extensions().get::<Language>().copied();
    let (wanted, language) = (known.or(wanted), known.unwrap_or(language));
    if let Some(problem) = response.extensions().get::<Problem>().copied() {
        response = problem.told_at(&path, Words(language));
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        headers.append(header::VARY, HeaderValue::from_static(VARY));
    }
    // Whoever asks for a language means the whole journey that begins here.
    let cookie = wanted.and_then(|wanted| HeaderValue::from_str(&wanted.remember()).ok());
    if let Some(cookie) = cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}

/// Whether a query is a request itself. Beside an object, nothing that stands in the address counts (RFC 9101, section
/// 6.3; RFC 9126, section 4).
fn is_plain(query: &str) -> bool {
    query.split('&').all(|pair| !matches!(pair.split('=').next(), Some("request" | "request_uri")))
}

/// `GET /language/{tag}`: from now on in this language, on the page that one came from.
pub(super) async fn choose(State(front): State<Shared>, tag: Option<Path<String>>, headers: HeaderMap) -> Answer {
    let language = tag.and_then(|Path(tag)| Language::of_tag(&tag)).ok_or(Problem::NotFound)?;
    let referer = headers.get(header::REFERER).and_then(|referer| referer.to_str().ok());
    let here = front.origins.iter().find_map(|origin| referer?.strip_prefix(origin.as_str()));
    answer::with_cookie(answer::see_other(ReturnTo::page(here).as_str())?, &language.remember())
}

impl<S: Sync> FromRequestParts<S> for Words {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get().copied().unwrap_or_default()))
    }
}
