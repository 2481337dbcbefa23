//! What somebody who waits is told: a page that looks again by itself, without a script, or a problem document.
//!
//! The page is loaded again by the `Refresh` header and not by its element, which nobody could turn off; it also has a
//! link that does the same.

use super::line::Waiting;
use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::refusal::refusal_until;
use crate::reply::Reply;
use crate::request::{is_navigation, language};
use crate::words::Words;
use aldgate_core::language::Language;
use askama::Template;
use http::Method;
use pingora::http::RequestHeader;
use std::time::Duration;

/// When to come back if even the line is full.
const FULL: Duration = Duration::from_mins(5);

/// The query of `/sign-in` by which somebody who waits asks for the button instead of the line.
const WITH_PASSKEY: &str = "with=passkey";

#[derive(Template)]
#[template(path = "waiting_room.html")]
struct Page<'a> {
    words: Words,
    place: u64,
    about: &'a str,
    secs: u64,
    again: &'a str,
    passkey: bool,
    reference: &'a str,
}

/// The page, or the problem document.
pub(super) fn waits(waiting: &Waiting, header: &RequestHeader, exchange: &mut Exchange) -> Reply {
    exchange.problem = Some(Problem::Waiting);
    let status = Problem::Waiting.status();
    let secs = waiting.look_again.as_secs().max(1);
    let reply = if is_navigation(header) {
        let passkey = header.uri.query() == Some(WITH_PASSKEY);
        let again = if passkey { "/sign-in" } else { again(header) };
        let (language, reference) = (language(header), exchange.reference.as_str());
        let (words, about) = (Words(language), Words(language).about(waiting.about));
        let page = Page { words, place: waiting.place, about: &about, secs, again, passkey, reference };
        let html = page.render().unwrap_or_else(|_| words.in_a_queue().into());
        let reply = in_language(Reply::page(status, language, html), header);
        // Nothing may load another page while a device asks for its passkey.
        if passkey { reply } else { reply.with("refresh", format!("{secs}; url={again}")) }
    } else {
        let members = [("place", waiting.place.into()), ("retry_after", secs.into())];
        let document = Problem::Waiting.document_with(&exchange.reference, None, members);
        Reply::typed(status, "application/problem+json", document)
    };
    reply.with("retry-after", secs.to_string())
}

/// For whom there is no place in the line either.
pub(super) fn full(header: &RequestHeader, exchange: &mut Exchange) -> Reply {
    refusal_until(Problem::Busy, header, exchange, FULL)
}

/// The address to look again at: of a form that was sent, the page where its journey begins.
fn again(header: &RequestHeader) -> &str {
    let asked = header.uri.path_and_query().map_or("/sign-in", http::uri::PathAndQuery::as_str);
    match header.method {
        Method::GET | Method::HEAD => asked,
        _ if header.uri.path().starts_with("/register") => "/register",
        _ => "/sign-in",
    }
}

/// Whoever asks for a language means the whole journey that begins here, as in the backend: the line's own links do not ask.
fn in_language(reply: Reply, header: &RequestHeader) -> Reply {
    match header.uri.query().and_then(Language::of_query) {
        Some(asked) => reply.with("set-cookie", asked.remember()),
        None => reply,
    }
}
