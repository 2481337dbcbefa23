//! In which language an answer speaks: what the request asks for (`ui_locales`), what its browser chose here before,
//! what its browser prefers (`Accept-Language`), English.

use super::Shared;
use super::answer::{self, Answer};
use super::fields::Fields;
use super::problem::Problem;
use crate::journey::ReturnTo;
use crate::language::Language;
use crate::words::Words;
use aldgate_core::session::cookie::{self, Found};
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use std::convert::Infallible;

/// The cookie's name.
const COOKIE: &str = "__Host-aldgate-language";

/// How long a choice is remembered: a year.
const REMEMBERED_SECS: u64 = 365 * 86_400;

/// Decides the language of a request, tells the handlers, and renders in it whatever went wrong.
pub(super) async fn speak(mut request: Request, next: Next) -> Response {
    let wanted = wanted(&request);
    let language = wanted.or_else(|| chosen(request.headers())).or_else(|| preferred(request.headers()));
    let language = language.unwrap_or_default();
    let path = request.uri().path().to_owned();
    request.extensions_mut().insert(language);
    let mut response = next.run(request).await;
    // A handler may know better, from a request that has waited or that its client has signed.
    let known = response.extensions().get::<Language>().copied();
    let (wanted, language) = (known.or(wanted), known.unwrap_or(language));
    if let Some(problem) = response.extensions().get::<Problem>().copied() {
        response = problem.told_at(&path, Words(language));
    }
    response.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    // Whoever asks for a language means the whole journey that begins here.
    let cookie = wanted.and_then(|wanted| HeaderValue::from_str(&remember(wanted)).ok());
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn wanted(request: &Request) -> Option<Language> {
    let query = Fields::parse(request.uri().query()?.as_bytes());
    // Beside an object, nothing that stands in the address counts (RFC 9101, section 6.3; RFC 9126, section 4).
    if ["request", "request_uri"].iter().any(|name| query.text(name) != Ok(None)) {
        return None;
    }
    query.text("ui_locales").ok().flatten().and_then(Language::of_locales)
}

fn chosen(headers: &HeaderMap) -> Option<Language> {
    let cookies = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    match cookie::find(cookies, COOKIE) {
        Found::One(value) => Language::of_tag(std::str::from_utf8(value).ok()?),
        Found::Nothing | Found::Several => None,
    }
}

fn preferred(headers: &HeaderMap) -> Option<Language> {
    Language::accepted(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?)
}

fn remember(language: Language) -> String {
    cookie::set(COOKIE, language.tag(), Some(REMEMBERED_SECS))
}

/// `GET /language/{tag}`: from now on in this language, on the page that one came from.
pub(super) async fn choose(State(front): State<Shared>, tag: Option<Path<String>>, headers: HeaderMap) -> Answer {
    let language = tag.and_then(|Path(tag)| Language::of_tag(&tag)).ok_or(Problem::NotFound)?;
    let referer = headers.get(header::REFERER).and_then(|referer| referer.to_str().ok());
    let here = front.origins.iter().find_map(|origin| referer?.strip_prefix(origin.as_str()));
    answer::with_cookie(answer::see_other(ReturnTo::page(here).as_str())?, &remember(language))
}

impl<S: Sync> FromRequestParts<S> for Words {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get().copied().unwrap_or_default()))
    }
}
